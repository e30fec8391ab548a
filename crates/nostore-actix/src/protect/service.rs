//! The service: notes what is on the request and hands over to the future.

use std::sync::Arc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use nostore_web::CookieProtection;

use super::ProtectFuture;
use crate::head::request_head;

/// A service with protected responses. Made by [`ProtectMiddleware`](crate::ProtectMiddleware).
#[derive(Clone, Debug)]
pub struct ProtectService<S> {
    pub(super) inner: S,
    pub(super) protection: Arc<CookieProtection>,
}

impl<S, B> Service<ServiceRequest> for ProtectService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = ProtectFuture<S::Future>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let observed = self.protection.observe(&request_head(&request));
        ProtectFuture { future: self.inner.call(request), protection: Arc::clone(&self.protection), observed }
    }
}
