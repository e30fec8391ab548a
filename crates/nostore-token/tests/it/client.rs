//! The client on tokio, where time passes only when everybody waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use nostore_message::UnixTime;
use nostore_token::{
    Ask, BearerLayer, Bus as _, Event, Failure, FetchKind, Fetched, InProcess, Message, SessionTokens,
    SessionTokensBuilder, TokenHandle, TokenKey,
};
use tokio::sync::Notify;
use tokio::time::{Instant, advance, sleep};
use tower_layer::Layer as _;
use tower_service::Service as _;

use crate::world::{START, facts, lives, transient};

/// A service that answers as it is told.
#[derive(Clone, Default)]
pub(crate) struct Service {
    asked: Arc<Mutex<Vec<(TokenKey, FetchKind)>>>,
    mood: Arc<Mutex<Mood>>,
    door: Arc<Notify>,
    under_way: Arc<AtomicUsize>,
}

#[derive(Clone, Debug, Default)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Answers when the door is opened.
    Closed,
    Fails(Failure),
    Panics,
    Hangs,
}

impl Service {
    async fn answer(self, ask: Ask, start: Instant) -> Result<Fetched, Failure> {
        self.asked.lock().unwrap().push((ask.key, ask.kind));
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let _left = Left(Arc::clone(&self.under_way));
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::Well => {}
            Mood::Closed => self.door.notified().await,
            Mood::Fails(failure) => return Err(failure),
            Mood::Panics => panic!("expected by the test"),
            Mood::Hangs => std::future::pending().await,
        }
        let iat = i64::try_from(start.elapsed().as_secs()).unwrap();
        Ok(Fetched { token: lives(iat, 60).token(), service_ms: None })
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn open(&self) {
        self.door.notify_waiters();
    }

    pub(crate) fn builder(&self) -> SessionTokensBuilder {
        let (service, start) = (self.clone(), Instant::now());
        let clock = move || {
            let elapsed = i64::try_from(start.elapsed().as_millis()).unwrap();
            UnixTime::from_millis(START * 1_000 + elapsed)
        };
        SessionTokens::builder(move |ask: Ask| service.clone().answer(ask, start)).clock(clock)
    }

    pub(crate) fn client(&self) -> SessionTokens {
        self.builder().build_on(tokio::runtime::Handle::current())
    }
}

/// Two tabs, so to speak.
fn two(service: &Service, bus: &InProcess) -> [(SessionTokens, TokenHandle); 2] {
    [1, 2].map(|seed| {
        let tokens = service.builder().bus(bus.clone()).seed(seed);
        let tokens = tokens.build_on(tokio::runtime::Handle::current());
        let handle = tokens.handle(session());
        (tokens, handle)
    })
}

/// Counts a fetch that ended, however it did.
struct Left(Arc<AtomicUsize>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn session() -> TokenKey {
    TokenKey::of_session("sess_1")
}

fn one(service: &Service) -> (SessionTokens, TokenHandle) {
    let tokens = service.client();
    let handle = tokens.handle(session());
    (tokens, handle)
}

fn peeked(handle: &TokenHandle) -> Option<String> {
    handle.peek().map(|token| token.expose().to_owned())
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("expected it to happen while everybody had their turn");
}

#[tokio::test(start_paused = true)]
async fn r2_10_r2_14_b21_b22_b23_b24_concurrent_readers_share_a_fetch_per_entry() {
    let service = Service::default();
    let tokens = service.client();
    let keys = [
        session(),
        session().template("report"),
        session().template("export"),
        session().organization("org_1"),
        session().audience("https://api.example"),
        TokenKey::of_session("sess_2"),
    ];
    for _ in 0..3 {
        let gets = keys.clone().map(|key| tokens.handle(key).ask());
        for get in gets {
            get.await.unwrap();
        }
    }
    assert_eq!(service.asked(), keys.len());
}

#[tokio::test(start_paused = true)]
async fn a68_b28_a_token_stays_warm_without_anybody_reading() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    handle.get().await.unwrap();
    for _ in 0..600 {
        sleep(Duration::from_secs(1)).await;
        assert!(handle.peek().is_some());
    }
    // 43 s after each, give or take one.
    assert!((14..=15).contains(&service.asked()), "{}", service.asked());
}

