//! Why a fetcher cannot be made.

/// Why a fetcher cannot be made. Never shows a secret, and of a URL its scheme and host alone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// It is no absolute URL.
    #[error("expected an absolute URL such as https://auth.example/token")]
    Url,
    /// Neither HTTP nor HTTPS.
    #[error("expected a URL of the scheme `https`, found `{scheme}`")]
    Scheme {
        /// What it has.
        scheme: String,
    },
    /// Secrets would go over the network for all to read.
    #[error(
        "expected a URL of the scheme `https` for the host `{host}`: only this machine is asked over `http`"
    )]
    Insecure {
        /// The host.
        host: String,
    },
    /// The URL has a part that it must not have.
    #[error("expected a URL without {part}")]
    Part {
        /// The part.
        part: &'static str,
    },
    /// A secret is empty, or cannot stand in a field.
    #[error("expected {what} of visible ASCII characters")]
    Secret {
        /// What it is.
        what: &'static str,
    },
    /// A resource is no absolute URI, or has a fragment (RFC 8707 section 2).
    #[error("expected an absolute URI without a fragment as the resource")]
    Resource,
    /// A client without a secret has no rights of its own (RFC 6749 section 4.4).
    #[error("expected a refresh token for a client without a secret")]
    PublicClient,
    /// The cryptography has no version of TLS in common with what speaks it.
    #[error("expected a version of TLS that the provider of cryptography has")]
    Tls,
}

impl SetupError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Url => "fetcher-url",
            Self::Scheme { .. } => "fetcher-scheme",
            Self::Insecure { .. } => "fetcher-insecure",
            Self::Part { .. } => "fetcher-url-part",
            Self::Secret { .. } => "fetcher-secret",
            Self::Resource => "fetcher-resource",
            Self::PublicClient => "fetcher-public-client",
            Self::Tls => "fetcher-tls",
        }
    }
}
