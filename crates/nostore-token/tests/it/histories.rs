//! Random histories of one entry against an oracle that keeps everything and works it out anew each time.

use std::collections::BTreeMap;

use nostore_token::{Compat, Failure, FetchId, FetchKind, Policy, ReadOptions, Reading, Thresholds, Zone};
use proptest::prelude::*;

use crate::world::{Mint, START, World, transient};

/// What happens.
#[derive(Clone, Debug)]
enum Happening {
    Read(ReadOptions),
    /// One of the fetches under way is answered: which, how old its token is, how long it lives, what it knows.
    Answer(usize, i64, i64, Option<i64>),
    Fail(usize, Failure),
    Receive(i64, i64, Option<i64>),
    Pass(u64),
    /// The machine sleeps: only the wall clock goes on.
    Sleep(i64),
    Focus(bool),
    Online,
    Invalidate,
    Clear,
    /// The lock is given to whoever waits for it.
    Admit,
}

/// What the oracle remembers of a token that came in.
#[derive(Clone, Debug)]
struct Came {
    mint: Mint,
    at_ms: i64,
}

/// Everything that came in since the last clearing, and what was taken out of use.
#[derive(Clone, Debug, Default)]
struct Oracle {
    came: Vec<Came>,
    invalidated: Vec<String>,
    /// What others tell is not heard: nobody has asked since the last clearing.
    closed: bool,
    cleared_ms: Option<i64>,
}

impl Oracle {
    /// The token that must be readable: of those that were valid when they came, each gave way to the next unless
    /// that knew less while the one before was still valid.
    fn readable(&self, now_ms: i64) -> Option<&Mint> {
        let mut holder: Option<&Came> = None;
        for came in &self.came {
            let valid = |of: &Came| of.mint.token().expires_ms() > came.at_ms;
            let gives_way = |of: &Came| of.mint.token().rank().gives_way_to(came.mint.token().rank());
            if valid(came) && holder.is_none_or(|holder| !valid(holder) || gives_way(holder)) {
                holder = Some(came);
            }
        }
        let mint = &holder?.mint;
        let gone = self.invalidated.contains(&mint.raw());
        (!gone && mint.token().expires_ms() > now_ms).then_some(mint)
    }

    /// What others tell counts once somebody has asked, and only if it is newer than the last clearing.
    fn hears(&self, mint: &Mint) -> bool {
        !self.closed && self.cleared_ms.is_none_or(|cleared_ms| mint.token().issued_ms() > cleared_ms)
    }

    fn came(&mut self, mint: Mint, at_ms: i64) {
        // The same text that comes again is in use again.
        self.invalidated.retain(|raw| *raw != mint.raw());
        self.came.push(Came { mint, at_ms });
    }
}

fn options() -> impl Strategy<Value = ReadOptions> {
    let threshold = prop_oneof![3 => Just(None), 1 => (0_i64..60_000).prop_map(Some)];
    (threshold, prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.05)).prop_map(
        |(background_threshold_ms, refresh_if_stale, skip_cache, since)| ReadOptions {
            background_threshold_ms,
            refresh_if_stale,
            skip_cache,
            fresh_since_ms: since.then_some(30_000),
        },
    )
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        6 => Just(transient()),
        1 => Just(Failure::Offline),
        1 => Just(Failure::Busy { status: 429, retry_after_ms: Some(3_000) }),
        1 => Just(Failure::Refused { status: 400, code: "no".to_owned() }),
        1 => Just(Failure::Panicked),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let age = prop_oneof![4 => Just(0_i64), 1 => 0_i64..80];
    let lifetime = prop_oneof![4 => Just(60_i64), 1 => 1_i64..200, 1 => Just(8_640_000_i64)];
    let knows = || prop_oneof![2 => Just(None), 3 => (0_i64..5).prop_map(Some)];
    prop_oneof![
        8 => options().prop_map(Happening::Read),
        6 => (0_usize..4, age, lifetime, knows()).prop_map(|(n, age, lives, oiat)| Happening::Answer(n, age, lives, oiat)),
        2 => (0_usize..4, failure()).prop_map(|(n, failure)| Happening::Fail(n, failure)),
        1 => (0_i64..80, 1_i64..100, knows()).prop_map(|(age, lives, oiat)| Happening::Receive(age, lives, oiat)),
        8 => (0_u64..20_000).prop_map(Happening::Pass),
        1 => (0_i64..100_000).prop_map(Happening::Sleep),
        1 => any::<bool>().prop_map(Happening::Focus),
        1 => Just(Happening::Online),
        1 => Just(Happening::Invalidate),
        1 => Just(Happening::Clear),
        4 => Just(Happening::Admit),
    ]
}

/// A slot with what must hold of it.
struct Watched {
    world: World,
    oracle: Oracle,
    waiting: BTreeMap<FetchId, usize>,
    told: usize,
}

impl Watched {
    fn mint(&self, age: i64, lives: i64, oiat: Option<i64>) -> Mint {
        let now = (self.world.wall_ms - START * 1_000).div_euclid(1_000);
        Mint { iat: now - age, lives, oiat, says: format!("{}", self.oracle.came.len()) }
    }

