//! The claims of a session, and its times.

use std::fmt;

use nostore_message::UnixTime;
use serde_json::{Map, Value};

use super::{Lifetimes, RefusedReason, TOLERANCE_SECS};

/// When the visitor signed in, in seconds since 1970.
pub(super) const START: &str = "nostore_start";
/// What a store compares to find sessions that were revoked.
pub(super) const VERSION: &str = "nostore_version";

/// Claims that are to be sealed. The times and `jti` are set by sealing.
#[derive(Clone, PartialEq)]
pub struct SealedClaims(Map<String, Value>);

impl SealedClaims {
    /// Takes the claims of somebody who has just signed in: `sub`, `email` and whatever the site wants to keep. The
    /// session begins when it is sealed, whatever the claims say about that.
    #[must_use]
    pub fn new(mut claims: Map<String, Value>) -> Self {
        claims.remove(START);
        Self(claims)
    }

    /// Takes the claims of a session that goes on: its `nostore_start` counts.
    #[must_use]
    pub const fn continued(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// Sets the session's id; without one, sealing draws one.
    #[must_use]
    pub fn with_sid(mut self, sid: &str) -> Self {
        self.0.insert("sid".to_owned(), sid.into());
        self
    }

    /// Sets the version that a store compares to find sessions that were revoked.
    #[must_use]
    pub fn with_version(mut self, version: u64) -> Self {
        self.0.insert(VERSION.to_owned(), version.into());
        self
    }

    /// Sets a claim.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the claims.
    #[must_use]
    pub const fn raw(&self) -> &Map<String, Value> {
        &self.0
    }

    /// When the session began, which is never later than now.
    pub(super) fn start_secs(&self, now_secs: i64) -> i64 {
        seconds(&self.0, START).map_or(now_secs, |start| start.min(now_secs))
    }
}

impl fmt::Debug for SealedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedClaims(redacted)")
    }
}

/// The times of an opened session, in seconds since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Times {
    pub(super) issued: i64,
    pub(super) started: i64,
    /// The first of all ends.
    pub(super) ends: i64,
}

impl Times {
    /// Reads the times and holds them against the clock. From the second on that `exp` names a session is over, give or
    /// take what clocks differ.
    pub(super) fn read(
        claims: &Map<String, Value>,
        lifetimes: &Lifetimes,
        now: UnixTime,
    ) -> Result<Self, RefusedReason> {
        let now = now.secs();
        let (Some(issued), Some(expires)) = (seconds(claims, "iat"), seconds(claims, "exp")) else {
            return Err(RefusedReason::Claims);
        };
        let begins = match claims.get("nbf") {
            None => issued,
            Some(_) => seconds(claims, "nbf").ok_or(RefusedReason::Claims)?.max(issued),
        };
        if begins > now.saturating_add(TOLERANCE_SECS) {
            return Err(RefusedReason::NotYet { ahead_secs: begins.saturating_sub(now) });
        }
        let started = match claims.get(START) {
            None => issued,
            Some(_) => seconds(claims, START).ok_or(RefusedReason::Claims)?.min(issued),
        };
        let last = started.saturating_add(lifetimes.absolute_secs());
        let is_over = |end: i64| end <= now.saturating_sub(TOLERANCE_SECS);
        if is_over(last) {
            return Err(RefusedReason::LifetimeOver { age_secs: now.saturating_sub(last) });
        }
        let ends = expires.min(issued.saturating_add(lifetimes.idle_secs()));
        if is_over(ends) {
            return Err(RefusedReason::Expired { age_secs: now.saturating_sub(ends) });
        }
        Ok(Self { issued, started, ends: ends.min(last) })
    }
}

/// Reads a NumericDate in whole seconds (RFC 7519 section 2).
fn seconds(claims: &Map<String, Value>, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    #[expect(clippy::cast_possible_truncation, reason = "what is beyond the range stays at its end")]
    let whole = |secs: f64| secs.floor() as i64;
    value.as_i64().or_else(|| value.as_f64().map(whole))
}
