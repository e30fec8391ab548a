//! The client: entries by key, and what drives each.
//!
//! A reader looks at what is published and at the clock, and at nothing else while the token is fresh. Only a stale or
//! missing token takes the entry's lock, and no lock is held while anybody waits.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use nostore_message::Clock;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::bus::Bus;
use crate::clock::CoarseClock;
use crate::failure::Failure;
use crate::fetch::{Ask, Fetch, Fetched};
use crate::key::{DEFAULT_PREFIX, TokenKey};
use crate::lock::{Held, Lock};
use crate::message::Message;
use crate::policy::{Policy, mixed};
use crate::skew::{Exchange, Skew};
use crate::slot::{Action, Event, FetchId, FetchKind, Now, ReadOptions, Reading, Slot};
use crate::snapshot::{Snapshot, TokenRef};
use crate::token::SessionToken;

/// So many events are kept for a listener that is slow.
const EVENTS: usize = 64;

/// From so many entries on, those that nobody uses any more are looked for whenever their number doubles.
const ENTRIES_UNSWEPT: usize = 64;

type Outcome = Result<Arc<SessionToken>, Failure>;

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
    shared: Arc<Shared>,
    entry: Arc<Entry>,
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
pub struct Asked(Answer);

#[derive(Debug)]
enum Answer {
    Ready(TokenRef),
    Failed(Failure),
    Wait(oneshot::Receiver<Outcome>),
    /// Whoever polls again after the end gets what a cleared entry gives.
    Over,
}

struct Shared {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    bus: Option<Arc<dyn Bus>>,
    lock: Option<Arc<dyn Lock>>,
    /// Hears what the bus carries.
    listener: Mutex<Option<AbortHandle>>,
    policy: Policy,
    seed: u64,
    trusts_issue_time: bool,
    runtime: Handle,
    start: Instant,
    skew: Mutex<Skew>,
    /// What [`Skew`] says, for readers.
    offset_ms: AtomicI64,
    entries: Mutex<BTreeMap<TokenKey, Arc<Entry>>>,
    events: broadcast::Sender<TokenEvent>,
}

struct Entry {
    key: TokenKey,
    published: ArcSwap<Snapshot>,
    driven: Mutex<Driven>,
}

