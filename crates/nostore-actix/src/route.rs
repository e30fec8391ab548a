//! `public()` around a resource, a scope or a route of actix.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use pin_project_lite::pin_project;

use crate::response::PublicRoute;

/// Marks what it wraps as public: [`ProtectMiddleware`](crate::ProtectMiddleware) leaves its responses
/// their caching, whatever cookies the request carries.
///
/// ```
/// # use actix_web::web;
/// web::resource("/").wrap(nostore_actix::public()).route(web::get().to(|| async { "hello" }));
/// ```
pub const fn public() -> Public {
    Public { _private: () }
}

/// The middleware that [`public`] makes.
#[derive(Clone, Debug)]
#[must_use = "a middleware says nothing until something is wrapped in it"]
pub struct Public {
    _private: (),
}

impl<S, B> Transform<S, ServiceRequest> for Public
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = Marking<S>;
    type InitError = ();
    type Future = Ready<Result<Marking<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Marking { inner }))
    }
}

/// A service whose responses are marked.
#[derive(Debug)]
pub struct Marking<S> {
    inner: S,
}

impl<S, B> Service<ServiceRequest> for Marking<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = MarkFuture<S::Future>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        MarkFuture { future: self.inner.call(request) }
    }
}

pin_project! {
    /// The response of a [`Marking`].
    #[derive(Debug)]
    pub struct MarkFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F, B> Future for MarkFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.project().future.poll(context))?;
        response.response_mut().extensions_mut().insert(PublicRoute);
        Poll::Ready(Ok(response))
    }
}
