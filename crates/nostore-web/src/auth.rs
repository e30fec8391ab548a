//! Who is asking, as handlers see it.

use std::panic::Location;
use std::sync::Arc;

use nostore_session::Session;

use crate::Exchange;

/// Who is asking. Cheap to clone.
///
/// Holding it has already marked the response as personalized. The first accessor call names its
/// source line, so that `nostore dev` can say why a page lost its caching.
#[derive(Clone, Debug)]
pub struct Auth {
    exchange: Arc<Exchange>,
    session: Option<Arc<Session>>,
}

impl Auth {
    pub(crate) const fn new(exchange: Arc<Exchange>, session: Option<Arc<Session>>) -> Self {
        Self { exchange, session }
    }

    /// Tells whether the visitor is signed in.
    #[must_use]
    #[track_caller]
    pub fn is_signed_in(&self) -> bool {
        self.read().is_some()
    }

    /// Returns the subject of the session (`sub`, RFC 7519 section 4.1.2).
    #[must_use]
    #[track_caller]
    pub fn user_id(&self) -> Option<&str> {
        self.read().map(Session::user_id)
    }

    /// Returns the session's own name (`sid`).
    #[must_use]
    #[track_caller]
    pub fn session_id(&self) -> Option<&str> {
        self.read()?.session_id()
    }

    /// Returns the address that the identity service gave for the visitor (`email`).
    #[must_use]
    #[track_caller]
    pub fn email(&self) -> Option<&str> {
        self.read()?.email()
    }

    /// Returns any claim of the session.
    #[must_use]
    #[track_caller]
    pub fn claim(&self, name: &str) -> Option<&serde_json::Value> {
        self.read()?.claim(name)
    }

    /// Returns the request that this came from.
    #[must_use]
    pub const fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    #[track_caller]
    pub(crate) fn read(&self) -> Option<&Session> {
        self.exchange.refine(Location::caller());
        self.session()
    }
}
