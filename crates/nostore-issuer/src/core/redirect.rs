//! Where a browser may be sent back to.
//!
//! The response to a handshake hands out session tokens, so an address counts only if its origin
//! was configured, and only if two parsers that read it differently agree on that origin.

use nostore_message::{Origin, OriginError};
use url::Url;

/// The longest accepted address, in bytes.
const MAX_BYTES: usize = 8 * 1_024;

/// An address of one of the configured sites, as it was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RedirectUrl {
    text: String,
    origin: Origin,
}

/// Why an address to return to is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// A byte that no URL has, or a backslash, which some user agents read as a slash.
    #[error("expected an address of printable ASCII without spaces or backslashes")]
    Character,
    /// The origin is none of the configured sites'.
    #[error("expected an address at {expected}, found {found}")]
    ForeignOrigin {
        /// The configured origins, as text.
        expected: String,
        /// The origin that was asked for.
        found: Origin,
    },
    /// There is no address.
    #[error("expected an address to return to in `redirect_url`, found none")]
    Missing,
    /// What stands before the path is not an origin.
    #[error("{0}")]
    NotAnOrigin(OriginError),
    /// With live keys, site and service must share their host name, because the result travels in a
    /// cookie.
    #[error(
        "expected a site at the host name `{expected}`, which this service was asked at, found `{found}`"
    )]
    OtherHost {
        /// The host name the service was asked at.
        expected: String,
        /// The host name of the site.
        found: String,
    },
    /// The address is longer than 8 KiB.
    #[error("expected at most {MAX_BYTES} bytes, found {found}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
}

impl RedirectError {
    /// Returns the stable name of the refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Character => "redirect-url-character",
            Self::ForeignOrigin { .. } => "redirect-url-foreign-origin",
            Self::Missing => "redirect-url-missing",
            Self::NotAnOrigin(_) => "redirect-url-not-an-origin",
            Self::OtherHost { .. } => "redirect-url-other-host",
            Self::TooLong { .. } => "redirect-url-too-long",
        }
    }
}

impl RedirectUrl {
    /// Checks an address against the configured origins.
    ///
    /// # Errors
    ///
    /// Names the first rule that it breaks.
    pub(super) fn parse(text: &str, allowed: &[Origin]) -> Result<Self, RedirectError> {
        if text.len() > MAX_BYTES {
            return Err(RedirectError::TooLong { found: text.len() });
        }
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return Err(RedirectError::Character);
        }
        let authority_at = text.find("://").map_or(0, |at| at + 3);
        let (_, rest) = text.split_at(authority_at);
        let authority_len = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (origin, _) = text.split_at(authority_at + authority_len);
        let origin = Origin::parse(origin).map_err(RedirectError::NotAnOrigin)?;
        if !allowed.contains(&origin) || !agrees(text, &origin) {
            let expected = list(allowed);
            return Err(RedirectError::ForeignOrigin { expected, found: origin });
        }
        Ok(Self { text: text.to_owned(), origin })
    }

    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the address with one handshake parameter, which replaces those of an earlier
    /// handshake (handshake protocol, section 5.2). Everything else keeps its bytes.
    pub(super) fn with_result(&self, name: &str, value: &str) -> String {
        let (rest, fragment) = match self.text.split_once('#') {
            Some((rest, fragment)) => (rest, Some(fragment)),
            None => (self.text.as_str(), None),
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut url = path.to_owned();
        if path.matches('/').count() < 3 {
            url.push('/');
        }
        url.push('?');
        for pair in query.split('&').filter(|pair| !pair.is_empty() && !is_result(pair)) {
            url.push_str(pair);
            url.push('&');
        }
        url.extend([name, "="]);
        url.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        if let Some(fragment) = fragment {
            url.extend(["#", fragment]);
        }
        url
    }
}

/// Joins the origins for people.
fn list(origins: &[Origin]) -> String {
    let texts: Vec<String> = origins.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "a configured site (none is)".to_owned() } else { texts.join(" or ") }
}

fn is_result(pair: &str) -> bool {
    let name = form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned());
    matches!(name.as_deref(), Some("__clerk_handshake" | "__clerk_handshake_nonce"))
}

/// Tells whether the URL parser that user agents follow sees the same origin.
fn agrees(text: &str, origin: &Origin) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    url.scheme() == origin.scheme().as_str()
        && url.username().is_empty()
        && url.password().is_none()
        && url.host_str() == Some(origin.host())
        && url.port_or_known_default() == Some(origin.port())
}
