//! A session token and what it says of itself, unverified: the client carries it, the site checks it. Or an opaque one,
//! which says nothing: who asked for it knows how long it lives.
//!
//! # Invariants
//!
//! - Total: any text is a token or a typed fault, in time linear in its length.
//! - Never printed: `Debug` shows times alone, and the text is wiped when the last holder lets go.
//!
//! Specifications: RFC 7519 section 4.1; RFC 7515 section 7.1; RFC 6749 section 1.4; RFC 6750 section 2.1; section 1.7
//! of the token client's specification.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::rank::Rank;

/// Longest token that is read, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16_384;

/// A token with the claims that the client goes by.
pub struct SessionToken {
    raw: Zeroizing<String>,
    rank: Rank,
    issued_ms: i64,
    expires_ms: i64,
    session: Option<String>,
    organization: Option<String>,
}

/// Why a text is no session token. Never says what was found: it may be a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// It is empty: the service said nothing, which is not the same as signed out.
    #[error("expected a token, found nothing")]
    Empty,
    /// It is longer than any honest token.
    #[error("expected a token of at most {MAX_TOKEN_BYTES} bytes, found {bytes}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It is no JWS in compact form with JSON objects.
    #[error("expected a JWT of three parts with JSON objects in two of them")]
    Form,
    /// A time is missing, or no number.
    #[error("expected a number in the claim `{claim}`")]
    Time {
        /// Its name.
        claim: &'static str,
    },
    /// It cannot stand in a field.
    #[error("expected a token of visible ASCII characters")]
    Characters,
    /// It does not live at all.
    #[error("expected a token that lives for a while, found {lifetime_ms} ms")]
    Lifetime {
        /// How long, in milliseconds.
        lifetime_ms: i64,
    },
}

impl TokenFault {
    /// Returns the stable name of the fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "token-empty",
            Self::TooLong { .. } => "token-too-long",
            Self::Form => "token-form",
            Self::Time { .. } => "token-time",
            Self::Characters => "token-characters",
            Self::Lifetime { .. } => "token-lifetime",
        }
    }
}

impl SessionToken {
    /// Reads a token.
    ///
    /// # Errors
    ///
    /// When `raw` is no JWT with numbers in `iat` and `exp`.
    pub fn parse(raw: &str) -> Result<Self, TokenFault> {
        bounded(raw)?;
        let mut parts = raw.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::Form);
        };
        let (header, claims) = (object(header)?, object(payload)?);
        let issued = seconds(&claims, "iat")?;
        let expires = seconds(&claims, "exp")?;
        Ok(Self {
            raw: Zeroizing::new(raw.to_owned()),
            rank: Rank { origin: header.get("oiat").and_then(whole), issued },
            issued_ms: issued.saturating_mul(1_000),
            expires_ms: expires.saturating_mul(1_000),
            session: text(claims.get("sid")),
            organization: organization(&claims),
        })
    }

    /// Takes a token that says nothing to its carrier, such as an access token (RFC 6749 section 1.4): also one that looks
    /// like a JWT. It was issued at `issued_ms` in the service's time, in milliseconds since 1970, and lives for
    /// `lifetime_ms` milliseconds; an end beyond all time is the end of time.
    ///
    /// Visible ASCII may stand in it: what a bearer token is made of (RFC 6750 section 2.1), and what else stands in a field
    /// without doubt.
    ///
    /// # Errors
    ///
    /// When `raw` is empty, longer than [`MAX_TOKEN_BYTES`] or holds other characters, or when it does not live at all.
    pub fn opaque(raw: &str, issued_ms: i64, lifetime_ms: i64) -> Result<Self, TokenFault> {
        bounded(raw)?;
        if !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenFault::Characters);
        }
        if lifetime_ms <= 0 {
            return Err(TokenFault::Lifetime { lifetime_ms });
        }
        Ok(Self {
            raw: Zeroizing::new(raw.to_owned()),
            rank: Rank { origin: None, issued: issued_ms.div_euclid(1_000) },
            issued_ms,
            expires_ms: issued_ms.saturating_add(lifetime_ms),
            session: None,
            organization: None,
        })
    }

    /// Stands where there is no token: nothing, for ever expired.
    #[cfg(any(feature = "tokio", loom))]
    pub(crate) fn absent() -> Self {
        let rank = Rank { origin: None, issued: 0 };
        let raw = Zeroizing::new(String::new());
        Self { raw, rank, issued_ms: 0, expires_ms: 0, session: None, organization: None }
    }

    /// Returns the token itself. The caller keeps it out of logs, errors and URLs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.raw
    }

    /// Returns how recent what it says is.
    #[must_use]
    pub const fn rank(&self) -> Rank {
        self.rank
    }

    /// Returns when it was issued (`iat`), in milliseconds since 1970.
    #[must_use]
    pub const fn issued_ms(&self) -> i64 {
        self.issued_ms
    }

    /// Returns when it expires (`exp`), in milliseconds since 1970.
    #[must_use]
    pub const fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// Returns how long it lives in all, in milliseconds.
    #[must_use]
    pub const fn lifetime_ms(&self) -> i64 {
        self.expires_ms.saturating_sub(self.issued_ms)
    }

    /// Returns the session that it names (`sid`).
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Returns the organization that it names (`org_id`, or `id` in `o`). Nobody's is the personal workspace.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// Tells whether both are the same text.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        *self.raw == *other.raw
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionToken")
            .field("rank", &self.rank)
            .field("expires_ms", &self.expires_ms)
            .finish_non_exhaustive()
    }
}

fn bounded(raw: &str) -> Result<(), TokenFault> {
    match raw.len() {
        0 => Err(TokenFault::Empty),
        bytes if bytes > MAX_TOKEN_BYTES => Err(TokenFault::TooLong { bytes }),
        _ => Ok(()),
    }
}

fn object(part: &str) -> Result<Map<String, Value>, TokenFault> {
    let bytes = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Form)?);
    serde_json::from_slice(&bytes).map_err(|_| TokenFault::Form)
}

fn seconds(claims: &Map<String, Value>, claim: &'static str) -> Result<i64, TokenFault> {
    claims.get(claim).and_then(whole).ok_or(TokenFault::Time { claim })
}

/// Reads a NumericDate (RFC 7519 section 2) as whole seconds, rounded down.
fn whole(value: &Value) -> Option<i64> {
    let fraction = || value.as_f64().filter(|secs| secs.abs() < 1e15).map(f64::floor);
    #[expect(clippy::cast_possible_truncation, reason = "far below 2^53, and whole")]
    value.as_i64().or_else(|| fraction().map(|secs| secs as i64))
}

fn organization(claims: &Map<String, Value>) -> Option<String> {
    text(claims.get("org_id")).or_else(|| text(claims.get("o")?.get("id")))
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}
