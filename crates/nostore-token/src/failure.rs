//! Why no token came, and what follows from it (section 1.6 of the token client's specification).

/// How a fetch failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The service says that the session is over (401, 422, or 403 for somebody banned).
    #[error("expected a token, but the service says that the session is over (status {status})")]
    Unauthenticated {
        /// The status.
        status: u16,
    },
    /// The service refuses, and will again (4xx).
    #[error("expected a token, but the service refused with status {status} ({code})")]
    Refused {
        /// The status.
        status: u16,
        /// What the service calls it.
        code: String,
    },
    /// The service asks for patience (429 or 503).
    #[error("expected a token, but the service asks to wait (status {status})")]
    Busy {
        /// The status.
        status: u16,
        /// How long, where it says so (`Retry-After`, RFC 9110 section 10.2.3), in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The service is in trouble, or unreachable. It may work the next time.
    #[error("expected a token, but the service did not answer as it should ({what})")]
    Transient {
        /// What happened, in a few words without secrets.
        what: &'static str,
    },
    /// There is no network.
    #[error("expected a token, but there is no network")]
    Offline,
    /// It took too long.
    #[error("expected a token within {after_ms} ms")]
    TimedOut {
        /// How long it was waited, in milliseconds.
        after_ms: u64,
    },
    /// What came is no token that can be kept: broken, or expired already.
    #[error("expected a token that is valid for a while, found one that is {what}")]
    Unusable {
        /// What is wrong.
        what: &'static str,
    },
    /// The request was sent, no answer came, and it must not be sent again: the service may have done what was asked, and
    /// take a second time for a thief's (RFC 9700 section 4.14).
    #[error("expected a token, but it is not known what the service did ({what})")]
    Unknown {
        /// What happened, in a few words without secrets.
        what: &'static str,
    },
    /// The entry is for something that the fetcher cannot ask for. Nothing was sent.
    #[error("expected an entry that the fetcher can ask for, found one with {what}")]
    Unsupported {
        /// What is too much.
        what: &'static str,
    },
    /// The fetcher panicked.
    #[error("expected a token, but fetching one panicked")]
    Panicked,
    /// The entry was cleared meanwhile: signed out.
    #[error("expected a token, but the session was cleared meanwhile")]
    Cleared,
}

impl Failure {
    /// Returns the stable name of the failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated { .. } => "token-unauthenticated",
            Self::Refused { .. } => "token-refused",
            Self::Busy { .. } => "token-busy",
            Self::Transient { .. } => "token-transient",
            Self::Offline => "token-offline",
            Self::TimedOut { .. } => "token-timed-out",
            Self::Unusable { .. } => "token-unusable",
            Self::Unknown { .. } => "token-unknown",
            Self::Unsupported { .. } => "token-unsupported",
            Self::Panicked => "token-panicked",
            Self::Cleared => "token-cleared",
        }
    }

    /// Tells whether another try may succeed.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::Transient { .. }
                | Self::Offline
                | Self::TimedOut { .. }
                | Self::Unusable { .. }
        )
    }
}
