//! What an operator sets.

use std::borrow::Cow;

use nostore_jose::{Algorithm, Jwk, JwkError};
use nostore_message::Secret;
use url::Url;

use crate::key::{Instance, PublishableKey, frontend_base};
use crate::{Accepts, OrganizationSync, TokenType, name};

const DEFAULT_CLOCK_SKEW_MS: i64 = 5_000;

/// Where a satellite's domain has the identity service.
const SATELLITE_SERVICE: &str = "clerk.";

/// The configuration of one instance.
#[derive(Clone, Debug)]
pub struct Config {
    publishable_key: PublishableKey,
    suffixed_names: SuffixedNames,
    secret_key: Secret,
    machine_secret_key: Option<Secret>,
    jwt_key: Option<Jwk>,
    proxy_url: Option<String>,
    api_url: Option<String>,
    sign_in_url: Option<String>,
    domain: Option<String>,
    satellite: bool,
    satellite_auto_sync: bool,
    organization_sync: Option<OrganizationSync>,
    accepts: Accepts,
    algorithms: Vec<Algorithm>,
    authorized_parties: Vec<String>,
    audience: Vec<String>,
    clock_skew_ms: i64,
}

/// The suffixed names of cookies, made once.
#[derive(Clone, Debug)]
pub(crate) struct SuffixedNames {
    pub(crate) client_uat: String,
    pub(crate) dev_browser: String,
    pub(crate) refresh: String,
    pub(crate) session: String,
}

/// Why a setting is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The key for session tokens is no public key in PEM.
    #[error("expected a public key in PEM for session tokens: {0}")]
    JwtKey(#[source] JwkError),
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
            Self::JwtKey(error) => error.code(),
            Self::SecretKey { .. } => "secret-key",
            Self::SecretKeyMode { .. } => "secret-key-mode",
            Self::Url { .. } => "config-url",
        }
    }
}

impl Config {
    /// Starts a configuration. The secret key is the bearer token for the identity service.
    #[must_use]
    pub fn new(publishable_key: PublishableKey, secret_key: Secret) -> Self {
        let suffixed_names = SuffixedNames {
            client_uat: publishable_key.suffixed(name::CLIENT_UAT),
            dev_browser: publishable_key.suffixed(name::DEV_BROWSER),
            refresh: publishable_key.suffixed(name::REFRESH),
            session: publishable_key.suffixed(name::SESSION),
        };
        Self {
            publishable_key,
            suffixed_names,
            secret_key,
            machine_secret_key: None,
            jwt_key: None,
            proxy_url: None,
            api_url: None,
            sign_in_url: None,
            domain: None,
            satellite: false,
            satellite_auto_sync: false,
            organization_sync: None,
            accepts: Accepts::Only(TokenType::Session),
            algorithms: vec![Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512],
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

    /// Starts a configuration for machines' tokens alone (`m2m_token`, or `api_key` by [`Self::accepts`]), which
    /// need no publishable key. The secret key may be empty where there is a [`Self::machine_secret_key`].
    #[must_use]
    pub fn machines(secret_key: Secret) -> Self {
        Self::new(PublishableKey::of_machines(), secret_key).accepts(Accepts::Only(TokenType::M2mToken))
    }

    /// Takes this public key (PEM) for every token, so that no JWK Set is asked for. A key of RSA is for RS256.
    ///
    /// # Errors
    ///
    /// [`ConfigError::JwtKey`] when it is none.
    pub fn jwt_key(mut self, pem: &str) -> Result<Self, ConfigError> {
        self.jwt_key = Some(Jwk::from_pem(pem).map_err(ConfigError::JwtKey)?);
        Ok(self)
    }

    /// Sets which URLs belong to which organization: a session that is in another one is sent through a handshake.
    #[must_use]
    pub fn organization_sync(mut self, sync: OrganizationSync) -> Self {
        self.organization_sync = Some(sync);
        self
    }

    /// Sets the key that verifies machines' tokens at the identity service, instead of the secret key.
    #[must_use]
    pub fn machine_secret_key(mut self, key: Secret) -> Self {
        self.machine_secret_key = Some(key);
        self
    }

    /// Sets the site's own domain, where it is a satellite: with live keys the identity service is then at
    /// `clerk.<domain>`.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into()).filter(|domain| !domain.is_empty());
        self
    }

    /// Says that visitors sign in on another site, the primary one. See [`Self::sign_in_url`] and
    /// [`Self::domain`], which a satellite needs.
    #[must_use]
    pub const fn satellite(mut self, on: bool) -> Self {
        self.satellite = on;
        self
    }

    /// Lets a satellite ask the primary site about every new visitor, and not only where the URL says so.
    #[must_use]
    pub const fn satellite_auto_sync(mut self, on: bool) -> Self {
        self.satellite_auto_sync = on;
        self
    }

    /// Sets which kinds of tokens are taken. The default is a session's alone.
    #[must_use]
    pub fn accepts(mut self, accepts: Accepts) -> Self {
        self.accepts = accepts;
        self
    }

    /// Sets the signature algorithms that a token may have. The default is the protocol's: RS256, RS384, RS512.
    #[must_use]
    pub fn signature_algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
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
        names.extend([name::HANDSHAKE, name::NONCE, name::REDIRECT_COUNT, name::HOPS].map(str::to_owned));
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
        names.retain(|name| name != name::REDIRECT_COUNT && name != name::HOPS);
        names
    }

