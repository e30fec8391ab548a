//! Every schedule of a few threads at one entry: `cargo xtask schedules`, and all of them in `cargo xtask prove`.

use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use loom::sync::Arc;
use loom::thread;

use super::{Answer, Entry, Outcome, Shell};
use crate::failure::Failure;
use crate::key::TokenKey;
use crate::policy::Policy;
use crate::slot::{Action, FetchId, FetchKind, Now, ReadOptions};
use crate::snapshot::TokenRef;
use crate::sync::{Mutex, locked};
use crate::token::SessionToken;

const START_MS: i64 = 1_767_225_600_000;

/// What those who wait have been told, each of them.
#[derive(Default)]
struct Told(Mutex<Vec<bool>>);

/// The time, and those who wait.
struct Stage {
    entry: Arc<Entry<Self>>,
    /// Read under the lock, or by whoever looks: no order of its own to be looked into.
    now_ms: std::sync::Arc<AtomicI64>,
    told: Arc<Told>,
}

/// Fetches that were asked for and not answered.
#[derive(Default)]
struct Fetches {
    under_way: Vec<(FetchId, FetchKind)>,
    ever: usize,
}

impl Clone for Stage {
    fn clone(&self) -> Self {
        Self {
            entry: Arc::clone(&self.entry),
            now_ms: std::sync::Arc::clone(&self.now_ms),
            told: Arc::clone(&self.told),
        }
    }
}

impl Shell for Stage {
    type Tasks = Fetches;
    type Waiter = Arc<Told>;

    fn now(&self) -> Now {
        let wall_ms = self.now_ms.load(Ordering::SeqCst);
        Now { wall_ms, steady_ms: u64::try_from(wall_ms - START_MS).unwrap() }
    }

    fn act(&self, action: Action, fetches: &mut Fetches) {
        match action {
            Action::Fetch { id, kind, .. } => {
                fetches.under_way.push((id, kind));
                fetches.ever += 1;
                let shared = fetches.under_way.iter().filter(|(_, kind)| *kind != FetchKind::Forced).count();
                assert!(shared <= 1, "two fetches at once");
            }
            Action::Forget(id) => fetches.under_way.retain(|(other, _)| *other != id),
            _ => {}
        }
    }

    fn answer(&self, waiter: Self::Waiter, outcome: Outcome) {
        locked(&waiter.0).push(outcome.is_ok());
    }

    fn wake_in(&self, _: Option<u64>, _: &mut Fetches) {}
}

impl Stage {
    fn new() -> Self {
        let entry = Entry::new(TokenKey::of_session("sess_1"), Policy::default(), 1, Fetches::default());
        Self {
            entry: Arc::new(entry),
            now_ms: std::sync::Arc::new(AtomicI64::new(START_MS)),
            told: Arc::new(Told::default()),
        }
    }

    /// One that has a token which was issued so many seconds ago.
    fn with(age: i64) -> Self {
        let stage = Self::new();
        assert!(stage.entry.drive(&stage, |slot, _, now| slot.hydrate(token(-age), now)));
        stage
    }

    /// Reads, and tells whether there was something at once.
    fn read(&self, options: ReadOptions) -> bool {
        match self.entry.read(self, options, || (Arc::clone(&self.told), ())) {
            Answer::Ready(token) => {
                assert!(token.expires_ms() > START_MS, "an expired token was handed out");
                true
            }
            Answer::Wait(()) => false,
            Answer::Failed(failure) => panic!("{failure}"),
        }
    }

    /// Answers a fetch, if one is under way.
    fn serve(&self, result: Result<SessionToken, Failure>) {
        self.entry.drive(self, |slot, fetches, now| {
            if let Some((id, _)) = fetches.under_way.pop() {
                slot.fetched(id, result, now);
            }
        });
    }

    fn peek(&self) -> Option<i64> {
        let now_ms = self.now_ms.load(Ordering::SeqCst);
        let token = TokenRef::load(&self.entry.published, now_ms)?;
        assert!(token.expires_ms() > now_ms, "an expired token was handed out");
        Some(token.issued_ms())
    }

    fn told(&self) -> Vec<bool> {
        locked(&self.told.0).clone()
    }

    fn fetches(&self) -> usize {
        self.entry.tasks(|fetches| fetches.ever)
    }
}

