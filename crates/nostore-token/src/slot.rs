//! One entry: what it hands out, and when it wants another token (sections 1.3 and 4 of the token client's
//! specification).
//!
//! Events go in through methods that take the time; what is to be done comes out of [`Slot::poll_action`], and
//! [`Slot::poll_wake`] tells when to call [`Slot::wake`]. After each event, take the actions until there is none, then
//! ask for the wake. Nothing here waits, and nothing reads a clock.
//!
//! # Invariants
//!
//! - An expired token is never handed out.
//! - A good token stays readable whatever happens to fetches beside it.
//! - One fetch that others may share at a time; forced ones are their callers' own.
//! - What was fetched before [`Slot::clear`] changes nothing after it.
//! - Facts never go back: a token that knows less than one that is still valid is not adopted.
//! - After [`Slot::clear`] what others tell counts only once somebody has asked again, and only if it is newer.
//! - Nobody waits for others longer than the token's life allows: their lock saves fetches, and no more than that.
//!
//! # Not covered
//!
//! Who waits for a fetch: the driver keeps waiters by [`FetchId`]. What the wall clock is worth: [`crate::Skew`].

use std::collections::VecDeque;
use std::sync::Arc;

use crate::failure::Failure;
use crate::policy::{Policy, Retry, mixed};
use crate::rank::Rank;
use crate::threshold::{LEAD_MS, MAX_LIFETIME_WITHOUT_TIMER_MS, Thresholds, Zone};
use crate::token::SessionToken;

/// The longest wait that is asked for, in milliseconds: browsers' timers hold 31 bits.
const MAX_WAKE_MS: u64 = i32::MAX as u64;

/// So many fetches that took too long are remembered, should they still end.
const MAX_ABANDONED: usize = 64;

/// When something happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Now {
    /// Wall time as the service has it, in milliseconds since 1970.
    pub wall_ms: i64,
    /// Time that never jumps, in milliseconds since any start.
    pub steady_ms: u64,
}

/// Names a fetch; never used twice in one slot.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FetchId(u64);

/// Why a token is fetched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FetchKind {
    /// Somebody waits.
    Blocking,
    /// The token is stale; nobody waits.
    Background,
    /// A caller wants one that is newer, whatever there is.
    Forced,
}

/// How a token is asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReadOptions {
    /// A threshold of this caller's instead of the slot's.
    pub background_threshold_ms: Option<i64>,
    /// Whether to wait for a fresh token where the one there is stale.
    pub refresh_if_stale: bool,
    /// Whether to fetch one of its own, whatever there is.
    pub skip_cache: bool,
    /// Whether any fetch that began at that steady time or later will do.
    pub fresh_since_ms: Option<u64>,
}

/// What a caller gets.
#[derive(Clone, Debug)]
pub enum Reading {
    /// This token, at once.
    Ready {
        /// The token.
        token: Arc<SessionToken>,
        /// Whether it is stale.
        stale: bool,
    },
    /// What comes of this fetch.
    Wait(FetchId),
    /// Nothing: the session is over.
    Ended(Failure),
}

/// What the driver is to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask those in step whether they have a token (and tell [`Slot::received`]), or for their leave to fetch one (the
    /// lock), and then tell [`Slot::admitted`]. The slot goes on by itself when that takes too long.
    Queue {
        /// Names the fetch that it is for.
        id: FetchId,
        /// Why.
        kind: FetchKind,
    },
    /// Fetch a token and tell [`Slot::fetched`].
    Fetch {
        /// Names it.
        id: FetchId,
        /// Why.
        kind: FetchKind,
        /// The token before it, for services that want to see it.
        previous: Option<Arc<SessionToken>>,
    },
    /// Stop this fetch: what comes of it is of no use to anybody.
    Forget(FetchId),
    /// Give whoever waits for this fetch what came of it.
    Finish {
        /// The fetch.
        id: FetchId,
        /// What came of it.
        outcome: Result<Arc<SessionToken>, Failure>,
    },
    /// Make this what readers get without asking the slot.
    Publish(Option<Arc<SessionToken>>),
    /// Tell those in step.
    Announce(Arc<SessionToken>),
    /// Tell the application.
    Tell(Event),
}

