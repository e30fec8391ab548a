//! Messages between those in step.

use nostore_message::UnixTime;
use nostore_token::{MAX_MESSAGE_BYTES, Message, SessionToken, TokenKey};
use serde_json::{Value, json};

use crate::world::{lives, raw};

fn key() -> TokenKey {
    TokenKey::of_session("sess_1")
}

fn with(claims: Value) -> SessionToken {
    let mut all = json!({ "iat": 100, "exp": 160 });
    let Value::Object(claims) = claims else { panic!() };
    all.as_object_mut().unwrap().extend(claims);
    SessionToken::parse(&raw(&json!({}), &all)).unwrap()
}

#[test]
fn a28_a_message_has_six_fields() {
    let token = with(json!({ "sid": "sess_1", "org_id": "org_1" }));
    let key = key().template("t").organization("org_1");
    let message = Message::of(&key, &token, "0123456789abcdef").unwrap();
    let found: Value = serde_json::from_str(message.expose()).unwrap();
    let expected = json!({
        "organizationId": "org_1", "sessionId": "sess_1", "template": "t", "tokenId": "sess_1-t-org_1",
        "tokenRaw": token.expose(), "traceId": "0123456789abcdef",
    });
    assert_eq!(found, expected);
    let (opened, _) = Message::open(message.expose().as_bytes()).unwrap();
    assert_eq!(opened, key);
}

#[test]
fn a29_a30_what_others_could_not_check_is_not_sent() {
    let rows = [
        (key(), json!({ "sid": "sess_1" }), true),
        (key(), json!({}), false),
        (key(), json!({ "sid": "sess_2" }), false),
        (key(), json!({ "sid": "sess_1", "org_id": "org_1" }), false),
        (key().organization("org_1"), json!({ "sid": "sess_1" }), false),
        (key().organization("org_1"), json!({ "sid": "sess_1", "org_id": "org_2" }), false),
        (key().organization("org_1"), json!({ "sid": "sess_1", "o": { "id": "org_1" } }), true),
        (key().template("t").organization("org_1"), json!({ "sid": "sess_1" }), true),
        (key().audience("aud"), json!({ "sid": "sess_1" }), false),
    ];
    for (key, claims, sent) in rows {
        assert_eq!(Message::of(&key, &with(claims.clone()), "").is_some(), sent, "{key} {claims}");
    }
}

#[test]
fn a1_a4_a5_a6_a54_f22_f23_messages_are_believed_row_by_row() {
    let good = || {
        let token = lives(0, 60).raw();
        json!({ "sessionId": "sess_1", "tokenId": "sess_1", "tokenRaw": token, "traceId": "x", "template": null })
    };
    let change = |member: &str, value: Value| {
        let mut message = good();
        message[member] = value;
        message.to_string()
    };
    let claims = |claims: Value| json!(raw(&json!({}), &claims));
    let rows = [
        (good().to_string(), ""),
        (change("traceId", json!(1)), ""),
        (change("template", json!("")), ""),
        (change("organizationId", Value::Null), ""),
        (change("tokenId", json!("sess_2")), "message-token-id"),
        (change("tokenId", json!("sess_1-t")), "message-token-id"),
        (change("template", json!("t")), "message-token-id"),
        (change("template", json!(7)), "message-form"),
        (change("sessionId", json!("sess_2")), "message-token-id"),
        (change("sessionId", json!("")), "message-form"),
        (change("sessionId", json!("s".repeat(513))), "message-form"),
        (change("tokenRaw", json!("")), "message-form"),
        (change("tokenRaw", json!("garbage")), "token-form"),
        (change("tokenRaw", claims(json!({ "sid": "sess_1", "exp": 160 }))), "token-time"),
        (change("tokenRaw", claims(json!({ "sid": "sess_1", "iat": 100 }))), "token-time"),
        (change("tokenRaw", claims(json!({ "sid": "sess_2", "iat": 100, "exp": 160 }))), "message-claims"),
        (change("tokenRaw", claims(json!({ "iat": 100, "exp": 160 }))), "message-claims"),
        (
            change("tokenRaw", claims(json!({ "sid": "sess_1", "org_id": "o", "iat": 100, "exp": 160 }))),
            "message-claims",
        ),
        ("[]".to_owned(), "message-form"),
        ("[".repeat(MAX_MESSAGE_BYTES), "message-form"),
        ("x".repeat(MAX_MESSAGE_BYTES + 1), "message-too-long"),
    ];
    for (message, code) in rows {
        let found = Message::open(message.as_bytes()).err().map_or("", |fault| fault.code());
        assert_eq!(found, code, "{message:.200}");
    }
    assert_eq!(Message::open(b"\xff\xfe\x00").unwrap_err().code(), "message-form");
}

#[test]
fn f29_a_message_is_never_printed() {
    let token = lives(0, 60).token();
    let message = Message::of(&key(), &token, "").unwrap();
    let shown = format!("{message:?}");
    assert!(shown.starts_with("Message {"), "{shown}");
    assert!(!shown.contains(&token.expose()[..8]), "{shown}");
}

#[test]
fn a_message_is_kept_until_it_expires_and_never_longer_than_its_token_lives() {
    let kept = |claims: Value, now_secs: i64| {
        Message::of(&key(), &with(claims), "").unwrap().keep_ms(UnixTime::from_secs(now_secs))
    };
    let token = || json!({ "sid": "sess_1" });
    // Issued at 100 s, expires at 160 s; the clock here may say anything.
    let rows = [(100, 60_000), (101, 59_000), (159, 1_000), (99, 60_000), (160, 60_000), (161, 60_000)];
    for (now_secs, keep_ms) in rows {
        assert_eq!(kept(token(), now_secs), Some(keep_ms), "at {now_secs} s");
    }
    for now_secs in [i64::MIN, i64::MAX] {
        assert_eq!(kept(token(), now_secs), Some(60_000), "at {now_secs} s");
    }
    let dead = json!({ "sid": "sess_1", "exp": 100 });
    assert_eq!(kept(dead.clone(), 99), None, "a token that never lived");
    assert_eq!(kept(dead, 101), None);
}
