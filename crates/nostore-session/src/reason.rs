//! Why somebody is not simply signed in: the protocol's own reason strings.

use std::fmt;

/// A reason, in the protocol's vocabulary.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The client changed, but there is no session cookie.
    ClientUatButNoSessionToken,
    /// A development instance does not know the browser.
    DevBrowserMissing,
    /// The URL brings the name of the browser.
    DevBrowserSync,
    /// The set has no key with that name.
    JwkKidMismatch,
    /// The JWK Set could not be loaded.
    JwkRemoteFailedToLoad,
    /// The identity service refuses the secret key.
    SecretKeyInvalid,
    /// There is a session token, but the client is unknown.
    SessionTokenButNoClientUat,
    /// The session token has expired, and there is nothing to refresh it with.
    SessionTokenExpiredNoRefreshCookie,
    /// The session token has expired, and this build does not refresh.
    SessionTokenExpiredNoApiClient,
    /// The session token has expired, and the method is not GET.
    SessionTokenExpiredNonGet,
    /// The session token is older than the client's last change.
    SessionTokenIatBeforeClientUat,
    /// The session token was issued in the future.
    SessionTokenIatInTheFuture,
    /// The handshake brought no session: signed out.
    SessionTokenMissing,
    /// The session token is not valid yet.
    SessionTokenNbf,
    /// Neither a session token nor a client.
    SessionTokenAndUatMissing,
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
    /// The token is of a category that is not a session.
    TokenTypeMismatch,
    /// The token could not be checked.
    TokenVerificationFailed,
    /// Something outside the protocol failed, such as the network.
    UnexpectedError,
}

impl Reason {
    /// Returns the protocol's string.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientUatButNoSessionToken => "client-uat-but-no-session-token",
            Self::DevBrowserMissing => "dev-browser-missing",
            Self::DevBrowserSync => "dev-browser-sync",
            Self::JwkKidMismatch => "jwk-kid-mismatch",
            Self::JwkRemoteFailedToLoad => "jwk-remote-failed-to-load",
            Self::SecretKeyInvalid => "secret-key-invalid",
            Self::SessionTokenButNoClientUat => "session-token-but-no-client-uat",
            Self::SessionTokenExpiredNoRefreshCookie => {
                "session-token-expired-refresh-non-eligible-no-refresh-cookie"
            }
            Self::SessionTokenExpiredNoApiClient => "session-token-expired-refresh-missing-api-client",
            Self::SessionTokenExpiredNonGet => "session-token-expired-refresh-non-eligible-non-get",
            Self::SessionTokenIatBeforeClientUat => "session-token-iat-before-client-uat",
            Self::SessionTokenIatInTheFuture => "session-token-iat-in-the-future",
            Self::SessionTokenMissing => "session-token-missing",
            Self::SessionTokenNbf => "session-token-nbf",
            Self::SessionTokenAndUatMissing => "session-token-and-uat-missing",
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
