//! Why somebody is not simply signed in: the protocol's own reason strings.

use std::borrow::Cow;
use std::fmt;

/// A reason, in the protocol's vocabulary (section 4.9).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The URL names another organization than the session.
    ActiveOrganizationMismatch,
    /// The client changed, but there is no session cookie.
    ClientUatButNoSessionToken,
    /// A development instance does not know the browser.
    DevBrowserMissing,
    /// The URL brings the name of the browser.
    DevBrowserSync,
    /// There is neither a key nor a way to get one.
    JwkFailedToResolve,
    /// The set has no key with that name.
    JwkKidMismatch,
    /// The JWK Set could not be loaded.
    JwkRemoteFailedToLoad,
    /// A machine's token is wanted, and the request carries none.
    NoTokenInHeader,
    /// The visitor comes from another site, whose satellite this may be.
    PrimaryDomainCrossOriginSync,
    /// A satellite asked who is there.
    PrimaryRespondsToSyncing,
    /// A satellite does not know who is there.
    SatelliteNeedsSyncing,
    /// The identity service refuses the secret key.
    SecretKeyInvalid,
    /// Neither a session token nor a client.
    SessionTokenAndUatMissing,
    /// There is a session token, but the client is unknown.
    SessionTokenButNoClientUat,
    /// The session token has expired, and could not be refreshed.
    SessionTokenExpired(RefreshError),
    /// The session token is older than the client's last change.
    SessionTokenIatBeforeClientUat,
    /// The session token was issued in the future.
    SessionTokenIatInTheFuture,
    /// The handshake brought no session: signed out.
    SessionTokenMissing,
    /// The session token is not valid yet.
    SessionTokenNbf,
    /// `exp` has passed.
    TokenExpired,
    /// `iat` lies ahead.
    TokenIatInTheFuture,
    /// The token is malformed or of the wrong kind.
    TokenInvalid,
    /// The algorithm is not supported.
    TokenInvalidAlgorithm,
    /// The token was made for another site.
    TokenInvalidAuthorizedParties,
    /// The signature does not match.
    TokenInvalidSignature,
    /// `nbf` lies ahead.
    TokenNotActiveYet,
    /// The token is of a kind that is not accepted here.
    TokenTypeMismatch,
    /// The token could not be checked.
    TokenVerificationFailed,
    /// Something outside the protocol failed, such as the network.
    UnexpectedError,
}

/// Why an expired session was not refreshed (sections 4.7 and 5.8 of the protocol).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RefreshError {
    /// The expired token cannot be decoded.
    ExpiredTokenDecodeFailed,
    /// The expired token does not name its session (`sid`).
    ExpiredTokenMissingSid,
    /// The identity service gave no answer.
    FetchError,
    /// The identity service sent a token that is not accepted.
    InvalidSessionToken,
    /// The method is not GET.
    NonGet,
    /// There is no refresh cookie.
    NoRefreshCookie,
    /// The identity service refused, with this code.
    Refused(Box<str>),
    /// The identity service refused without a code.
    UnexpectedBapiError,
    /// The identity service's answer holds no cookies.
    UnexpectedSdkError,
}

impl Reason {
    /// Returns the protocol's string. What is behind [`RefreshError::Refused`] comes from the identity service.
    #[must_use]
    pub fn text(&self) -> Cow<'static, str> {
        if let Self::SessionTokenExpired(error) = self {
            return Cow::Owned(format!("session-token-expired-refresh-{}", error.text()));
        }
        Cow::Borrowed(self.code())
    }

    /// Returns the stable name: the protocol's string, without what kept an expired session from being refreshed.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ActiveOrganizationMismatch => "active-organization-mismatch",
            Self::ClientUatButNoSessionToken => "client-uat-but-no-session-token",
            Self::DevBrowserMissing => "dev-browser-missing",
            Self::DevBrowserSync => "dev-browser-sync",
            Self::JwkFailedToResolve => "jwk-failed-to-resolve",
            Self::JwkKidMismatch => "jwk-kid-mismatch",
            Self::JwkRemoteFailedToLoad => "jwk-remote-failed-to-load",
            Self::NoTokenInHeader => "No token in header",
            Self::PrimaryDomainCrossOriginSync => "primary-domain-cross-origin-sync",
            Self::PrimaryRespondsToSyncing => "primary-responds-to-syncing",
            Self::SatelliteNeedsSyncing => "satellite-needs-syncing",
            Self::SecretKeyInvalid => "secret-key-invalid",
            Self::SessionTokenAndUatMissing => "session-token-and-uat-missing",
            Self::SessionTokenButNoClientUat => "session-token-but-no-client-uat",
            Self::SessionTokenExpired(_) => "session-token-expired",
            Self::SessionTokenIatBeforeClientUat => "session-token-iat-before-client-uat",
            Self::SessionTokenIatInTheFuture => "session-token-iat-in-the-future",
            Self::SessionTokenMissing => "session-token-missing",
            Self::SessionTokenNbf => "session-token-nbf",
            Self::TokenExpired => "token-expired",
            Self::TokenIatInTheFuture => "token-iat-in-the-future",
            Self::TokenInvalid => "token-invalid",
            Self::TokenInvalidAlgorithm => "token-invalid-algorithm",
            Self::TokenInvalidAuthorizedParties => "token-invalid-authorized-parties",
            Self::TokenInvalidSignature => "token-invalid-signature",
            Self::TokenNotActiveYet => "token-not-active-yet",
            Self::TokenTypeMismatch => "token-type-mismatch",
            Self::TokenVerificationFailed => "token-verification-failed",
            Self::UnexpectedError => "unexpected-error",
        }
    }
}

impl RefreshError {
    /// Returns the protocol's string.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::ExpiredTokenDecodeFailed => "expired-session-token-decode-failed",
            Self::ExpiredTokenMissingSid => "expired-session-token-missing-sid-claim",
            Self::FetchError => "fetch-error",
            Self::InvalidSessionToken => "invalid-session-token",
            Self::NonGet => "non-eligible-non-get",
            Self::NoRefreshCookie => "non-eligible-no-refresh-cookie",
            Self::Refused(code) => code,
            Self::UnexpectedBapiError => "unexpected-bapi-error",
            Self::UnexpectedSdkError => "unexpected-sdk-error",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionTokenExpired(error) => write!(f, "session-token-expired-refresh-{}", error.text()),
            other => f.write_str(other.code()),
        }
    }
}