/// What an application may want to know.
#[derive(Clone, Debug)]
pub enum Event {
    /// There is another token.
    Updated(Arc<SessionToken>),
    /// The session is over.
    Ended,
    /// A token could not be refreshed; the one there is still good, or there is none.
    Degraded(Failure),
}

/// The highest rank that was seen, for as long as the token of that rank is valid.
#[derive(Clone, Copy, Debug)]
struct Mark {
    rank: Rank,
    expires_ms: i64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Others are asked first.
    Queued {
        until_ms: u64,
    },
    Running {
        deadline_ms: u64,
    },
    Resting {
        until_ms: u64,
    },
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    id: FetchId,
    kind: FetchKind,
    started_ms: u64,
    failures: u32,
    state: State,
    /// Whether somebody waits for it.
    awaited: bool,
    /// Whether somebody waits for this very one, and not for any good token.
    exact: bool,
}

/// Whether the token is refreshed by timer, and when at the earliest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Duty {
    /// As soon as it is due.
    Own,
    /// When nobody else did.
    Late,
    None,
}

/// One entry.
#[derive(Debug)]
pub struct Slot {
    policy: Policy,
    seed: u64,
    live: Option<Arc<SessionToken>>,
    previous: Option<Arc<SessionToken>>,
    mark: Option<Mark>,
    shared: Option<Flight>,
    forced: Vec<Flight>,
    abandoned: VecDeque<FetchId>,
    ended: Option<Failure>,
    /// What others tell is not heard until somebody asks, and never if it was issued before that (wall time).
    closed: bool,
    cleared_ms: Option<i64>,
    focused: bool,
    /// When the timer refreshes, in wall time.
    due_ms: Option<i64>,
    /// Failures behind a good token in a row, and when it is tried again at the earliest.
    failures: u32,
    not_before_ms: u64,
    next_id: u64,
    actions: VecDeque<Action>,
}

impl Slot {
    /// Makes an empty entry. `seed` spreads its refreshes and retries among those of others.
    #[must_use]
    pub fn new(policy: Policy, seed: u64) -> Self {
        Self {
            policy,
            seed,
            live: None,
            previous: None,
            mark: None,
            shared: None,
            forced: Vec::new(),
            abandoned: VecDeque::new(),
            ended: None,
            closed: false,
            cleared_ms: None,
            focused: true,
            due_ms: None,
            failures: 0,
            not_before_ms: 0,
            next_id: 0,
            actions: VecDeque::new(),
        }
    }

    /// Takes the next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Returns the token that readers get, where it is good.
    #[must_use]
    pub fn peek(&self, now: Now) -> Option<&Arc<SessionToken>> {
        self.live.as_ref().filter(|token| remaining_ms(token, now) > 0 && !self.is_hidden())
    }

    /// Asks for a token.
    pub fn read(&mut self, options: ReadOptions, now: Now) -> Reading {
        if let Some(failure) = &self.ended {
            return Reading::Ended(failure.clone());
        }
        self.closed = false;
        if options.skip_cache {
            return Reading::Wait(self.force(now));
        }
        if let Some(since_ms) = options.fresh_since_ms {
            return Reading::Wait(self.fetch_since(since_ms, now));
        }
        let Some(token) = self.peek(now).map(Arc::clone) else {
            return Reading::Wait(self.wait(now));
        };
        let threshold = options.background_threshold_ms.or(self.policy.background_threshold_ms);
        let thresholds = Thresholds::of(token.lifetime_ms(), threshold);
        match thresholds.zone(remaining_ms(&token, now)) {
            Zone::Fresh => Reading::Ready { token, stale: false },
            // A try has failed just now: the token is good until it ends.
            Zone::Stale | Zone::Ending if now.steady_ms < self.not_before_ms && self.shared.is_none() => {
                Reading::Ready { token, stale: true }
            }
            Zone::Stale if !options.refresh_if_stale => {
                if self.policy.refreshes_on_read && self.shared.is_none() {
                    self.begin(FetchKind::Background, now);
                }
                Reading::Ready { token, stale: true }
            }
            Zone::Stale | Zone::Ending | Zone::Expired => Reading::Wait(self.wait(now)),
        }
    }

