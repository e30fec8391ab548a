//! The JWK Set of the identity service, kept for a while.
//!
//! # Invariants
//!
//! - One request at a time, whoever asks: whoever comes while it runs takes its result, failures included.
//!   It runs on its own, so that visitors who give up neither end it nor make another one.
//! - An unknown `kid` cannot make us hammer: at most one request per `kid` in [`UNKNOWN_KID_SECS`], at most
//!   one for any in [`KID_MISS_SECS`], and none of them is tried again.
//! - A set that is there is served while a newer one cannot be had, for at most [`STALE_SECS`]. Whose key
//!   is in it waits for at most [`PATIENCE`], and not at all while the service is known to be down or its answer is overdue.
//! - An empty set does not take the place of one with keys: it is a failure of the service.
//! - No clock here: `now` is an argument.
//!
//! Specifications: RFC 7517 section 5; RFC 5861 sections 3 and 4, in spirit.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nostore_jose::JwkSet;
use nostore_message::UnixTime;
use nostore_session::KeysFailure;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::outbound::{PATIENCE, Retry, TOTAL};

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

/// How long after a failure nobody asks again who has nothing to go by.
pub(crate) const FAILURE_MILLIS: i64 = 250;

/// How long after a failure nobody asks again behind a set that is there.
pub(crate) const BEHIND_SECS: i64 = 5;

/// How long after a failure the service is taken to be down by whoever waits for it.
pub(crate) const OUTAGE_SECS: i64 = 30;

/// The longest `kid` that is remembered, in bytes; a longer one is never asked for.
const MAX_KID_BYTES: usize = 256;

/// What a request for the set comes to.
pub(crate) type Fetched = Result<Arc<JwkSet>, KeysFailure>;

/// The set and what is known about asking for it.
#[derive(Debug, Default)]
pub(crate) struct KeyStore(Mutex<State>);

/// A set, and which of all that were there so far.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) set: Arc<JwkSet>,
    /// Grows with every set whose keys differ from those before.
    pub(crate) generation: u64,
}

#[derive(Debug, Default)]
struct State {
    set: Option<Arc<JwkSet>>,
    generation: u64,
    fetched_at: Option<UnixTime>,
    /// The failure since the last success, and when it began.
    failure: Option<(KeysFailure, UnixTime)>,
    kid_miss_at: Option<UnixTime>,
    unknown: BTreeMap<String, UnixTime>,
    /// The request that is under way: closes when it has landed.
    flight: Option<(watch::Receiver<()>, Instant)>,
}

/// What to do about the set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Plan {
    /// Ask for it, or wait for the request that is under way.
    Ask(Retry),
    /// Take what is there: there is no use, or no leave, to ask.
    Keep,
}

impl KeyStore {
    /// Returns the set where it can be used without waiting, and whether it is time to ask for a
    /// newer one behind.
    pub(crate) fn snapshot(&self, now: UnixTime) -> (Option<Keys>, bool) {
        let state = self.state();
        let limit = if state.is_doubtful() { STALE_SECS } else { FRESH_SECS + REVALIDATE_SECS };
        match state.age_secs(now).filter(|age| *age < limit) {
            Some(age) => {
                let due = age >= FRESH_SECS
                    && state.flight.is_none()
                    && !state.failed_within_secs(now, BEHIND_SECS);
                (state.keys(), due)
            }
            None => (None, false),
        }
    }

    /// Returns the set, asking with `fetch` where it is missing, too old, or lacks `kid`.
    ///
    /// # Errors
    ///
    /// Says how the last request failed, where there is no set that could be used instead.
    pub(crate) async fn obtain<F>(
        self: &Arc<Self>,
        now: UnixTime,
        kid: Option<&str>,
        fetch: impl FnOnce(Retry) -> F,
    ) -> Result<Keys, KeysFailure>
    where
        F: Future<Output = Fetched> + Send + 'static,
    {
        let (mut flight, patience) = {
            let mut state = self.state();
            let held =
                state.usable(now).is_ok_and(|keys| kid.is_some_and(|kid| keys.set.find(kid).is_some()));
            if held
                && state.is_doubtful()
                && state.flight.is_none()
                && state.failed_within_secs(now, BEHIND_SECS)
            {
                return state.usable(now);
            }
            let Plan::Ask(retry) = state.plan(now, kid) else { return state.usable(now) };
            let flight = match &state.flight {
                Some((flight, _)) => flight.clone(),
                None => self.launch(&mut state, now, kid, fetch(retry)),
            };
            if held && state.is_doubtful() {
                return state.usable(now);
            }
            let brief = held || state.failed_within_secs(now, OUTAGE_SECS);
            (flight, if brief { PATIENCE } else { TOTAL })
        };
        // The channel closes when the request has landed; nothing is ever sent.
        let landed = tokio::time::timeout(patience, flight.changed()).await.is_ok();
        let state = self.state();
        if landed { state.usable(now) } else { state.usable(now).map_err(|_| KeysFailure::Unreachable) }
    }

