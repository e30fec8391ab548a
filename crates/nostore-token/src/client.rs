//! The client: entries by key, and what drives each.
//!
//! A reader looks at what is published and at the clock, and at nothing else while the token is fresh. Only a stale or
//! missing token takes the entry's lock, and no lock is held while anybody waits.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use nostore_message::Clock;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::bus::Bus;
use crate::clock::CoarseClock;
use crate::driver::{Driver, Tasks};
use crate::entry::{Answer, Entry, Outcome};
use crate::failure::Failure;
use crate::fetch::{Fetch, Fetched};
use crate::key::{DEFAULT_PREFIX, TokenKey};
use crate::lock::Lock;
use crate::message::Message;
use crate::policy::{Policy, mixed};
use crate::skew::{Exchange, Skew};
use crate::slot::{Event, Now, ReadOptions};
use crate::snapshot::TokenRef;
use crate::sync::locked;
use crate::token::SessionToken;

/// So many events are kept for a listener that is slow.
const EVENTS: usize = 64;

/// Two clocks that were read this far apart, in milliseconds, are read again, so often at most.
const CLOCKS_APART_MS: u64 = 100;
const CLOCK_TRIES: usize = 5;

/// From so many entries on, those that nobody uses any more are looked for whenever their number doubles.
const ENTRIES_UNSWEPT: usize = 64;

/// What happened to the token of an entry.
#[derive(Clone, Debug)]
pub struct TokenEvent {
    /// The entry.
    pub key: TokenKey,
    /// What happened.
    pub event: Event,
}

/// Tokens that are always there. Cheap to clone; when the last clone and the last handle are gone, every task ends.
#[derive(Clone)]
pub struct SessionTokens(Arc<Shared>);

/// Makes [`SessionTokens`].
pub struct SessionTokensBuilder {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    bus: Option<Arc<dyn Bus>>,
    lock: Option<Arc<dyn Lock>>,
    policy: Policy,
    seed: u64,
    trusts_issue_time: bool,
}

/// The token of one entry. Cheap to clone, and best kept: finding the entry costs more than reading it.
#[derive(Clone)]
pub struct TokenHandle {
    driver: Driver,
    options: ReadOptions,
}

/// A token, at once or when it is there: [`TokenHandle::get`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Get<'h> {
    handle: &'h TokenHandle,
    asked: Option<Box<Asked>>,
}

/// What comes of a question that has been asked.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Asked(Option<Answer<oneshot::Receiver<Outcome>>>);

pub(crate) struct Shared {
    pub(crate) fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    pub(crate) bus: Option<Arc<dyn Bus>>,
    pub(crate) lock: Option<Arc<dyn Lock>>,
    /// Hears what the bus carries.
    listener: Mutex<Option<AbortHandle>>,
    policy: Policy,
    seed: u64,
    trusts_issue_time: bool,
    pub(crate) runtime: Handle,
    pub(crate) start: Instant,
    skew: Mutex<Skew>,
    /// What [`Skew`] says, for readers.
    offset_ms: AtomicI64,
    entries: Mutex<BTreeMap<TokenKey, Arc<Entry<Driver>>>>,
    pub(crate) events: broadcast::Sender<TokenEvent>,
}

impl SessionTokens {
    /// Makes a client that asks `fetch` for tokens.
    pub fn builder(fetch: impl Fetch) -> SessionTokensBuilder {
        SessionTokensBuilder {
            fetch: Arc::new(fetch),
            clock: Arc::new(CoarseClock),
            bus: None,
            lock: None,
            policy: Policy::default(),
            seed: 0,
            trusts_issue_time: false,
        }
    }

    /// Returns the handle of an entry. Nothing is fetched before somebody reads.
    #[must_use]
    pub fn handle(&self, key: TokenKey) -> TokenHandle {
        TokenHandle { driver: self.0.driver(key), options: ReadOptions::default() }
    }

    /// Takes a token that is known already, so that the first reader need not wait. Tells whether it is of use.
    pub fn hydrate(&self, key: TokenKey, token: SessionToken) -> bool {
        let driver = self.0.driver(key);
        driver.entry.drive(&driver, |slot, _, now| slot.hydrate(token, now))
    }

