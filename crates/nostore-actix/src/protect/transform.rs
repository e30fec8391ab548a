//! The middleware: holds the names of the cookies and the public routes.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use nostore_web::{CookieProtection, Environment};

use super::ProtectService;

/// Protects the responses of an app with cookie sessions of its own. See the [module](mod@crate::protect).
#[derive(Clone, Debug)]
#[must_use = "a middleware protects nothing until an app is wrapped in it"]
pub struct ProtectMiddleware {
    protection: CookieProtection,
}

impl ProtectMiddleware {
    /// Protects responses to requests that carry one of these cookies, and responses that set one.
    ///
    /// Reads the environment of the process once, for `NOSTORE_DEV`.
    pub fn cookies<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let dev = Environment::of_process().dev;
        Self { protection: CookieProtection::cookies(names).dev(dev) }
    }

    /// Says that responses on these paths are the same for everyone: a path (`/about`), or a path and
    /// everything beneath it (`/assets/*`).
    #[track_caller]
    pub fn public(self, pattern: impl Into<Cow<'static, str>>) -> Self {
        Self { protection: self.protection.public(pattern) }
    }

    /// Protects every response of a route that is not public, also for visitors without cookie. Needed
    /// where one URL shows signed-in and signed-out visitors different, cacheable pages.
    pub fn unless_public(self, on: bool) -> Self {
        Self { protection: self.protection.unless_public(on) }
    }

    /// Says, or not, in the field `Nostore-Why` why a response lost its caching.
    pub fn dev(self, on: bool) -> Self {
        Self { protection: self.protection.dev(on) }
    }
}

impl<S, B> Transform<S, ServiceRequest> for ProtectMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Transform = ProtectService<S>;
    type InitError = ();
    type Future = Ready<Result<ProtectService<S>, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(ProtectService { inner: service, protection: Arc::new(self.protection.clone()) }))
    }
}
