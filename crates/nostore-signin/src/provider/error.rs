//! What can go wrong between a site and its provider, in words for the site's operator.
//!
//! # Invariants
//!
//! - Every error has a stable `code()`; logs, metrics and documents use the same.
//! - No message holds a token, a code, a secret or a visitor's address. What a provider said is bounded and on one line.
//! - Fault domains stay apart: the site's configuration ([`ConfigError`](super::ConfigError)), the provider
//!   ([`ProviderError`]), the visitor's own doing and the provider's answer ([`FinishError`]).
//!
//! Specifications: RFC 6749 sections 4.1.2.1 and 5.2; RFC 9207 section 2.4; OpenID Connect Discovery 1.0 section 4.3.

use std::fmt;

use super::callback::Words;
use super::id_token::IdTokenError;

/// What was asked of the provider when it failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProviderStep {
    /// The discovery document.
    Discovery,
    /// The JWK Set.
    Keys,
    /// The token endpoint.
    Token,
    /// The userinfo endpoint, or GitHub's API.
    UserInfo,
}

/// Why a provider gave no answer that could be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The answer broke off.
    #[error("expected a whole answer, but the connection broke")]
    Broken,
    /// No connection could be made, so that nothing was sent.
    #[error("expected somebody to answer there, but no connection could be made ({why})")]
    Connect {
        /// What the network said.
        why: String,
    },
    /// The connection was closed instead of an answer.
    #[error("expected an answer, but the connection was closed")]
    NoAnswer,
    /// The URL speaks plain HTTP, which is for loopback alone; nothing was sent.
    #[error("expected https, found {url}: plain HTTP goes to a provider on this machine only")]
    PlainHttp {
        /// The URL.
        url: String,
    },
    /// The status says that there is no answer.
    #[error("expected status 200, found {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// Time ran out.
    #[error("expected an answer within {millis} ms")]
    Timeout {
        /// How long was waited.
        millis: u64,
    },
    /// The answer is longer than what is read.
    #[error("expected an answer of at most {limit} bytes")]
    TooLong {
        /// The most that is read.
        limit: usize,
    },
    /// The answer is not what the specification wants.
    #[error("expected an answer as specified: {why}")]
    Unreadable {
        /// What is wrong, without the answer's text.
        why: String,
    },
    /// The discovery document gives no URL that can be asked; nothing was sent.
    #[error("expected an absolute http(s) URL in the discovery document")]
    Url,
}

/// Why a provider cannot be used at the moment.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The discovery document is another issuer's (OpenID Connect Discovery 1.0 section 4.3).
    #[error(
        "expected the issuer {expected}, as configured; found {found} in the discovery document. Configure the issuer \
         exactly as the provider writes it: scheme, host, port, path and a slash at the end all count"
    )]
    Issuer {
        /// The issuer in the configuration.
        expected: String,
        /// The issuer in the document.
        found: String,
    },
    /// The discovery document lacks what a sign-in needs.
    #[error("expected {what} in the discovery document of the provider, found none")]
    Missing {
        /// The name of the member.
        what: &'static str,
    },
    /// The provider gave no answer that could be read.
    #[error("expected {step} of the provider at {url}: {fault}")]
    Unreachable {
        /// What was asked for.
        step: ProviderStep,
        /// Where, without query.
        url: String,
        /// What happened.
        #[source]
        fault: Fault,
    },
}

/// Why a sign-in failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FinishError {
    /// The token endpoint does not accept the site as its client, or its request (RFC 6749 section 5.2).
    #[error(
        "expected the provider to accept this site's request for tokens, found {words}. Compare client id, client \
         secret, redirect URI and way of authentication with what is registered at the provider"
    )]
    Client {
        /// What the provider says.
        words: Words,
    },
    /// The provider does not accept the code: it was used before, is too old, or another client's (`invalid_grant`).
    #[error("expected the provider to accept the code, but it is used up, too old, or another client's")]
    CodeRefused,
    /// The visitor, or the provider on their behalf, said no (`access_denied`).
    #[error("the sign-in was declined at the provider")]
    Denied {
        /// What the provider says.
        words: Words,
    },
    /// The attempt began too long ago.
    #[error("expected the sign-in to be finished within 600 s, found {age_secs} s since it began")]
    Expired {
        /// Seconds since it began.
        age_secs: i64,
    },
    /// The account is not of the domain that the configuration asks for.
    #[error("expected an account of the domain {expected}, found {}", found.as_deref().unwrap_or("one without a domain"))]
    HostedDomain {
        /// The domain in the configuration.
        expected: String,
        /// The claim `hd`, or `tid`.
        found: Option<String>,
    },
    /// The ID token is not accepted.
    #[error("expected a good ID token: {0}")]
    IdToken(#[source] IdTokenError),
    /// The token endpoint sent no ID token.
    #[error("expected an ID token, found none: the provider must know the scope openid")]
    NoIdToken,
    /// The provider announces `iss` in its answers, and there is none (RFC 9207 section 2.4).
    #[error("expected iss in the callback, as the provider announces, found none")]
    NoIss,
    /// The attempt began at another provider, or under another configuration.
    #[error("expected a sign-in that began at {expected}, found one that began at {found}")]
    OtherProvider {
        /// This provider's issuer.
        expected: String,
        /// The issuer that the attempt began at.
        found: String,
    },
    /// The provider cannot be used.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The provider answers with an error other than `access_denied` (RFC 6749 section 4.1.2.1).
    #[error("expected a code from the provider, found the error {words}")]
    ProviderSaid {
        /// What the provider says.
        words: Words,
    },
    /// The userinfo endpoint speaks of somebody else (OpenID Connect Core 1.0 section 5.3.2).
    #[error("expected userinfo of the person that the ID token names, found somebody else's")]
    UserInfoSubject,
    /// The answer is another issuer's (RFC 9207 section 2.4).
    #[error("expected iss {expected} in the callback, found {found}: the answer is another provider's")]
    WrongIss {
        /// This provider's issuer.
        expected: String,
        /// What the callback says.
        found: String,
    },
    /// The callback does not belong to the attempt.
    #[error("expected the callback of the sign-in that began in this browser, found another state")]
    WrongState,
}