    /// Forgets every token: signed out. What is under way changes nothing any more, and whoever waits is told.
    pub fn clear(&self) {
        for driver in self.0.drivers() {
            driver.entry.drive(&driver, |slot, _, now| slot.clear(now));
            if let Some(bus) = &self.0.bus {
                bus.forget(&driver.entry.key.name(DEFAULT_PREFIX));
            }
        }
    }

    /// Tells whether a user is looking: whoever is looked at refreshes first.
    pub fn focus(&self, focused: bool) {
        for driver in self.0.drivers() {
            driver.entry.drive(&driver, |slot, _, now| slot.focus(focused, now));
        }
    }

    /// Tells that there is a network again.
    pub fn online(&self) {
        for driver in self.0.drivers() {
            driver.entry.drive(&driver, |slot, _, now| slot.online(now));
        }
    }

    /// Returns how many entries there are. Those that nobody uses make room in time.
    #[must_use]
    pub fn entries(&self) -> usize {
        locked(&self.0.entries).len()
    }

    /// Tells from now on what happens to tokens. A listener that is slow misses some.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<TokenEvent> {
        self.0.events.subscribe()
    }
}

impl SessionTokensBuilder {
    /// Takes the wall time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Shares tokens with every client on this bus.
    #[must_use]
    pub fn bus(mut self, bus: impl Bus) -> Self {
        self.bus = Some(Arc::new(bus));
        self
    }

    /// Takes this lock around fetches, so that of those in step one asks the service.
    #[must_use]
    pub fn lock(mut self, lock: impl Lock) -> Self {
        self.lock = Some(Arc::new(lock));
        self
    }

    /// Behaves by `policy`.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Treats a token as stale so long before its end. See [`crate::Thresholds::of`] for what is enforced. A larger
    /// threshold means more requests: mind the service's rate limit.
    #[must_use]
    pub fn background_refresh_threshold(mut self, threshold: Duration) -> Self {
        self.policy.background_threshold_ms = Some(millis(threshold));
        self
    }

    /// Spreads this client's refreshes among those of others. Processes that start together should differ.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Lets a token that looks old mean that the clock here is ahead, where the service does not tell the time. A service
    /// that hands out old tokens would be believed then.
    #[must_use]
    pub const fn trusts_issue_time(mut self, trusts: bool) -> Self {
        self.trusts_issue_time = trusts;
        self
    }

    /// Makes the client, whose tasks run on `runtime`.
    #[must_use]
    pub fn build_on(self, runtime: Handle) -> SessionTokens {
        let start = {
            let _entered = runtime.enter();
            Instant::now()
        };
        let asks_others = self.lock.is_some() || self.bus.as_ref().is_some_and(|bus| bus.keeps());
        let shared = Arc::new(Shared {
            fetch: self.fetch,
            clock: self.clock,
            bus: self.bus,
            lock: self.lock,
            listener: Mutex::default(),
            policy: Policy { asks_others, ..self.policy },
            seed: self.seed,
            trusts_issue_time: self.trusts_issue_time,
            runtime,
            start,
            skew: Mutex::default(),
            offset_ms: AtomicI64::new(0),
            entries: Mutex::default(),
            events: broadcast::Sender::new(EVENTS),
        });
        shared.listen();
        SessionTokens(shared)
    }
}

impl TokenHandle {
    /// With a background threshold of its own for its reads.
    #[must_use]
    pub fn background_refresh_threshold(mut self, threshold: Duration) -> Self {
        self.options.background_threshold_ms = Some(millis(threshold));
        self
    }

    /// Waits for a fresh token where the one there is stale.
    #[must_use]
    pub const fn refresh_if_stale(mut self, on: bool) -> Self {
        self.options.refresh_if_stale = on;
        self
    }

    /// Returns the entry.
    #[must_use]
    pub fn key(&self) -> &TokenKey {
        &self.driver.entry.key
    }

