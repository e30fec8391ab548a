//! Puts a fresh token on outgoing requests, as a `tower` layer.
//!
//! A request that is answered with 401 is sent once more with another token, where another can be had: the service may
//! have taken the first out of use. That takes a body that can be cloned (`Bytes`, say).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;
use zeroize::Zeroizing;

use crate::client::TokenHandle;
use crate::failure::Failure;
use crate::snapshot::TokenRef;
use crate::token::SessionToken;

/// Puts the token of a handle on each request that has no `Authorization` of its own.
#[derive(Clone, Debug)]
pub struct BearerLayer(TokenHandle);

/// The service that [`BearerLayer`] makes.
#[derive(Clone)]
pub struct Bearer<S> {
    inner: S,
    handle: TokenHandle,
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BearerError<E> {
    /// There was no token for it.
    #[error("expected a token for the request: {0}")]
    Token(#[source] Failure),
    /// The token cannot stand in a field.
    #[error("expected a token that can stand in a field")]
    Field,
    /// It was sent, and failed.
    #[error(transparent)]
    Inner(E),
}

impl BearerLayer {
    /// For the tokens of `handle`.
    #[must_use]
    pub const fn new(handle: TokenHandle) -> Self {
        Self(handle)
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = Bearer<S>;

    fn layer(&self, inner: S) -> Bearer<S> {
        Bearer { inner, handle: self.0.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Bearer<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Clone + Send + 'static,
    R: Send,
{
    type Response = Response<R>;
    type Error = BearerError<S::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(BearerError::Inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone may not be ready, the one that was asked is.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        let (mut next, handle) = (self.inner.clone(), self.handle.clone());
        Box::pin(async move {
            if request.headers().contains_key(AUTHORIZATION) {
                return ready.call(request).await.map_err(BearerError::Inner);
            }
            let token = handle.get().await.map_err(BearerError::Token)?;
            let again = request.clone();
            let response = ready.call(bearing(request, &token)?).await.map_err(BearerError::Inner)?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            // There is no other: the service's answer says what is wrong.
            let Some(other) = another(&handle, &token).await else { return Ok(response) };
            std::future::poll_fn(|cx| next.poll_ready(cx)).await.map_err(BearerError::Inner)?;
            next.call(bearing(again, &other)?).await.map_err(BearerError::Inner)
        })
    }
}

impl<S> fmt::Debug for Bearer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// Returns another token after a service refused one (401), where another can be had.
pub(crate) async fn another(handle: &TokenHandle, refused: &SessionToken) -> Option<TokenRef> {
    handle.invalidate(refused);
    handle.get().await.ok().filter(|other| !other.is(refused))
}

/// Makes the field of a token (RFC 6750 section 2.1), where it can stand in one. It is marked sensitive, so that it is
/// not printed.
pub(crate) fn field(token: &SessionToken) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn bearing<B, E>(mut request: Request<B>, token: &SessionToken) -> Result<Request<B>, BearerError<E>> {
    request.headers_mut().insert(AUTHORIZATION, field(token).ok_or(BearerError::Field)?);
    Ok(request)
}
