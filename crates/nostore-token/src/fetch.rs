//! Where tokens come from.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::failure::Failure;
use crate::key::TokenKey;
use crate::slot::FetchKind;
use crate::token::SessionToken;

/// What a fetch resolves to, later.
pub type FetchFuture = Pin<Box<dyn Future<Output = Result<Fetched, Failure>> + Send>>;

/// Asks a service for tokens. A closure that takes an [`Ask`] will do.
///
/// A fetch is not dropped when its callers go away, and may be tried again where its failure may pass: it must not
/// matter whether a service was asked once or twice.
pub trait Fetch: Send + Sync + 'static {
    /// Asks for a token.
    fn fetch(&self, ask: Ask) -> FetchFuture;
}

/// What is asked for. `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The entry that the token is for.
    pub key: TokenKey,
    /// Why.
    pub kind: FetchKind,
    /// The token before it, for services that want to see it.
    pub previous: Option<Arc<SessionToken>>,
}

/// What a service answered.
#[derive(Debug)]
pub struct Fetched {
    /// The token.
    pub token: SessionToken,
    /// The service's time when it answered (`Date`, RFC 9110 section 6.6.1), in milliseconds since 1970.
    pub service_ms: Option<i64>,
}

impl Fetched {
    /// Reads a token that a service answered with.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse(raw: &str, service_ms: Option<i64>) -> Result<Self, Failure> {
        let token = SessionToken::parse(raw).map_err(|fault| Failure::Unusable { what: fault.code() })?;
        Ok(Self { token, service_ms })
    }
}

impl<F, R> Fetch for F
where
    F: Fn(Ask) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Fetched, Failure>> + Send + 'static,
{
    fn fetch(&self, ask: Ask) -> FetchFuture {
        Box::pin(self(ask))
    }
}
