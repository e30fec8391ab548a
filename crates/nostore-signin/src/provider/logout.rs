//! Logout, both ways: the visitor leaves this site and the provider too; or the provider tells this site that somebody
//! has left.
//!
//! # Invariants
//!
//! - A logout token is checked as an ID token is, and by what tells the two apart: `events`, `jti`, and no `nonce`
//!   (OpenID Connect Back-Channel Logout 1.0 section 2.6).
//! - Total: any text is a logout token or a typed error.
//!
//! # Not covered
//!
//! That a token is used once: [`LogoutToken::id`] is for that, until [`LogoutToken::ends`]. A second time does no harm:
//! the sessions have ended. `openidconnect` knows nothing of these tokens.
//!
//! Specifications: OpenID Connect Back-Channel Logout 1.0 sections 2.4 to 2.6; OpenID Connect RP-Initiated Logout 1.0
//! section 2; RFC 8417.

use nostore_message::{Secret, UnixTime};
use serde_json::Value;
use url::Url;

use super::callback::fit;
use super::claims::text;
use super::error::ProviderError;
use super::id_token::{Expected, IdTokenError, signed};

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Somebody has left at the provider: their sessions here end.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogoutToken {
    /// The issuer (`iss`).
    pub issuer: String,
    /// Who has left (`sub`). Without a session: everywhere.
    pub subject: Option<String>,
    /// Which session has ended (`sid`).
    pub session: Option<String>,
    /// The token's own name (`jti`).
    pub id: String,
    /// From when on the token is refused anyway (`exp`, and the leeway).
    pub ends: UnixTime,
}

/// Why a logout token is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LogoutTokenError {
    /// There is no logout event in `events`.
    #[error("expected {EVENT} in events, found none")]
    Event,
    /// There is no `jti`.
    #[error("expected jti, found none")]
    Id,
    /// There is a `nonce`: it is an ID token.
    #[error("expected no nonce, found one: an ID token ends no session")]
    Nonce,
    /// The provider cannot be asked for its keys.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// A check that ID tokens have too.
    #[error("expected a good logout token: {0}")]
    Token(#[from] IdTokenError),
    /// The token is of another type.
    #[error("expected typ logout+jwt, found {found}")]
    Type {
        /// The token's `typ`.
        found: String,
    },
    /// There is neither `sub` nor `sid`.
    #[error("expected sub, sid or both, found neither")]
    Who,
}

impl LogoutTokenError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Event => "logout-token-event",
            Self::Id => "logout-token-jti",
            Self::Nonce => "logout-token-nonce",
            Self::Provider(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Type { .. } => "logout-token-typ",
            Self::Who => "logout-token-who",
        }
    }
}

/// Checks a logout token (section 2.6, in its order).
pub(crate) fn read(
    token: &str,
    keys: &openidconnect::core::CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<LogoutToken, LogoutTokenError> {
    let (jws, issuer) = signed(token, keys, expected)?;
    // Section 2.4 recommends the type; older providers have none, or that of every JWT.
    if let Some(found) = jws.header().typ() {
        let known = ["logout+jwt", "application/logout+jwt", "jwt"];
        if !known.iter().any(|known| found.eq_ignore_ascii_case(known)) {
            return Err(LogoutTokenError::Type { found: fit(found) });
        }
    }
    let claims = jws.payload();
    let (subject, session) = (text(claims, "sub"), text(claims, "sid"));
    if subject.is_none() && session.is_none() {
        return Err(LogoutTokenError::Who);
    }
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(LogoutTokenError::Event);
    }
    if claims.contains_key("nonce") {
        return Err(LogoutTokenError::Nonce);
    }
    let id = text(claims, "jti").ok_or(LogoutTokenError::Id)?;
    let ends = super::id_token::end(claims);
    Ok(LogoutToken { issuer, subject, session, id, ends })
}

/// Returns where a visitor leaves the provider too.
pub(crate) fn end_session_url(
    endpoint: &str,
    client_id: &str,
    id_token_hint: Option<&Secret>,
    post_logout_redirect_uri: Option<&str>,
    state: Option<&str>,
) -> Option<String> {
    let mut url = Url::parse(endpoint).ok()?;
    let parameters = [
        ("id_token_hint", id_token_hint.map(Secret::expose)),
        ("client_id", Some(client_id)),
        ("post_logout_redirect_uri", post_logout_redirect_uri),
        ("state", state),
    ];
    let given = parameters.iter().filter_map(|(name, value)| value.map(|value| (*name, value)));
    url.query_pairs_mut().extend_pairs(given);
    Some(url.into())
}
