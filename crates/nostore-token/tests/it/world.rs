//! A slot in a world of its own: time that a test moves, and a service whose answers a test gives.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_token::{
    Action, Compat, Event, Failure, FetchId, FetchKind, Now, Policy, ReadOptions, Reading, SessionToken, Slot,
};
use serde_json::{Value, json};

/// 2026-01-01, in seconds since 1970.
pub(crate) const START: i64 = 1_767_225_600;

/// What becomes of those who wait.
pub(crate) type Outcome = Result<String, &'static str>;

/// A token's claims in short: when it was issued and how long it lives, in seconds after the start.
#[derive(Clone, Debug)]
pub(crate) struct Mint {
    pub(crate) iat: i64,
    pub(crate) lives: i64,
    pub(crate) oiat: Option<i64>,
    pub(crate) says: String,
}

impl Mint {
    pub(crate) fn raw(&self) -> String {
        let iat = START + self.iat;
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(oiat) = self.oiat {
            header["oiat"] = (START + oiat).into();
        }
        let claims = json!({ "sid": "sess_1", "iat": iat, "exp": iat + self.lives, "says": self.says });
        raw(&header, &claims)
    }

    pub(crate) fn token(&self) -> SessionToken {
        SessionToken::parse(&self.raw()).unwrap()
    }
}

/// A token of a minute, issued so many seconds after the start.
pub(crate) fn minute(iat: i64) -> Mint {
    lives(iat, 60)
}

/// A token issued so many seconds after the start that lives so long.
pub(crate) fn lives(iat: i64, lives: i64) -> Mint {
    Mint { iat, lives, oiat: None, says: String::new() }
}

/// A token of a minute whose facts were read so many seconds after the start.
pub(crate) fn facts(oiat: i64, iat: i64) -> Mint {
    Mint { oiat: Some(oiat), ..minute(iat) }
}

/// A token that is told from another by what it says.
pub(crate) fn saying(mint: &Mint, says: &str) -> Mint {
    Mint { says: says.to_owned(), ..mint.clone() }
}

pub(crate) fn raw(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(header), part(claims))
}

