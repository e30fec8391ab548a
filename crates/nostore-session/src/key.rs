//! Publishable keys: which identity service, which kind of instance, which cookie suffix.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use sha1::{Digest as _, Sha1};
use url::Url;

/// Forgiving in its last bits, as the decoder of the URL-safe world outside is (Infra Standard,
/// "forgiving-base64 decode"); padding and white space are taken off before.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

const SUFFIX_CHARS: usize = 8;

/// The kind of instance that a key belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Instance {
    /// `pk_test_`: site and identity service are different sites; results come back in the URL.
    Development,
    /// `pk_live_`: same site; results come back in a cookie.
    Production,
}

impl Instance {
    /// Tells whether this is a production instance.
    #[must_use]
    pub const fn is_production(self) -> bool {
        matches!(self, Self::Production)
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Development => "pk_test_",
            Self::Production => "pk_live_",
        }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Production => "production",
        })
    }
}

/// A publishable key. Not a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublishableKey {
    text: String,
    instance: Instance,
    frontend_api: String,
    suffix: String,
}

/// Why a text is not a publishable key. No message repeats the text: it may be a secret key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The part behind the prefix is not base64.
    #[error(
        "expected base64 behind the prefix of the publishable key, found {found:?} in it; copy the key again, whole"
    )]
    Base64 {
        /// The first character that does not belong there, or what the whole lacks.
        found: String,
    },
    /// What was encoded is not a host followed by a dollar sign.
    #[error(
        "expected the publishable key to encode a host and `$`, such as `accounts.example.com$`, found {found:?}; copy the key again, whole"
    )]
    Host {
        /// The decoded text.
        found: String,
    },
    /// There is no key.
    #[error(
        "expected a publishable key (pk_test_... or pk_live_...), found nothing; set it to the one that the identity service shows"
    )]
    Missing,
    /// It does not start as a publishable key does, or holds another underscore.
    #[error(
        "expected a publishable key (pk_test_... or pk_live_...), found another text of {length} characters; set it to the one that the identity service shows"
    )]
    Prefix {
        /// How long the text is.
        length: usize,
    },
    /// It is a secret key.
    #[error(
        "expected a publishable key (pk_test_... or pk_live_...), found a secret key (sk_...); swap the two, and renew the secret key if it was published"
    )]
    SecretKey,
}

impl KeyError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Base64 { .. } => "publishable-key-base64",
            Self::Host { .. } => "publishable-key-host",
            Self::Missing => "publishable-key-missing",
            Self::Prefix { .. } => "publishable-key-prefix",
            Self::SecretKey => "publishable-key-secret",
        }
    }
}

impl PublishableKey {
    /// Parses a key. Padded and unpadded spellings are both valid and have different suffixes.
    ///
    /// # Errors
    ///
    /// Says what was expected, what was found and how to mend it.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Missing);
        }
        if text.starts_with("sk_") {
            return Err(KeyError::SecretKey);
        }
        let known = [Instance::Development, Instance::Production]
            .into_iter()
            .find_map(|instance| Some((instance, text.strip_prefix(instance.prefix())?)));
        let Some((instance, encoded)) = known.filter(|(_, encoded)| !encoded.is_empty()) else {
            return Err(KeyError::Prefix { length: text.chars().count() });
        };
        let decoded = decode(encoded)?;
        let frontend_api = match decoded.strip_suffix('$') {
            Some(host) if is_frontend_api(host) => host.to_owned(),
            _ => return Err(KeyError::Host { found: decoded }),
        };
        Ok(Self { text: text.to_owned(), instance, frontend_api, suffix: suffix(text) })
    }

    /// Makes the key of no instance, for those who take machines' tokens alone.
    pub(crate) fn of_machines() -> Self {
        let host = "machines.invalid";
        let text = Self::encode(Instance::Production, host);
        let suffix = suffix(&text);
        Self { text, instance: Instance::Production, frontend_api: host.to_owned(), suffix }
    }

    /// Builds the key of an instance whose identity service is at `host` (a port or a scheme may
    /// be part of it). Parse it to learn whether the host may stand in a key.
    #[must_use]
    pub fn encode(instance: Instance, host: &str) -> String {
        format!("{}{}", instance.prefix(), BASE64_STANDARD_NO_PAD.encode(format!("{host}$")))
    }

    /// Returns the kind of instance.
    #[must_use]
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// Returns the identity service's host as the key encodes it: a port or scheme may be there.
    #[must_use]
    pub fn frontend_api(&self) -> &str {
        &self.frontend_api
    }

    /// Returns the eight characters that suffixed cookie names end with.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Returns the key as it was configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns a cookie's suffixed name.
    pub(crate) fn suffixed(&self, name: &str) -> String {
        format!("{name}_{}", self.suffix)
    }
}

/// Returns the eight characters that suffixed cookie names of a publishable key end with, whatever the key says.
#[must_use]
pub fn cookie_suffix(publishable_key: &str) -> String {
    suffix(publishable_key)
}

impl fmt::Display for PublishableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn decode(encoded: &str) -> Result<String, KeyError> {
    let compact: String = encoded.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let bare = match compact.len() % 4 {
        0 => compact.strip_suffix("==").or_else(|| compact.strip_suffix('=')).unwrap_or(&compact),
        _ => &compact,
    };
    let bytes = FORGIVING.decode(bare).map_err(|_| KeyError::Base64 { found: misfit(bare) })?;
    // One character per byte: the decoded text is Latin-1.
    Ok(bytes.into_iter().map(char::from).collect())
}

fn misfit(text: &str) -> String {
    let odd = text.chars().find(|letter| !letter.is_ascii_alphanumeric() && !matches!(letter, '+' | '/'));
    odd.map_or_else(|| format!("{} characters", text.len()), String::from)
}

fn is_frontend_api(host: &str) -> bool {
    let url = frontend_base(host);
    !host.contains('$') && host.contains('.') && Url::parse(&url).is_ok_and(|url| url.has_host())
}

/// Returns the base URL of an identity service: https unless the text itself says otherwise.
pub(crate) fn frontend_base(frontend_api: &str) -> String {
    let starts = |scheme: &str| {
        frontend_api.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let absolute = starts("http://") || starts("https://");
    if absolute { frontend_api.to_owned() } else { format!("https://{frontend_api}") }
}

fn suffix(key: &str) -> String {
    let digest = BASE64_STANDARD.encode(Sha1::digest(key.as_bytes()));
    let url_safe = |letter| match letter {
        '+' => '-',
        '/' => '_',
        other => other,
    };
    digest.chars().take(SUFFIX_CHARS).map(url_safe).collect()
}
