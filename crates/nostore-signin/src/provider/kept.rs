//! A document of the provider's, kept for a while and fetched by one for all.
//!
//! # Invariants
//!
//! - While somebody fetches nobody else does. Whoever waited takes what came of it, a failure too.
//! - A document is fresh for [`FRESH_SECS`]. While the provider is down the stale one serves, and a fetch is tried once
//!   in [`PAUSE_SECS`] at most.
//! - Somebody who needs a newer one than there is ([`Kept::newer`]) causes one fetch in [`PAUSE_SECS`] at most, however
//!   many unknown keys tokens name.
//! - A fetch is a future that starts when it is polled: whoever needs none drops it.
//! - Whoever gives up while fetching leaves nothing behind: the next one fetches.
//!
//! Specifications: OpenID Connect Core 1.0 section 10.1.1 (rotation of keys).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nostore_message::UnixTime;

use super::error::ProviderError;

/// How long a document is fresh, in seconds.
pub(crate) const FRESH_SECS: i64 = 3_600;

/// How long nothing is fetched after a failure, and after a fetch because of an unknown key, in seconds.
pub(crate) const PAUSE_SECS: i64 = 10;

/// A document, or nothing yet.
pub(crate) struct Kept<T> {
    state: Mutex<State<T>>,
    /// Held by the one who fetches.
    turn: tokio::sync::Mutex<()>,
}

struct State<T> {
    document: Option<Arc<T>>,
    fetched: Option<UnixTime>,
    /// The last failure, and when it was; forgotten with the next success.
    failed: Option<(UnixTime, ProviderError)>,
    /// When a newer document was last asked for.
    renewed: Option<UnixTime>,
    /// How many fetches have ended.
    ended: u64,
}

impl<T> Kept<T> {
    pub(crate) fn new() -> Self {
        let state = State { document: None, fetched: None, failed: None, renewed: None, ended: 0 };
        Self { state: Mutex::new(state), turn: tokio::sync::Mutex::new(()) }
    }

    /// Returns the document, a stale one while there is no other.
    pub(crate) async fn current(
        &self,
        now: UnixTime,
        fetch: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<Arc<T>, ProviderError> {
        let (stale, ended) = {
            let state = self.state();
            match &state.document {
                Some(document) if state.is_fresh(now) || state.is_pausing(now) => {
                    return Ok(Arc::clone(document));
                }
                document => (document.clone(), state.ended),
            }
        };
        let turn = match (self.turn.try_lock(), stale) {
            (Ok(turn), _) => turn,
            // Somebody is on it already.
            (Err(_), Some(stale)) => return Ok(stale),
            (Err(_), None) => self.turn.lock().await,
        };
        let result = self.fetch_unless(ended, now, fetch).await;
        drop(turn);
        result
    }

    /// Returns a document that is newer than `known`; nothing where it is too early to ask again, or there is none.
    pub(crate) async fn newer(
        &self,
        known: &Arc<T>,
        now: UnixTime,
        fetch: impl Future<Output = Result<T, ProviderError>>,
    ) -> Option<Arc<T>> {
        let ended = self.state().ended;
        let turn = self.turn.lock().await;
        {
            let mut state = self.state();
            if let Some(document) = state.document.as_ref().filter(|document| !Arc::ptr_eq(document, known)) {
                return Some(Arc::clone(document));
            }
            if state.ended != ended || state.renewed.is_some_and(|at| is_within(now, at, PAUSE_SECS)) {
                return None;
            }
            state.renewed = Some(now);
        }
        let result = self.fetch_unless(ended, now, fetch).await;
        drop(turn);
        result.ok().filter(|document| !Arc::ptr_eq(document, known))
    }

    /// Fetches, unless a fetch has ended since `ended` was read. The caller has the turn.
    async fn fetch_unless(
        &self,
        ended: u64,
        now: UnixTime,
        fetch: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<Arc<T>, ProviderError> {
        {
            let state = self.state();
            if state.ended != ended {
                return state.last();
            }
        }
        let fetched = fetch.await;
        let mut state = self.state();
        state.ended = state.ended.wrapping_add(1);
        match fetched {
            Ok(document) => {
                state.document = Some(Arc::new(document));
                state.fetched = Some(now);
                state.failed = None;
            }
            Err(error) => state.failed = Some((now, error)),
        }
        state.last()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing here can leave a half-made state behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn is_fresh(&self, now: UnixTime) -> bool {
        self.fetched.is_some_and(|at| is_within(now, at, FRESH_SECS))
    }

    fn is_pausing(&self, now: UnixTime) -> bool {
        self.failed.as_ref().is_some_and(|(at, _)| is_within(now, *at, PAUSE_SECS))
    }

    /// What there is after a fetch has ended: a document, however old, or why there is none.
    fn last(&self) -> Result<Arc<T>, ProviderError> {
        match (&self.document, &self.failed) {
            (Some(document), _) => Ok(Arc::clone(document)),
            (None, Some((_, error))) => Err(error.clone()),
            (None, None) => Err(ProviderError::Missing { what: "anything" }),
        }
    }
}

/// A clock that was set back does not make things young for longer than they were.
fn is_within(now: UnixTime, since: UnixTime, secs: i64) -> bool {
    (since..since.plus_secs(secs)).contains(&now)
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
