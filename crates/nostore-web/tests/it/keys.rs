//! The JWK Set: when it is asked for, when not, and what serves meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use nostore_message::{Fields, RequestHead, Scheme};
use nostore_session::Instance;
use nostore_web::{Begin, Exchange, Sessions, Why};

use crate::support::{Hand, Identity, cookies, forged, healthy, key, key_set, token};

struct Site {
    identity: Identity,
    clock: Hand,
    sessions: Sessions,
}

impl Site {
    async fn start() -> Self {
        let (identity, clock) = (Identity::start().await, Hand::new());
        let sessions = identity.sessions(Instance::Production).clock(clock.clone()).build().unwrap();
        Self { identity, clock, sessions }
    }

    /// Reads who is asking with this token; signed in or not.
    async fn read(&self, token: &str) -> bool {
        exchange(&self.sessions, token).await.peek(Why::here()).await.is_signed_in()
    }

    /// The same for one who may not wait.
    fn read_at_once(&self, token: &str) -> bool {
        let mut read = pin!(self.read(token));
        match read.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(signed_in) => signed_in,
            Poll::Pending => panic!("expected an answer at once"),
        }
    }

    /// Waits until the service has seen so many requests.
    async fn asked(&self, requests: usize) {
        let mut waits = 0;
        while self.requests() < requests {
            waits += 1;
            assert!(waits < 1_000_000, "expected {requests} requests, found {}", self.requests());
            tokio::task::yield_now().await;
        }
    }

    fn requests(&self) -> usize {
        self.identity.seen().len()
    }
}

