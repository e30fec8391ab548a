//! The layer: holds the names of the cookies and the public routes.

use std::borrow::Cow;
use std::sync::Arc;

use nostore_web::{CookieProtection, Environment};
use tower_layer::Layer;

use super::ProtectService;

/// Protects the responses of an app with cookie sessions of its own. See the [module](mod@crate::protect).
#[derive(Clone, Debug)]
#[must_use = "a layer protects nothing until it is added"]
pub struct ProtectLayer {
    protection: CookieProtection,
}

impl ProtectLayer {
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

impl<S> Layer<S> for ProtectLayer {
    type Service = ProtectService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ProtectService { inner, protection: Arc::new(self.protection.clone()) }
    }
}
