//! Sessions from variables: what `nostore dev` gives to an app, and what a deployment sets.
//!
//! | variable | |
//! |---|---|
//! | `NOSTORE_PUBLISHABLE_KEY` | required |
//! | `NOSTORE_SECRET_KEY` | required |
//! | `NOSTORE_PUBLIC_URL` | the origin that visitors use; required with a live key |
//! | `NOSTORE_API_URL` | where the identity service answers servers, if not where it answers browsers |
//! | `NOSTORE_DEV` | `1`: responses say why they lost their caching |
//!
//! # Invariants
//!
//! - A variable that is set to nothing counts as not set.
//! - Errors name the variable, and never its value where that may be secret.

use std::ffi::OsStr;
use std::{fmt, io};

use nostore_message::{Origin, OriginError, Secret};
use nostore_session::{Config, ConfigError, Instance, KeyError, PublishableKey};

use crate::environment::{find, variables_of_process};
use crate::{BuildError, Sessions, SessionsBuilder};

const API_URL: &str = "NOSTORE_API_URL";
const PUBLIC_URL: &str = "NOSTORE_PUBLIC_URL";
const PUBLISHABLE_KEY: &str = "NOSTORE_PUBLISHABLE_KEY";
const SECRET_KEY: &str = "NOSTORE_SECRET_KEY";

/// Why the environment does not set up sessions.
///
/// `Debug` reads like `Display`, because that is how `main` prints an error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// `NOSTORE_API_URL` is refused.
    #[error("NOSTORE_API_URL: {0}")]
    ApiUrl(ConfigError),
    /// Everything was there, and the sessions could not be set up.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A variable is not set.
    #[error(
        "expected the variable {name}, found nothing; `nostore dev` sets it, `nostore issuer` prints the keys"
    )]
    Missing {
        /// The variable.
        name: &'static str,
    },
    /// A variable is not text.
    #[error("expected text in the variable {name}, found bytes that are not UTF-8")]
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// `NOSTORE_PUBLIC_URL` is no origin.
    #[error("NOSTORE_PUBLIC_URL: {0}")]
    PublicUrl(OriginError),
    /// `NOSTORE_PUBLISHABLE_KEY` is no publishable key.
    #[error("NOSTORE_PUBLISHABLE_KEY: {0}")]
    PublishableKey(KeyError),
}

impl SettingsError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ApiUrl(error) => error.code(),
            Self::Build(error) => error.code(),
            Self::Missing { .. } => "variable-missing",
            Self::NotText { .. } => "variable-not-text",
            Self::PublicUrl(_) => "public-url",
            Self::PublishableKey(error) => error.code(),
        }
    }
}

impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// For a `main` that returns [`io::Result`].
impl From<SettingsError> for io::Error {
    fn from(error: SettingsError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

impl Sessions {
    /// Sets up sessions from the environment of this process.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or refused.
    pub fn from_env() -> Result<Self, SettingsError> {
        Ok(SessionsBuilder::from_env()?.build()?)
    }
}

impl SessionsBuilder {
    /// Starts from the environment of this process; rules and options can follow. Visitors sign in at the
    /// identity service's page, unless [`Self::sign_in_path`] names one of the site.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or refused.
    pub fn from_env() -> Result<Self, SettingsError> {
        let variables = variables_of_process();
        Self::from_variables(|name| find(&variables, name))
    }

    /// Starts from an environment given as a lookup.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or refused.
    pub fn from_variables<'e>(variable: impl Fn(&str) -> Option<&'e OsStr>) -> Result<Self, SettingsError> {
        let publishable_key = required(&variable, PUBLISHABLE_KEY)?;
        let publishable_key =
            PublishableKey::parse(publishable_key).map_err(SettingsError::PublishableKey)?;
        let live = publishable_key.instance() == Instance::Production;
        let mut config = Config::new(publishable_key, Secret::new(required(&variable, SECRET_KEY)?));
        if let Some(url) = optional(&variable, API_URL)? {
            config = config.api_url(url).map_err(SettingsError::ApiUrl)?;
        }
        let mut builder = Sessions::builder(config);
        let public_url = optional(&variable, PUBLIC_URL)?;
        if let Some(url) = public_url {
            builder = builder.public_url(Origin::parse(url).map_err(SettingsError::PublicUrl)?);
        } else if live {
            // Behind a proxy that ends TLS, redirects of the sign-in would lead to plain HTTP.
            return Err(SettingsError::Missing { name: PUBLIC_URL });
        }
        Ok(builder.environment(variable).sign_in_at_identity_service())
    }
}

fn required<'e>(
    variable: &impl Fn(&str) -> Option<&'e OsStr>,
    name: &'static str,
) -> Result<&'e str, SettingsError> {
    optional(variable, name)?.ok_or(SettingsError::Missing { name })
}

fn optional<'e>(
    variable: &impl Fn(&str) -> Option<&'e OsStr>,
    name: &'static str,
) -> Result<Option<&'e str>, SettingsError> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    value.to_str().map(Some).ok_or(SettingsError::NotText { name })
}
