//! The service: notes what is on the request and hands over to the future.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use nostore_message::http1::request_head;
use nostore_web::CookieProtection;
use tower_service::Service;

use super::ProtectFuture;
use crate::head::{authority, scheme};

/// A service with protected responses. Made by [`ProtectLayer`](crate::ProtectLayer).
#[derive(Clone, Debug)]
pub struct ProtectService<S> {
    pub(super) inner: S,
    pub(super) protection: Arc<CookieProtection>,
}

impl<S, B, R> Service<Request<B>> for ProtectService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ProtectFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let observed = self.protection.observe(&request_head(
            request.method(),
            request.uri(),
            request.headers(),
            scheme(&request),
            authority(&request),
        ));
        ProtectFuture { future: self.inner.call(request), protection: Arc::clone(&self.protection), observed }
    }
}