/// Why tokens were not refreshed. What matters is what has become of the refresh token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The provider says no for another reason; the token was not used.
    #[error("expected the provider to accept this site's request for tokens, found {words}")]
    Other {
        /// What the provider says.
        words: Words,
    },
    /// The provider does not accept the token any more (`invalid_grant`): the person signs in again.
    #[error("expected the provider to accept the refresh token, but it is used up, too old or withdrawn")]
    Refused,
    /// It is not known whether the provider has seen the token. With rotation it may be used up.
    #[error("expected an answer of the token endpoint; the refresh token may have been used: {fault}")]
    Unknown {
        /// What happened.
        #[source]
        fault: Fault,
    },
    /// Nothing was sent: the token is as good as before.
    #[error("expected the provider to be there; the refresh token was not used: {0}")]
    Unsent(#[source] ProviderError),
}

impl ProviderStep {
    /// Returns the stable name of the step.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Keys => "keys",
            Self::Token => "token",
            Self::UserInfo => "userinfo",
        }
    }
}

impl fmt::Display for ProviderStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery => "the discovery document",
            Self::Keys => "the JWK Set",
            Self::Token => "the token endpoint",
            Self::UserInfo => "the userinfo endpoint",
        })
    }
}

impl Fault {
    /// Returns the stable name of the fault.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Broken => "fault-broken",
            Self::Connect { .. } => "fault-connect",
            Self::NoAnswer => "fault-no-answer",
            Self::PlainHttp { .. } => "fault-plain-http",
            Self::Status { .. } => "fault-status",
            Self::Timeout { .. } => "fault-timeout",
            Self::TooLong { .. } => "fault-too-long",
            Self::Unreadable { .. } => "fault-unreadable",
            Self::Url => "fault-url",
        }
    }

    /// Tells whether the provider has certainly seen nothing.
    pub(crate) const fn is_unsent(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::PlainHttp { .. } | Self::Url)
    }
}

impl ProviderError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Issuer { .. } => "provider-issuer",
            Self::Missing { .. } => "provider-missing",
            Self::Unreachable { step: ProviderStep::Discovery, .. } => "provider-unreachable-discovery",
            Self::Unreachable { step: ProviderStep::Keys, .. } => "provider-unreachable-keys",
            Self::Unreachable { step: ProviderStep::Token, .. } => "provider-unreachable-token",
            Self::Unreachable { step: ProviderStep::UserInfo, .. } => "provider-unreachable-userinfo",
        }
    }
}

impl FinishError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Client { .. } => "finish-client",
            Self::CodeRefused => "finish-code-refused",
            Self::Denied { .. } => "finish-denied",
            Self::Expired { .. } => "finish-expired",
            Self::HostedDomain { .. } => "finish-hosted-domain",
            Self::IdToken(error) => error.code(),
            Self::NoIdToken => "finish-no-id-token",
            Self::NoIss => "finish-no-iss",
            Self::OtherProvider { .. } => "finish-other-provider",
            Self::Provider(error) => error.code(),
            Self::ProviderSaid { .. } => "finish-provider-said",
            Self::UserInfoSubject => "finish-userinfo-subject",
            Self::WrongIss { .. } => "finish-wrong-iss",
            Self::WrongState => "finish-wrong-state",
        }
    }
}

impl RefreshError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Other { .. } => "refresh-other",
            Self::Refused => "refresh-refused",
            Self::Unknown { .. } => "refresh-unknown",
            Self::Unsent(_) => "refresh-unsent",
        }
    }
}
