//! Reading, fetching and sharing tokens.

use std::sync::Arc;

use nostore_token::frontend::{self, Frontend, TokenRequest};
use nostore_token::{
    Action as Wish, Ask, Event as Told, Exchange, Failure, FetchId, Message, ReadOptions, Reading,
    SessionToken, TokenKey,
};

use super::{Action, Answer, Channel, Clocks, Event, Job, Keeper, LockState, Lost, POLLER, Read, Who, Work};
use super::{key_of, knows_more};
use crate::text::Text;

/// How long a request for a token may take. Whoever waits is told sooner; a late answer still counts.
const TOKEN_TIMEOUT_MS: u64 = 30_000;

/// How long any other request may take.
const TIMEOUT_MS: u64 = 10_000;

impl Keeper {
    pub(super) fn read(&mut self, ticket: u32, read: Read, clocks: Clocks) {
        let current = match &self.who {
            Who::Somebody(current) => current,
            Who::Nobody => return self.settle(ticket, Ok(None)),
            Who::Unknown => {
                self.unplaced.push((ticket, read));
                return self.discover(clocks);
            }
        };
        let key = key_of(current, &read);
        let options = ReadOptions {
            background_threshold_ms: read.background_threshold_ms,
            refresh_if_stale: read.refresh_if_stale,
            skip_cache: read.skip_cache,
            fresh_since_ms: None,
        };
        let now = self.now(clocks);
        self.entries.sweep(now);
        self.entry(&key, clocks);
        let Some(entry) = self.entries.get_mut(&key) else { return };
        match entry.slot.read(options, now) {
            Reading::Ready { token, .. } => self.read_ended(ticket, Ok(Some(token)), clocks),
            Reading::Ended(_) => self.read_ended(ticket, Ok(None), clocks),
            Reading::Wait(id) => entry.waiting.push((id, ticket)),
        }
    }

    fn read_ended(
        &mut self,
        ticket: u32,
        outcome: Result<Option<Arc<SessionToken>>, Failure>,
        clocks: Clocks,
    ) {
        if ticket == POLLER {
            return self.poller.ended(self.page, outcome.is_err(), clocks.steady_ms);
        }
        self.settle(ticket, outcome.map_err(Into::into));
    }

