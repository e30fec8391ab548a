//! The discovery document and the JWK Set: how often they are asked for, and what serves while nobody answers.

use nostore_signin::provider::ProviderError;
use serde_json::json;

use crate::mock::{Fate, Faults, NOW};
use crate::support::{World, begun, finish, sign_in};

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn down(path: &'static str) -> Faults {
    Faults { fates: [(path, Fate::Status(500))].into(), ..Faults::default() }
}

/// ID tokens that do not end.
fn lasting() -> Faults {
    Faults { claims: vec![("exp", json!(NOW.secs() + 1_000_000))], ..Faults::default() }
}

#[tokio::test]
async fn one_fetch_serves_all_who_ask_at_once() {
    let world = World::new().await;
    let mut sign_ins = Vec::new();
    for _ in 0..20 {
        let site = world.site.clone();
        sign_ins.push(tokio::spawn(async move { site.warm(NOW).await }));
    }
    for sign_in in sign_ins {
        sign_in.await.unwrap().unwrap();
    }
    assert_eq!((world.mock.asked(DISCOVERY), world.mock.asked("/keys")), (1, 1));
}

#[tokio::test]
async fn one_failure_serves_all_who_wait_for_it_and_the_next_one_asks_again() {
    let world = World::new().await;
    world.mock.fail(Faults { fates: [(DISCOVERY, Fate::Hangs)].into(), ..Faults::default() });
    let site = world.restarted();
    let (one, two, three) = tokio::join!(site.warm(NOW), site.warm(NOW), site.warm(NOW));
    for outcome in [one, two, three] {
        assert!(matches!(outcome, Err(ProviderError::Unreachable { .. })), "{outcome:?}");
    }
    assert_eq!(world.mock.asked(DISCOVERY), 1);
    world.mock.fail(Faults::default());
    site.warm(NOW).await.unwrap();
}