    fn happen(&mut self, happening: Happening) {
        let now_ms = self.world.wall_ms;
        match happening {
            Happening::Read(options) => self.read(options),
            Happening::Answer(n, age, lives, oiat) => {
                if let Some((id, _)) = self.world.under_way.get(n).copied() {
                    let mint = self.mint(age, lives, oiat);
                    self.oracle.came(mint.clone(), now_ms);
                    self.world.answer_to(id, &mint);
                }
            }
            Happening::Fail(n, failure) => {
                if n < self.world.under_way.len() {
                    self.world.under_way.swap(0, n);
                    self.world.fail(failure);
                }
            }
            Happening::Receive(age, lives, oiat) => {
                let mint = self.mint(age, lives, oiat);
                if self.oracle.hears(&mint) {
                    self.oracle.came(mint.clone(), now_ms);
                }
                self.world.receive(&mint);
            }
            Happening::Pass(ms) => self.world.pass_ms(ms),
            Happening::Sleep(ms) => self.world.wall_ms += ms,
            Happening::Focus(focused) => self.world.slot.focus(focused, self.world.now()),
            Happening::Online => {
                self.world.slot.online(self.world.now());
                self.world.act();
            }
            Happening::Invalidate => {
                if let Some(mint) = self.oracle.readable(now_ms).cloned() {
                    assert!(self.world.slot.invalidate(&mint.token()));
                    self.oracle.invalidated.push(mint.raw());
                    self.world.act();
                }
            }
            Happening::Clear => {
                self.world.clear();
                self.world.under_way.clear();
                self.oracle = Oracle { closed: true, cleared_ms: Some(now_ms), ..Oracle::default() };
            }
            Happening::Admit => {
                if !self.world.queued.is_empty() {
                    self.world.admit();
                }
            }
        }
        self.check();
    }

    fn read(&mut self, options: ReadOptions) {
        let now_ms = self.world.wall_ms;
        let expected = self.oracle.readable(now_ms).cloned();
        self.oracle.closed = false;
        match self.world.read_with(options) {
            Reading::Ready { token, .. } => {
                assert!(token.expires_ms() > now_ms, "an expired token was handed out");
                assert_eq!(Some(token.expose()), expected.map(|mint| mint.raw()).as_deref());
                assert!(!options.skip_cache && options.fresh_since_ms.is_none());
            }
            Reading::Wait(id) => {
                *self.waiting.entry(id).or_default() += 1;
                let asked = options.skip_cache || options.fresh_since_ms.is_some();
                let zone = expected.map(|mint| {
                    let token = mint.token();
                    let thresholds = Thresholds::of(token.lifetime_ms(), options.background_threshold_ms);
                    thresholds.zone(token.expires_ms() - now_ms)
                });
                let may_wait = match zone {
                    None | Some(Zone::Ending | Zone::Expired) => true,
                    Some(Zone::Stale) => options.refresh_if_stale,
                    Some(Zone::Fresh) => false,
                };
                assert!(asked || may_wait, "a caller waits beside a good token ({zone:?})");
            }
            Reading::Ended(failure) => panic!("nothing ended it: {failure}"),
        }
    }

    /// What must hold after everything that happens.
    fn check(&mut self) {
        let now_ms = self.world.wall_ms;
        assert!(self.world.queued.len() <= 1, "asks others twice at once");
        let expected = self.oracle.readable(now_ms).map(Mint::raw);
        assert_eq!(self.world.peek(), expected, "what is readable");
        if let Some(published) = &self.world.published {
            let token = nostore_token::SessionToken::parse(published).unwrap();
            assert!(
                token.expires_ms() <= now_ms || Some(published) == expected.as_ref(),
                "what is published"
            );
        } else {
            assert_eq!(expected, None, "what is published");
        }
        for (id, _) in &self.world.finished[self.told..] {
            self.waiting.remove(id);
        }
        self.told = self.world.finished.len();
    }

    /// Fails whatever is under way until nobody waits any more.
    fn settle(&mut self) {
        for _ in 0..200 {
            while !self.world.under_way.is_empty() {
                self.world.fail(transient());
            }
            self.world.pass_ms(1_000);
            self.check();
            if self.waiting.is_empty() {
                return;
            }
        }
        panic!("somebody waits for ever: {:?}", self.waiting);
    }
}

/// At most one fetch that callers share is begun per refresh, however they come.
fn shared(world: &World) -> usize {
    world.under_way.iter().filter(|(_, kind)| *kind != FetchKind::Forced).count()
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![
        4 => Just(Policy::default()),
        3 => Just(Policy { asks_others: true, ..Policy::default() }),
        1 => Just(Policy { hides_replaced: false, ..Policy::compat(Compat::Head) }),
        1 => Just(Policy { hides_replaced: false, ..Policy::compat(Compat::Pr7317) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r2_1_r2_4_r2_6_any_history_is_as_the_oracle_has_it(
        policy in policy(),
        seed in any::<u64>(),
        history in prop::collection::vec(happening(), 1..60),
    ) {
        let mut watched = Watched {
            world: World::seeded(policy, seed),
            oracle: Oracle::default(),
            waiting: BTreeMap::new(),
            told: 0,
        };
        for happening in history {
            watched.happen(happening);
        }
        watched.settle();
    }

    /// Fetches that hang are given up one by one, so several may be under way; of those that are not, one.
    #[test]
    fn r2_4_callers_share_one_fetch(history in prop::collection::vec(options(), 1..40), age in 0_i64..70) {
        let mut world = World::new();
        world.hydrate(&crate::world::minute(-age));
        for options in history {
            world.read_with(ReadOptions { skip_cache: false, fresh_since_ms: None, ..options });
            prop_assert!(shared(&world) <= 1);
            world.pass_ms(100);
        }
    }
}

/// How many histories: `NOSTORE_PROVE_HISTORIES`, or what a test has time for.
#[expect(clippy::disallowed_methods, reason = "a test is where its program starts")]
fn cases() -> u32 {
    std::env::var("NOSTORE_PROVE_HISTORIES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(5_000)
}
