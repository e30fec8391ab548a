//! Opaque tokens of programs: API keys, tokens between machines, OAuth access tokens.

use std::fmt::Write as _;

use nostore_issuer::core::Mode;
use serde_json::json;

use crate::world::{NOW, World, code, pretty};

const SEED: &str = r#"{
    "machines": [{ "id": "mch_reports", "name": "reports", "secret_key": "ak_reports_0123456789" }],
    "api_keys": [
        { "name": "ci", "secret": "ak_ci_0123456789", "subject": "alice@example.com", "scopes": ["read", "write"],
          "claims": { "team": "core" } },
        { "name": "old", "secret": "ak_old_0123456789", "subject": "user_bob", "expires_at": 1700000010 },
        { "name": "gone", "secret": "ak_gone_0123456789", "subject": "user_bob", "revoked": true }
    ],
    "m2m_tokens": [{ "name": "nightly", "token": "mt_nightly_01234", "subject": "mch_reports", "scopes": ["mch_b"] }],
    "oauth_tokens": [{ "name": "app", "access_token": "oat_app_0123456789", "client_id": "app_1",
                       "subject": "user_alice", "scopes": ["profile"] }]
}"#;

fn sown() -> World {
    let mut world = World::new(Mode::Test);
    world.sow(SEED);
    world
}

#[test]
fn each_kind_is_verified_in_its_own_place() {
    let mut world = sown();
    let rows = [
        ("/api_keys/verify", json!({ "secret": "ak_ci_0123456789" })),
        ("/m2m_tokens/verify", json!({ "token": "mt_nightly_01234" })),
        ("/oauth_applications/access_tokens/verify", json!({ "access_token": "oat_app_0123456789" })),
    ];
    let mut table = String::new();
    for (path, body) in rows {
        let (status, answer) = world.backend("POST", path, &body.to_string());
        let _ = writeln!(table, "{path} {status}\n{}", pretty(&answer));
        assert!(!answer.to_string().contains("0123"), "the token itself is not repeated");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_unknown_revoked_or_over_is_not_found() {
    let rows = [
        ("/api_keys/verify", "secret", "ak_none_0123456789", 0, 404),
        ("/api_keys/verify", "secret", "ak_gone_0123456789", 0, 404),
        ("/api_keys/verify", "secret", "ak_old_0123456789", 9, 200),
        ("/api_keys/verify", "secret", "ak_old_0123456789", 10, 404),
        ("/api_keys/verify", "secret", "ak_old_0123456789", 11, 404),
        ("/api_keys/verify", "secret", "mt_nightly_01234", 0, 404),
        ("/m2m_tokens/verify", "token", "ak_ci_0123456789", 0, 404),
        ("/oauth_applications/access_tokens/verify", "access_token", "", 0, 404),
        ("/api_keys/verify", "token", "ak_ci_0123456789", 0, 422),
    ];
    for (path, member, token, secs, expected) in rows {
        let mut world = sown();
        world.now = NOW.plus_secs(secs);
        let (status, answer) = world.backend("POST", path, &json!({ member: token }).to_string());
        assert_eq!(status, expected, "{path} {token} {secs}");
        match status {
            404 => assert_eq!(code(&answer), "resource_not_found"),
            422 => assert_eq!(code(&answer), "form_param_missing"),
            _ => {}
        }
    }
}

/// A machine shows its own key, for tokens between machines only.
#[test]
fn a_machine_key_verifies_tokens_between_machines_and_nothing_else() {
    let rows = [
        ("/m2m_tokens/verify", "Bearer ak_reports_0123456789", r#"{"token":"mt_nightly_01234"}"#, 200),
        ("/m2m_tokens/verify", "Bearer ak_reports_012345678", r#"{"token":"mt_nightly_01234"}"#, 401),
        ("/m2m_tokens/verify", "Bearer ak_ci_0123456789", r#"{"token":"mt_nightly_01234"}"#, 401),
        ("/m2m_tokens/verify", "", r#"{"token":"mt_nightly_01234"}"#, 401),
        ("/api_keys/verify", "Bearer ak_reports_0123456789", r#"{"secret":"ak_ci_0123456789"}"#, 401),
        ("/v1/users", "Bearer ak_reports_0123456789", "", 401),
    ];
    for (path, bearer, body, expected) in rows {
        let mut world = sown();
        let method = if body.is_empty() { "GET" } else { "POST" };
        let (answer, _) = world.send(method, path, &[("authorization", bearer)], body);
        assert_eq!(answer.status, expected, "{path} {bearer}");
    }
}