    /// Returns the token that is there, where it has not expired. Fetches nothing, allocates nothing, locks nothing.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<TokenRef> {
        TokenRef::load(&self.driver.entry.published, self.driver.shared.service_ms())
    }

    /// Returns the token that is there, where nobody would have to wait for it, and refreshes it behind where it is
    /// stale.
    #[must_use]
    pub fn try_get(&self) -> Option<TokenRef> {
        self.fresh().or_else(|| match self.ask().0? {
            Answer::Ready(token) => Some(token),
            Answer::Failed(_) | Answer::Wait(_) => None,
        })
    }

    /// Returns the token: at once where a good one is there, which is refreshed behind where it is stale; else as soon
    /// as it has been fetched, together with whoever else waits.
    ///
    /// # Errors
    ///
    /// Why there is none. A failure to refresh a token that is still good is none.
    #[inline]
    pub const fn get(&self) -> Get<'_> {
        Get { handle: self, asked: None }
    }

    /// Asks as [`TokenHandle::get`] does, but now, for whoever looks at the answer later.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn ask(&self) -> Asked {
        self.read(self.options)
    }

    /// Fetches a token, whatever there is, and returns that one.
    ///
    /// # Errors
    ///
    /// Why there is none. The token that was there stays.
    pub fn skip_cache(&self) -> Asked {
        self.read(ReadOptions { skip_cache: true, ..self.options })
    }

    /// Returns what comes of a fetch that begins now or later, or began at `since` or after: many who want a token that
    /// knows of something share one fetch.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn fresh_since(&self, since: Instant) -> Asked {
        let since_ms = millis(since.saturating_duration_since(self.driver.shared.start));
        let fresh_since_ms = u64::try_from(since_ms).ok();
        self.read(ReadOptions { fresh_since_ms, ..self.options })
    }

    /// Takes a token out of use that a service refused (401), if it is still in use: the next reader waits for another.
    /// Tells whether it was.
    pub fn invalidate(&self, token: &SessionToken) -> bool {
        self.driver.entry.drive(&self.driver, |slot, _, _| slot.invalidate(token))
    }

    /// Returns the token that is there, where it is fresh.
    #[inline]
    fn fresh(&self) -> Option<TokenRef> {
        let now_ms = self.driver.shared.service_ms();
        let threshold_ms = self.options.background_threshold_ms;
        TokenRef::load(&self.driver.entry.published, now_ms)
            .filter(|token| !token.is_stale(now_ms, threshold_ms))
    }

    #[cold]
    fn read(&self, options: ReadOptions) -> Asked {
        let answer = self.driver.entry.read(&self.driver, options, oneshot::channel);
        Asked(Some(answer))
    }
}

impl Future for Get<'_> {
    type Output = Result<TokenRef, Failure>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.handle;
        if self.asked.is_none() && handle.options.background_threshold_ms.is_none() {
            // Made where it is handed out: moving it costs more than finding it.
            match TokenRef::load_fresh(&handle.driver.entry.published, handle.driver.shared.service_ms()) {
                Ok(token) => return Poll::Ready(Ok(token)),
                Err(other) => discard(other),
            }
        }
        self.poll_asked(cx)
    }
}

impl Get<'_> {
    #[cold]
    fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<Result<TokenRef, Failure>> {
        let handle = self.handle;
        if self.asked.is_none() {
            if let Some(token) = handle.fresh() {
                return Poll::Ready(Ok(token));
            }
        }
        Pin::new(&mut **self.asked.get_or_insert_with(|| Box::new(handle.ask()))).poll(cx)
    }
}

impl Future for Asked {
    type Output = Result<TokenRef, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(Answer::Wait(receiver)) = &mut self.0 {
            return Pin::new(receiver)
                .poll(cx)
                .map(|outcome| outcome.unwrap_or(Err(Failure::Cleared)).map(TokenRef::of));
        }
        Poll::Ready(match self.0.take() {
            Some(Answer::Ready(token)) => Ok(token),
            Some(Answer::Failed(failure)) => Err(failure),
            // Whoever polls again after the end gets what a cleared entry gives.
            Some(Answer::Wait(_)) | None => Err(Failure::Cleared),
        })
    }
}

impl Shared {
    /// Returns the entry of a key, made where there was none.
    fn entry(&self, key: TokenKey) -> Arc<Entry<Driver>> {
        let mut entries = locked(&self.entries);
        if entries.len() >= ENTRIES_UNSWEPT && entries.len().is_power_of_two() && !entries.contains_key(&key)
        {
            let now_ms = self.service_ms();
            entries.retain(|_, entry| Arc::strong_count(entry) > 1 || !entry.is_idle(now_ms));
        }
        let entry = entries.entry(key).or_insert_with_key(|key| Arc::new(self.new_entry(key)));
        Arc::clone(entry)
    }

