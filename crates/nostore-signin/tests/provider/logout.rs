//! Logout, both ways.

use nostore_message::Secret;
use serde_json::{Value, json};

use crate::mock::{Faults, NOW};
use crate::support::{Table, World};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn claims(edits: &[(&str, Value)]) -> Value {
    let mut claims = json!({
        "iss": "{op}",
        "aud": "site",
        "iat": NOW.secs(),
        "exp": NOW.secs() + 120,
        "jti": "token-1",
        "sub": "alice",
        "sid": "session-1",
        "events": { EVENT: {} },
    });
    for (name, value) in edits {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(*name)),
            value => claims[*name] = value.clone(),
        }
    }
    claims
}

#[tokio::test]
async fn each_check_of_a_logout_token() {
    let world = World::new().await;
    let typ = json!({ "typ": "logout+jwt" });
    let edits: [(&str, Vec<(&str, Value)>); 23] = [
        ("nominal", vec![]),
        ("without sid", vec![("sid", Value::Null)]),
        ("without sub", vec![("sub", Value::Null)]),
        ("without both", vec![("sub", Value::Null), ("sid", Value::Null)]),
        ("iss of another", vec![("iss", json!("https://evil.example"))]),
        ("aud of another", vec![("aud", json!("other"))]),
        ("aud as a list", vec![("aud", json!(["other", "site"]))]),
        ("no aud", vec![("aud", Value::Null)]),
        ("no iat", vec![("iat", Value::Null)]),
        ("iat 61 s ahead", vec![("iat", json!(NOW.secs() + 61))]),
        ("exp 59 s ago", vec![("exp", json!(NOW.secs() - 59))]),
        ("exp 60 s ago", vec![("exp", json!(NOW.secs() - 60))]),
        ("no exp", vec![("exp", Value::Null)]),
        ("no events", vec![("events", Value::Null)]),
        ("another event", vec![("events", json!({ "http://schemas.openid.net/event/x": {} }))]),
        ("event that is no object", vec![("events", json!({ EVENT: true }))]),
        ("events as a list", vec![("events", json!([EVENT]))]),
        ("nonce", vec![("nonce", json!("x"))]),
        ("nonce that is no text", vec![("nonce", json!(false))]),
        ("no jti", vec![("jti", Value::Null)]),
        ("jti empty", vec![("jti", json!(""))]),
        ("jti that is no text", vec![("jti", json!(1))]),
        ("event with members", vec![("events", json!({ EVENT: { "a": 1 }, "other": {} }))]),
    ];
    let mut tokens: Vec<(&str, String)> =
        edits.iter().map(|(name, edits)| (*name, world.mock.sign(&typ, &claims(edits)))).collect();
    tokens.push(("no typ", world.mock.sign(&json!({}), &claims(&[]))));
    tokens.push(("typ JWT", world.mock.sign(&json!({ "typ": "JWT" }), &claims(&[]))));
    tokens.push(("typ at+jwt", world.mock.sign(&json!({ "typ": "at+jwt" }), &claims(&[]))));
    world.mock.fail(Faults { unsigned: Some("none"), ..Faults::default() });
    tokens.push(("alg none", world.mock.sign(&typ, &claims(&[]))));
    world.mock.fail(Faults { unsigned: Some("HS256"), ..Faults::default() });
    tokens.push(("alg HS256", world.mock.sign(&typ, &claims(&[]))));
    world.mock.fail(Faults { forged: true, ..Faults::default() });
    tokens.push(("signature of another key", world.mock.sign(&typ, &claims(&[]))));
    tokens.push(("garbage", "a.b".to_owned()));
    tokens.push(("too long", "a".repeat(65_537)));
    world.mock.fail(Faults::default());
    let mut table = Table::default();
    for (name, token) in tokens {
        let told = match world.site.read_logout_token(&token, NOW).await {
            Ok(read) => {
                assert_eq!(read.issuer, world.mock.origin);
                let ends = read.ends.secs() - NOW.secs();
                format!("sub {:?} sid {:?} jti {} ends {ends}", read.subject, read.session, read.id)
            }
            Err(error) => world.masked(&format!("{}: {error}", error.code())),
        };
        table.row(name, &told);
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn an_id_token_ends_no_session_and_a_logout_token_begins_none() {
    let world = World::new().await;
    let identity = world.sign_in_with(Faults::default()).await.unwrap();
    let read = world.site.read_logout_token(identity.tokens.id.unwrap().expose(), NOW).await;
    assert_eq!(read.unwrap_err().code(), "logout-token-event");
    let token = world.mock.sign(&json!({ "typ": "logout+jwt" }), &claims(&[]));
    let outcome =
        world.sign_in_with(Faults { answer: vec![("id_token", json!(token))], ..Faults::default() }).await;
    assert_eq!(outcome.unwrap_err().code(), "id-token-unreadable");
    let token = world.mock.sign(&json!({}), &claims(&[]));
    let outcome =
        world.sign_in_with(Faults { answer: vec![("id_token", json!(token))], ..Faults::default() }).await;
    assert_eq!(outcome.unwrap_err().code(), "id-token-nonce");
}

#[tokio::test]
async fn leaving_the_provider_too() {
    let world = World::new().await;
    let hint = Secret::new("a.b.c");
    let url =
        world.site.end_session_url(Some(&hint), Some("https://www.example.com/?a=b"), Some("s"), NOW).await;
    let expected = "{op}/logout?id_token_hint=a.b.c&client_id=site\
                    &post_logout_redirect_uri=https%3A%2F%2Fwww.example.com%2F%3Fa%3Db&state=s";
    assert_eq!(world.masked(&url.unwrap()), expected);
    for document in [
        vec![("end_session_endpoint", json!(null))],
        vec![("end_session_endpoint", json!("javascript:alert(1)"))],
        vec![("issuer", json!("https://evil.example"))],
    ] {
        world.mock.fail(Faults { document, ..Faults::default() });
        assert_eq!(world.restarted().end_session_url(None, None, None, NOW).await, None);
    }
}