/// A token of a minute whose facts were read, and which was issued, so many seconds after the start.
fn token(iat: i64) -> SessionToken {
    let iat = START_MS / 1_000 + iat;
    let claims = format!(r#"{{"sid":"sess_1","iat":{iat},"exp":{}}}"#, iat + 60);
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let header = format!(r#"{{"alg":"RS256","oiat":{iat}}}"#);
    SessionToken::parse(&format!("{}.{}.c2ln", part(&header), part(&claims))).unwrap()
}

/// Does all of it at once, in every order there is.
fn all_at_once(make: fn() -> Stage, work: &'static [fn(&Stage)], after: fn(&Stage)) {
    loom::model(move || {
        let stage = make();
        let threads: Vec<_> = work
            .iter()
            .map(|work| {
                let stage = stage.clone();
                thread::spawn(move || work(&stage))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        after(&stage);
    });
}

fn reads(stage: &Stage) {
    stage.read(ReadOptions::default());
}

#[test]
fn readers_of_a_stale_token_get_it_and_begin_one_fetch() {
    fn reads_at_once(stage: &Stage) {
        assert!(stage.read(ReadOptions::default()));
    }
    all_at_once(|| Stage::with(50), &[reads_at_once, reads_at_once], |stage| assert_eq!(stage.fetches(), 1));
}

#[test]
fn readers_of_nothing_share_a_fetch_and_each_is_told_once() {
    fn reads_and_serves(stage: &Stage) {
        reads(stage);
        stage.serve(Ok(token(0)));
    }
    all_at_once(Stage::new, &[reads_and_serves, reads_and_serves], |stage| {
        assert_eq!(stage.fetches(), 1);
        assert!(stage.peek().is_some());
        let told = stage.told();
        assert!((1..=2).contains(&told.len()) && told.iter().all(|ok| *ok), "{told:?}");
        // Whoever was not told had it at once: nobody waits any more.
        assert!(stage.entry.tasks(|fetches| fetches.under_way.is_empty()));
    });
}

#[test]
fn nobody_waits_for_a_fetch_that_has_ended() {
    fn joins(stage: &Stage) {
        if !stage.read(ReadOptions::default()) {
            locked(&stage.told.0).push(true);
        }
    }
    fn begun() -> Stage {
        let stage = Stage::new();
        assert!(!stage.read(ReadOptions::default()));
        stage
    }
    all_at_once(begun, &[joins, |stage| stage.serve(Ok(token(0)))], |stage| {
        // The first, and two marks of the second if it waited.
        assert!(matches!(stage.told().len(), 1 | 3), "{:?}", stage.told());
    });
}

#[test]
fn signing_out_is_final_whatever_is_under_way() {
    fn begun() -> Stage {
        let stage = Stage::with(50);
        stage.read(ReadOptions { skip_cache: true, ..ReadOptions::default() });
        stage
    }
    fn clears(stage: &Stage) {
        stage.entry.drive(stage, |slot, _, now| slot.clear(now));
        assert_eq!(stage.peek(), None);
    }
    fn hears(stage: &Stage) {
        stage.entry.drive(stage, |slot, _, now| slot.received(token(0), now));
    }
    all_at_once(begun, &[clears, |stage| stage.serve(Ok(token(0))), hears], |stage| {
        assert_eq!(stage.peek(), None);
        assert_eq!(stage.told().len(), 1);
    });
}

#[test]
fn what_is_published_never_goes_back() {
    fn begun() -> Stage {
        let stage = Stage::with(50);
        reads(&stage);
        stage
    }
    fn hears(stage: &Stage) {
        stage.entry.drive(stage, |slot, _, now| slot.received(token(-5), now));
    }
    fn looks_twice(stage: &Stage) {
        let (first, second) = (stage.peek(), stage.peek());
        assert!(first.is_some() && second >= first, "{first:?} and then {second:?}");
    }
    all_at_once(begun, &[hears, |stage| stage.serve(Ok(token(0))), looks_twice], |stage| {
        assert_eq!(stage.peek(), Some(START_MS));
    });
}

#[test]
fn a_refused_token_takes_no_other_with_it() {
    fn begun() -> Stage {
        let stage = Stage::with(50);
        reads(&stage);
        stage
    }
    fn refuses(stage: &Stage) {
        stage.entry.drive(stage, |slot, _, _| slot.invalidate(&token(-50)));
    }
    all_at_once(begun, &[refuses, |stage| stage.serve(Ok(token(0)))], |stage| {
        assert_eq!(stage.peek(), Some(START_MS));
    });
}

#[test]
fn whoever_waits_is_told_once_when_time_is_up_and_the_answer_comes() {
    fn begun() -> Stage {
        let stage = Stage::new();
        reads(&stage);
        stage
    }
    fn time_is_up(stage: &Stage) {
        stage.now_ms.store(START_MS + 10_000, Ordering::SeqCst);
        stage.entry.drive(stage, |slot, _, now| slot.wake(now));
    }
    all_at_once(begun, &[time_is_up, |stage| stage.serve(Ok(token(0)))], |stage| {
        assert_eq!(stage.told().len(), 1);
        // A late answer still counts.
        assert_eq!(stage.peek(), Some(START_MS));
    });
}

#[test]
fn no_expired_token_is_handed_out_while_the_clock_goes_on() {
    fn time_passes(stage: &Stage) {
        stage.now_ms.store(START_MS + 10_000, Ordering::SeqCst);
        stage.entry.drive(stage, |slot, _, now| slot.wake(now));
    }
    fn looks(stage: &Stage) {
        stage.peek();
    }
    // It expires in ten seconds.
    all_at_once(
        || Stage::with(50),
        &[time_passes, looks, |stage| stage.serve(Ok(token(5)))],
        |stage| {
            assert_ne!(stage.peek(), Some(START_MS - 50_000));
        },
    );
}