    /// Returns the base URL at which servers ask the identity service, without a closing slash.
    #[must_use]
    pub fn api_base(&self) -> String {
        let proxied = self.proxy_url.as_deref().filter(|url| !url.starts_with('/'));
        let base = match self.api_url.as_deref().or(proxied) {
            Some(url) => url.to_owned(),
            None => frontend_base(&self.own_frontend_api()),
        };
        base.trim_end_matches('/').to_owned()
    }

    /// Returns the base URL at which browsers reach the identity service, without a closing slash.
    /// `site` is the origin of the request, for a proxy on the site itself.
    pub(crate) fn browser_base(&self, site: &str) -> String {
        frontend_base(&self.frontend_api(site)).trim_end_matches('/').to_owned()
    }

    /// Returns the identity service as browsers know it (section 1.3 of the protocol): a host, or a URL where
    /// it is proxied. `site` is the origin of the request, for a proxy on the site itself.
    pub(crate) fn frontend_api(&self, site: &str) -> Cow<'_, str> {
        match self.proxy_url.as_deref() {
            Some(path) if path.starts_with('/') => Cow::Owned(format!("{site}{path}")),
            Some(url) => Cow::Borrowed(url),
            None => self.own_frontend_api(),
        }
    }

    /// Returns the identity service's host without a proxy: whose tokens are this instance's.
    pub(crate) fn own_frontend_api(&self) -> Cow<'_, str> {
        match self.satellite_domain() {
            Some(domain) => Cow::Owned(format!("{SATELLITE_SERVICE}{domain}")),
            None => Cow::Borrowed(self.publishable_key.frontend_api()),
        }
    }

    /// Tells whether `host` is [`Self::own_frontend_api`].
    pub(crate) fn is_own_frontend_api(&self, host: &str) -> bool {
        match self.satellite_domain() {
            Some(domain) => host.strip_prefix(SATELLITE_SERVICE) == Some(domain),
            None => host == self.publishable_key.frontend_api(),
        }
    }

    /// Returns the domain whose subdomain is the identity service, with live keys on a satellite.
    fn satellite_domain(&self) -> Option<&str> {
        self.domain.as_deref().filter(|_| self.satellite && self.instance().is_production())
    }

    pub(crate) const fn suffixed_names(&self) -> &SuffixedNames {
        &self.suffixed_names
    }

    pub(crate) const fn accepted(&self) -> &Accepts {
        &self.accepts
    }

    pub(crate) const fn organizations(&self) -> Option<&OrganizationSync> {
        self.organization_sync.as_ref()
    }

    pub(crate) const fn local_key(&self) -> Option<&Jwk> {
        self.jwt_key.as_ref()
    }

    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    pub(crate) const fn is_satellite(&self) -> bool {
        self.satellite
    }

    pub(crate) const fn syncs_by_itself(&self) -> bool {
        self.satellite_auto_sync
    }

    pub(crate) const fn has_domain_or_proxy(&self) -> bool {
        self.domain.is_some() || self.proxy_url.is_some()
    }

    /// Tells whether the secret key is a development instance's.
    pub(crate) fn has_test_secret(&self) -> bool {
        let key = self.secret_key.expose();
        key.starts_with("sk_test_") || key.starts_with("test_")
    }

    /// Returns the key that machines' tokens are verified with, `None` where there is none at all.
    pub(crate) fn machine_secret(&self) -> Option<&Secret> {
        self.machine_secret_key.as_ref().or(Some(&self.secret_key)).filter(|key| !key.is_empty())
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
