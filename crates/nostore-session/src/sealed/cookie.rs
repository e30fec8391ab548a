//! The cookie that a session is in: its name and its attributes.

use nostore_message::{Scheme, SetCookie};

use super::{SealedConfigError, SealedFormat};
use crate::http_date;

/// Longer names would leave a chunk no room: 4096 octets are what a browser keeps of a cookie, and 160 of them are for
/// name and attributes.
const MOST_NAME_OCTETS: usize = 64;

/// The name and the attributes of a session's cookie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedCookie {
    name: String,
    secure: bool,
    domain: Option<String>,
}

impl SealedCookie {
    /// Takes the usual name: with Auth.js its own, which begins with `__Secure-` on https; with our format
    /// `__Host-nostore.session`, which no other host can set (RFC 6265bis, "The `__Host-` Prefix"), and
    /// `nostore.session` on http.
    #[must_use]
    pub fn new(format: SealedFormat, scheme: Scheme) -> Self {
        let secure = scheme == Scheme::Https;
        let name = match (format, secure) {
            (SealedFormat::AuthJsV4, true) => "__Secure-next-auth.session-token",
            (SealedFormat::AuthJsV4, false) => "next-auth.session-token",
            (SealedFormat::AuthJsV5, true) => "__Secure-authjs.session-token",
            (SealedFormat::AuthJsV5, false) => "authjs.session-token",
            (SealedFormat::Nostore, true) => "__Host-nostore.session",
            (SealedFormat::Nostore, false) => "nostore.session",
        };
        Self { name: name.to_owned(), secure, domain: None }
    }

    /// Takes another name.
    ///
    /// # Errors
    ///
    /// [`SealedConfigError::Name`] when it can be none, [`SealedConfigError::NeedsHttps`] when it begins with `__Host-`
    /// or `__Secure-` and the site is on http, [`SealedConfigError::HostOnly`] when it begins with `__Host-` and there is
    /// a domain.
    pub fn named(mut self, name: &str) -> Result<Self, SealedConfigError> {
        let expected = if name.is_empty() || !name.bytes().all(is_token) {
            Some("of letters, digits and !#$%&'*+-.^_`|~")
        } else if name.len() > MOST_NAME_OCTETS {
            Some("of at most 64 characters")
        } else if name.rsplit_once('.').is_some_and(|(_, end)| index(end).is_some()) {
            Some("without a number behind its last dot, as chunks have one")
        } else {
            None
        };
        if let Some(expected) = expected {
            return Err(SealedConfigError::Name { expected, found: name.to_owned() });
        }
        name.clone_into(&mut self.name);
        self.checked()
    }

    /// Lets the hosts below `domain` have the cookie too.
    ///
    /// # Errors
    ///
    /// [`SealedConfigError::Domain`] when it is none, [`SealedConfigError::HostOnly`] when the name begins with
    /// `__Host-`.
    pub fn domain(mut self, domain: &str) -> Result<Self, SealedConfigError> {
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if domain.len() > 253 || !domain.split('.').all(is_label) {
            return Err(SealedConfigError::Domain { found: domain.to_owned() });
        }
        self.domain = Some(domain.to_owned());
        self.checked()
    }

    /// Holds what browsers ask of names with a prefix. They compare it without case, and so does this.
    fn checked(self) -> Result<Self, SealedConfigError> {
        let begins = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let host_only = begins("__Host-");
        if (host_only || begins("__Secure-")) && !self.secure {
            return Err(SealedConfigError::NeedsHttps { name: self.name });
        }
        if host_only && self.domain.is_some() {
            return Err(SealedConfigError::HostOnly { name: self.name });
        }
        Ok(self)
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells which part of a session a cookie with that name would be.
    pub(super) fn part(&self, name: &str) -> Option<Part> {
        match name.strip_prefix(self.name.as_str())? {
            "" => Some(Part::Whole),
            rest => index(rest.strip_prefix('.')?).map(Part::Chunk),
        }
    }

    /// Makes the line that sets a cookie until then, in seconds since 1970.
    pub(super) fn line(&self, name: String, value: String, until_secs: i64) -> SetCookie<'static> {
        let mut cookie = SetCookie::new(name, value);
        if let Some(domain) = &self.domain {
            cookie = cookie.with("Domain", domain.clone());
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
        let until = http_date::format(until_secs as f64);
        cookie = cookie.with("Path", "/").with("Expires", until).flag("HttpOnly");
        if self.secure {
            cookie = cookie.flag("Secure");
        }
        cookie.with("SameSite", "Lax")
    }

    /// Makes the line that expires a cookie. It needs the same attributes: without them, browsers refuse a name with a
    /// prefix.
    pub(super) fn expiry(&self, name: String) -> SetCookie<'static> {
        self.line(name, String::new(), 0)
    }
}

/// Which part of a session a cookie is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// One of several, counted from 0.
    Chunk(usize),
}

/// Reads the number of a chunk, in the one way in which it is written: decimal, without leading zeros.
fn index(text: &str) -> Option<usize> {
    let digits = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// RFC 9110 section 5.6.2, which RFC 6265bis takes for a cookie's name.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
