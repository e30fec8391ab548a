//! The layer: holds the sessions and wraps services.

use nostore_web::{Sessions, SettingsError};
use tower_layer::Layer;

use super::SessionService;

/// Puts sessions in front of a service. See the [module](crate::session).
#[derive(Clone, Debug)]
#[must_use = "a layer protects nothing until it is added"]
pub struct SessionLayer {
    sessions: Sessions,
}

impl SessionLayer {
    /// Makes a layer. `sessions` is shared: clones keep one JWK Set and one pool of connections.
    pub const fn new(sessions: Sessions) -> Self {
        Self { sessions }
    }

    /// Makes a layer with sessions from the environment: `NOSTORE_PUBLISHABLE_KEY`, `NOSTORE_SECRET_KEY` and,
    /// with live keys, `NOSTORE_PUBLIC_URL`. See [`SessionsBuilder::from_env`](nostore_web::SessionsBuilder::from_env).
    ///
    /// # Errors
    ///
    /// Names the variable that is missing or refused. [`std::io::Error`] is made of it by `?`.
    pub fn from_env() -> Result<Self, SettingsError> {
        Sessions::from_env().map(Self::new)
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, self.sessions.clone())
    }
}