    /// Asks for a newer set behind, unless somebody does already.
    pub(crate) fn revalidate<F>(self: &Arc<Self>, now: UnixTime, fetch: impl FnOnce(Retry) -> F)
    where
        F: Future<Output = Fetched> + Send + 'static,
    {
        let mut state = self.state();
        if state.flight.is_none() {
            drop(self.launch(&mut state, now, None, fetch(Retry::Idempotent)));
        }
    }

    fn launch(
        self: &Arc<Self>,
        state: &mut State,
        now: UnixTime,
        kid: Option<&str>,
        fetch: impl Future<Output = Fetched> + Send + 'static,
    ) -> watch::Receiver<()> {
        let (landing, flight) = watch::channel(());
        state.flight = Some((flight.clone(), Instant::now()));
        let flying = Flight { store: Arc::clone(self), _landing: landing };
        let kid = kid.filter(|kid| kid.len() <= MAX_KID_BYTES).map(str::to_owned);
        drop(tokio::spawn(async move {
            let fetched = fetch.await;
            flying.store.state().land(now, kid, fetched);
        }));
        flight
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here can leave a half-made state behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one request that is under way. However it ends, even with its runtime, the next one may start.
struct Flight {
    store: Arc<KeyStore>,
    /// Dropped after [`Drop::drop`] has run: whoever waits finds the state as it was left.
    _landing: watch::Sender<()>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.store.state().flight = None;
    }
}

impl State {
    /// A clock that went back makes a set of unknown age.
    fn age_secs(&self, now: UnixTime) -> Option<i64> {
        self.fetched_at.map(|at| now.secs_since(at)).filter(|age| *age >= 0)
    }

    fn failed_within_secs(&self, now: UnixTime, secs: i64) -> bool {
        within(self.failure.map(|(_, at)| at), now, secs * 1_000)
    }

    /// Tells whether the service may be down: its last answer was none, or one is overdue.
    fn is_doubtful(&self) -> bool {
        self.failure.is_some() || self.flight.as_ref().is_some_and(|(_, since)| since.elapsed() >= PATIENCE)
    }

    fn keys(&self) -> Option<Keys> {
        self.set.clone().map(|set| Keys { set, generation: self.generation })
    }

    /// The set, unless it is older than an outage excuses.
    fn usable(&self, now: UnixTime) -> Result<Keys, KeysFailure> {
        let young = self.age_secs(now).is_none_or(|age| age < STALE_SECS);
        let failure = self.failure.map_or(KeysFailure::Unreachable, |(failure, _)| failure);
        self.keys().filter(|_| young).ok_or(failure)
    }

    fn plan(&mut self, now: UnixTime, kid: Option<&str>) -> Plan {
        if self.flight.is_some() {
            return Plan::Ask(Retry::Never);
        }
        if within(self.failure.map(|(_, at)| at), now, FAILURE_MILLIS) {
            return Plan::Keep;
        }
        if self.age_secs(now).is_none_or(|age| age >= FRESH_SECS) {
            return Plan::Ask(Retry::Idempotent);
        }
        let Some(kid) = kid.filter(|kid| self.set.as_ref().is_none_or(|set| set.find(kid).is_none())) else {
            return Plan::Keep;
        };
        self.unknown.retain(|_, at| within(Some(*at), now, UNKNOWN_KID_SECS * 1_000));
        let refused = kid.len() > MAX_KID_BYTES
            || self.unknown.contains_key(kid)
            || within(self.kid_miss_at, now, KID_MISS_SECS * 1_000);
        if refused {
            return Plan::Keep;
        }
        self.kid_miss_at = Some(now);
        Plan::Ask(Retry::Never)
    }

    fn land(&mut self, now: UnixTime, kid: Option<String>, fetched: Fetched) {
        let empty = fetched.as_ref().is_ok_and(|set| set.is_empty());
        match fetched {
            Ok(set) if !empty => {
                if let Some(kid) = kid.filter(|kid| set.find(kid).is_none()) {
                    self.unknown.insert(kid, now);
                }
                if self.set.as_ref().is_none_or(|held| held.keys() != set.keys()) {
                    self.generation = self.generation.wrapping_add(1);
                }
                (self.set, self.fetched_at, self.failure) = (Some(set), Some(now), None);
            }
            Ok(set) => {
                tracing::error!(stale = self.set.is_some(), "the identity service has no key");
                // With nothing else there, the law says so to whoever asks.
                self.set.get_or_insert(set);
                self.failure = Some((KeysFailure::NotLoaded { status: 200 }, now));
            }
            Err(failure) => {
                tracing::error!(%failure, stale = self.set.is_some(), "the JWK Set could not be had");
                self.failure = Some((failure, now));
            }
        }
    }
}

/// Tells whether `at` lies less than `millis` back. A time ahead (the clock went back) does not count.
fn within(at: Option<UnixTime>, now: UnixTime, millis: i64) -> bool {
    at.is_some_and(|at| (0..millis).contains(&now.millis().saturating_sub(at.millis())))
}
