//! What an operator sets.

use nostore_message::Secret;
use url::Url;

use crate::key::{Instance, PublishableKey, frontend_base};
use crate::name;

const DEFAULT_CLOCK_SKEW_MS: i64 = 5_000;

/// The configuration of one instance.
#[derive(Clone, Debug)]
pub struct Config {
    publishable_key: PublishableKey,
    secret_key: Secret,
    proxy_url: Option<String>,
    api_url: Option<String>,
    sign_in_url: Option<String>,
    authorized_parties: Vec<String>,
    audience: Vec<String>,
    clock_skew_ms: i64,
}

/// Why a setting is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The secret key is empty, blank, or holds what no key holds. Never says what was found: it is a secret.
    #[error(
        "expected a secret key (sk_test_... or sk_live_...), found {found}; set it to the one that the identity service shows"
    )]
    SecretKey {
        /// What was found, in words.
        found: &'static str,
    },
    /// The two keys belong to instances of different kinds.
    #[error(
        "expected the publishable and the secret key of one instance, found a {publishable} publishable key with a {secret} secret key; copy both again from the same place"
    )]
    SecretKeyMode {
        /// The kind of the publishable key.
        publishable: Instance,
        /// The kind of the secret key.
        secret: Instance,
    },
    /// A URL is not one.
    #[error("expected {setting} to be an http or https URL{alternative}, found {found:?}")]
    Url {
        /// Which setting.
        setting: &'static str,
        /// What else the setting may be.
        alternative: &'static str,
        /// The text.
        found: String,
    },
}

impl ConfigError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SecretKey { .. } => "secret-key",
            Self::SecretKeyMode { .. } => "secret-key-mode",
            Self::Url { .. } => "config-url",
        }
    }
}

impl Config {
    /// Starts a configuration. The secret key is the bearer token for the identity service.
    #[must_use]
    pub const fn new(publishable_key: PublishableKey, secret_key: Secret) -> Self {
        Self {
            publishable_key,
            secret_key,
            proxy_url: None,
            api_url: None,
            sign_in_url: None,
            authorized_parties: Vec::new(),
            audience: Vec::new(),
            clock_skew_ms: DEFAULT_CLOCK_SKEW_MS,
        }
    }

