//! One outage after another (section 4, items 9 and 10, of the token client's specification): twenty processes want a
//! token every 50 ms.
//!
//! Tokens live 12 s and are rounded to whole seconds, so that 11 to 12 remain. They are stale 3 s before their end,
//! refreshed 5 s before it, give or take a fifth, and waited for in the last second. So no interval is shorter than 5.8 s,
//! and none is longer than 9 s: those who were told of a token by others refresh it when it is stale.

use std::time::Duration;

use nostore_outage::{Issuer, Mood, Proxy, RedisServer, Way, now_ms};
use tokio::time::sleep;

use crate::fleet::{Diary, Member};
use crate::report::{Figures, Phase};

const MEMBERS: usize = 20;
const LIVES_SECS: i64 = 12;
const SHORTEST_INTERVAL_MS: i64 = 5_800;
const BEFORE_REFRESH_MS: i64 = 5_000;

/// So long a call may take where nothing but Redis is broken: a connection that is not there is given up after 1 s, two
/// exchanges after 0.5 s each, and then the token is fetched, by processes that share two cores.
const MOST_WITHOUT_REDIS_MS: i64 = 3_000;

/// So long a fetch may take where nothing is broken.
const MOST_OF_A_FETCH_MS: i64 = 1_000;

struct World {
    redis: RedisServer,
    proxy: Proxy,
    issuer: Issuer,
    members: Vec<Member>,
    /// How many there have been.
    joined: usize,
    phases: Vec<Phase>,
    /// Of those who have left.
    diaries: Vec<Diary>,
}

impl World {
    async fn start() -> Self {
        let (redis, issuer) = (RedisServer::start().await, Issuer::start(LIVES_SECS).await);
        let proxy = Proxy::before(redis.port()).await;
        let mut world = Self {
            redis,
            proxy,
            issuer,
            members: Vec::new(),
            joined: 0,
            phases: Vec::new(),
            diaries: Vec::new(),
        };
        let phase = Phase::begin("all start at once");
        for _ in 0..MEMBERS {
            let member = world.join();
            world.members.push(member);
        }
        for member in &mut world.members {
            member.ready().await;
        }
        world.phases.push(phase.end());
        world
    }

    fn join(&mut self) -> Member {
        self.joined += 1;
        Member::start(self.joined, self.issuer.port(), &self.proxy.url())
    }

    /// Has it be as it is for a while.
    async fn stays(&mut self, name: &'static str, secs: f64) {
        let phase = Phase::begin(name);
        sleep(Duration::from_secs_f64(secs)).await;
        self.phases.push(phase.end());
    }

    /// Has somebody join for the rest of it, whose first token must not wait for what is broken.
    async fn stays_and_somebody_joins(&mut self, name: &'static str, secs: f64) {
        let phase = Phase::begin(name);
        // After all others have found out.
        sleep(Duration::from_secs_f64(secs / 2.0)).await;
        let mut member = self.join();
        member.ready().await;
        sleep(Duration::from_secs_f64(secs / 2.0)).await;
        self.phases.push(phase.end());
        self.diaries.push(member.end().await);
    }

    /// Waits until the token is so old that its refresh comes soon, and not yet.
    async fn just_before_a_refresh(&mut self) {
        let phase = Phase::begin("(nothing is broken)");
        while now_ms() > self.issuer.minted_ms() + BEFORE_REFRESH_MS {
            sleep(Duration::from_millis(20)).await;
        }
        while now_ms() < self.issuer.minted_ms() + BEFORE_REFRESH_MS {
            sleep(Duration::from_millis(20)).await;
        }
        self.phases.push(phase.end());
    }

    async fn redis_is_away(&mut self) {
        self.stays("nothing is broken", 9.0).await;
        self.redis.kill();
        self.stays_and_somebody_joins("Redis is killed", 9.5).await;
        self.redis.start_again().await;
        self.stays("Redis is back", 7.0).await;
        self.redis.hang();
        self.stays_and_somebody_joins("Redis hangs", 9.5).await;
        self.redis.go_on();
        self.stays("Redis goes on", 7.0).await;
        self.proxy.goes(Way::Slowly(Duration::from_millis(150)));
        self.stays_and_somebody_joins("Redis is slow", 7.0).await;
        self.proxy.goes(Way::Lies);
        self.stays_and_somebody_joins("Redis lies", 8.0).await;
        self.proxy.goes(Way::Garbage);
        self.stays_and_somebody_joins("Redis talks rubbish", 9.5).await;
        self.proxy.goes(Way::Through);
        self.stays("Redis is sane again", 7.0).await;
    }

    async fn the_service_is_away(&mut self) {
        // A token has 4 s from its refresh to its last second: whoever is back before has kept nobody waiting.
        self.just_before_a_refresh().await;
        self.issuer.kill();
        self.stays("the service is killed", 3.0).await;
        self.issuer.start_again().await;
        self.just_before_a_refresh().await;
        self.issuer.is(Mood::Hangs);
        self.stays("the service hangs", 3.0).await;
        self.issuer.is(Mood::Well);
        self.just_before_a_refresh().await;
        self.issuer.is(Mood::Lies);
        self.stays("the service lies", 3.0).await;
        self.issuer.is(Mood::Slow(Duration::from_secs(1)));
        self.stays("the service is slow", 7.0).await;
        self.issuer.is(Mood::Well);
        self.just_before_a_refresh().await;
        self.issuer.kill();
        self.stays("the service is killed for long", 11.0).await;
        self.issuer.start_again().await;
        self.stays("the service is back", 5.0).await;
    }