    /// Tells what came of a fetch.
    pub fn fetched(&mut self, id: FetchId, result: Result<SessionToken, Failure>, now: Now) {
        let late = self.abandoned.iter().position(|abandoned| *abandoned == id);
        if let Some(at) = late {
            self.abandoned.remove(at);
            if let Ok(token) = result {
                self.merge(Arc::new(token), now);
            }
            return;
        }
        let Some(flight) = self.land(id) else { return };
        let result = result.and_then(|token| {
            let token = Arc::new(token);
            if remaining_ms(&token, now) <= 0 {
                return Err(Failure::Unusable { what: "expired" });
            }
            Ok(token)
        });
        match result {
            Ok(token) => self.succeeded(flight, token, now),
            Err(failure) => self.failed(flight, failure, now),
        }
    }

    /// Tells that a fetch may begin: the lock is held, or there is none. Tells whether it is wanted still.
    pub fn admitted(&mut self, id: FetchId, now: Now) -> bool {
        let queued = |flight: &&Flight| flight.id == id && matches!(flight.state, State::Queued { .. });
        let Some(flight) = self.shared.as_ref().filter(queued).copied() else { return false };
        self.run(flight, now);
        true
    }

    /// Takes a token that others fetched. Tells whether it was adopted.
    pub fn received(&mut self, token: SessionToken, now: Now) -> bool {
        let late = self.cleared_ms.is_some_and(|cleared_ms| token.issued_ms() <= cleared_ms);
        if self.closed || late { false } else { self.take(token, now) }
    }