#[tokio::test]
async fn whoever_gives_up_leaves_the_way_free() {
    let world = World::new().await;
    world.mock.fail(Faults { fates: [(DISCOVERY, Fate::Hangs)].into(), ..Faults::default() });
    let site = world.site.clone();
    let waiting = tokio::spawn(async move { site.warm(NOW).await });
    while world.mock.asked(DISCOVERY) == 0 {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    world.mock.fail(Faults::default());
    world.site.warm(NOW).await.unwrap();
}

#[tokio::test]
async fn documents_are_fresh_for_an_hour_and_serve_for_as_long_as_the_provider_is_down() {
    let world = World::new().await;
    world.mock.fail(lasting());
    sign_in(&world.mock, &world.site, NOW).await.unwrap();
    sign_in(&world.mock, &world.site, NOW.plus_secs(3_599)).await.unwrap();
    assert_eq!((world.mock.asked(DISCOVERY), world.mock.asked("/keys")), (1, 1));
    sign_in(&world.mock, &world.site, NOW.plus_secs(3_600)).await.unwrap();
    assert_eq!((world.mock.asked(DISCOVERY), world.mock.asked("/keys")), (2, 2));
    // Down: one try in ten seconds, and the stale ones serve.
    let later = NOW.plus_secs(100_000);
    let faults =
        Faults { fates: [(DISCOVERY, Fate::Status(500)), ("/keys", Fate::Status(500))].into(), ..lasting() };
    world.mock.fail(faults);
    for secs in [0, 9] {
        sign_in(&world.mock, &world.site, later.plus_secs(secs)).await.unwrap();
    }
    assert_eq!((world.mock.asked(DISCOVERY), world.mock.asked("/keys")), (3, 3));
    sign_in(&world.mock, &world.site, later.plus_secs(10)).await.unwrap();
    assert_eq!((world.mock.asked(DISCOVERY), world.mock.asked("/keys")), (4, 4));
    // Back: fresh again.
    world.mock.fail(lasting());
    for secs in [20, 21] {
        sign_in(&world.mock, &world.site, later.plus_secs(secs)).await.unwrap();
    }
    assert_eq!((world.mock.asked(DISCOVERY), world.mock.asked("/keys")), (5, 5));
}

#[tokio::test]
async fn another_issuer_does_not_take_the_place_of_a_stale_one() {
    let world = World::new().await;
    world.site.warm(NOW).await.unwrap();
    let document =
        vec![("issuer", json!("https://evil.example")), ("token_endpoint", json!("https://evil.example/t"))];
    world.mock.fail(Faults { document, ..lasting() });
    sign_in(&world.mock, &world.site, NOW.plus_secs(4_000)).await.unwrap();
}

#[tokio::test]
async fn keys_that_changed_are_found_at_once_and_unknown_ones_asked_for_once_in_ten_seconds() {
    let world = World::new().await;
    sign_in(&world.mock, &world.site, NOW).await.unwrap();
    world.mock.rotate();
    sign_in(&world.mock, &world.site, NOW).await.unwrap();
    assert_eq!(world.mock.asked("/keys"), 2);
    // Within ten seconds nobody is asked, whatever a token says.
    world.mock.rotate();
    for secs in [1, 5, 9] {
        let outcome = sign_in(&world.mock, &world.site, NOW.plus_secs(secs)).await;
        assert_eq!(outcome.unwrap_err().code(), "id-token-key");
    }
    assert_eq!(world.mock.asked("/keys"), 2);
    sign_in(&world.mock, &world.site, NOW.plus_secs(10)).await.unwrap();
    assert_eq!(world.mock.asked("/keys"), 3);
    // Somebody posts logout tokens with keys that nobody knows.
    let other = World::new().await;
    for _ in 0..50 {
        let token = other.mock.sign(&json!({}), &json!({ "iss": world.mock.origin, "aud": "site" }));
        let outcome = world.site.read_logout_token(&token, NOW.plus_secs(25)).await;
        assert_eq!(outcome.unwrap_err().code(), "id-token-key");
    }
    assert_eq!(world.mock.asked("/keys"), 4);
}

#[tokio::test]
async fn new_keys_are_asked_for_once_by_all_who_need_them() {
    let world = World::new().await;
    sign_in(&world.mock, &world.site, NOW).await.unwrap();
    world.mock.rotate();
    let mut tabs = Vec::new();
    for _ in 0..10 {
        let (attempt, query) = begun(&world.mock, &world.site, NOW).await.unwrap();
        let site = world.site.clone();
        tabs.push(tokio::spawn(async move { finish(&site, &attempt, &query, NOW).await }));
    }
    for tab in tabs {
        tab.await.unwrap().unwrap();
    }
    assert_eq!(world.mock.asked("/keys"), 2);
}

#[tokio::test]
async fn keys_stay_when_newer_ones_cannot_be_had() {
    let world = World::new().await;
    sign_in(&world.mock, &world.site, NOW).await.unwrap();
    world.mock.fail(Faults { forged: true, ..down("/keys") });
    assert_eq!(sign_in(&world.mock, &world.site, NOW).await.unwrap_err().code(), "id-token-signature");
    world.mock.fail(down("/keys"));
    sign_in(&world.mock, &world.site, NOW).await.unwrap();
}

#[tokio::test]
async fn documents_that_will_not_do() {
    let world = World::new().await;
    let rows = [
        ("issuer of another", vec![("issuer", json!("https://evil.example"))]),
        ("issuer with a slash", vec![("issuer", json!("{op}/"))]),
        ("no issuer", vec![("issuer", json!(null))]),
        ("no authorization endpoint", vec![("authorization_endpoint", json!(null))]),
        ("no token endpoint", vec![("token_endpoint", json!(null))]),
        ("no jwks_uri", vec![("jwks_uri", json!(null))]),
        ("authorization over javascript", vec![("authorization_endpoint", json!("javascript:alert(1)"))]),
        ("authorization over http", vec![("authorization_endpoint", json!("http://op.example/a"))]),
        ("token over http", vec![("token_endpoint", json!("http://op.example/token?secret=1"))]),
        ("keys over http", vec![("jwks_uri", json!("http://169.254.169.254/latest"))]),
        ("userinfo over http", vec![("userinfo_endpoint", json!("http://op.example/u"))]),
        ("keys in a file", vec![("jwks_uri", json!("file:///etc/passwd"))]),
    ];
    let mut table = crate::support::Table::default();
    for (name, document) in rows {
        let claims = vec![("email", json!(null))];
        let outcome = world.sign_in_with(Faults { document, claims, ..Faults::default() }).await;
        table.row(name, &world.told(outcome));
    }
    insta::assert_snapshot!(table.text());
}
