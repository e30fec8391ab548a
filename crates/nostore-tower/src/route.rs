//! `.public()` on a route of axum.

use axum::routing::MethodRouter;
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

use crate::response::PublicRoute;

/// Says of a route that its responses are the same for everyone.
pub trait MethodRouterExt {
    /// Marks the route as public: [`ProtectLayer`](crate::ProtectLayer) leaves its responses their caching,
    /// whatever cookies the request carries.
    #[must_use]
    fn public(self) -> Self;
}

impl<S: Clone + Send + Sync + 'static> MethodRouterExt for MethodRouter<S, Infallible> {
    fn public(self) -> Self {
        self.layer(MarkPublic)
    }
}

#[derive(Clone, Copy, Debug)]
struct MarkPublic;

impl<S> Layer<S> for MarkPublic {
    type Service = Marking<S>;

    fn layer(&self, inner: S) -> Marking<S> {
        Marking { inner }
    }
}

#[derive(Clone, Debug)]
struct Marking<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Marking<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = MarkFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        MarkFuture { future: self.inner.call(request) }
    }
}

pin_project! {
    struct MarkFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, R, E> Future for MarkFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.project().future.poll(context))?;
        response.extensions_mut().insert(PublicRoute);
        Poll::Ready(Ok(response))
    }
}