    /// Sets where browsers reach the identity service, instead of the host in the key: a URL, or a
    /// path on the site itself.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`] when it is neither.
    pub fn proxy_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.proxy_url = Some(url_or_path(url, "the proxy URL")?);
        Ok(self)
    }

    /// Sets where the identity service answers servers. The default is where it answers browsers,
    /// which is right for the bundled issuer.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`] when it is no URL.
    pub fn api_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.api_url = Some(http_url(url, "the API URL", "")?);
        Ok(self)
    }

    /// Sets the sign-in page: a URL, or a path on the site itself. The default is `/sign-in` at
    /// the identity service.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`] when it is neither.
    pub fn sign_in_url(mut self, url: &str) -> Result<Self, ConfigError> {
        self.sign_in_url = Some(url_or_path(url, "the sign-in URL")?);
        Ok(self)
    }

    /// Sets the origins that a token may have been made for (claim `azp`). Empty: any.
    #[must_use]
    pub fn authorized_parties(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.authorized_parties = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the audiences that a token with a claim `aud` may be for. Empty: any.
    #[must_use]
    pub fn audience(mut self, audience: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// Sets by how many milliseconds clocks may differ. The default is 5000; negative counts as 0.
    #[must_use]
    pub fn clock_skew_ms(mut self, millis: i64) -> Self {
        self.clock_skew_ms = millis.max(0);
        self
    }

    /// Checks the secret key: that there is one, that it can stand in a field line, and that it is of the
    /// publishable key's kind where its prefix tells.
    ///
    /// # Errors
    ///
    /// [`ConfigError::SecretKey`] and [`ConfigError::SecretKeyMode`].
    pub fn check_secret_key(&self) -> Result<(), ConfigError> {
        let (text, publishable) = (self.secret_key.expose(), self.instance());
        let found = if text.trim().is_empty() {
            Some("nothing")
        } else if text.starts_with("pk_") {
            Some("a publishable key (pk_...)")
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Some("white space or another character that no key holds")
        } else {
            None
        };
        if let Some(found) = found {
            return Err(ConfigError::SecretKey { found });
        }
        let kinds = [("sk_test_", Instance::Development), ("sk_live_", Instance::Production)];
        match kinds.into_iter().find(|(prefix, _)| text.starts_with(prefix)) {
            Some((_, secret)) if secret != publishable => {
                Err(ConfigError::SecretKeyMode { publishable, secret })
            }
            _ => Ok(()),
        }
    }

    /// Returns the publishable key.
    #[must_use]
    pub const fn publishable_key(&self) -> &PublishableKey {
        &self.publishable_key
    }

    /// Returns the secret key.
    #[must_use]
    pub const fn secret_key(&self) -> &Secret {
        &self.secret_key
    }

    /// Returns the kind of instance.
    #[must_use]
    pub const fn instance(&self) -> Instance {
        self.publishable_key.instance()
    }

    /// Lists every cookie that the decision depends on, in a stable order and without repetition:
    /// what `Netlify-Vary` names.
    ///
    /// `__client` never reaches the site; it is named all the same, because a site on the identity
    /// service's own host would see it.
    #[must_use]
    pub fn cookie_names(&self) -> Vec<String> {
        let mut names = self.both(&[name::CLIENT, name::CLIENT_UAT, name::SESSION, name::REFRESH]);
        names.extend([name::HANDSHAKE, name::NONCE, name::REDIRECT_COUNT].map(str::to_owned));
        if self.instance() == Instance::Development {
            names.extend(self.both(&[name::DEV_BROWSER]));
        }
        names
    }

    /// Lists the cookies whose presence means that a request carried a session, and whose
    /// `Set-Cookie` makes a response part of a sign-in or sign-out.
    #[must_use]
    pub fn session_cookie_names(&self) -> Vec<String> {
        let mut names = self.cookie_names();
        names.retain(|name| name != name::REDIRECT_COUNT);
        names
    }

    /// Returns the base URL at which servers ask the identity service, without a closing slash.
    #[must_use]
    pub fn api_base(&self) -> String {
        let proxied = self.proxy_url.as_deref().filter(|url| !url.starts_with('/'));
        let base = match self.api_url.as_deref().or(proxied) {
            Some(url) => url.to_owned(),
            None => frontend_base(self.publishable_key.frontend_api()),
        };
        base.trim_end_matches('/').to_owned()
    }

    /// Returns the base URL at which browsers reach the identity service, without a closing slash.
    /// `site` is the origin of the request, for a proxy on the site itself.
    pub(crate) fn browser_base(&self, site: &str) -> String {
        let base = match self.proxy_url.as_deref() {
            Some(path) if path.starts_with('/') => format!("{site}{path}"),
            Some(url) => url.to_owned(),
            None => frontend_base(self.publishable_key.frontend_api()),
        };
        base.trim_end_matches('/').to_owned()
    }

    pub(crate) fn sign_in_setting(&self) -> Option<&str> {
        self.sign_in_url.as_deref()
    }

    pub(crate) fn parties(&self) -> &[String] {
        &self.authorized_parties
    }

    pub(crate) fn audiences(&self) -> &[String] {
        &self.audience
    }

    pub(crate) const fn skew_ms(&self) -> i64 {
        self.clock_skew_ms
    }

    fn both(&self, names: &[&str]) -> Vec<String> {
        let pair = |name: &&str| [(*name).to_owned(), self.publishable_key.suffixed(name)];
        names.iter().flat_map(pair).collect()
    }
}

fn url_or_path(text: &str, setting: &'static str) -> Result<String, ConfigError> {
    // Two slashes at the start would name a host.
    if text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\") {
        return Ok(text.to_owned());
    }
    http_url(text, setting, " or a path")
}

fn http_url(text: &str, setting: &'static str, alternative: &'static str) -> Result<String, ConfigError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
        _ => Err(ConfigError::Url { setting, alternative, found: text.to_owned() }),
    }
}
