//! The middleware: holds the sessions and wraps services.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use nostore_web::{Sessions, SettingsError};

use super::SessionService;

/// Puts sessions in front of an app, a scope or a resource. See the [module](crate::session).
#[derive(Clone, Debug)]
#[must_use = "a middleware protects nothing until an app is wrapped in it"]
pub struct SessionMiddleware {
    sessions: Sessions,
}

impl SessionMiddleware {
    /// Makes a middleware. `sessions` is shared: clones keep one JWK Set and one pool of connections.
    pub const fn new(sessions: Sessions) -> Self {
        Self { sessions }
    }

    /// Makes a middleware with sessions from the environment: `NOSTORE_PUBLISHABLE_KEY`, `NOSTORE_SECRET_KEY`
    /// and, with live keys, `NOSTORE_PUBLIC_URL`. See
    /// [`SessionsBuilder::from_env`](nostore_web::SessionsBuilder::from_env).
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or refused. [`std::io::Error`] is made of it by `?`.
    pub fn from_env() -> Result<Self, SettingsError> {
        Sessions::from_env().map(Self::new)
    }
}

impl<S, B> Transform<S, ServiceRequest> for SessionMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = <SessionService<S> as Service<ServiceRequest>>::Response;
    type Error = Error;
    type Transform = SessionService<S>;
    type InitError = ();
    type Future = Ready<Result<SessionService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(SessionService { inner: Rc::new(service), sessions: self.sessions.clone() }))
    }
}