    async fn end(self) -> (Vec<Figures>, Vec<Diary>) {
        let mut diaries = self.diaries;
        for member in self.members {
            diaries.push(member.end().await);
        }
        let asked = self.issuer.asked_since(0);
        let figures = self.phases.iter().map(|phase| phase.figures(&asked, &diaries)).collect();
        (figures, diaries)
    }
}

#[tokio::test]
async fn outages_cost_fetches_and_nobody_a_token() {
    let rounds = rounds();
    let mut world = World::start().await;
    for _ in 0..rounds {
        world.redis_is_away().await;
        world.the_service_is_away().await;
    }
    let (figures, diaries) = world.end().await;
    for figures in &figures {
        say(&figures.to_string());
    }
    let sum = |count: fn(&Figures) -> usize| figures.iter().map(count).sum::<usize>();
    let calls: u64 = diaries.iter().map(|diary| diary.calls).sum();
    let expired: usize = diaries.iter().map(|diary| diary.expired.len()).sum();
    let broken: Vec<String> = figures.iter().flat_map(wrong).collect();
    say(&format!(
        "outages: {rounds} rounds, {calls} calls, {} fetches, {} waited, {expired} expired tokens, {} broken promises",
        sum(|figures| figures.fetches),
        sum(|figures| figures.waited),
        broken.len()
    ));
    assert_eq!(expired, 0, "expired tokens were handed out");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(diaries.iter().any(|diary| diary.unopened > 0), "expected lies, and nobody to believe them");
}

/// What is promised of a phase.
#[derive(Clone, Copy)]
struct Promise {
    /// So many fetches at most, and so many at least: else nothing was broken.
    fetches: (usize, usize),
    /// So many of one process at most.
    of_one: usize,
    /// So many in vain at least.
    in_vain: usize,
    /// Nobody waits longer, in milliseconds. `None`: longer than a token lives nobody can be served.
    longest_ms: Option<i64>,
}

fn promise(figures: &Figures) -> Promise {
    // So many refreshes fall into the phase at most, the first of them begun before.
    let intervals = usize::try_from(figures.ms / SHORTEST_INTERVAL_MS).unwrap() + 1;
    let any = Promise { fetches: (0, usize::MAX), of_one: usize::MAX, in_vain: 0, longest_ms: Some(0) };
    let one = Promise { fetches: (0, intervals + 1), of_one: intervals, ..any };
    let alone = Promise { fetches: (0, (MEMBERS + 1) * intervals), ..one };
    let within = Some(MOST_WITHOUT_REDIS_MS);
    match figures.name {
        // One more where a process comes to Redis later than it waits for it.
        "all start at once" => Promise { fetches: (1, 2), of_one: 1, longest_ms: within, ..any },
        "nothing is broken" => Promise { fetches: (1, intervals + 1), ..one },
        "Redis is killed" | "Redis hangs" | "Redis talks rubbish" => {
            Promise { fetches: (MEMBERS / 2, alone.fetches.1), longest_ms: within, ..alone }
        }
        "Redis is slow" => Promise { longest_ms: within, ..one },
        // Who has a lock, and which token is the latest, is not to be known then.
        "Redis lies" => Promise { of_one: intervals + 1, longest_ms: within, ..alone },
        // Those who went alone meet again with their next refresh. A lock that was asked for before Redis hung is given when
        // it goes on, to nobody: whoever is behind it until the token is ending has callers wait for a fetch.
        "Redis is back" | "Redis goes on" | "Redis is sane again" => {
            Promise { longest_ms: Some(MOST_OF_A_FETCH_MS), ..alone }
        }
        "the service is killed" => Promise { in_vain: 1, ..any },
        "the service hangs" => Promise { fetches: (1, MEMBERS), ..any },
        "the service lies" => Promise { fetches: (1, usize::MAX), in_vain: 1, ..any },
        "the service is killed for long" => Promise { in_vain: MEMBERS, longest_ms: None, ..any },
        _ => Promise { longest_ms: None, ..any },
    }
}

/// Returns what must not be.
fn wrong(figures: &Figures) -> Vec<String> {
    let Promise { fetches: (least, most), of_one, in_vain, longest_ms } = promise(figures);
    let rows = [
        ((least..=most).contains(&figures.fetches), format!("{least} to {most} fetches")),
        (
            figures.most_of_one <= of_one,
            format!("at most {of_one} fetches of one process, found some at {:?} ms", figures.most_at_ms),
        ),
        (figures.in_vain >= in_vain, format!("at least {in_vain} fetches in vain")),
        (
            longest_ms.is_none_or(|longest_ms| figures.longest_ms <= longest_ms && figures.failed == 0),
            format!("nobody to wait longer than {} ms, and no call to fail", longest_ms.unwrap_or_default()),
        ),
    ];
    let wrong = rows.into_iter().filter(|(good, _)| !good);
    wrong.map(|(_, expected)| format!("expected {expected}: {figures}")).collect()
}

/// How often everything is broken: `NOSTORE_PROVE_ROUNDS`, or once.
#[expect(clippy::disallowed_methods, reason = "where a test starts")]
fn rounds() -> u32 {
    std::env::var("NOSTORE_PROVE_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap())
}

#[expect(clippy::print_stdout, reason = "the figures are what a proof is run for")]
fn say(line: &str) {
    println!("{line}");
}
