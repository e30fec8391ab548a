//! `POST /v1/sessions/{sid}/refresh`: what it takes, and what it gives.

use std::fmt::Write as _;

use nostore_issuer::core::{MARGIN_SECS, Mode};
use nostore_message::SetCookie;
use serde_json::{Value, json};

use crate::world::{NOW, SITE, World, claims, code, directives, pretty};

/// Signs Alice in; returns the session's identifier, its refresh token and a session token.
fn signed_in(world: &mut World, mode: Mode) -> (String, String, String) {
    signed_in_as(world, mode, "alice@example.com")
}

fn signed_in_as(world: &mut World, mode: Mode, email: &str) -> (String, String, String) {
    let name = world.sign_in(email);
    let target = format!("/v1/client/handshake?redirect_url={SITE}/&__clerk_db_jwt={name}");
    let answer = world.get(&target, &[("cookie", &format!("__client={name}"))]);
    let lines = directives(&answer);
    let cookies: Vec<SetCookie<'_>> = lines.iter().map(|line| SetCookie::parse(line)).collect();
    let refresh: Vec<_> = cookies.iter().filter(|cookie| cookie.name.starts_with("__refresh")).collect();
    assert_eq!(refresh.len(), 1, "{mode:?}: sites read the suffixed one only");
    assert!(refresh[0].attribute("httponly").is_some() && refresh[0].name.contains("__refresh_"));
    let token = cookies.iter().rfind(|cookie| cookie.name == "__session").unwrap().value.to_string();
    (claims(&token)["sid"].as_str().unwrap().to_owned(), refresh[0].value.to_string(), token)
}

fn body(refresh: &str, expired: &str) -> Value {
    json!({
        "format": "cookie",
        "expired_token": expired,
        "refresh_token": refresh,
        "request_origin": SITE,
        "request_headers": { "host": ["localhost:8080"] },
    })
}

#[test]
fn a_refresh_answers_with_both_cookies_and_changes_nothing() {
    for (mode, name) in [(Mode::Test, "test"), (Mode::Live, "live")] {
        let mut world = World::new(mode);
        let (id, refresh, expired) = signed_in(&mut world, mode);
        world.now = NOW.plus_secs(120);
        for query in ["", "?suffixed_cookies=true"] {
            let target = format!("/v1/sessions/{id}/refresh{query}");
            let (status, answer) = world.backend("POST", &target, &body(&refresh, &expired).to_string());
            assert_eq!(status, 200, "{answer}");
            insta::assert_snapshot!(format!("refresh_{name}"), pretty(&answer));
        }
        let mut as_token = body(&refresh, &expired);
        as_token["format"] = json!("token");
        let target = format!("/v1/sessions/{id}/refresh");
        let (_, answer) = world.backend("POST", &target, &as_token.to_string());
        assert_eq!(answer["object"], "token");
        let said = claims(answer["jwt"].as_str().unwrap());
        assert_eq!((&said["exp"], &said["azp"]), (&json!(NOW.secs() + 180), &json!(SITE)));
    }
}

/// Two tabs refresh with the same token at the same moment, and again later: the refresh token is stable.
#[test]
fn racing_refreshes_all_succeed() {
    let mut world = World::new(Mode::Test);
    let (id, refresh, expired) = signed_in(&mut world, Mode::Test);
    let target = format!("/v1/sessions/{id}/refresh");
    for secs in [61, 61, 3_600, 86_400] {
        world.now = NOW.plus_secs(secs);
        let (status, _) = world.backend("POST", &target, &body(&refresh, &expired).to_string());
        assert_eq!(status, 200, "{secs}");
    }
}

