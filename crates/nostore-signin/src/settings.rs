//! A sign-in from variables.
//!
//! | variable | |
//! |---|---|
//! | `NOSTORE_SECRET` | required: secrets of at least 32 octets, by commas; the first seals, all open |
//! | `NOSTORE_ORIGIN` | required: how visitors know the site, such as `https://family.example` |
//! | `NOSTORE_OIDC_ISSUER`, `NOSTORE_OIDC_CLIENT_ID`, `NOSTORE_OIDC_CLIENT_SECRET` | a provider, besides those of the code |
//! | `NOSTORE_ADMIN` | addresses of admins, by commas |
//! | `NOSTORE_STORE` | the file of the list and the sessions; `nostore.db` without it |
//! | `NOSTORE_EVENTS` | a file to append events to |
//! | `NOSTORE_DEV` | `1`: responses say why they lost their caching |
//!
//! # Invariants
//!
//! - A variable that is set to nothing counts as not set. Errors name the variable, and no secret.

use std::ffi::{OsStr, OsString};
use std::{fmt, io};

use nostore_message::{Origin, OriginError, Secret};

use crate::people::{Who, WhoError};
use crate::provider::Provider;
use crate::setup::{SetupError, SignIn, SignInBuilder};

/// Why the environment does not set up a sign-in.
///
/// `Debug` reads like `Display`, because that is how `main` prints an error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// `NOSTORE_ADMIN` names nobody.
    #[error("NOSTORE_ADMIN: {0}")]
    Admin(WhoError),
    /// A variable is not set.
    #[error("expected the variable {name}, found nothing: {mend}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// How to mend it.
        mend: &'static str,
    },
    /// A variable is not text.
    #[error("expected text in the variable {name}, found bytes that are not UTF-8")]
    NotText {
        /// The variable.
        name: &'static str,
    },
    /// `NOSTORE_ORIGIN` is no origin.
    #[error("NOSTORE_ORIGIN: {0}")]
    Origin(OriginError),
    /// Everything was there, and the sign-in could not be set up.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl SettingsError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Admin(error) => error.code(),
            Self::Missing { .. } => "variable-missing",
            Self::NotText { .. } => "variable-not-text",
            Self::Origin(_) => "origin",
            Self::Setup(error) => error.code(),
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

impl SignIn {
    /// Starts from the environment of this process; providers, rules and options can follow.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or refused.
    pub fn from_env() -> Result<SignInBuilder, SettingsError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where a sign-in reads the environment, at start-up"
        )]
        let variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        Self::from_variables(|name| {
            variables.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_os_str())
        })
    }

    /// Starts from an environment given as a lookup.
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or refused.
    pub fn from_variables<'e>(
        variable: impl Fn(&str) -> Option<&'e OsStr>,
    ) -> Result<SignInBuilder, SettingsError> {
        let text = |name: &'static str| match variable(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => value.to_str().map(Some).ok_or(SettingsError::NotText { name }),
        };
        let required =
            |name: &'static str, mend: &'static str| text(name)?.ok_or(SettingsError::Missing { name, mend });
        let secrets =
            required("NOSTORE_SECRET", "`nostore secret new` makes one; keep it out of the repository")?;
        let origin = required(
            "NOSTORE_ORIGIN",
            "set it to how visitors know the site, such as https://family.example",
        )?;
        let origin = Origin::parse(origin).map_err(SettingsError::Origin)?;
        let secrets = secrets.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(Secret::new);
        let mut builder = Self::builder(secrets, origin);
        if let Some(issuer) = text("NOSTORE_OIDC_ISSUER")? {
            let id = required(
                "NOSTORE_OIDC_CLIENT_ID",
                "the provider gives one when the site is registered there",
            )?;
            let secret = text("NOSTORE_OIDC_CLIENT_SECRET")?.map(Secret::new);
            builder = builder.provider(Provider::oidc(issuer, id, secret));
        }
        for who in text("NOSTORE_ADMIN")?.unwrap_or_default().split(',').filter(|who| !who.trim().is_empty())
        {
            builder = builder.admin(Who::parse(who).map_err(SettingsError::Admin)?);
        }
        #[cfg(feature = "sqlite")]
        if let Some(path) = text("NOSTORE_STORE")? {
            builder = builder.sqlite(path);
        }
        if let Some(path) = text("NOSTORE_EVENTS")? {
            builder = builder.events(path);
        }
        Ok(builder.dev(text("NOSTORE_DEV")? == Some("1")))
    }
}