pub(crate) struct World {
    pub(crate) slot: Slot,
    pub(crate) wall_ms: i64,
    pub(crate) steady_ms: u64,
    /// Fetches that were asked for and not answered yet.
    pub(crate) under_way: Vec<(FetchId, FetchKind)>,
    /// Fetches for which others are asked.
    pub(crate) queued: Vec<FetchId>,
    /// When each fetch was asked for, in seconds after the start.
    pub(crate) fetched_at: Vec<f64>,
    pub(crate) finished: Vec<(FetchId, Outcome)>,
    pub(crate) announced: Vec<String>,
    pub(crate) published: Option<String>,
    pub(crate) updates: Vec<String>,
    pub(crate) ended: usize,
    pub(crate) degraded: usize,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Policy::default())
    }

    pub(crate) fn compat(compat: Compat) -> Self {
        Self::of(Policy::compat(compat))
    }

    pub(crate) fn of(policy: Policy) -> Self {
        Self::seeded(policy, 7)
    }

    pub(crate) fn seeded(policy: Policy, seed: u64) -> Self {
        Self {
            slot: Slot::new(policy, seed),
            wall_ms: START * 1_000,
            steady_ms: 0,
            under_way: Vec::new(),
            queued: Vec::new(),
            fetched_at: Vec::new(),
            finished: Vec::new(),
            announced: Vec::new(),
            published: None,
            updates: Vec::new(),
            ended: 0,
            degraded: 0,
        }
    }

    /// One that has this token.
    pub(crate) fn with(mint: &Mint) -> Self {
        let mut world = Self::new();
        world.load(mint);
        world
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall_ms: self.wall_ms, steady_ms: self.steady_ms }
    }

    /// Seconds after the start.
    #[expect(clippy::cast_precision_loss, reason = "a few minutes in milliseconds")]
    pub(crate) fn secs(&self) -> f64 {
        (self.wall_ms - START * 1_000) as f64 / 1_000.0
    }

    /// Does what the slot wants done, except the fetching.
    pub(crate) fn act(&mut self) {
        while let Some(action) = self.slot.poll_action() {
            match action {
                Action::Queue { id, .. } => self.queued.push(id),
                Action::Fetch { id, kind, .. } => {
                    self.queued.retain(|queued| *queued != id);
                    self.under_way.push((id, kind));
                    self.fetched_at.push(self.secs());
                }
                // A service may answer all the same.
                Action::Forget(id) => self.queued.retain(|queued| *queued != id),
                Action::Finish { id, outcome } => self.finished.push((id, said(outcome))),
                Action::Publish(token) => self.published = token.map(|token| token.expose().to_owned()),
                Action::Announce(token) => self.announced.push(token.expose().to_owned()),
                Action::Tell(Event::Updated(token)) => self.updates.push(token.expose().to_owned()),
                Action::Tell(Event::Ended) => self.ended += 1,
                Action::Tell(Event::Degraded(_)) => self.degraded += 1,
            }
        }
    }

    /// Lets time go by, waking the slot whenever it wants to be.
    pub(crate) fn pass(&mut self, secs: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "short, and ahead")]
        self.pass_ms((secs * 1_000.0).round() as u64);
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        let end = self.steady_ms + ms;
        loop {
            let wake = self.slot.poll_wake(self.now()).map(|wait| self.steady_ms + wait);
            let until = wake.map_or(end, |at| at.min(end));
            self.wall_ms += i64::try_from(until - self.steady_ms).unwrap();
            self.steady_ms = until;
            if wake.is_none_or(|at| at > until) {
                return;
            }
            self.slot.wake(self.now());
            self.act();
            assert_ne!(self.slot.poll_wake(self.now()), Some(0), "expected the wake to be enough");
        }
    }

    pub(crate) fn read_with(&mut self, options: ReadOptions) -> Reading {
        let now = self.now();
        let reading = self.slot.read(options, now);
        self.act();
        reading
    }

    pub(crate) fn read(&mut self) -> Reading {
        self.read_with(ReadOptions::default())
    }

    /// Reads, and gets a token at once.
    pub(crate) fn ready(&mut self) -> String {
        match self.read() {
            Reading::Ready { token, .. } => token.expose().to_owned(),
            other => panic!("expected a token at once, found {other:?}"),
        }
    }

    /// Reads, and has to wait.
    pub(crate) fn waits(&mut self) -> FetchId {
        match self.read() {
            Reading::Wait(id) => id,
            other => panic!("expected to wait, found {other:?}"),
        }
    }

    /// Asks for a token of its own.
    pub(crate) fn forces(&mut self) -> FetchId {
        match self.read_with(ReadOptions { skip_cache: true, ..ReadOptions::default() }) {
            Reading::Wait(id) => id,
            other => panic!("expected to wait, found {other:?}"),
        }
    }

    /// Gives the lock to whoever waits for it. Tells whether it is wanted.
    pub(crate) fn admit(&mut self) -> bool {
        let id = self.queued.remove(0);
        let now = self.now();
        let wanted = self.slot.admitted(id, now);
        self.act();
        wanted
    }

    /// Answers the oldest fetch.
    pub(crate) fn answer(&mut self, mint: &Mint) {
        let (id, _) = self.under_way.remove(0);
        self.answer_to(id, mint);
    }

    pub(crate) fn answer_to(&mut self, id: FetchId, mint: &Mint) {
        self.under_way.retain(|(other, _)| *other != id);
        let now = self.now();
        self.slot.fetched(id, Ok(mint.token()), now);
        self.act();
    }

    /// Fails the oldest fetch.
    pub(crate) fn fail(&mut self, failure: Failure) {
        let (id, _) = self.under_way.remove(0);
        let now = self.now();
        self.slot.fetched(id, Err(failure), now);
        self.act();
    }

    /// Asks for a token and answers with this one.
    pub(crate) fn load(&mut self, mint: &Mint) {
        let id = self.forces();
        self.answer_to(id, mint);
    }

    pub(crate) fn receive(&mut self, mint: &Mint) -> bool {
        let now = self.now();
        let taken = self.slot.received(mint.token(), now);
        self.act();
        taken
    }

    pub(crate) fn hydrate(&mut self, mint: &Mint) -> bool {
        let now = self.now();
        let taken = self.slot.hydrate(mint.token(), now);
        self.act();
        taken
    }

    pub(crate) fn clear(&mut self) {
        let now = self.now();
        self.slot.clear(now);
        self.act();
    }

    pub(crate) fn peek(&self) -> Option<String> {
        self.slot.peek(self.now()).map(|token| token.expose().to_owned())
    }

    /// What came of a fetch, each time it did.
    pub(crate) fn outcomes(&self, id: FetchId) -> Vec<Outcome> {
        self.finished.iter().filter(|(other, _)| *other == id).map(|(_, outcome)| outcome.clone()).collect()
    }
}

fn said(outcome: Result<Arc<SessionToken>, Failure>) -> Outcome {
    outcome.map(|token| token.expose().to_owned()).map_err(|failure| failure.code())
}

pub(crate) const fn transient() -> Failure {
    Failure::Transient { what: "test" }
}
