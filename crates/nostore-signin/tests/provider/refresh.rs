//! Refresh tokens: what has become of them, whatever happened.

use nostore_message::Secret;
use nostore_signin::provider::RefreshError;
use serde_json::json;

use crate::mock::{Fate, Faults, NOW};
use crate::support::{Table, World, sign_in};

const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn a_refresh_token_that_stays_and_one_that_rotates() {
    let world = World::new().await;
    let tokens = sign_in(&world.mock, &world.site, NOW).await.unwrap().tokens;
    let first = tokens.refresh.unwrap();
    let kept = world.site.refresh(&first, NOW).await.unwrap();
    assert_eq!(kept.refresh.unwrap().expose(), first.expose());
    assert!(kept.access.unwrap().expose() != tokens.access.unwrap().expose() && kept.id.is_some());
    world.mock.fail(Faults { rotates: true, ..Faults::default() });
    let rotated = world.site.refresh(&first, NOW).await.unwrap().refresh.unwrap();
    assert_ne!(rotated.expose(), first.expose());
    let reused = world.site.refresh(&first, NOW).await;
    assert!(matches!(reused, Err(RefreshError::Refused)), "{reused:?}");
    world.site.refresh(&rotated, NOW).await.unwrap();
}

#[tokio::test]
async fn an_id_token_that_is_bad_does_not_cost_the_tokens_beside_it() {
    let world = World::new().await;
    let token = sign_in(&world.mock, &world.site, NOW).await.unwrap().tokens.refresh.unwrap();
    for faults in [
        Faults { forged: true, ..Faults::default() },
        Faults { claims: vec![("iss", json!("https://evil.example"))], ..Faults::default() },
        Faults { answer: vec![("id_token", json!(null))], ..Faults::default() },
        Faults { fates: [("/keys", Fate::Status(500))].into(), forged: true, ..Faults::default() },
    ] {
        world.mock.fail(faults);
        let tokens = world.site.refresh(&token, NOW).await.unwrap();
        assert!(tokens.id.is_none() && tokens.access.is_some() && tokens.refresh.is_some());
    }
}

/// RFC 6749 appendix A.12 and A.17: a token has a character at least.
#[tokio::test]
async fn an_empty_token_is_none() {
    let world = World::new().await;
    let token = sign_in(&world.mock, &world.site, NOW).await.unwrap().tokens.refresh.unwrap();
    let empty = |name| Faults { answer: vec![(name, json!(""))], ..Faults::default() };
    world.mock.fail(empty("refresh_token"));
    let tokens = world.site.refresh(&token, NOW).await.unwrap();
    assert_eq!(tokens.refresh.unwrap().expose(), token.expose(), "the next refresh needs it");
    world.mock.fail(empty("id_token"));
    assert!(world.site.refresh(&token, NOW).await.unwrap().id.is_none());
    assert_eq!(world.sign_in_with(empty("id_token")).await.unwrap_err().code(), "finish-no-id-token");
    world.mock.fail(empty("access_token"));
    let refreshed = world.site.refresh(&token, NOW).await;
    assert!(matches!(refreshed, Err(RefreshError::Unknown { .. })), "{refreshed:?}");
}

#[tokio::test]
async fn what_has_become_of_the_token() {
    let world = World::new().await;
    let token = sign_in(&world.mock, &world.site, NOW).await.unwrap().tokens.refresh.unwrap();
    let mut table = Table::default();
    for (path, fate) in [
        (DISCOVERY, Fate::Status(500)),
        ("/token", Fate::Refuses),
        ("/token", Fate::Closes),
        ("/token", Fate::Hangs),
        ("/token", Fate::Garbage),
        ("/token", Fate::Oversized),
        ("/token", Fate::Status(302)),
        ("/token", Fate::Status(429)),
        ("/token", Fate::Status(503)),
    ] {
        world.mock.fail(Faults { fates: [(path, fate)].into(), ..Faults::default() });
        let outcome = world.restarted().refresh(&token, NOW).await;
        let error = outcome.unwrap_err();
        table.row(&format!("{path} {fate:?}"), &world.masked(&format!("{}: {error}", error.code())));
        assert!(!format!("{error:?}").contains(token.expose()));
    }
    for (name, token) in [("a token that is none", "guess"), ("a token with a line break", "a\r\nb")] {
        world.mock.fail(Faults::default());
        let error = world.site.refresh(&Secret::new(token), NOW).await.unwrap_err();
        table.row(name, &format!("{}: {error}", error.code()));
    }
    world.mock.fail(Faults {
        answer: vec![("access_token", json!(null)), ("error", json!("slow_down"))],
        ..Faults::default()
    });
    let error = world.site.refresh(&token, NOW).await.unwrap_err();
    table.row("another error", &format!("{}: {error}", error.code()));
    insta::assert_snapshot!(table.text());
    // Through all of it the token was not used.
    world.mock.fail(Faults::default());
    world.site.refresh(&token, NOW).await.unwrap();
}
