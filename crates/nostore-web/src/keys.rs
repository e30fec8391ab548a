//! The JWK Set of the identity service, kept for a while.
//!
//! # Invariants
//!
//! - One request at a time: whoever comes while it runs takes its result, failures included.
//! - An unknown `kid` cannot make us hammer: at most one request per `kid` in
//!   [`UNKNOWN_KID_SECS`], at most one for any in [`KID_MISS_SECS`].
//! - A set that is there is served while a newer one cannot be had, for at most [`STALE_SECS`].
//! - No clock here: `now` is an argument.
//!
//! Specifications: RFC 7517 section 5.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nostore_jose::JwkSet;
use nostore_message::UnixTime;
use nostore_session::KeysFailure;

/// How long a set is fresh.
pub(crate) const FRESH_SECS: i64 = 300;

/// How long past [`FRESH_SECS`] a set is used while a newer one is asked for behind.
pub(crate) const REVALIDATE_SECS: i64 = 300;

/// How old a set may become while the identity service does not answer.
pub(crate) const STALE_SECS: i64 = 86_400;

/// How long a `kid` that the service did not know is not asked for again.
pub(crate) const UNKNOWN_KID_SECS: i64 = 30;

/// How much time lies between two requests because of an unknown `kid`.
pub(crate) const KID_MISS_SECS: i64 = 5;

/// How long after a failure nobody asks again.
pub(crate) const FAILURE_SECS: i64 = 1;

/// How long after a failure nobody waits for the service who can do with the set that is there.
pub(crate) const OUTAGE_SECS: i64 = 30;

/// The longest `kid` that is remembered, in bytes; a longer one is never asked for.
const MAX_KID_BYTES: usize = 256;

/// The set and what is known about asking for it.
#[derive(Debug, Default)]
pub(crate) struct KeyStore {
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
    revalidating: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    set: Option<Arc<JwkSet>>,
    failure: Option<KeysFailure>,
    fetched_at: Option<UnixTime>,
    failed_at: Option<UnixTime>,
    kid_miss_at: Option<UnixTime>,
    unknown: BTreeMap<String, UnixTime>,
    /// Counts finished requests, so that one who waited sees that there was one.
    flights: u64,
}

/// What to do about the set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Plan {
    /// Ask for it.
    Fetch,
    /// Take what is there: there is no use, or no leave, to ask.
    Keep,
}

impl KeyStore {
    /// Returns the set where it can be used without waiting, and whether it is time to ask for a
    /// newer one behind.
    pub(crate) fn snapshot(&self, now: UnixTime) -> (Option<Arc<JwkSet>>, bool) {
        let state = self.state();
        match state.age_secs(now) {
            Some(0..FRESH_SECS) => (state.set.clone(), false),
            Some(age) if (FRESH_SECS..FRESH_SECS + REVALIDATE_SECS).contains(&age) => {
                (state.set.clone(), !state.cooling(now))
            }
            _ => (None, false),
        }
    }

    /// Returns the set, asking with `fetch` where it is missing, too old, or lacks `kid`.
    ///
    /// `fetch` is not polled unless it is needed.
    ///
    /// # Errors
    ///
    /// Says how the last request failed, where there is no set that could be used instead.
    pub(crate) async fn obtain(
        &self,
        now: UnixTime,
        kid: Option<&str>,
        fetch: impl Future<Output = Result<Arc<JwkSet>, KeysFailure>>,
    ) -> Result<Arc<JwkSet>, KeysFailure> {
        let seen = {
            let state = self.state();
            if state.can_do_without(now, kid) {
                return state.usable(now);
            }
            state.flights
        };
        let turn = self.flight.lock().await;
        let plan = self.state().plan(now, kid, seen);
        if plan == Plan::Fetch {
            let fetched = fetch.await;
            self.state().land(now, kid, fetched);
        }
        drop(turn);
        self.state().usable(now)
    }