/// What is asked, one thing wrong at a time.
fn refused(good: &Value, refresh_tokens: &[&str], tokens: &[&str]) -> Vec<(&'static str, Value)> {
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    vec![
        ("as it should be", good.clone()),
        ("no format", with("format", Value::Null)),
        ("other format", with("format", json!("jwt"))),
        ("no refresh token", with("refresh_token", Value::Null)),
        ("number as refresh token", with("refresh_token", json!(7))),
        ("empty refresh token", with("refresh_token", json!(""))),
        ("somebody else's refresh token", with("refresh_token", json!(refresh_tokens[0]))),
        ("a byte less of the refresh token", with("refresh_token", json!(refresh_tokens[1]))),
        ("no token", with("expired_token", Value::Null)),
        ("garbage as token", with("expired_token", json!("x.y.z"))),
        ("token with another signature", with("expired_token", json!(tokens[0]))),
        ("token of another session", with("expired_token", json!(tokens[1]))),
        ("no origin", with("request_origin", Value::Null)),
        ("another origin", with("request_origin", json!("http://evil.example"))),
        ("another scheme", with("request_origin", json!("https://localhost:8080"))),
        ("an origin with a slash", with("request_origin", json!("http://localhost:8080/"))),
        ("a URL", with("request_origin", json!("http://localhost:8080/a"))),
        ("another port", with("request_origin", json!("http://localhost:8081"))),
    ]
}

#[test]
fn what_a_refresh_refuses() {
    let mut world = World::new(Mode::Test);
    let (id, refresh, expired) = signed_in(&mut world, Mode::Test);
    let (_, bobs_refresh, bobs) = signed_in_as(&mut world, Mode::Test, "bob@example.com");
    let (start, signature) = expired.rsplit_once('.').unwrap();
    let forged = format!("{start}.{}", signature.chars().rev().collect::<String>());
    let good = body(&refresh, &expired);
    let rows = refused(&good, &[&bobs_refresh, &refresh[..refresh.len() - 1]], &[&forged, &bobs]);
    let mut table = String::new();
    let target = format!("/v1/sessions/{id}/refresh");
    world.now = NOW.plus_secs(120);
    for (name, body) in rows {
        let (status, answer) = world.backend("POST", &target, &body.to_string());
        let what = if status == 200 { "refreshed" } else { code(&answer) };
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        let _ = writeln!(table, "{name:34} {status} {what} {message}");
        assert!(!answer.to_string().contains(&refresh) || status == 200, "{answer}");
    }
    let (status, answer) = world.backend("POST", "/v1/sessions/sess_none/refresh", &good.to_string());
    let _ = writeln!(table, "{:34} {status} {}", "unknown session", code(&answer));
    for (name, text) in [("no JSON", "{"), ("a list", "[]")] {
        let (status, answer) = world.backend("POST", &target, text);
        let _ = writeln!(table, "{name:34} {status} {} {}", code(&answer), answer["errors"][0]["message"]);
    }
    world.backend("POST", &format!("/v1/sessions/{id}/revoke"), "");
    let (status, answer) = world.backend("POST", &target, &good.to_string());
    let _ = writeln!(table, "{:34} {status} {}", "a revoked session", code(&answer));
    insta::assert_snapshot!(table);
}

#[test]
fn a_refresh_needs_the_secret_key() {
    let mut world = World::new(Mode::Test);
    let (id, refresh, expired) = signed_in(&mut world, Mode::Test);
    let text = body(&refresh, &expired).to_string();
    for value in ["", "Bearer ", "Bearer sk_live_hush", "Bearer sk_test_hus"] {
        let target = format!("/v1/sessions/{id}/refresh");
        let (answer, changes) = world.send("POST", &target, &[("authorization", value)], &text);
        assert_eq!((answer.status, changes.len()), (401, 0), "{value}");
    }
}

/// A token that a dropped key signed does not count.
#[test]
fn a_token_of_a_dropped_key_is_not_refreshed() {
    let end = 60 + MARGIN_SECS;
    for (secs, status) in [(end - 1, 200), (end, 401), (end + 1, 401)] {
        let mut world = World::new(Mode::Test);
        let (id, refresh, expired) = signed_in(&mut world, Mode::Test);
        world.backend("POST", "/v1/instance/rotate_key", "");
        world.now = NOW.plus_secs(secs);
        let (found, answer) = world.backend(
            "POST",
            &format!("/v1/sessions/{id}/refresh"),
            &body(&refresh, &expired).to_string(),
        );
        assert_eq!(found, status, "{secs}: {answer}");
    }
}
