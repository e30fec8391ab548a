//! Who is asking, as handlers see it.

use std::panic::Location;
use std::sync::Arc;

use nostore_session::{Machine, Session};

use crate::Exchange;

/// Who is asking. Cheap to clone.
///
/// Holding it has already marked the response as personalized. The first accessor call names its
/// source line, so that `nostore dev` can say why a page lost its caching.
#[derive(Clone, Debug)]
pub struct Auth {
    exchange: Arc<Exchange>,
    session: Option<Arc<Session>>,
    /// Whether the exchange's decision is known here, with the machine that it may have found.
    decided: bool,
}

impl Auth {
    /// As far as it is known: nobody.
    pub(crate) const fn nobody(exchange: Arc<Exchange>) -> Self {
        Self { exchange, session: None, decided: false }
    }

    /// As decided, with the session of whoever has one.
    pub(crate) const fn decided(exchange: Arc<Exchange>, session: Option<Arc<Session>>) -> Self {
        Self { exchange, session, decided: true }
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

    /// Returns the machine that sent the request with a token of its own, where the configuration accepts such
    /// tokens ([`nostore_session::Config::accepts`]). A machine is not signed in.
    #[must_use]
    #[track_caller]
    pub fn machine(&self) -> Option<&Machine> {
        self.exchange.refine(Location::caller());
        self.known_machine()
    }

    /// Returns the request that this came from.
    #[must_use]
    pub const fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// Tells whether a visitor is signed in or a machine sent the request.
    pub(crate) fn is_anybody(&self) -> bool {
        self.session.is_some() || self.known_machine().is_some()
    }

    pub(crate) fn known_machine(&self) -> Option<&Machine> {
        if self.decided { self.exchange.machine() } else { None }
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
