//! The layer: holds the sessions and wraps services.

use nostore_web::Sessions;
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
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SessionService::new(inner, self.sessions.clone())
    }
}
