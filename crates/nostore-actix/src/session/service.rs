//! The service: extract, let the gate decide, hand over to the future.

use std::rc::Rc;

use actix_web::Error;
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use nostore_web::{Sessions, Start};

use super::SessionFuture;
use crate::head::request_head;

/// A service behind the gate. Made by [`SessionMiddleware`](crate::SessionMiddleware).
#[derive(Debug)]
pub struct SessionService<S> {
    pub(super) inner: Rc<S>,
    pub(super) sessions: Sessions,
}

impl<S, B> Service<ServiceRequest> for SessionService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<EitherBody<B, BoxBody>>;
    type Error = Error;
    type Future = SessionFuture<S>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let start = self.sessions.start_from(request_head(&request), peer);
        match start {
            Start::Ready(begin) => SessionFuture::begun(begin, request, Rc::clone(&self.inner)),
            Start::Pending(future) => SessionFuture::pending(future, request, Rc::clone(&self.inner)),
        }
    }
}