    fn new_entry(&self, key: &TokenKey) -> Entry<Driver> {
        let salt = key.name("").bytes().fold(0_u64, |salt, byte| mixed(salt, u64::from(byte)));
        Entry::new(key.clone(), self.policy, mixed(self.seed, salt), Tasks::default())
    }

    fn driver(self: &Arc<Self>, key: TokenKey) -> Driver {
        Driver { shared: Arc::clone(self), entry: self.entry(key) }
    }

    fn drivers(self: &Arc<Self>) -> Vec<Driver> {
        let entries = locked(&self.entries);
        let driver = |entry: &Arc<_>| Driver { shared: Arc::clone(self), entry: Arc::clone(entry) };
        entries.values().map(driver).collect()
    }

    /// Takes what others on the bus tell.
    fn listen(self: &Arc<Self>) {
        let Some(mut heard) = self.bus.as_ref().map(|bus| bus.listen()) else { return };
        let weak = Arc::downgrade(self);
        let task = self.runtime.spawn(async move {
            loop {
                let message = match heard.recv().await {
                    Ok(message) => message,
                    // Lost messages are made up for by fetching.
                    Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => return,
                };
                let Some(shared) = weak.upgrade() else { return };
                shared.hear(&message);
            }
        });
        *locked(&self.listener) = Some(task.abort_handle());
    }

    /// Takes a message.
    pub(crate) fn hear(self: &Arc<Self>, message: &[u8]) {
        let Ok((key, token)) = Message::open(message) else { return };
        // Others have sessions that nobody here asked for.
        let first = TokenKey::of_session(key.session());
        let known =
            locked(&self.entries).range(first..).next().is_some_and(|(at, _)| at.session() == key.session());
        if known {
            let driver = self.driver(key);
            driver.entry.drive(&driver, |slot, _, now| slot.received(token, now));
        }
    }

    /// Tells others on the bus of a token.
    pub(crate) fn announce(&self, key: &TokenKey, token: &SessionToken) {
        let Some(bus) = &self.bus else { return };
        let trace = format!("{:016x}", mixed(self.seed, self.steady_ms()));
        if let Some(message) = Message::of(key, token, &trace) {
            // Whoever hears nothing fetches a token itself.
            let _ = bus.send(&message);
        }
    }

    /// The service's time as readers take it.
    #[inline]
    fn service_ms(&self) -> i64 {
        self.clock.now().millis().saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    pub(crate) fn steady_ms(&self) -> u64 {
        u64::try_from(millis(self.start.elapsed())).unwrap_or_default()
    }

    /// Both clocks, read at about the same time: what comes between would look like a clock that was set.
    pub(crate) fn clocks(&self) -> (i64, u64) {
        let mut steady_ms = self.steady_ms();
        for _ in 0..CLOCK_TRIES {
            let wall_ms = self.clock.now().millis();
            let after_ms = self.steady_ms();
            if after_ms.saturating_sub(steady_ms) < CLOCKS_APART_MS {
                return (wall_ms, after_ms);
            }
            steady_ms = after_ms;
        }
        (self.clock.now().millis(), self.steady_ms())
    }

    /// Both clocks, the wall clock as the service has it.
    pub(crate) fn now(&self) -> Now {
        let mut skew = locked(&self.skew);
        let (wall_ms, steady_ms) = self.clocks();
        let wall_ms = skew.service_ms(wall_ms, steady_ms);
        self.offset_ms.store(skew.offset_ms(), Ordering::Relaxed);
        Now { wall_ms, steady_ms }
    }

    pub(crate) fn learn(&self, sent: (i64, u64), fetched: &Fetched) {
        let exchange = Exchange {
            sent_ms: sent.0,
            took_ms: self.steady_ms().saturating_sub(sent.1),
            service_ms: fetched.service_ms,
            issued_ms: Some(fetched.token.issued_ms()),
        };
        let mut skew = locked(&self.skew);
        skew.learn(exchange, self.trusts_issue_time);
        self.offset_ms.store(skew.offset_ms(), Ordering::Relaxed);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(listener) = locked(&self.listener).take() {
            listener.abort();
        }
        for entry in locked(&self.entries).values() {
            entry.tasks(Tasks::abort);
        }
    }
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokens").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionTokensBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionTokensBuilder").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenHandle").field("key", &self.driver.entry.key).finish_non_exhaustive()
    }
}

#[cold]
fn discard(token: TokenRef) {
    drop(token);
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
