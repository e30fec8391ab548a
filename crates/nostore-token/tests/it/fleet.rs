//! Many clients with one session, on one bus and one lock (sections 4.9 and 4.10).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nostore_token::{
    Bus, BusFault, BusFuture, Held, InProcess, InProcessLock, Lock, LockFuture, Message, SessionTokens,
    TokenHandle,
};
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::time::sleep;

use crate::client::{Mood, Service, session};

/// A bus that keeps what was told last, and may lose everything else.
#[derive(Clone, Default)]
struct Keeping {
    bus: InProcess,
    kept: Arc<Mutex<BTreeMap<String, Arc<[u8]>>>>,
    deaf: bool,
}

impl Bus for Keeping {
    fn send(&self, message: &Message) -> Result<(), BusFault> {
        self.kept.lock().unwrap().insert(message.name().to_owned(), message.expose().as_bytes().into());
        if self.deaf { Err(BusFault { what: "deaf" }) } else { self.bus.send(message) }
    }

    fn listen(&self) -> broadcast::Receiver<Arc<[u8]>> {
        self.bus.listen()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn load(&self, name: &str) -> BusFuture {
        let kept = self.kept.lock().unwrap().get(name).cloned();
        Box::pin(std::future::ready(kept))
    }

    fn forget(&self, name: &str) {
        self.kept.lock().unwrap().remove(name);
    }
}

/// A lock that somebody holds who never lets go.
#[derive(Clone, Default)]
struct Frozen(Arc<()>);

impl Lock for Frozen {
    fn acquire(&self, _: &str) -> LockFuture {
        let waiting = Arc::clone(&self.0);
        Box::pin(async move {
            let _waiting = waiting;
            std::future::pending().await
        })
    }
}

fn fleet(n: u64, one: impl Fn(u64) -> SessionTokens) -> Vec<(SessionTokens, TokenHandle)> {
    let clients = (0..n).map(one);
    clients.map(|tokens| (tokens.clone(), tokens.handle(session()))).collect()
}

#[tokio::test(start_paused = true)]
async fn i1_f28_twenty_clients_with_a_lock_fetch_as_often_as_one() {
    let (service, bus, lock) = (Service::default(), InProcess::default(), InProcessLock::default());
    let clients = fleet(20, |seed| {
        service.builder().seed(seed).bus(bus.clone()).lock(lock.clone()).build_on(Handle::current())
    });
    for second in 0..600 {
        for (_, handle) in &clients {
            let token = handle.get().await.unwrap();
            assert!(token.expires_ms() > crate::world::START * 1_000 + second * 1_000);
        }
        sleep(Duration::from_secs(1)).await;
    }
    // A token of 60 s is refreshed after 42 to 44 s, by whichever of them comes first.
    assert!((600 / 44..=600 / 42 + 1).contains(&service.asked()), "{} fetches", service.asked());
}

#[tokio::test(start_paused = true)]
async fn i1_twenty_clients_that_start_at_once_fetch_once() {
    let (service, bus, lock) = (Service::default(), InProcess::default(), InProcessLock::default());
    service.is(Mood::Closed);
    let clients =
        fleet(20, |_| service.builder().bus(bus.clone()).lock(lock.clone()).build_on(Handle::current()));
    let gets: Vec<_> = clients.iter().map(|(_, handle)| handle.ask()).collect();
    sleep(Duration::from_millis(500)).await;
    service.is(Mood::Well);
    service.open();
    for get in gets {
        get.await.unwrap();
    }
    assert_eq!(service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn f24_messages_that_are_lost_are_made_up_for_by_what_is_kept() {
    let (service, lock) = (Service::default(), InProcessLock::default());
    let keeping = Keeping { deaf: true, ..Keeping::default() };
    let clients =
        fleet(5, |_| service.builder().bus(keeping.clone()).lock(lock.clone()).build_on(Handle::current()));
    for (_, handle) in &clients {
        handle.get().await.unwrap();
    }
    assert_eq!(service.asked(), 1);
    // Each looks before it refreshes.
    sleep(Duration::from_secs(50)).await;
    for (_, handle) in &clients {
        handle.get().await.unwrap();
    }
    assert_eq!(service.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn f11_what_is_kept_of_a_session_goes_with_it() {
    let (service, keeping) = (Service::default(), Keeping::default());
    let tokens = service.builder().bus(keeping.clone()).build_on(Handle::current());
    tokens.handle(session()).get().await.unwrap();
    assert_eq!(keeping.kept.lock().unwrap().len(), 1);
    tokens.clear();
    assert!(keeping.kept.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn f25_a_lock_that_nobody_gives_delays_the_first_token_by_two_seconds_and_no_other() {
    let (service, frozen) = (Service::default(), Frozen::default());
    let tokens = service.builder().lock(frozen.clone()).build_on(Handle::current());
    let (handle, start) = (tokens.handle(session()), tokio::time::Instant::now());
    handle.get().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    for _ in 0..600 {
        let before = tokio::time::Instant::now();
        handle.get().await.unwrap();
        assert_eq!(before.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(1)).await;
    }
    // The lock, its clone here, and whoever waits for it.
    assert!(Arc::strong_count(&frozen.0) <= 3, "those who have waited enough pile up");
}

#[tokio::test(start_paused = true)]
async fn f25_the_lock_is_given_back_by_whoever_ends_in_any_way() {
    let (service, lock) = (Service::default(), InProcessLock::default());
    let free = async |lock: &InProcessLock| {
        tokio::time::timeout(Duration::from_millis(1), lock.acquire(&session().to_string())).await.is_ok()
    };
    let client = || service.builder().lock(lock.clone()).build_on(Handle::current());
    let busy = async |mood: Mood, free_after: bool| {
        service.is(mood);
        let tokens = client();
        let get = tokens.handle(session()).ask();
        sleep(Duration::from_millis(10)).await;
        assert_eq!(free(&lock).await, free_after);
        (tokens, get)
    };
    // A failure gives it back at once, before the retry.
    let (tokens, _get) = busy(Mood::Fails(crate::world::transient()), true).await;
    drop(tokens);
    // Sign-out, and the end of the client.
    let (tokens, _get) = busy(Mood::Hangs, false).await;
    tokens.clear();
    sleep(Duration::from_millis(1)).await;
    assert!(free(&lock).await);
    let (tokens, get) = busy(Mood::Hangs, false).await;
    drop((tokens, get));
    sleep(Duration::from_millis(1)).await;
    assert!(free(&lock).await);
    // A fetch that takes too long.
    let (tokens, get) = busy(Mood::Hangs, false).await;
    get.await.unwrap_err();
    assert!(free(&lock).await, "given back when it timed out");
    drop(tokens);
}

#[tokio::test(start_paused = true)]
async fn held_is_let_go_of_once() {
    let let_go = Arc::new(Mutex::new(0));
    let count = Arc::clone(&let_go);
    drop(Held::new(move || *count.lock().unwrap() += 1));
    assert_eq!(*let_go.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn entries_that_nobody_uses_make_room() {
    let service = Service::default();
    let tokens = service.client();
    service.is(Mood::Fails(crate::world::transient()));
    let kept = tokens.handle(session());
    for n in 0..1_000 {
        drop(tokens.handle(session().template(format!("t{n}"))));
    }
    assert!(tokens.entries() < 130, "{} entries", tokens.entries());
    assert_eq!(kept.key(), tokens.handle(session()).key());
}