/// A slot, who waits for it, and the tasks that work for it.
struct Driven {
    slot: Slot,
    waiters: BTreeMap<FetchId, Vec<oneshot::Sender<Outcome>>>,
    /// What works for each fetch: asking others, or the service.
    fetches: BTreeMap<FetchId, AbortHandle>,
    /// Locks of fetches that run.
    locks: BTreeMap<FetchId, Held>,
    timer: Option<(Instant, AbortHandle)>,
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
        let entry = self.0.entry(key);
        TokenHandle { shared: Arc::clone(&self.0), entry, options: ReadOptions::default() }
    }

    /// Takes a token that is known already, so that the first reader need not wait. Tells whether it is of use.
    pub fn hydrate(&self, key: TokenKey, token: SessionToken) -> bool {
        let handle = self.handle(key);
        handle.entry.drive(&self.0, |slot, now| slot.hydrate(token, now))
    }

    /// Forgets every token: signed out. What is under way changes nothing any more, and whoever waits is told.
    pub fn clear(&self) {
        let entries: Vec<_> = locked(&self.0.entries).values().cloned().collect();
        for entry in entries {
            entry.drive(&self.0, Slot::clear);
            if let Some(bus) = &self.0.bus {
                bus.forget(&entry.key.name(DEFAULT_PREFIX));
            }
        }
    }

    /// Tells whether a user is looking: whoever is looked at refreshes first.
    pub fn focus(&self, focused: bool) {
        let entries: Vec<_> = locked(&self.0.entries).values().cloned().collect();
        for entry in entries {
            entry.drive(&self.0, |slot, now| slot.focus(focused, now));
        }
    }

    /// Tells that there is a network again.
    pub fn online(&self) {
        let entries: Vec<_> = locked(&self.0.entries).values().cloned().collect();
        for entry in entries {
            entry.drive(&self.0, Slot::online);
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
        &self.entry.key
    }

    /// Returns the token that is there, where it has not expired. Fetches nothing, allocates nothing, locks nothing.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<TokenRef> {
        TokenRef::load(&self.entry.published, self.shared.service_ms())
    }

    /// Returns the token that is there, where nobody would have to wait for it, and refreshes it behind where it is
    /// stale.
    #[must_use]
    pub fn try_get(&self) -> Option<TokenRef> {
        self.fresh().or_else(|| match self.ask().0 {
            Answer::Ready(token) => Some(token),
            Answer::Failed(_) | Answer::Wait(_) | Answer::Over => None,
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
        let since_ms = millis(since.saturating_duration_since(self.shared.start));
        let fresh_since_ms = u64::try_from(since_ms).ok();
        self.read(ReadOptions { fresh_since_ms, ..self.options })
    }

    /// Takes a token out of use that a service refused (401), if it is still in use: the next reader waits for another.
    /// Tells whether it was.
    pub fn invalidate(&self, token: &SessionToken) -> bool {
        self.entry.drive(&self.shared, |slot, _| slot.invalidate(token))
    }

    /// Returns the token that is there, where it is fresh.
    #[inline]
    fn fresh(&self) -> Option<TokenRef> {
        let now_ms = self.shared.service_ms();
        let threshold_ms = self.options.background_threshold_ms;
        TokenRef::load(&self.entry.published, now_ms).filter(|token| !token.is_stale(now_ms, threshold_ms))
    }

    #[cold]
    fn read(&self, options: ReadOptions) -> Asked {
        self.entry.read(&self.shared, options)
    }
}

impl Future for Get<'_> {
    type Output = Result<TokenRef, Failure>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.handle;
        if self.asked.is_none() && handle.options.background_threshold_ms.is_none() {
            // Made where it is handed out: moving it costs more than finding it.
            match TokenRef::load_fresh(&handle.entry.published, handle.shared.service_ms()) {
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
        if let Answer::Wait(receiver) = &mut self.0 {
            return Pin::new(receiver)
                .poll(cx)
                .map(|outcome| outcome.unwrap_or(Err(Failure::Cleared)).map(TokenRef::of));
        }
        Poll::Ready(match std::mem::replace(&mut self.0, Answer::Over) {
            Answer::Ready(token) => Ok(token),
            Answer::Failed(failure) => Err(failure),
            Answer::Wait(_) | Answer::Over => Err(Failure::Cleared),
        })
    }
}

impl Shared {
    /// Returns the entry of a key, made where there was none.
    fn entry(&self, key: TokenKey) -> Arc<Entry> {
        let mut entries = locked(&self.entries);
        if entries.len() >= ENTRIES_UNSWEPT && entries.len().is_power_of_two() && !entries.contains_key(&key)
        {
            let now_ms = self.service_ms();
            entries.retain(|_, entry| Arc::strong_count(entry) > 1 || entry.is_good(now_ms));
        }
        let entry = entries.entry(key).or_insert_with_key(|key| Arc::new(self.new_entry(key.clone())));
        Arc::clone(entry)
    }

    fn new_entry(&self, key: TokenKey) -> Entry {
        let salt = key.name("").bytes().fold(0_u64, |salt, byte| mixed(salt, u64::from(byte)));
        let driven = Driven {
            slot: Slot::new(self.policy, mixed(self.seed, salt)),
            waiters: BTreeMap::new(),
            fetches: BTreeMap::new(),
            locks: BTreeMap::new(),
            timer: None,
        };
        Entry { key, published: ArcSwap::from_pointee(Snapshot::absent()), driven: Mutex::new(driven) }
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
    fn hear(self: &Arc<Self>, message: &[u8]) {
        let Ok((key, token)) = Message::open(message) else { return };
        // Others have sessions that nobody here asked for.
        let first = TokenKey::of_session(key.session());
        let known =
            locked(&self.entries).range(first..).next().is_some_and(|(at, _)| at.session() == key.session());
        if known {
            self.entry(key).drive(self, |slot, now| slot.received(token, now));
        }
    }

    /// Tells others on the bus of a token.
    fn announce(&self, key: &TokenKey, token: &SessionToken) {
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

    fn steady_ms(&self) -> u64 {
        u64::try_from(millis(self.start.elapsed())).unwrap_or_default()
    }

    /// Both clocks, the wall clock as the service has it.
    fn now(&self) -> Now {
        let steady_ms = self.steady_ms();
        let mut skew = locked(&self.skew);
        let wall_ms = skew.service_ms(self.clock.now().millis(), steady_ms);
        self.offset_ms.store(skew.offset_ms(), Ordering::Relaxed);
        Now { wall_ms, steady_ms }
    }

    fn learn(&self, sent: (i64, u64), fetched: &Fetched) {
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

impl Entry {
    fn is_good(&self, now_ms: i64) -> bool {
        TokenRef::load(&self.published, now_ms).is_some()
    }

    fn read(self: &Arc<Self>, shared: &Arc<Shared>, options: ReadOptions) -> Asked {
        let mut driven = locked(&self.driven);
        let now = shared.now();
        let answer = match driven.slot.read(options, now) {
            // It is what is published, unless the clock has been set.
            Reading::Ready { token, .. } => {
                let published = TokenRef::load(&self.published, now.wall_ms);
                Answer::Ready(published.unwrap_or_else(|| TokenRef::of(token)))
            }
            Reading::Ended(failure) => Answer::Failed(failure),
            Reading::Wait(id) => {
                let (sender, receiver) = oneshot::channel();
                driven.waiters.entry(id).or_default().push(sender);
                Answer::Wait(receiver)
            }
        };
        self.act(shared, &mut driven);
        Asked(answer)
    }

    /// Tells the slot of something and does what it wants done.
    fn drive<R>(self: &Arc<Self>, shared: &Arc<Shared>, tell: impl FnOnce(&mut Slot, Now) -> R) -> R {
        let mut driven = locked(&self.driven);
        let told = tell(&mut driven.slot, shared.now());
        self.act(shared, &mut driven);
        told
    }

    fn act(self: &Arc<Self>, shared: &Arc<Shared>, driven: &mut Driven) {
        while let Some(action) = driven.slot.poll_action() {
            match action {
                Action::Queue { id, .. } => self.queue(shared, driven, id),
                Action::Fetch { id, kind, previous } => self.fetch(shared, driven, id, kind, previous),
                Action::Forget(id) => {
                    if let Some(task) = driven.fetches.remove(&id) {
                        task.abort();
                    }
                }
                Action::Finish { id, outcome } => {
                    // After those in step have been told.
                    driven.locks.remove(&id);
                    for waiter in driven.waiters.remove(&id).unwrap_or_default() {
                        // Who does not wait any more needs no answer.
                        let _ = waiter.send(outcome.clone());
                    }
                }
                Action::Publish(token) => {
                    let threshold = shared.policy.background_threshold_ms;
                    let snapshot =
                        token.map_or_else(Snapshot::absent, |token| Snapshot::new(token, threshold));
                    self.published.store(Arc::new(snapshot));
                }
                Action::Announce(token) => shared.announce(&self.key, &token),
                Action::Tell(event) => {
                    // Nobody may listen.
                    let _ = shared.events.send(TokenEvent { key: self.key.clone(), event });
                }
            }
        }
        self.set_timer(shared, driven);
    }

    /// Asks others for their token, and for the lock.
    fn queue(self: &Arc<Self>, shared: &Arc<Shared>, driven: &mut Driven, id: FetchId) {
        let (bus, lock) = (shared.bus.clone().filter(|bus| bus.keeps()), shared.lock.clone());
        let (weak, entry) = (Arc::downgrade(shared), Arc::downgrade(self));
        let name = self.key.name(DEFAULT_PREFIX);
        let task = shared.runtime.spawn(async move {
            let held = match &lock {
                Some(lock) => lock.acquire(&name).await,
                None => None,
            };
            // Whoever held the lock before has left its token.
            let kept = match &bus {
                Some(bus) => bus.load(&name).await,
                None => None,
            };
            let Some((shared, entry)) = alive(&weak, &entry) else { return };
            if let Some(message) = kept {
                shared.hear(&message);
            }
            entry.admit(&shared, id, held);
        });
        driven.fetches.insert(id, task.abort_handle());
    }

    /// Lets a fetch begin, if it is wanted still.
    fn admit(self: &Arc<Self>, shared: &Arc<Shared>, id: FetchId, held: Option<Held>) {
        let mut driven = locked(&self.driven);
        if driven.slot.admitted(id, shared.now()) {
            // The task that waited ends by itself.
            driven.fetches.remove(&id);
            driven.locks.extend(held.map(|held| (id, held)));
        }
        self.act(shared, &mut driven);
    }

    /// Fetches in a task of its own, which no caller can end.
    fn fetch(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        driven: &mut Driven,
        id: FetchId,
        kind: FetchKind,
        previous: Option<Arc<SessionToken>>,
    ) {
        let (fetch, ask) = (Arc::clone(&shared.fetch), Ask { key: self.key.clone(), kind, previous });
        let sent = (shared.clock.now().millis(), shared.steady_ms());
        let task = shared.runtime.spawn(async move { fetch.fetch(ask).await });
        let abort = task.abort_handle();
        let (weak, entry) = (Arc::downgrade(shared), Arc::downgrade(self));
        shared.runtime.spawn(async move {
            let result = match task.await {
                Ok(result) => result,
                Err(error) if error.is_panic() => Err(Failure::Panicked),
                // Aborted: the client is gone.
                Err(_) => return,
            };
            if let Some((shared, entry)) = alive(&weak, &entry) {
                if let Ok(fetched) = &result {
                    shared.learn(sent, fetched);
                }
                // Before the slot hears of it: it may try again under the same name.
                locked(&entry.driven).fetches.remove(&id);
                entry.drive(&shared, |slot, now| slot.fetched(id, result.map(|fetched| fetched.token), now));
                // Not kept while a retry is waited for.
                locked(&entry.driven).locks.remove(&id);
            }
        });
        if let Some(queued) = driven.fetches.insert(id, abort) {
            queued.abort();
        }
    }

    /// Wakes the slot when it wants to be.
    fn set_timer(self: &Arc<Self>, shared: &Arc<Shared>, driven: &mut Driven) {
        let wait_ms = driven.slot.poll_wake(shared.now());
        let at = wait_ms.map(|wait_ms| {
            let now_ms = shared.steady_ms();
            shared.start + Duration::from_millis(now_ms.saturating_add(wait_ms))
        });
        if driven.timer.as_ref().map(|(set, _)| *set) == at {
            return;
        }
        if let Some((_, old)) = driven.timer.take() {
            old.abort();
        }
        let Some(at) = at else { return };
        let (weak, entry) = (Arc::downgrade(shared), Arc::downgrade(self));
        let task = shared.runtime.spawn(async move {
            sleep_until(at).await;
            if let Some((shared, entry)) = alive(&weak, &entry) {
                let mut driven = locked(&entry.driven);
                // This task is over: what it sets must not end it.
                driven.timer = None;
                driven.slot.wake(shared.now());
                entry.act(&shared, &mut driven);
            }
        });
        driven.timer = Some((at, task.abort_handle()));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(listener) = locked(&self.listener).take() {
            listener.abort();
        }
        for entry in locked(&self.entries).values() {
            let mut driven = locked(&entry.driven);
            let timer = driven.timer.take().map(|(_, timer)| timer);
            let fetches = std::mem::take(&mut driven.fetches).into_values();
            for task in fetches.chain(timer) {
                task.abort();
            }
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
        f.debug_struct("TokenHandle").field("key", &self.entry.key).finish_non_exhaustive()
    }
}

#[cold]
fn discard(token: TokenRef) {
    drop(token);
}

fn alive(shared: &Weak<Shared>, entry: &Weak<Entry>) -> Option<(Arc<Shared>, Arc<Entry>)> {
    Some((shared.upgrade()?, entry.upgrade()?))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is made in whole steps, so a panicked holder left nothing half-made.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
