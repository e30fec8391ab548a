//! The driver by itself, for those who want a decision and no gate: conformance tests, other protocols.
//!
//! # Not covered
//!
//! Laziness, route rules and the fields that keep a response out of caches: see [`crate::Sessions`].

use std::borrow::Cow;
use std::sync::Arc;

use nostore_message::{RequestHead, UnixTime};
use nostore_session::{Config, Decision};

use crate::SystemClock;
use crate::driver::{Decided, Driver};

/// Decides requests of one instance, asking the identity service for what is missing.
///
/// Keeps the JWK Set, so it is for configurations that name one identity service and one secret key;
/// [`Authenticator::beside`] makes another.
#[derive(Debug)]
pub struct Authenticator(Driver);

impl Authenticator {
    /// Makes one with connections of its own.
    ///
    /// # Errors
    ///
    /// When the provider of cryptography has no protocol version in common with rustls.
    pub fn new() -> Result<Self, rustls::Error> {
        Driver::new(Arc::new(SystemClock), 0, Arc::default()).map(Self)
    }

    /// Keeps that many bytes of sessions whose signature was checked, so that the same token costs no second
    /// check. Without it there are none: they would count for every configuration, whatever its JWT key.
    #[must_use]
    pub fn token_memo_bytes(self, bytes: u64) -> Self {
        Self(self.0.remembering(bytes))
    }

    /// Makes one for another identity service, which shares nothing but the connections.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self(self.0.beside())
    }

    /// Decides who sent `request`, at wall time `now`.
    ///
    /// # Errors
    ///
    /// Says what is wrong where nothing can be decided: answer 500.
    pub async fn authenticate(
        &self,
        request: &RequestHead<'_>,
        config: &Config,
        now: UnixTime,
    ) -> Result<Box<Decision>, Cow<'static, str>> {
        let known = self.0.decide_now(request, config, now);
        let decided = match known {
            Some(decided) => decided,
            None => self.0.decide(request, config, now).await,
        };
        match decided {
            Decided::Decision { decision, .. } => Ok(decision),
            Decided::Failed { text, .. } => Err(text),
        }
    }
}