    /// Reads the session's own token, so that it stays warm. Nobody waits.
    pub(super) fn warm(&mut self, clocks: Clocks) {
        let Who::Somebody(current) = &self.who else { return };
        let (key, now) = (current.key(), self.now(clocks));
        self.entry(&key, clocks);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.slot.read(ReadOptions::default(), now);
        }
    }

    /// Makes sure that there is an entry, which refreshes first only where the page is looked at.
    pub(super) fn entry(&mut self, key: &TokenKey, clocks: Clocks) {
        if self.entries.get(key).is_none() {
            let (policy, seed, now) = (self.policy(), self.options.seed, self.now(clocks));
            let leads = self.page.leads();
            self.entries.entry(key, policy, seed).slot.focus(leads, now);
        }
    }

    /// Does what the entries want done.
    pub(super) fn act(&mut self, clocks: Clocks) {
        while let Some((key, wish)) = self.entries.poll_action() {
            self.perform(&key, wish, clocks);
        }
        let done: Vec<u32> = self.jobs.iter().filter(|(_, job)| job.done).map(|(job, _)| *job).collect();
        for job in done {
            self.unlock(job);
            self.take_job(job);
        }
    }

    fn perform(&mut self, key: &TokenKey, wish: Wish, clocks: Clocks) {
        match wish {
            Wish::Queue { id, .. } => {
                let work = Work::Token { key: key.clone(), id, ask: None, repeated: false };
                let job = self.job(work, clocks);
                if let Some(state) = self.job_of_mut(job) {
                    state.lock = LockState::Asked;
                }
                self.actions.push(Action::Lock { job, name: key.name(&self.options.prefix()) });
            }
            Wish::Fetch { id, kind, previous } => {
                self.fetch_token(key, id, Ask { key: key.clone(), kind, previous }, clocks);
            }
            Wish::Forget(id) => {
                for job in self.jobs_of(key, id) {
                    self.unlock(job);
                    self.take_job(job);
                    self.actions.push(Action::Abort(job));
                }
            }
            Wish::Finish { id, outcome } => self.finish(key, id, &outcome, clocks),
            Wish::Publish(_) => {
                if self.is_current(key) {
                    self.actions.push(Action::ReadCookies);
                }
            }
            Wish::Announce(token) => {
                // What a message is found by when something goes wrong; says nothing of the token.
                let trace = format!("{:016x}", self.options.seed ^ clocks.steady_ms);
                if let Some(message) = Message::of(key, &token, &trace) {
                    self.post(Channel::Tokens, message.expose().into());
                }
            }
            Wish::Tell(told) => self.told(key, told, clocks),
        }
    }

    fn told(&mut self, key: &TokenKey, told: Told, clocks: Clocks) {
        match told {
            Told::Updated(token) if self.is_current(key) => {
                self.blank = false;
                self.actions.push(Action::Tell(Event::Token(token)));
            }
            // Nobody listens for the tokens of templates, or of other organizations.
            Told::Updated(_) => {}
            Told::Ended => self.end(key.session(), true, clocks),
            Told::Degraded(failure) => {
                let unknown = matches!(failure, Failure::Refused { status: 404, .. });
                self.actions.push(Action::Tell(Event::Degraded(failure)));
                if unknown && key.template_name().is_none() {
                    self.make_sure(clocks);
                }
            }
        }
    }

    fn finish(
        &mut self,
        key: &TokenKey,
        id: FetchId,
        outcome: &Result<Arc<SessionToken>, Failure>,
        clocks: Clocks,
    ) {
        // Those in step have been told by now.
        for job in self.jobs_of(key, id) {
            self.unlock(job);
        }
        let tickets = self.entries.get_mut(key).map(|entry| entry.take_waiting(id));
        let over = self.is_over(key.session());
        for ticket in tickets.unwrap_or_default() {
            let outcome = match outcome {
                Ok(token) => Ok(Some(Arc::clone(token))),
                Err(Failure::Unauthenticated { .. }) => Ok(None),
                Err(_) if over => Ok(None),
                Err(failure) => Err(failure.clone()),
            };
            self.read_ended(ticket, outcome, clocks);
        }
    }

    pub(super) fn unlock(&mut self, job: u32) {
        if let Some(state) = self.job_of_mut(job) {
            if std::mem::replace(&mut state.lock, LockState::None) != LockState::None {
                self.actions.push(Action::Unlock(job));
            }
        }
    }

    fn jobs_of(&self, key: &TokenKey, id: FetchId) -> Vec<u32> {
        let is = |work: &Work| matches!(work, Work::Token { key: own, id: named, .. } if own == key && *named == id);
        self.jobs.iter().filter(|(_, job)| !job.done && is(&job.work)).map(|(job, _)| *job).collect()
    }

    fn fetch_token(&mut self, key: &TokenKey, id: FetchId, ask: Ask, clocks: Clocks) {
        let queued = self.jobs_of(key, id).into_iter().next();
        let job = queued.unwrap_or_else(|| {
            let work = Work::Token { key: key.clone(), id, ask: None, repeated: false };
            self.job(work, clocks)
        });
        // It was waited for long enough.
        if self.job_of(job).is_some_and(|state| state.lock == LockState::Asked) {
            self.unlock(job);
        }
        let request = self.frontend().request(&ask);
        if let Some(Job { work: Work::Token { ask: kept, .. }, sent, .. }) = self.job_of_mut(job) {
            (*kept, *sent) = (Some(ask), clocks);
        }
        self.send_token(job, &request, clocks);
    }

    fn send_token(&mut self, job: u32, request: &TokenRequest, clocks: Clocks) {
        let url = self.url(&request.target);
        let form = Some(request.form().into());
        self.send(job, ("POST", url, form), TOKEN_TIMEOUT_MS, clocks);
    }

    /// Sends a request, where there is a network.
    pub(super) fn send(
        &mut self,
        job: u32,
        (method, url, form): (&'static str, Text, Option<Text>),
        timeout_ms: u64,
        clocks: Clocks,
    ) {
        if self.page.offline {
            return self.lost(job, Lost::Offline, clocks);
        }
        self.actions.push(Action::Fetch { job, method, url, form, timeout_ms });
    }

    /// Asks the service about the client, or tells it something.
    pub(super) fn ask(
        &mut self,
        work: Work,
        (method, target): (&'static str, &str),
        form: Option<String>,
        clocks: Clocks,
    ) {
        let (job, url) = (self.job(work, clocks), self.url(target));
        self.send(job, (method, url, form.map(Text::from)), TIMEOUT_MS, clocks);
    }

    fn frontend(&self) -> Frontend {
        Frontend { mints_near: false, tab: self.page.tab() }
    }

    /// A development instance knows the browser by a parameter.
    fn url(&self, target: &str) -> Text {
        let base = &self.options.frontend_api;
        match self.browser.as_deref().filter(|_| self.options.development) {
            None => format!("{base}{target}").into(),
            Some(browser) => {
                let join = if target.contains('?') { '&' } else { '?' };
                let browser: String = form_urlencoded::byte_serialize(browser.as_bytes()).collect();
                format!("{base}{target}{join}__clerk_db_jwt={browser}").into()
            }
        }
    }

    pub(super) fn admitted(&mut self, job: u32, cookies: &str, clocks: Clocks) {
        let Some(state) = self.job_of_mut(job).filter(|state| state.lock == LockState::Asked) else {
            return self.actions.push(Action::Unlock(job));
        };
        state.lock = LockState::Held;
        let Work::Token { key, id, .. } = &state.work else { return };
        let (key, id) = (key.clone(), *id);
        // Whoever held the lock before has left its token.
        self.look(cookies, clocks);
        self.act(clocks);
        let now = self.now(clocks);
        let wanted = self.entries.get_mut(&key).is_some_and(|entry| entry.slot.admitted(id, now));
        if !wanted {
            self.unlock(job);
            self.take_job(job);
        }
    }

    pub(super) fn hear(&mut self, channel: Channel, text: &str, clocks: Clocks) {
        if channel == Channel::SignOut {
            return self.heard_sign_out(text, clocks);
        }
        let Who::Somebody(current) = &self.who else { return };
        let Ok((key, token)) = Message::open(text.as_bytes()) else { return };
        if key.session() != current.session || self.is_over(key.session()) {
            return;
        }
        self.receive(&key, token, clocks);
    }

    /// Takes a token that others fetched, unless one that knows more is there.
    pub(super) fn receive(&mut self, key: &TokenKey, token: SessionToken, clocks: Clocks) {
        self.entry(key, clocks);
        let now = self.now(clocks);
        let Some(entry) = self.entries.get_mut(key) else { return };
        if !entry.slot.peek(now).is_some_and(|known| knows_more(known, &token)) {
            entry.slot.received(token, now);
        }
    }

    /// Takes a token that the service gave away without being asked for one, unless one that knows more is there.
    pub(super) fn hydrate(&mut self, key: &TokenKey, token: SessionToken, clocks: Clocks) {
        if !self.page.leads() {
            return self.receive(key, token, clocks);
        }
        self.entry(key, clocks);
        let now = self.now(clocks);
        let Some(entry) = self.entries.get_mut(key) else { return };
        if !entry.slot.peek(now).is_some_and(|known| knows_more(known, &token)) {
            entry.slot.hydrate(token, now);
        }
    }

    pub(super) fn answered(&mut self, job: u32, answer: &Answer, clocks: Clocks) {
        let Some(state) = self.job_of(job).filter(|state| !state.done) else { return };
        if !matches!(state.work, Work::Token { .. }) {
            return self.told_by_service(job, answer, clocks);
        }
        if frontend::wants_expired(answer.status, answer.body.as_bytes()) && self.repeat(job, clocks) {
            return;
        }
        let fields = (answer.retry_after.as_deref(), answer.date.as_deref());
        let result = frontend::read(answer.status, fields, answer.body.as_bytes());
        if let (Ok(fetched), Some(state)) = (&result, self.job_of(job)) {
            let exchange = Exchange {
                sent_ms: state.sent.wall_ms,
                took_ms: clocks.steady_ms.saturating_sub(state.sent.steady_ms),
                service_ms: fetched.service_ms,
                issued_ms: Some(fetched.token.issued_ms()),
            };
            // It was minted for this request: that a script may not read `Date` should not cost anybody the time.
            self.skew.learn(exchange, true);
        }
        self.token_came(job, result.map(|fetched| fetched.token), clocks);
    }

    /// Asks once more, with the token before, after a service said that it wants to see it.
    fn repeat(&mut self, job: u32, clocks: Clocks) -> bool {
        let frontend = self.frontend();
        let Some(Job { work: Work::Token { ask: Some(ask), repeated, .. }, .. }) = self.job_of_mut(job)
        else {
            return false;
        };
        let Some(expired) = ask.previous.clone().filter(|_| !*repeated) else { return false };
        *repeated = true;
        let request = frontend.request_with_expired(ask, &expired);
        self.send_token(job, &request, clocks);
        true
    }

    fn token_came(&mut self, job: u32, result: Result<SessionToken, Failure>, clocks: Clocks) {
        let now = self.now(clocks);
        let Some(state) = self.job_of_mut(job) else { return };
        let Work::Token { key, id, .. } = &state.work else { return };
        let (key, id) = (key.clone(), *id);
        // What is left of it is the lock, until those in step have been told.
        state.done = true;
        let foreign = |token: &SessionToken| token.session().is_some_and(|session| session != key.session());
        let result = match result {
            Ok(token) if foreign(&token) => Err(Failure::Unusable { what: "another session's" }),
            result => result,
        };
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.slot.fetched(id, result, now);
        }
    }

    pub(super) fn lost(&mut self, job: u32, why: Lost, clocks: Clocks) {
        let Some(state) = self.job_of(job).filter(|state| !state.done) else { return };
        let failure = match why {
            Lost::Offline => Failure::Offline,
            Lost::Network => Failure::Transient { what: "no answer" },
            Lost::TimedOut => Failure::TimedOut { after_ms: TIMEOUT_MS },
        };
        match state.work {
            Work::Token { .. } => self.token_came(job, Err(failure), clocks),
            _ => self.not_told(job, failure, clocks),
        }
    }

    pub(super) fn is_current(&self, key: &TokenKey) -> bool {
        matches!(&self.who, Who::Somebody(current) if current.key() == *key)
    }
}
