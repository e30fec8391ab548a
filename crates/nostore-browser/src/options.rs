//! What a page says when it starts.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use nostore_message::{Origin, Scheme};

/// Keys come padded and unpadded.
const EITHER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a keeper goes by.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the names of this instance's cookies end with.
    pub suffix: String,
    /// Where the Frontend API is: an origin.
    pub frontend_api: String,
    /// Whether it is a development instance: there the browser is known by a parameter, not by a cookie.
    pub development: bool,
    /// The session to keep; `None` is the one that the site's cookie names.
    pub session: Option<String>,
    /// The organization to keep, an empty one being the personal workspace; `None` is the one active in the session.
    pub organization: Option<String>,
    /// Whether the cookie is written.
    pub writes_cookie: bool,
    /// Whether the cookie is partitioned.
    pub partitioned: bool,
    /// Whether a poller keeps the token warm.
    pub polls: bool,
    /// Whether there is a lock that tabs share.
    pub locks: bool,
    /// Before its end by so many milliseconds a token is stale.
    pub background_threshold_ms: Option<i64>,
    /// Spreads this tab's retries among those of others.
    pub seed: u64,
}

/// Why a page cannot start. No message repeats a key: it may be a secret one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// It is no publishable key.
    #[error("expected `publishableKey` to be a publishable key (pk_test_... or pk_live_...), found {found}")]
    Key {
        /// What it is instead.
        found: Found,
    },
    /// It is no origin.
    #[error(
        "expected `frontendApi` to be an origin such as https://clerk.example.com, found another text of {length} characters"
    )]
    FrontendApi {
        /// How long the text is.
        length: usize,
    },
}

/// What stands where a publishable key should.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A secret key.
    SecretKey,
    /// Some other text.
    Other,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::SecretKey => "a secret key (sk_...), which must not be in a page: renew it",
            Self::Other => "another text",
        })
    }
}

impl OptionsError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Key { .. } => "options-publishable-key",
            Self::FrontendApi { .. } => "options-frontend-api",
        }
    }
}

impl Options {
    /// Reads the key of an instance. `frontend_api` is where its Frontend API is, unless the key says so.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn new(publishable_key: &str, frontend_api: Option<&str>) -> Result<Self, OptionsError> {
        let found = match publishable_key {
            "" => Found::Nothing,
            key if key.starts_with("sk_") => Found::SecretKey,
            _ => Found::Other,
        };
        let test = publishable_key.strip_prefix("pk_test_");
        let encoded = test.or_else(|| publishable_key.strip_prefix("pk_live_"));
        let host = encoded
            .and_then(|encoded| EITHER.decode(encoded).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| text.strip_suffix('$').map(str::to_owned))
            .ok_or(OptionsError::Key { found })?;
        let frontend_api = match frontend_api {
            Some(given) => {
                origin(given).ok_or(OptionsError::FrontendApi { length: given.chars().count() })?
            }
            None => origin(&host)
                .or_else(|| origin(&format!("https://{host}")))
                .ok_or(OptionsError::Key { found })?,
        };
        Ok(Self {
            suffix: nostore_session::cookie_suffix(publishable_key),
            frontend_api,
            development: test.is_some(),
            session: None,
            organization: None,
            writes_cookie: true,
            partitioned: false,
            polls: true,
            locks: false,
            background_threshold_ms: None,
            seed: 0,
        })
    }

    /// Returns what the names of channels and locks start with: instances on one origin keep to themselves.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("nostore:{}", self.suffix)
    }
}

fn origin(text: &str) -> Option<String> {
    let origin = Origin::parse(text.trim_end_matches('/')).ok()?;
    matches!(origin.scheme(), Scheme::Http | Scheme::Https).then(|| origin.to_string())
}