#[tokio::test(start_paused = true)]
async fn f13_f14_a_caller_that_goes_away_takes_nobody_with_it() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    service.is(Mood::Closed);
    let first = handle.ask();
    let second = tokio::spawn(handle.ask());
    until(|| service.asked() == 1).await;
    drop(first);
    service.door.notify_waiters();
    assert!(second.await.unwrap().is_ok());
    assert_eq!(service.asked(), 1);
    // And where all go away, what came is kept.
    let (_tokens, handle) = one(&service);
    let only = handle.ask();
    until(|| service.asked() == 2).await;
    drop(only);
    service.door.notify_waiters();
    until(|| handle.peek().is_some()).await;
    assert!(handle.get().await.is_ok());
    assert_eq!(service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn f15_a_panic_is_an_error_and_no_end() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    service.is(Mood::Panics);
    assert_eq!(handle.get().await.unwrap_err(), Failure::Panicked);
    service.is(Mood::Well);
    assert!(handle.get().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f8_whoever_waits_for_a_fetch_that_hangs_is_told() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    service.is(Mood::Hangs);
    let start = Instant::now();
    assert_eq!(handle.get().await.unwrap_err(), Failure::TimedOut { after_ms: 10_000 });
    assert_eq!(start.elapsed().as_secs(), 10);
    service.is(Mood::Well);
    assert!(handle.get().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f14_fetches_that_hang_do_not_pile_up() {
    let service = Service::default();
    let (tokens, handle) = one(&service);
    service.is(Mood::Hangs);
    for _ in 0..100 {
        assert!(handle.get().await.is_err());
    }
    until(|| service.under_way.load(Ordering::SeqCst) <= 64).await;
    tokens.clear();
    until(|| service.under_way.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test(start_paused = true)]
async fn f11_signing_out_is_final() {
    let service = Service::default();
    let (tokens, handle) = one(&service);
    handle.get().await.unwrap();
    let mut events = tokens.events();
    service.is(Mood::Closed);
    let waiting = handle.skip_cache();
    until(|| service.asked() == 2).await;
    tokens.clear();
    assert!(handle.peek().is_none());
    service.door.notify_waiters();
    assert_eq!(waiting.await.unwrap_err(), Failure::Cleared);
    sleep(Duration::from_secs(1)).await;
    assert!(handle.peek().is_none());
    assert!(events.try_recv().is_err(), "nobody is told of a token after that");
}

#[tokio::test(start_paused = true)]
async fn f19_the_end_of_a_session_is_told_once() {
    let service = Service::default();
    let (tokens, handle) = one(&service);
    let mut events = tokens.events();
    service.is(Mood::Fails(Failure::Unauthenticated { status: 401 }));
    let all: Vec<_> = (0..100).map(|_| handle.ask()).collect();
    for get in all {
        assert_eq!(get.await.unwrap_err(), Failure::Unauthenticated { status: 401 });
    }
    assert!(matches!(events.try_recv().unwrap().event, Event::Ended));
    assert!(events.try_recv().is_err());
    assert_eq!(service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn f30_the_last_handle_takes_every_task_along() {
    let service = Service::default();
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let (tokens, handle) = one(&service);
    handle.get().await.unwrap();
    service.is(Mood::Hangs);
    let waiting = handle.skip_cache();
    until(|| service.under_way.load(Ordering::SeqCst) == 1).await;
    assert!(metrics.num_alive_tasks() > before);
    drop((tokens, handle));
    until(|| service.under_way.load(Ordering::SeqCst) == 0).await;
    until(|| metrics.num_alive_tasks() == before).await;
    assert_eq!(waiting.await.unwrap_err(), Failure::Cleared);
}

#[tokio::test(start_paused = true)]
async fn b7_f27_reading_tells_nobody() {
    let service = Service::default();
    let (tokens, handle) = one(&service);
    let mut events = tokens.events();
    for _ in 0..10 {
        handle.get().await.unwrap();
    }
    assert!(matches!(events.try_recv().unwrap().event, Event::Updated(_)));
    assert!(events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn r2_9_a_token_that_is_there_is_read_without_waiting() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    assert!(handle.peek().is_none());
    assert!(handle.try_get().is_none(), "and it has been asked for");
    until(|| handle.peek().is_some()).await;
    assert_eq!(handle.peek().unwrap().expose(), handle.try_get().unwrap().expose());
    assert_eq!(service.asked(), 1);
    advance(Duration::from_secs(61)).await;
    assert!(handle.peek().is_none());
}

#[tokio::test(start_paused = true)]
async fn r2_7_r2_15_a_larger_threshold_refreshes_earlier() {
    let service = Service::default();
    let tokens = service.client();
    let plain = tokens.handle(session());
    let early = plain.clone().background_refresh_threshold(Duration::from_secs(30));
    plain.get().await.unwrap();
    advance(Duration::from_millis(29_000)).await;
    early.get().await.unwrap();
    assert_eq!(service.asked(), 1);
    advance(Duration::from_millis(1_000)).await;
    plain.get().await.unwrap();
    assert_eq!(service.asked(), 1);
    early.get().await.unwrap();
    until(|| service.asked() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn r2_5_a_failed_refresh_leaves_the_token() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    let first = handle.get().await.unwrap();
    service.is(Mood::Fails(transient()));
    advance(Duration::from_secs(50)).await;
    assert_eq!(handle.get().await.unwrap().expose(), first.expose());
    service.is(Mood::Well);
    sleep(Duration::from_secs(2)).await;
    assert_ne!(handle.get().await.unwrap().expose(), first.expose());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_refused_is_not_handed_out_again() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    let first = handle.get().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert!(handle.invalidate(&first));
    let second = handle.get().await.unwrap();
    assert_ne!(first.expose(), second.expose());
    assert!(!handle.invalidate(&first), "late news of an old token");
    assert!(handle.peek().is_some());
}

#[tokio::test(start_paused = true)]
async fn i1_a12_those_in_step_share_a_token() {
    let (service, bus) = (Service::default(), InProcess::default());
    let [(_a, first), (_b, second)] = two(&service, &bus);
    let token = first.get().await.unwrap();
    until(|| second.peek().is_some()).await;
    assert_eq!(second.get().await.unwrap().expose(), token.expose());
    assert_eq!(service.asked(), 1);
    // And go on to for ten minutes: one of them refreshes.
    for _ in 0..600 {
        sleep(Duration::from_secs(1)).await;
        assert!(first.peek().is_some() && second.peek().is_some());
    }
    assert!((14..=16).contains(&service.asked()), "{}", service.asked());
}

/// One whose token was brought by another refreshes it when that one is gone.
#[tokio::test(start_paused = true)]
async fn f21_f24_whoever_is_left_refreshes() {
    let (service, bus) = (Service::default(), InProcess::default());
    let [(a, first), (_b, second)] = two(&service, &bus);
    first.get().await.unwrap();
    until(|| second.peek().is_some()).await;
    drop((a, first));
    for _ in 0..120 {
        sleep(Duration::from_secs(1)).await;
        assert!(second.peek().is_some());
    }
    assert!((2..=4).contains(&service.asked()), "{}", service.asked());
}

#[tokio::test(start_paused = true)]
async fn a64_i2_i3_sessions_do_not_mix() {
    let (service, bus) = (Service::default(), InProcess::default());
    let [(a, first), (b, _)] = two(&service, &bus);
    first.get().await.unwrap();
    let other = b.handle(TokenKey::of_session("sess_2"));
    sleep(Duration::from_millis(10)).await;
    assert!(other.peek().is_none());
    // Each asks for itself, even at once.
    let gets = [a.handle(TokenKey::of_session("sess_3")).ask(), other.ask()];
    for get in gets {
        get.await.unwrap();
    }
    assert_eq!(service.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a10_a2_a3_a_message_is_kept_under_its_own_id() {
    let (service, bus) = (Service::default(), InProcess::default());
    let [(tokens, _), _] = two(&service, &bus);
    tokio::task::yield_now().await;
    for key in [session(), session().template("t")] {
        let token = lives(0, 60).token();
        bus.send(&Message::of(&key, &token, "trace").unwrap()).unwrap();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(peeked(&tokens.handle(key)).as_deref(), Some(token.expose()));
    }
    assert_eq!(service.asked(), 0);
}

/// Answers 401 to tokens that it has refused, and tells what it saw.
#[derive(Clone, Default)]
struct Api {
    seen: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<Vec<String>>>,
}

impl tower_service::Service<Request<&'static str>> for Api {
    type Response = Response<&'static str>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<&'static str>) -> Self::Future {
        assert_eq!(*request.body(), "body");
        let field = request.headers()["authorization"].to_str().unwrap().to_owned();
        let status = if self.refuses.lock().unwrap().contains(&field) { 401 } else { 200 };
        self.seen.lock().unwrap().push(field);
        std::future::ready(Ok(Response::builder().status(status).body("").unwrap()))
    }
}

#[tokio::test(start_paused = true)]
async fn requests_carry_a_token_and_another_after_a_401() {
    let service = Service::default();
    let (_tokens, handle) = one(&service);
    let api = Api::default();
    let mut client = BearerLayer::new(handle.clone()).layer(api.clone());
    let request = || Request::builder().uri("/x").body("body").unwrap();
    let field = |token: &str| format!("Bearer {token}");
    assert_eq!(client.call(request()).await.unwrap().status(), 200);
    let first = handle.get().await.unwrap();
    assert_eq!(api.seen.lock().unwrap().clone(), [field(first.expose())]);
    // The service takes it out of use.
    sleep(Duration::from_secs(2)).await;
    api.refuses.lock().unwrap().push(field(first.expose()));
    assert_eq!(client.call(request()).await.unwrap().status(), 200);
    let second = handle.get().await.unwrap();
    assert_eq!(api.seen.lock().unwrap()[1..], [field(first.expose()), field(second.expose())]);
    // It refuses everything: once more, and no further.
    sleep(Duration::from_secs(2)).await;
    api.refuses.lock().unwrap().push(field(second.expose()));
    service.is(Mood::Fails(transient()));
    assert_eq!(client.call(request()).await.unwrap().status(), 401);
    assert_eq!(api.seen.lock().unwrap().len(), 4);
    // A field of the caller's own stays.
    let own = Request::builder().uri("/x").header("authorization", "Basic own").body("body").unwrap();
    client.call(own).await.unwrap();
    assert_eq!(api.seen.lock().unwrap().last().unwrap(), "Basic own");
}

/// A bus that carries nothing.
struct Broken(InProcess);

impl nostore_token::Bus for Broken {
    fn send(&self, _: &Message) -> Result<(), nostore_token::BusFault> {
        Err(nostore_token::BusFault { what: "broken by the test" })
    }

    fn listen(&self) -> tokio::sync::broadcast::Receiver<Arc<[u8]>> {
        self.0.listen()
    }
}

#[tokio::test(start_paused = true)]
async fn a31_a_token_that_nobody_could_be_told_of_is_kept() {
    let service = Service::default();
    let tokens = service.builder().bus(Broken(InProcess::default()));
    let handle = tokens.build_on(tokio::runtime::Handle::current()).handle(session());
    let token = handle.get().await.unwrap();
    assert_eq!(peeked(&handle).as_deref(), Some(token.expose()));
}

#[tokio::test(start_paused = true)]
async fn a60_b9_c62_c63_c64_c67_c68_c70_b52_b53_b54_b56_entries_have_nothing_to_do_with_each_other() {
    let service = Service::default();
    let tokens = service.client();
    let other = session().organization("org_1");
    let known = |oiat: i64, says: &str| crate::world::saying(&facts(oiat, 0), says).token();
    assert!(tokens.handle(session()).peek().is_none(), "nothing is set");
    assert!(tokens.hydrate(session(), known(10, "high")));
    assert!(tokens.hydrate(other.clone(), known(1, "low")), "another organization has facts of its own");
    assert!(tokens.hydrate(session().template("t"), known(1, "template")));
    let high = known(10, "high");
    assert_eq!(peeked(&tokens.handle(session())).as_deref(), Some(high.expose()), "and leaves these alone");
    let (one, same) = (tokens.handle(session()), tokens.handle(session()));
    assert!(Arc::ptr_eq(&one.get().await.unwrap().share(), &same.get().await.unwrap().share()));
    assert!(tokens.hydrate(session(), known(11, "higher")), "set again");
    assert!(!tokens.hydrate(session(), known(9, "lower")));
    assert_eq!(peeked(&one).as_deref(), Some(known(11, "higher").expose()));
    assert_eq!(service.asked(), 0);
    // Replacing one again and again moves nobody else's timer.
    let busy = session().audience("busy");
    for _ in 0..41 {
        sleep(Duration::from_secs(1)).await;
        tokens.handle(busy.clone()).skip_cache().await.unwrap();
    }
    assert_eq!(service.asked(), 41);
    sleep(Duration::from_secs(4)).await;
    let asked = service.asked.lock().unwrap().split_off(41);
    assert_eq!(asked.iter().filter(|(key, _)| *key == other).count(), 1);
    assert!(asked.iter().all(|(key, _)| *key != busy));
    tokens.clear();
    for key in [session(), other, session().template("t")] {
        assert!(tokens.handle(key).peek().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn f5_a_clock_that_is_set_hands_out_no_expired_token() {
    for jump_ms in [-600_000_i64, 600_000] {
        let service = Service::default();
        let (start, jumped) = (Instant::now(), Arc::new(std::sync::atomic::AtomicI64::new(0)));
        let elapsed = move || i64::try_from(start.elapsed().as_millis()).unwrap();
        let by = Arc::clone(&jumped);
        let clock = move || UnixTime::from_millis(START * 1_000 + elapsed() + by.load(Ordering::SeqCst));
        let tokens = service.builder().clock(clock).build_on(tokio::runtime::Handle::current());
        let handle = tokens.handle(session());
        handle.get().await.unwrap();
        sleep(Duration::from_secs(20)).await;
        jumped.store(jump_ms, Ordering::SeqCst);
        service.is(Mood::Hangs);
        for _ in 0..120 {
            sleep(Duration::from_secs(1)).await;
            if let Some(token) = handle.try_get() {
                assert!(token.expires_ms() > START * 1_000 + elapsed(), "by {jump_ms}");
            }
        }
    }
}

/// What each option does by itself, 20 s before a token of a minute ends, where a plain read fetches nothing.
#[tokio::test(start_paused = true)]
async fn r2_17_no_option_needs_another_one() {
    type Option = fn(&SessionTokens) -> nostore_token::Asked;
    let fetches: [(&str, Option, usize); 7] = [
        ("none", |tokens| tokens.handle(session()).ask(), 0),
        ("refresh_if_stale", |tokens| tokens.handle(session()).refresh_if_stale(true).ask(), 0),
        (
            "background_refresh_threshold",
            |tokens| tokens.handle(session()).background_refresh_threshold(Duration::from_secs(25)).ask(),
            1,
        ),
        ("skip_cache", |tokens| tokens.handle(session()).skip_cache(), 1),
        ("fresh_since", |tokens| tokens.handle(session()).fresh_since(Instant::now()), 1),
        ("template", |tokens| tokens.handle(session().template("t")).ask(), 1),
        ("audience", |tokens| tokens.handle(session().audience("a")).ask(), 1),
    ];
    for (name, ask, expected) in fetches {
        let service = Service::default();
        let tokens = service.client();
        tokens.handle(session()).get().await.unwrap();
        advance(Duration::from_secs(40)).await;
        ask(&tokens).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(service.asked() - 1, expected, "{name}");
    }
    // A stale token is what `refresh_if_stale` is about; the timer is out of the way.
    let service = Service::default();
    let policy = nostore_token::Policy { refreshes_by_timer: false, ..nostore_token::Policy::default() };
    let tokens = service.builder().policy(policy).build_on(tokio::runtime::Handle::current());
    let first = tokens.handle(session()).get().await.unwrap().issued_ms();
    advance(Duration::from_secs(50)).await;
    let waited = tokens.handle(session()).refresh_if_stale(true).get().await.unwrap();
    assert_eq!(waited.issued_ms() - first, 50_000);
}
