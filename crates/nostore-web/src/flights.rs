//! One request for all who ask the same at once, and its result for those who come a moment later.
//!
//! # Invariants
//!
//! - While a request for a key is under way nobody sends another one. It runs on its own: visitors who
//!   give up do not end it.
//! - A result is kept for as long as its maker said, in seconds of the clock, and at most [`MAX_ENTRIES`]
//!   are known at once. Beyond that nothing is shared; nothing fails.
//! - Keys are secrets: nothing here prints them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nostore_message::{Clock, UnixTime};
use tokio::sync::watch;

/// How many keys are known at once.
const MAX_ENTRIES: usize = 4_096;

/// A result, and for how many seconds it may be given to those who ask the same. 0: to nobody else.
#[derive(Clone, Debug)]
pub(crate) struct Landed<V> {
    pub(crate) value: V,
    pub(crate) keep_secs: i64,
}

/// Requests under way, and results that are still good.
pub(crate) struct Flights<V> {
    clock: Arc<dyn Clock>,
    taken_off: AtomicU64,
    entries: Mutex<BTreeMap<String, Entry<V>>>,
}

struct Entry<V> {
    number: u64,
    result: watch::Receiver<Option<V>>,
    /// From when until when the result is good; `None` while the request is under way.
    good: Option<(UnixTime, UnixTime)>,
}

impl<V: Clone + Send + Sync + 'static> Flights<V> {
    /// Makes another with the same clock.
    pub(crate) fn beside(&self) -> Self {
        Self::new(Arc::clone(&self.clock))
    }

    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, taken_off: AtomicU64::new(0), entries: Mutex::default() }
    }

    /// Joins the request for `key`, or starts it with `fly` where nobody has asked yet.
    pub(crate) fn join<F>(self: &Arc<Self>, key: String, fly: impl FnOnce() -> F) -> Seat<V>
    where
        F: Future<Output = Landed<V>> + Send + 'static,
    {
        let now = self.clock.now();
        let mut entries = self.entries();
        if let Some(entry) = entries.get(&key).filter(|entry| entry.is_good(now)) {
            return Seat(entry.result.clone());
        }
        entries.retain(|_, entry| entry.is_good(now));
        let (sender, result) = watch::channel(None);
        let shared = entries.len() < MAX_ENTRIES;
        let number = self.taken_off.fetch_add(1, Ordering::Relaxed);
        let flight = Flight { flights: Arc::clone(self), key: key.clone(), number, landed: None };
        let flight = shared.then_some(flight);
        if shared {
            entries.insert(key, Entry { number, result: result.clone(), good: None });
        }
        drop(entries);
        let flown = fly();
        drop(tokio::spawn(async move {
            let mut flight = flight;
            let Landed { value, keep_secs } = flown.await;
            if let Some(flight) = &mut flight {
                flight.landed = Some(keep_secs);
            }
            // The entry changes first: whoever is woken by the result may ask again at once.
            drop(flight);
            sender.send_replace(Some(value));
        }));
        Seat(result)
    }

    /// Has nobody else join what has a key like that, under way or landed.
    pub(crate) fn forget(&self, is_like: impl Fn(&str) -> bool) {
        self.entries().retain(|key, _| !is_like(key));
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry<V>>> {
        // Nothing here can leave a half-made map behind.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place on a request that is under way or has landed.
pub(crate) struct Seat<V>(watch::Receiver<Option<V>>);

impl<V: Clone> Seat<V> {
    /// Waits for the result. `None`: the request ended without one, because its runtime did.
    pub(crate) async fn wait(mut self) -> Option<V> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl<V> Entry<V> {
    fn is_good(&self, now: UnixTime) -> bool {
        self.good.is_none_or(|(from, until)| (from..until).contains(&now))
    }
}

/// A request under way. However it ends, even with its runtime, its key is free again.
struct Flight<V> {
    flights: Arc<Flights<V>>,
    key: String,
    number: u64,
    landed: Option<i64>,
}

impl<V> Drop for Flight<V> {
    fn drop(&mut self) {
        let now = self.flights.clock.now();
        let mut entries = self.flights.entries.lock().unwrap_or_else(PoisonError::into_inner);
        // Forgotten, and perhaps another one is under way: that is not ours to change.
        if entries.get(&self.key).is_none_or(|entry| entry.number != self.number) {
            return;
        }
        match self.landed.filter(|secs| *secs > 0) {
            Some(secs) => {
                if let Some(entry) = entries.get_mut(&self.key) {
                    entry.good = Some((now, now.plus_secs(secs)));
                }
            }
            None => drop(entries.remove(&self.key)),
        }
    }
}

impl<V> fmt::Debug for Flights<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}
