//! What can be wrong with a configuration, with what is to be sealed, and with what a browser sent.

use nostore_jose::{EncryptError, EncryptionKeyError};

use super::{SealedFormat, secrets::LEAST_OCTETS};

/// Why a configuration for sealed sessions is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SealedConfigError {
    /// A domain is none.
    #[error("expected a host such as example.com for the cookie's domain, found {found:?}")]
    Domain {
        /// The text.
        found: String,
    },
    /// A cookie whose name begins with `__Host-` belongs to one host (RFC 6265bis, "The `__Host-` Prefix").
    #[error(
        "expected no domain for the cookie {name}, because `__Host-` ties it to one host; name it `__Secure-...` to share it"
    )]
    HostOnly {
        /// The cookie's name.
        name: String,
    },
    /// The cryptographic library refused. This is not expected.
    #[error("no key could be derived: {0}")]
    Library(#[from] EncryptionKeyError),
    /// A lifetime is none, or they do not fit together.
    #[error(
        "expected 0 <= update age < idle lifetime <= absolute lifetime, found {update_age_secs}, {idle_secs} and {absolute_secs} seconds"
    )]
    Lifetimes {
        /// How old a session becomes before it is renewed.
        update_age_secs: i64,
        /// How long a session lives unused.
        idle_secs: i64,
        /// How long a session lives altogether.
        absolute_secs: i64,
    },
    /// A cookie's name cannot be one.
    #[error("expected a cookie's name {expected}, found {found:?}")]
    Name {
        /// What it should be.
        expected: &'static str,
        /// The text.
        found: String,
    },
    /// Browsers take a cookie with such a name over https alone (RFC 6265bis, "Cookie Name Prefixes").
    #[error(
        "expected a site on https for the cookie {name}; without, leave `__Host-` and `__Secure-` out of the name"
    )]
    NeedsHttps {
        /// The cookie's name.
        name: String,
    },
    /// The format is read, and never written.
    #[error("expected a format to seal in (authjs, nostore), found {found}, which is only read")]
    ReadOnly {
        /// The format.
        found: SealedFormat,
    },
}

impl SealedConfigError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Domain { .. } => "sealed-domain",
            Self::HostOnly { .. } => "sealed-host-only",
            Self::Library(_) => "sealed-library",
            Self::Lifetimes { .. } => "sealed-lifetimes",
            Self::Name { .. } => "sealed-name",
            Self::NeedsHttps { .. } => "sealed-needs-https",
            Self::ReadOnly { .. } => "sealed-read-only",
        }
    }
}

/// Why a list of secrets is refused. Never says what was found: it is a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// A secret is empty.
    #[error("expected text in secret {place}, found none")]
    Empty {
        /// Which one, counted from 1.
        place: usize,
    },
    /// There is none.
    #[error("expected a secret, found none")]
    Missing,
    /// There are more than are tried with each request.
    #[error("expected at most {most} secrets, found {found}; drop those whose sessions have expired")]
    TooMany {
        /// How many may be.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// A secret can be guessed.
    #[error(
        "expected {LEAST_OCTETS} octets or more in secret {place}, found {found}; make one with `openssl rand -base64 33`"
    )]
    TooShort {
        /// Which one, counted from 1.
        place: usize,
        /// How many octets it has.
        found: usize,
    },
}

impl SecretsError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "secrets-empty",
            Self::Missing => "secrets-missing",
            Self::TooMany { .. } => "secrets-too-many",
            Self::TooShort { .. } => "secrets-too-short",
        }
    }
}

/// Why nothing was sealed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The session has lived as long as it may altogether.
    #[error("the session's absolute lifetime is over: sign in again")]
    LifetimeOver,
    /// The cryptographic library refused. This is not expected.
    #[error("nothing could be sealed: {0}")]
    Library(#[from] EncryptError),
    /// Sealed, the claims are more than browsers and servers carry from request to request.
    #[error(
        "expected at most {limit_chars} characters of sealed claims, found {found_chars}; keep large things in a store, and their key in the session"
    )]
    TooLong {
        /// How many there are.
        found_chars: usize,
        /// How many there may be.
        limit_chars: usize,
    },
}

impl SealError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LifetimeOver => "seal-lifetime-over",
            Self::Library(_) => "seal-library",
            Self::TooLong { .. } => "seal-too-long",
        }
    }
}

/// Why a request has no session, with the cookies that looked like one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    reason: RefusedReason,
    found: Vec<String>,
}

/// Why a request has no session.
///
/// The variants stand by how far the best of several tokens came.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedReason {
    /// There is no such cookie.
    #[error("no session cookie")]
    Absent,
    /// No secret opens it: it was made with another, for another cookie, or changed. More is not told.
    #[error("the session cookie does not open")]
    DoesNotOpen,
    /// It was sealed by somebody who has a secret, but is no session: its content is no JSON object, or has no `iat` or
    /// `exp`.
    #[error("expected a JSON object with the times iat and exp in the session")]
    Claims,
    /// `nbf` or `iat` lies ahead (RFC 7519 sections 4.1.5 and 4.1.6).
    #[error("the session begins in {ahead_secs} s")]
    NotYet {
        /// By how many seconds.
        ahead_secs: i64,
    },
    /// `exp` has passed, or it was not used for too long (RFC 7519 section 4.1.4).
    #[error("the session expired {age_secs} s ago")]
    Expired {
        /// Seconds since then.
        age_secs: i64,
    },
    /// The visitor signed in too long ago, however often the session was renewed.
    #[error("the session's absolute lifetime ended {age_secs} s ago")]
    LifetimeOver {
        /// Seconds since then.
        age_secs: i64,
    },
}

impl Refused {
    pub(super) const fn new(reason: RefusedReason, found: Vec<String>) -> Self {
        Self { reason, found }
    }

    /// Returns why.
    #[must_use]
    pub const fn reason(&self) -> RefusedReason {
        self.reason
    }

    /// Lists the names of the cookies that are of no use.
    #[must_use]
    pub fn leftovers(&self) -> &[String] {
        &self.found
    }

    /// Returns the stable name of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.reason.code()
    }
}

impl RefusedReason {
    /// Returns the stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Absent => "sealed-absent",
            Self::DoesNotOpen => "sealed-does-not-open",
            Self::Claims => "sealed-claims",
            Self::NotYet { .. } => "sealed-not-yet",
            Self::Expired { .. } => "sealed-expired",
            Self::LifetimeOver { .. } => "sealed-lifetime-over",
        }
    }
}