async fn exchange(sessions: &Sessions, token: &str) -> Arc<Exchange> {
    let cookies = cookies(token);
    let head = RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: "localhost:8080".into(),
        target: "/".into(),
        fields: Fields::from_iter([("cookie", &*cookies)]),
    };
    match sessions.begin(head).await {
        Begin::Continue(exchange) => exchange,
        Begin::Answer(answer) => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn one_request_for_all_who_come_at_once() {
    let site = Site::start().await;
    let token = token(0);
    let readers = (0..50).map(|_| {
        let (sessions, token) = (site.sessions.clone(), token.clone());
        tokio::spawn(async move { exchange(&sessions, &token).await.peek(Why::here()).await.is_signed_in() })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert!(reader.await.unwrap());
    }
    assert_eq!(site.identity.seen(), ["GET /v1/jwks"]);
}

#[tokio::test]
async fn a_failure_is_shared_too_and_not_repeated_at_once() {
    let site = Site::start().await;
    site.identity.script(|_| Some((500, String::new())));
    let token = token(0);
    let readers = (0..20).map(|_| {
        let (sessions, token) = (site.sessions.clone(), token.clone());
        tokio::spawn(async move { exchange(&sessions, &token).await.peek(Why::here()).await.is_signed_in() })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert!(!reader.await.unwrap());
    }
    // One for all of them, tried three times.
    assert_eq!(site.requests(), 3);
    assert!(!site.read(&token).await);
    site.clock.forward_millis(249);
    assert!(!site.read(&token).await);
    assert_eq!(site.requests(), 3);
    // A quarter of a second later it is asked for again.
    site.identity.script(healthy);
    site.clock.forward_millis(1);
    assert!(site.read(&token).await);
    assert_eq!(site.requests(), 4);
}

#[tokio::test]
async fn whoever_waited_takes_the_result_however_long_it_took() {
    let site = Site::start().await;
    site.identity.script(|_| Some((500, String::new())));
    let closed = site.identity.close().await;
    let (sessions, signed) = (site.sessions.clone(), token(0));
    let first =
        tokio::spawn(
            async move { exchange(&sessions, &signed).await.peek(Why::here()).await.is_signed_in() },
        );
    while site.requests() < 1 {
        tokio::task::yield_now().await;
    }
    // Longer after it than a failure is remembered, a second one comes and waits.
    site.clock.forward(3);
    let signed = token(0);
    let mut second = pin!(site.read(&signed));
    let polled = second.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    drop(closed);
    assert!(!second.await && !first.await.unwrap());
    // One, tried three times.
    assert_eq!(site.requests(), 3);
}

#[tokio::test]
async fn p9_2_gap_kid_miss_p9_2_gap_jwks_retry_an_unknown_kid_does_not_hammer() {
    let site = Site::start().await;
    assert!(site.read(&token(0)).await);
    assert_eq!(site.requests(), 1);
    // The first unknown one is asked for.
    assert!(!site.read(&forged("a")).await);
    assert_eq!(site.requests(), 2);
    // Neither it nor another one, at once or within 5 s.
    for kid in ["a", "b", "c"] {
        assert!(!site.read(&forged(kid)).await);
    }
    site.clock.forward(4);
    assert!(!site.read(&forged("b")).await);
    assert_eq!(site.requests(), 2);
    // 5 s later another one is, but not the first.
    site.clock.forward(1);
    assert!(!site.read(&forged("a")).await);
    assert_eq!(site.requests(), 2);
    assert!(!site.read(&forged("b")).await);
    assert_eq!(site.requests(), 3);
    // The first again 30 s after it was refused.
    site.clock.forward(24);
    assert!(!site.read(&forged("a")).await);
    assert_eq!(site.requests(), 3);
    site.clock.forward(1);
    assert!(!site.read(&forged("a")).await);
    assert_eq!(site.requests(), 4);
    // One that is too long never.
    site.clock.forward(60);
    assert!(!site.read(&forged(&"k".repeat(257))).await);
    assert_eq!(site.requests(), 4);
    assert!(!site.read(&forged(&"k".repeat(256))).await);
    assert_eq!(site.requests(), 5);
}

#[tokio::test]
async fn a_new_key_is_found_at_once() {
    let site = Site::start().await;
    site.identity.script(|_| Some((200, key_set("yesterday"))));
    assert!(!site.read(&forged("yesterday")).await);
    assert_eq!(site.requests(), 1);
    site.identity.script(|_| Some((200, key_set(key().kid()))));
    assert!(site.read(&token(0)).await);
    assert_eq!(site.requests(), 2);
}

#[tokio::test]
async fn fresh_then_behind_then_waited_for() {
    let site = Site::start().await;
    assert!(site.read(&token(0)).await);
    site.clock.forward(299);
    assert!(site.read(&token(299)).await);
    assert_eq!(site.requests(), 1);
    // At 300 s it serves, and a newer one is asked for behind.
    site.clock.forward(1);
    assert!(site.read(&token(300)).await);
    site.asked(2).await;
    // Far past both it is waited for: first for the request that may still be under way, then for one of
    // its own.
    site.clock.forward(3_600);
    assert!(site.read(&token(3_900)).await);
    let before = site.requests();
    site.clock.forward(3_600);
    assert!(site.read(&token(7_500)).await);
    assert_eq!(site.requests(), before + 1);
}

#[tokio::test]
async fn a_stale_set_serves_while_the_service_is_down() {
    let site = Site::start().await;
    assert!(site.read(&token(0)).await);
    site.identity.script(|_| None);
    site.clock.forward(86_399);
    assert!(site.read(&token(86_399)).await);
    site.clock.forward(1);
    assert!(!site.read(&token(86_400)).await);
    site.identity.script(healthy);
    site.clock.forward(1);
    assert!(site.read(&token(86_401)).await);
}

/// A service that hangs takes seconds to fail: not every visitor may wait for that.
#[tokio::test]
async fn while_the_service_is_down_nobody_waits_whose_key_is_here() {
    let site = Site::start().await;
    assert!(site.read(&token(0)).await);
    site.identity.script(|_| None);
    site.clock.forward(3_600);
    // The first one notices the outage, the others read of it.
    assert!(site.read(&token(3_600)).await);
    let asked = site.requests();
    let closed = site.identity.close().await;
    site.clock.forward(4);
    assert!(site.read_at_once(&token(3_604)));
    assert_eq!(site.requests(), asked);
    // 5 s after the failure it is asked for again, behind.
    site.clock.forward(1);
    assert!(site.read_at_once(&token(3_605)));
    site.asked(asked + 1).await;
    assert!(site.read_at_once(&token(3_605)));
    drop(closed);
    // A key that nobody knows here is asked for all the same.
    assert!(!site.read(&forged("new")).await);
    let asked = site.requests();
    site.clock.forward(1);
    assert!(!site.read(&forged("new")).await);
    assert_ne!(site.requests(), asked);
}

/// `{"keys":[]}` is a set, but no visitor's token has lost its key because of it.
#[tokio::test]
async fn an_empty_set_takes_no_key_away() {
    let site = Site::start().await;
    site.identity.script(|_| Some((200, r#"{"keys":[]}"#.to_owned())));
    assert!(!site.read(&token(0)).await);
    site.identity.script(healthy);
    site.clock.forward(1);
    assert!(site.read(&token(0)).await, "an empty set is not kept");
    site.identity.script(|_| Some((200, r#"{"keys":[]}"#.to_owned())));
    site.clock.forward(3_600);
    assert!(site.read(&token(3_600)).await);
    site.clock.forward(3_600);
    assert!(site.read(&token(7_200)).await);
}

#[tokio::test]
async fn answers_are_bounded_and_must_be_sets() {
    let site = Site::start().await;
    let padded = |length: usize| {
        let set = key_set(key().kid());
        format!("{}{set}", " ".repeat(length - set.len()))
    };
    let limit = 256 * 1_024;
    for (answer, good) in [
        ("no JSON".to_owned(), false),
        ("[]".to_owned(), false),
        (padded(limit + 1), false),
        (padded(limit), true),
    ] {
        site.identity.script(move |_| Some((200, answer.clone())));
        site.clock.forward(2);
        assert_eq!(site.read(&token(0)).await, good);
    }
}

#[tokio::test]
async fn whoever_gives_up_does_not_block_the_rest() {
    let site = Site::start().await;
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    site.identity.script(move |target| {
        seen.store(true, Ordering::SeqCst);
        healthy(target)
    });
    let (sessions, signed) = (site.sessions.clone(), token(0));
    let impatient =
        tokio::spawn(
            async move { exchange(&sessions, &signed).await.peek(Why::here()).await.is_signed_in() },
        );
    while !asked.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    drop(impatient.await);
    assert!(site.read(&token(0)).await);
    // What the impatient one began serves the others: going away makes no second request.
    assert_eq!(site.requests(), 1);
}

#[tokio::test]
async fn a_clock_that_goes_back_asks_again() {
    let site = Site::start().await;
    assert!(site.read(&token(0)).await);
    site.clock.forward(-50);
    assert!(site.read(&token(-50)).await);
    assert_eq!(site.requests(), 2);
}
