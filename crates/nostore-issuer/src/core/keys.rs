//! The signing keys: one signs, the ones before stay in the JWK Set until nothing they signed is valid.
//!
//! # Invariants
//!
//! - There is exactly one current key: the one that has no end.
//! - A retired key is published for the longest lifetime it signed for and [`MARGIN_SECS`] more, or for as long
//!   as the rotation said, and not a second longer: the set is filtered by `now`, whenever the key is removed
//!   from disk.
//!
//! Specifications: RFC 7517 section 5.

use std::fmt;
use std::sync::Arc;

use nostore_jose::{JwkSet, Jws, SigningKey, verify};
use nostore_message::UnixTime;

use super::state::Change;

/// How long a retired key is published beyond the end of its last token, in seconds: 30 days.
///
/// A browser keeps its expired token, and a site checks the signature before the time: only with the key at hand it
/// finds the token expired, and refreshes it. A visitor who comes back later than this is signed out, although the
/// session goes on, and signs in with one click. So the margin is how long a visitor may stay away; where the old
/// key must not be trusted any more, a rotation is told to keep it for a shorter time.
pub const MARGIN_SECS: i64 = 30 * 86_400;

/// How many retired keys are held; beyond, the oldest goes.
const MAX_RETIRED: usize = 10;

/// A signing key and its time.
#[derive(Clone)]
pub struct HeldKey {
    /// The key.
    pub key: Arc<SigningKey>,
    /// When it was made.
    pub created_at: UnixTime,
    /// From when on it is not published any more; `None` for the current key.
    pub dropped_at: Option<UnixTime>,
    /// The longest lifetime of a token that it signed, in seconds.
    pub longest_secs: i64,
}

impl fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, dropped_at, .. } = self;
        f.debug_struct("HeldKey")
            .field("kid", &key.kid())
            .field("dropped_at", dropped_at)
            .finish_non_exhaustive()
    }
}

impl HeldKey {
    /// Makes a key current.
    #[must_use]
    pub const fn current(key: Arc<SigningKey>, created_at: UnixTime, longest_secs: i64) -> Self {
        Self { key, created_at, dropped_at: None, longest_secs }
    }

    /// Retires the key at `now`; `keep_secs` says how long it stays published, where somebody has said so.
    #[must_use]
    pub fn retired(mut self, now: UnixTime, keep_secs: Option<i64>) -> Self {
        let keep_secs = keep_secs.unwrap_or_else(|| self.longest_secs.saturating_add(MARGIN_SECS));
        self.dropped_at = Some(now.plus_secs(keep_secs));
        self
    }

    fn is_published(&self, now: UnixTime) -> bool {
        self.dropped_at.is_none_or(|dropped_at| dropped_at > now)
    }
}

/// All keys that are held. Never empty.
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: HeldKey,
    retired: Vec<HeldKey>,
}

impl KeyRing {
    /// Starts with one key.
    #[must_use]
    pub const fn new(current: HeldKey) -> Self {
        Self { current, retired: Vec::new() }
    }

    /// Puts kept keys together: the youngest that has no end is current. `None` when there is
    /// none.
    #[must_use]
    pub fn from_keys(mut keys: Vec<HeldKey>) -> Option<Self> {
        keys.sort_by_key(|held| (held.dropped_at.is_none(), held.created_at));
        let current = keys.pop().filter(|held| held.dropped_at.is_none())?;
        Some(Self { current, retired: keys })
    }

    /// Returns the key that signs.
    #[must_use]
    pub const fn current(&self) -> &HeldKey {
        &self.current
    }

    /// Lists the keys that are published at `now`, the current one first.
    pub fn published(&self, now: UnixTime) -> impl Iterator<Item = &HeldKey> {
        std::iter::once(&self.current).chain(&self.retired).filter(move |held| held.is_published(now))
    }

    /// Returns the changes that forget the keys whose time is over.
    #[must_use]
    pub fn over(&self, now: UnixTime) -> Vec<Change> {
        let over = self.retired.iter().filter(|held| !held.is_published(now));
        over.map(|held| Change::DropKey { kid: held.key.kid().to_owned() }).collect()
    }

    /// Returns the changes that make `next` the current key. `keep_secs` says how long the one before stays
    /// published.
    #[must_use]
    pub fn rotation(&self, next: HeldKey, now: UnixTime, keep_secs: Option<i64>) -> Vec<Change> {
        let before = self.current.clone().retired(now, keep_secs);
        let mut changes = vec![Change::PutKey(before), Change::PutKey(next)];
        changes.extend(self.over(now));
        let held = self.retired.iter().filter(|held| held.is_published(now));
        if held.clone().count() >= MAX_RETIRED {
            let oldest = held.min_by_key(|held| held.created_at);
            changes.extend(oldest.map(|held| Change::DropKey { kid: held.key.kid().to_owned() }));
        }
        changes
    }

    /// Returns the JWK Set at `now`.
    #[must_use]
    pub fn jwk_set(&self, now: UnixTime) -> JwkSet {
        JwkSet::new(self.published(now).map(|held| held.key.jwk().clone()))
    }

    /// Tells whether a published key signed `token`.
    #[must_use]
    pub fn has_signed(&self, token: &Jws<'_>, now: UnixTime) -> bool {
        let Some(kid) = token.header().kid() else {
            return false;
        };
        let held = self.published(now).find(|held| held.key.kid() == kid);
        held.is_some_and(|held| verify(token, held.key.jwk()).is_ok())
    }

    /// Adds a key, or replaces the one with the same name.
    pub(super) fn put(&mut self, held: HeldKey) {
        if held.key.kid() == self.current.key.kid() {
            self.current = held;
            return;
        }
        self.retired.retain(|other| other.key.kid() != held.key.kid());
        if held.dropped_at.is_some() {
            self.retired.push(held);
        } else {
            let before = std::mem::replace(&mut self.current, held);
            self.retired.extend(before.dropped_at.is_some().then_some(before));
        }
    }

    /// Forgets a retired key.
    pub(super) fn remove(&mut self, kid: &str) {
        self.retired.retain(|held| held.key.kid() != kid);
    }
}
