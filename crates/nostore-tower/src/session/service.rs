//! The service: extract, let the gate decide, hand over to the future.

use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use nostore_message::http1::request_head;
use nostore_web::{Sessions, Start};
use tower_service::Service;

use super::ResponseFuture;
use crate::body::GateBody;
use crate::head::{authority, peer, scheme};

/// A service behind the gate. Made by [`SessionLayer`](crate::SessionLayer).
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    sessions: Sessions,
}

impl<S> SessionService<S> {
    pub(crate) const fn new(inner: S, sessions: Sessions) -> Self {
        Self { inner, sessions }
    }
}

impl<S, B, R> Service<Request<B>> for SessionService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<GateBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready is the one to call; its clone has not been.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let head = request_head(
            request.method(),
            request.uri(),
            request.headers(),
            scheme(&request),
            authority(&request),
        );
        match self.sessions.start_from(head, peer(&request)) {
            Start::Ready(begin) => ResponseFuture::begun(begin, request, inner),
            Start::Pending(future) => ResponseFuture::pending(future, request, inner),
        }
    }
}
