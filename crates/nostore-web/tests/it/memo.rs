//! The verified-token memo: what is found, and what is not any more.

use nostore_web::{Metrics, Why};

use crate::heads::{PAGE, passed, request};
use crate::service::{Site, well};
use crate::support::{alice, cookies, key_set, token};

/// Visits, and tells how many signatures were known to be good.
async fn hits(site: &Site, cookie: &str) -> (bool, u64) {
    let before = site.sessions.metrics().memo_hits;
    let signed_in = site.page(cookie).await.signed_in;
    (signed_in, site.sessions.metrics().memo_hits - before)
}

/// Waits until so many sets have come.
async fn fetched(site: &Site, sets: u64) {
    let mut waits = 0;
    while site.sessions.metrics().key_fetches < sets {
        waits += 1;
        assert!(waits < 10_000_000, "expected {sets} sets");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_same_token_costs_no_second_check() {
    let site = Site::start().await;
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    assert_eq!(hits(&site, &alice()).await, (true, 1));
    // One that differs in its last letter, or in its first, is another.
    let (mut last, first) = (alice(), alice().replace("__session=e", "__session=f"));
    let letter = if last.pop() == Some('A') { 'B' } else { 'A' };
    last.push(letter);
    assert_eq!(hits(&site, &last).await, (false, 0));
    assert_eq!(hits(&site, &first).await, (false, 0));
    assert_eq!(hits(&site, &alice()).await, (true, 1));
}

#[tokio::test]
async fn nothing_is_kept_past_its_expiry() {
    let site = Site::start().await;
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    site.clock.forward_millis(59_999);
    assert_eq!(hits(&site, &alice()).await, (true, 1));
    // The law lets clocks differ by 5 s; the memo does not.
    site.clock.forward_millis(1);
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    site.clock.forward(5);
    assert_eq!(hits(&site, &alice()).await, (false, 0));
}

#[tokio::test]
async fn other_keys_empty_it() {
    let site = Site::start().await;
    let late = cookies(&token(301));
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    site.service.script(|line| match line {
        "GET /v1/jwks" => (200, key_set("tomorrow")),
        line => well(line),
    });
    // The set is asked for behind this one.
    site.clock.forward(301);
    assert_eq!(hits(&site, &late).await, (true, 0));
    fetched(&site, 2).await;
    let mut waits = 0;
    // The fetch is counted before it lands.
    while site.page(&late).await.signed_in {
        waits += 1;
        assert!(waits < 10_000_000, "the old key still counts");
        tokio::task::yield_now().await;
    }
    assert_eq!(hits(&site, &late).await, (false, 0));
}

#[tokio::test]
async fn the_same_keys_do_not() {
    let site = Site::start().await;
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    let late = cookies(&token(295));
    site.clock.forward(295);
    assert_eq!(hits(&site, &late).await, (true, 0));
    // The set is asked for behind this one.
    site.clock.forward(10);
    assert_eq!(hits(&site, &late).await, (true, 1));
    fetched(&site, 2).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
        assert_eq!(hits(&site, &late).await, (true, 1));
    }
}

#[tokio::test]
async fn signing_out_and_hearing_of_it_take_a_session_out() {
    let site = Site::start().await;
    for _ in 0..2 {
        assert_eq!(hits(&site, &alice()).await, (true, 0));
        assert_eq!(hits(&site, &alice()).await, (true, 1));
        let cookie = alice();
        let exchange = passed(&site.sessions, request("/", &[PAGE[0], ("cookie", &cookie)])).await;
        let _outcome = exchange.sign_out().await;
    }
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    site.sessions.forget_session("sess_2");
    assert_eq!(hits(&site, &alice()).await, (true, 1));
    site.sessions.forget_session("sess_1");
    assert_eq!(hits(&site, &alice()).await, (true, 0));
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let site = Site::set_up(|sessions| sessions.token_memo_bytes(0)).await;
    for _ in 0..3 {
        assert_eq!(hits(&site, &alice()).await, (true, 0));
    }
}

/// Where the claims no longer do, a known signature does not help.
#[tokio::test]
async fn claims_are_checked_each_time() {
    let site = Site::start().await;
    assert_eq!(hits(&site, &alice()).await, (true, 0));
    // The client signed in again after the token was made.
    let newer = alice().replace("__client_uat=1767225500", "__client_uat=1767225601");
    assert_ne!(newer, alice());
    assert!(!site.page(&newer).await.signed_in);
    let exchange =
        passed(&site.sessions, request("/", &[("authorization", &format!("Bearer {}", token(0)))])).await;
    assert!(exchange.auth(Why::here()).await.unwrap().is_signed_in());
    assert_eq!(site.service.count("GET /v1/jwks"), 1);
    let Metrics { memo_hits, .. } = site.sessions.metrics();
    assert!(memo_hits >= 2);
}