    fn take(&mut self, token: SessionToken, now: Now) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let token = Arc::new(token);
        // One's own message comes back as well, and says nothing new.
        if self.live.as_ref().is_some_and(|live| live.is(&token)) {
            return true;
        }
        let tie = self.live.as_ref().is_some_and(|live| live.rank() == token.rank());
        if remaining_ms(&token, now) <= 0 || !self.adopt(&token, now) {
            return false;
        }
        // Two who fetched in one second hear each other, and would both leave the next refresh to the other.
        if !(tie && self.policy.keeps_duty && self.due_ms.is_some()) {
            self.take_duty(Duty::Late, now);
        }
        // Whoever waits needs no other.
        if remaining_ms(&token, now) > self.thresholds(&token).hard_ms {
            self.spare(&token);
        }
        true
    }

    /// Ends a fetch that is not needed any more.
    fn spare(&mut self, token: &Arc<SessionToken>) {
        let Some(flight) = self.shared.filter(|flight| !flight.exact) else { return };
        let runs = matches!(flight.state, State::Running { .. });
        if runs && !flight.awaited {
            return;
        }
        self.shared = None;
        if runs {
            self.abandon(flight.id);
        } else {
            self.actions.push_back(Action::Forget(flight.id));
        }
        self.finish(flight.id, Ok(Arc::clone(token)));
    }

    /// Takes the token that was known at the start, and refreshes it in time. Tells whether it was adopted.
    pub fn hydrate(&mut self, token: SessionToken, now: Now) -> bool {
        self.closed = false;
        let taken = self.take(token, now);
        if taken {
            self.take_duty(Duty::Own, now);
        }
        taken
    }

    /// Forgets everything: signed out. What is under way changes nothing any more, here and with others.
    pub fn clear(&mut self, now: Now) {
        self.closed = true;
        self.cleared_ms = Some(now.wall_ms);
        let flights: Vec<_> = self.shared.take().into_iter().chain(self.forced.drain(..)).collect();
        for flight in flights {
            self.finish(flight.id, Err(Failure::Cleared));
            self.actions.push_back(Action::Forget(flight.id));
        }
        self.forget_abandoned();
        if self.live.take().is_some() {
            self.actions.push_back(Action::Publish(None));
        }
        (self.previous, self.mark, self.ended, self.due_ms) = (None, None, None, None);
        (self.failures, self.not_before_ms) = (0, 0);
    }

    /// Takes a token out of use that somebody was refused with (401), if it is still the one in use.
    pub fn invalidate(&mut self, token: &SessionToken) -> bool {
        let same = self.live.as_ref().is_some_and(|live| live.is(token));
        if same {
            self.retire();
            self.not_before_ms = 0;
        }
        same
    }

    /// Tells whether a user is looking.
    pub fn focus(&mut self, focused: bool, now: Now) {
        let gained = focused && !self.focused;
        self.focused = focused;
        if gained && self.policy.keeps_duty {
            self.take_duty(Duty::Own, now);
        }
    }

    /// Tells that there is a network again: what waits for one is tried at once.
    pub fn online(&mut self, now: Now) {
        self.not_before_ms = now.steady_ms.min(self.not_before_ms);
        for flight in self.shared.iter_mut().chain(&mut self.forced) {
            if let State::Resting { until_ms } = &mut flight.state {
                *until_ms = now.steady_ms;
            }
        }
        self.wake(now);
    }

    /// Returns how long nothing needs to be done, in milliseconds, if anything ever.
    #[must_use]
    pub fn poll_wake(&self, now: Now) -> Option<u64> {
        let steady = self.flights().map(|flight| match flight.state {
            State::Running { deadline_ms } => deadline_ms.saturating_sub(now.steady_ms),
            State::Queued { until_ms } | State::Resting { until_ms } => {
                until_ms.saturating_sub(now.steady_ms)
            }
        });
        let until = |wall_ms: i64| u64::try_from(wall_ms.saturating_sub(now.wall_ms)).unwrap_or(0);
        let due = self.due_ms.filter(|_| self.shared.is_none()).map(|due_ms| {
            let pause_ms = self.not_before_ms.saturating_sub(now.steady_ms);
            until(due_ms).max(pause_ms)
        });
        let end = self.live.as_ref().map(|token| until(token.expires_ms()));
        steady.chain(due).chain(end).min().map(|wait_ms| wait_ms.min(MAX_WAKE_MS))
    }

    /// Does what time asks for.
    pub fn wake(&mut self, now: Now) {
        let late: Vec<_> = self.flights().filter(|flight| flight.is_due(now)).collect();
        for flight in late {
            match flight.state {
                State::Running { .. } => self.time_out(flight, now),
                State::Queued { .. } => self.run(flight, now),
                State::Resting { .. } => self.start(flight, now),
            }
        }
        if self.live.as_ref().is_some_and(|token| remaining_ms(token, now) <= 0) {
            self.retire();
        }
        let due = self.due_ms.is_some_and(|due_ms| due_ms <= now.wall_ms);
        if due && self.shared.is_none() && now.steady_ms >= self.not_before_ms {
            self.due_ms = None;
            self.begin(FetchKind::Background, now);
        }
    }

    fn flights(&self) -> impl Iterator<Item = Flight> + '_ {
        self.shared.iter().chain(&self.forced).copied()
    }

    fn is_hidden(&self) -> bool {
        self.policy.hides_replaced && !self.forced.is_empty()
    }

    fn thresholds(&self, token: &SessionToken) -> Thresholds {
        Thresholds::of(token.lifetime_ms(), self.policy.background_threshold_ms)
    }

    /// Joins the fetch that others wait for, or begins it.
    fn wait(&mut self, now: Now) -> FetchId {
        let patience_ms = self.patience_ms(FetchKind::Blocking, now);
        if let Some(flight) = &mut self.shared {
            flight.awaited = true;
            if let State::Queued { until_ms } = &mut flight.state {
                *until_ms = now.steady_ms.saturating_add(patience_ms).min(*until_ms);
            }
            return flight.id;
        }
        // In the reference's way, whoever finds a token hidden waits for the one that hides it.
        if let Some(flight) = self.forced.last().filter(|_| self.is_hidden()) {
            return flight.id;
        }
        self.begin(FetchKind::Blocking, now)
    }

    fn force(&mut self, now: Now) -> FetchId {
        self.begin(FetchKind::Forced, now)
    }

    /// Joins any fetch that began late enough, or begins one.
    fn fetch_since(&mut self, since_ms: u64, now: Now) -> FetchId {
        // One that asks others first may end with a token of theirs, which may be older.
        let recent =
            |flight: &Flight| flight.started_ms >= since_ms && !matches!(flight.state, State::Queued { .. });
        let Some(id) = self.flights().find(recent).map(|flight| flight.id) else { return self.force(now) };
        if let Some(flight) = self.shared.as_mut().filter(|flight| flight.id == id) {
            (flight.awaited, flight.exact) = (true, true);
        }
        id
    }

    fn begin(&mut self, kind: FetchKind, now: Now) -> FetchId {
        let id = FetchId(self.next_id);
        self.next_id += 1;
        let awaited = kind != FetchKind::Background;
        let exact = kind == FetchKind::Forced;
        let state = self.running(now);
        let flight = Flight { id, kind, started_ms: now.steady_ms, failures: 0, state, awaited, exact };
        self.start(flight, now);
        id
    }

    /// Begins a fetch, or begins it again: others are asked first, unless a caller wants one of its own.
    fn start(&mut self, flight: Flight, now: Now) {
        let patience_ms = self.patience_ms(flight.kind, now);
        if !self.policy.asks_others || flight.exact || patience_ms == 0 {
            return self.run(flight, now);
        }
        let until_ms = now.steady_ms.saturating_add(patience_ms);
        self.keep(Flight { state: State::Queued { until_ms }, ..flight });
        self.actions.push_back(Action::Queue { id: flight.id, kind: flight.kind });
    }

    fn run(&mut self, flight: Flight, now: Now) {
        self.keep(Flight { state: self.running(now), ..flight });
        let previous = self.previous.clone();
        self.actions.push_back(Action::Fetch { id: flight.id, kind: flight.kind, previous });
    }

    /// Puts a fetch among what is under way, in its own place where it was there.
    fn keep(&mut self, flight: Flight) {
        if flight.kind != FetchKind::Forced {
            self.shared = Some(flight);
        } else if let Some(known) = self.forced.iter_mut().find(|known| known.id == flight.id) {
            *known = flight;
        } else {
            self.forced.push(flight);
        }
    }

    /// How long others may keep a fetch waiting. A refresh leaves the lead, or half of the time where that is less, for a
    /// fetch of one's own before the token is ending; whoever waits has a short while.
    fn patience_ms(&self, kind: FetchKind, now: Now) -> u64 {
        let whole = |ms: i64| u64::try_from(ms).unwrap_or(0);
        let token = self.peek(now);
        if kind == FetchKind::Background {
            let good = token.map_or(0, |token| {
                let good_ms = remaining_ms(token, now).saturating_sub(self.thresholds(token).hard_ms);
                whole(good_ms.saturating_sub(LEAD_MS.min(good_ms / 2)))
            });
            return good.min(self.policy.fetch_timeout_ms);
        }
        let life = token.map_or(u64::MAX, |token| whole(remaining_ms(token, now)));
        self.policy.lock_wait_ms.min(life)
    }

    const fn running(&self, now: Now) -> State {
        State::Running { deadline_ms: now.steady_ms.saturating_add(self.policy.fetch_timeout_ms) }
    }

    /// Takes a fetch that runs out of what is under way.
    fn land(&mut self, id: FetchId) -> Option<Flight> {
        let lands = |flight: &Flight| flight.id == id && matches!(flight.state, State::Running { .. });
        if let Some(flight) = self.shared.filter(lands) {
            self.shared = None;
            return Some(flight);
        }
        let at = self.forced.iter().position(lands)?;
        Some(self.forced.remove(at))
    }

    fn succeeded(&mut self, flight: Flight, token: Arc<SessionToken>, now: Now) {
        let adopted = self.merge(Arc::clone(&token), now);
        if flight.kind == FetchKind::Forced {
            // Its caller gets what it asked for, even where something newer is known.
            self.finish(flight.id, Ok(token));
        } else if let Some(known) = self.peek(now).map(Arc::clone).filter(|_| !adopted) {
            self.finish(flight.id, Ok(known));
        } else if adopted {
            self.finish(flight.id, Ok(token));
        } else {
            self.failed(flight, Failure::Unusable { what: "older than one that was seen" }, now);
        }
    }

    /// Adopts a token of one's own, and is back in order.
    fn merge(&mut self, token: Arc<SessionToken>, now: Now) -> bool {
        if remaining_ms(&token, now) <= 0 || !self.adopt(&token, now) {
            return false;
        }
        self.failures = 0;
        self.not_before_ms = 0;
        if remaining_ms(&token, now) <= self.thresholds(&token).hard_ms {
            // A service that gives out tokens like this is not asked for the next one at once.
            self.not_before_ms = now.steady_ms.saturating_add(self.policy.background_retry.first_ms);
        }
        let duty = match (self.focused, self.policy.keeps_duty) {
            (true, _) => Duty::Own,
            (false, true) => Duty::Late,
            (false, false) => Duty::None,
        };
        self.take_duty(duty, now);
        self.actions.push_back(Action::Announce(token));
        true
    }

    /// Makes the token what readers get, unless one that knows more is still valid.
    fn adopt(&mut self, token: &Arc<SessionToken>, now: Now) -> bool {
        let known = self.mark.filter(|mark| mark.expires_ms > now.wall_ms);
        if known.is_some_and(|mark| !mark.rank.gives_way_to(token.rank())) {
            return false;
        }
        self.mark = Some(Mark { rank: token.rank(), expires_ms: token.expires_ms() });
        let same = self.live.as_ref().is_some_and(|live| live.is(token));
        if !same {
            self.live = Some(Arc::clone(token));
            self.previous = Some(Arc::clone(token));
            self.actions.push_back(Action::Publish(Some(Arc::clone(token))));
            self.actions.push_back(Action::Tell(Event::Updated(Arc::clone(token))));
        }
        true
    }

    /// Settles when the timer refreshes the token in use.
    fn take_duty(&mut self, duty: Duty, now: Now) {
        self.due_ms = None;
        let Some(token) = self.live.as_ref().filter(|_| self.policy.refreshes_by_timer) else { return };
        let duty = if duty == Duty::Late && !self.policy.keeps_duty { Duty::None } else { duty };
        if token.lifetime_ms() <= MAX_LIFETIME_WITHOUT_TIMER_MS {
            return;
        }
        let thresholds = self.thresholds(token);
        let before_ms = match duty {
            Duty::Own => thresholds.soft_ms.saturating_add(LEAD_MS),
            Duty::Late => thresholds.hard_ms + (thresholds.soft_ms - thresholds.hard_ms) / 2,
            Duty::None => return,
        };
        let due_ms = token.expires_ms().saturating_sub(before_ms).saturating_add(self.spread_ms(token));
        // A token that came too late for it is refreshed when it is read.
        self.due_ms = Some(due_ms).filter(|due_ms| *due_ms > now.wall_ms);
    }

    /// Shifts a refresh by up to half the lead either way, so that those with one expiry do not come at once.
    fn spread_ms(&self, token: &SessionToken) -> i64 {
        if !self.policy.spreads {
            return 0;
        }
        let half = (LEAD_MS / 2).min(token.lifetime_ms() / 60);
        let range = u64::try_from(2 * half + 1).unwrap_or(1);
        let shift = mixed(self.seed, u64::try_from(token.expires_ms()).unwrap_or_default()) % range;
        i64::try_from(shift).unwrap_or_default() - half
    }

    fn failed(&mut self, mut flight: Flight, failure: Failure, now: Now) {
        if let Failure::Unauthenticated { .. } = failure {
            return self.end(flight.id, failure);
        }
        self.actions.push_back(Action::Tell(Event::Degraded(failure.clone())));
        let good = self.peek(now).map(Arc::clone);
        let forced = flight.kind == FetchKind::Forced;
        if let (Some(token), false) = (good, forced) {
            self.rest_behind(&token, &failure, now);
            let says_no = !failure.may_pass() && !matches!(failure, Failure::Unknown { .. });
            let outcome = if says_no { Err(failure) } else { Ok(token) };
            return self.finish(flight.id, outcome);
        }
        flight.failures += 1;
        let retry = self.policy.retry;
        if !flight.awaited || flight.failures > tries(retry, &failure) {
            return self.finish(flight.id, Err(failure));
        }
        let wait_ms = wait_ms(retry, flight.failures, &failure, self.seed);
        flight.state = State::Resting { until_ms: now.steady_ms.saturating_add(wait_ms) };
        self.keep(flight);
    }

    /// Leaves a good token alone for a while after a refresh behind it failed.
    fn rest_behind(&mut self, token: &SessionToken, failure: &Failure, now: Now) {
        self.failures = self.failures.saturating_add(1);
        let retry = self.policy.background_retry;
        let wait_ms = wait_ms(retry, self.failures, failure, self.seed);
        self.not_before_ms = now.steady_ms.saturating_add(wait_ms);
        let again = failure.may_pass() && self.failures <= tries(retry, failure);
        let next_ms = now.wall_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        let in_time = next_ms < token.expires_ms();
        let timed = self.policy.refreshes_by_timer && token.lifetime_ms() > MAX_LIFETIME_WITHOUT_TIMER_MS;
        self.due_ms = (again && in_time && timed).then_some(next_ms);
    }

    fn time_out(&mut self, flight: Flight, now: Now) {
        let Some(flight) = self.land(flight.id) else { return };
        self.abandon(flight.id);
        let failure = Failure::TimedOut { after_ms: self.policy.fetch_timeout_ms };
        self.actions.push_back(Action::Tell(Event::Degraded(failure.clone())));
        let good = self.peek(now).map(Arc::clone).filter(|_| flight.kind != FetchKind::Forced);
        if let Some(token) = &good {
            self.rest_behind(token, &failure, now);
        }
        // The next caller starts anew; whoever waited so long has waited enough.
        self.finish(flight.id, good.ok_or(failure));
    }

    fn abandon(&mut self, id: FetchId) {
        if self.abandoned.len() == MAX_ABANDONED {
            self.actions.extend(self.abandoned.pop_front().map(Action::Forget));
        }
        self.abandoned.push_back(id);
    }

    fn forget_abandoned(&mut self) {
        self.actions.extend(self.abandoned.drain(..).map(Action::Forget));
    }

    /// Ends the session, once.
    fn end(&mut self, id: FetchId, failure: Failure) {
        self.finish(id, Err(failure.clone()));
        let others: Vec<_> = self.shared.take().into_iter().chain(self.forced.drain(..)).collect();
        for flight in others {
            self.finish(flight.id, Err(failure.clone()));
            self.actions.push_back(Action::Forget(flight.id));
        }
        self.forget_abandoned();
        self.retire();
        self.previous = None;
        self.ended = Some(failure);
        self.actions.push_back(Action::Tell(Event::Ended));
    }

    /// Takes the token in use out of use.
    fn retire(&mut self) {
        self.due_ms = None;
        if self.live.take().is_some() {
            self.actions.push_back(Action::Publish(None));
        }
    }

    fn finish(&mut self, id: FetchId, outcome: Result<Arc<SessionToken>, Failure>) {
        self.actions.push_back(Action::Finish { id, outcome });
    }
}

impl Flight {
    const fn is_due(&self, now: Now) -> bool {
        match self.state {
            State::Running { deadline_ms } => deadline_ms <= now.steady_ms,
            State::Queued { until_ms } | State::Resting { until_ms } => until_ms <= now.steady_ms,
        }
    }
}

fn remaining_ms(token: &SessionToken, now: Now) -> i64 {
    token.expires_ms().saturating_sub(now.wall_ms)
}

const fn tries(retry: Retry, failure: &Failure) -> u32 {
    match failure {
        Failure::Offline => retry.offline_tries,
        failure if failure.may_pass() => retry.tries,
        _ => 0,
    }
}

/// How long to wait after so many failures: never less than the service asked for.
fn wait_ms(retry: Retry, failures: u32, failure: &Failure, seed: u64) -> u64 {
    let own = retry.wait_ms(failures, seed);
    match failure {
        Failure::Busy { retry_after_ms: Some(asked), .. } => own.max(*asked),
        _ => own,
    }
}