    /// Claims the one revalidation that may run behind.
    pub(crate) fn claim_revalidation(self: &Arc<Self>) -> Option<Claim> {
        let taken = self.revalidating.swap(true, Ordering::AcqRel);
        (!taken).then(|| Claim(Arc::clone(self)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here can leave a half-made state behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to ask for a newer set behind. Given back when it is dropped, used or not.
#[derive(Debug)]
pub(crate) struct Claim(Arc<KeyStore>);

impl Claim {
    /// Asks for a newer set, where nobody else has got one meanwhile.
    pub(crate) async fn revalidate(
        self,
        now: UnixTime,
        fetch: impl Future<Output = Result<Arc<JwkSet>, KeysFailure>>,
    ) {
        let turn = self.0.flight.lock().await;
        if self.0.snapshot(now).1 {
            let fetched = fetch.await;
            self.0.state().land(now, None, fetched);
        }
        drop(turn);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.revalidating.store(false, Ordering::Release);
    }
}

impl State {
    /// A clock that went back makes a set of unknown age.
    fn age_secs(&self, now: UnixTime) -> Option<i64> {
        self.fetched_at.map(|at| now.secs_since(at)).filter(|age| *age >= 0)
    }

    fn cooling(&self, now: UnixTime) -> bool {
        within(self.failed_at, now, FAILURE_SECS)
    }

    /// The set, unless it is older than an outage excuses.
    fn usable(&self, now: UnixTime) -> Result<Arc<JwkSet>, KeysFailure> {
        let young = self.age_secs(now).is_none_or(|age| age < STALE_SECS);
        self.set.clone().filter(|_| young).ok_or(self.failure.unwrap_or(KeysFailure::Unreachable))
    }

    /// Tells whether the service is down and the key is here all the same.
    fn can_do_without(&self, now: UnixTime, kid: Option<&str>) -> bool {
        let holds = |set: Arc<JwkSet>| kid.is_some_and(|kid| set.find(kid).is_some());
        within(self.failed_at, now, OUTAGE_SECS) && self.usable(now).is_ok_and(holds)
    }

    fn plan(&mut self, now: UnixTime, kid: Option<&str>, seen: u64) -> Plan {
        let current = self.age_secs(now).is_some_and(|age| age < FRESH_SECS);
        if self.flights != seen || self.cooling(now) {
            return Plan::Keep;
        }
        if !current {
            return Plan::Fetch;
        }
        let Some(kid) = kid.filter(|kid| self.set.as_ref().is_none_or(|set| set.find(kid).is_none())) else {
            return Plan::Keep;
        };
        self.unknown.retain(|_, at| within(Some(*at), now, UNKNOWN_KID_SECS));
        let refused = kid.len() > MAX_KID_BYTES
            || self.unknown.contains_key(kid)
            || within(self.kid_miss_at, now, KID_MISS_SECS);
        if refused {
            return Plan::Keep;
        }
        self.kid_miss_at = Some(now);
        Plan::Fetch
    }

    fn land(&mut self, now: UnixTime, kid: Option<&str>, fetched: Result<Arc<JwkSet>, KeysFailure>) {
        self.flights = self.flights.wrapping_add(1);
        match fetched {
            Ok(set) => {
                if let Some(kid) = kid.filter(|kid| kid.len() <= MAX_KID_BYTES && set.find(kid).is_none()) {
                    self.unknown.insert(kid.to_owned(), now);
                }
                self.set = Some(set);
                self.fetched_at = Some(now);
                (self.failed_at, self.failure) = (None, None);
            }
            Err(failure) => {
                tracing::error!(%failure, stale = self.set.is_some(), "the JWK Set could not be had");
                (self.failed_at, self.failure) = (Some(now), Some(failure));
            }
        }
    }
}

/// Tells whether `at` lies less than `secs` back. A time ahead (the clock went back) does not count.
fn within(at: Option<UnixTime>, now: UnixTime, secs: i64) -> bool {
    at.is_some_and(|at| (0..secs).contains(&now.secs_since(at)))
}
