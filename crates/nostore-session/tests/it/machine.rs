//! Kinds of tokens (4.1) and what machines' tokens say (4.5, 6.5).

use std::fmt::Write as _;

use nostore_message::UnixTime;
use nostore_session::{Machine, TokenType, classify};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::claims::any_claims;
use crate::kit::{NOW, object, sign, signer, with};

fn jwt(header: Value, payload: Value) -> String {
    sign(signer('a'), header, payload)
}

#[test]
fn p4_1_kind_m2m_p4_1_kind_oauth_p4_1_kind_api_key_p4_1_kind_session_row_by_row() {
    let machine = jwt(json!({"typ": "JWT"}), json!({"sub": "mch_1"}));
    let access = jwt(json!({"typ": "at+jwt"}), json!({"sub": "user_1"}));
    let rows = [
        ("mt_1", Some(TokenType::M2mToken)),
        ("mt_", Some(TokenType::M2mToken)),
        ("oat_1", Some(TokenType::OauthToken)),
        ("ak_1", Some(TokenType::ApiKey)),
        ("MT_1", None),
        ("Ak_1", None),
        (" ak_1", None),
        ("mt", None),
        ("", None),
        ("a.b.c", None),
        (&*machine, Some(TokenType::M2mToken)),
        (&access, Some(TokenType::OauthToken)),
        (&jwt(json!({"typ": "application/at+jwt"}), json!({"sub": "user_1"})), Some(TokenType::OauthToken)),
        (&jwt(json!({"typ": "at+jwt"}), json!({"sub": "mch_1"})), Some(TokenType::M2mToken)),
        (&jwt(json!({"typ": "AT+JWT"}), json!({"sub": "user_1"})), None),
        (&jwt(json!({"typ": ["at+jwt"]}), json!({"sub": "user_1"})), None),
        (&jwt(json!({"typ": "JWT"}), json!({"sub": "user_1"})), None),
        (&jwt(json!({"typ": "JWT"}), json!({"sub": "MCH_1"})), None),
        (&jwt(json!({"typ": "JWT"}), json!({"sub": ["mch_1"]})), None),
        (&jwt(json!({"typ": "JWT"}), json!({})), None),
        // One strict parser: a padded text is no JWS, for whatever purpose.
        (&format!("{machine}=="), None),
        (&format!("{machine}.x"), None),
        (&machine[..=machine.rfind('.').unwrap()], None),
    ];
    for (token, expected) in rows {
        assert_eq!(classify(token), expected, "{token:?}");
        assert_eq!(TokenType::of(token), expected.unwrap_or(TokenType::Session), "{token:?}");
    }
}

#[test]
fn kinds_have_names() {
    let all = [TokenType::ApiKey, TokenType::M2mToken, TokenType::OauthToken, TokenType::Session];
    assert_eq!(all.map(TokenType::code), ["api_key", "m2m_token", "oauth_token", "session_token"]);
    assert_eq!(all.map(|kind| TokenType::from_code(kind.code())), all.map(Some));
    assert_eq!(TokenType::from_code("any"), None);
    assert_eq!(all.map(TokenType::is_machine), [true, true, true, false]);
}

fn line(machine: Result<Machine, nostore_session::MachineError>) -> String {
    let machine = match machine {
        Ok(machine) => machine,
        Err(error) => return format!("{}: {error}", error.code()),
    };
    let mut line = format!(
        "{} {:?} {} {:?}",
        machine.token_type().code(),
        machine.id(),
        machine.subject(),
        machine.scopes()
    );
    let mut add = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            write!(line, " {name}={value:?}").unwrap();
        }
    };
    let claims = machine.claims().map(|claims| serde_json::to_string(claims).unwrap());
    let time = |time: Option<UnixTime>| time.map(|time| time.millis().to_string());
    add("name", machine.name());
    add("claims", claims.as_deref());
    add("user", machine.user_id());
    add("organization", machine.organization_id());
    add("machine", machine.machine_id());
    add("client", machine.client_id());
    add("expiration", time(machine.expiration()).as_deref());
    add("created", time(machine.created_at()).as_deref());
    line
}

#[test]
fn p4_5_claims_of_jwts_row_by_row() {
    let (m2m, oauth) = (TokenType::M2mToken, TokenType::OauthToken);
    let base = || json!({"iss": "https://a.example", "sub": "mch_1", "jti": "t1", "exp": NOW + 60, "iat": NOW, "nbf": NOW});
    let user = || with(base(), json!({"sub": "user_1"}));
    let rows = [
        ("no claims of its own", m2m, base()),
        ("own claims", m2m, with(base(), json!({"tier": "x", "aud": ["mch_2"], "n": {"a": 1}}))),
        ("scopes", m2m, with(base(), json!({"scopes": "mch_2 mch_3"}))),
        ("scopes before the audience", m2m, with(base(), json!({"scopes": "mch_2", "aud": ["mch_9"]}))),
        ("no scopes are some", m2m, with(base(), json!({"scopes": "", "aud": ["mch_9"]}))),
        ("null scopes are none", m2m, with(base(), json!({"scopes": null, "aud": ["mch_9"]}))),
        ("scopes as a list", m2m, with(base(), json!({"scopes": ["mch_2"], "aud": ["mch_9"]}))),
        ("one audience", m2m, with(base(), json!({"aud": "mch_2"}))),
        ("an audience of other types", m2m, with(base(), json!({"aud": [1, "mch_2", null]}))),
        ("no id", m2m, json!({"sub": "mch_1"})),
        ("an id of another type", m2m, with(base(), json!({"jti": 7}))),
        ("times of another type", m2m, with(base(), json!({"exp": "1", "iat": [1]}))),
        ("broken seconds", m2m, with(base(), json!({"exp": 1.5, "iat": -1.5}))),
        ("times beyond the range", m2m, with(base(), json!({"exp": 1e300, "iat": -1e300}))),
        ("no subject", m2m, json!({"jti": "t1"})),
        ("an empty subject", m2m, json!({"sub": ""})),
        ("a subject of another type", m2m, json!({"sub": 1})),
        ("access", oauth, user()),
        ("access with a client", oauth, with(user(), json!({"client_id": "c1", "own": 1}))),
        ("scp", oauth, with(user(), json!({"scp": ["email", "profile"]}))),
        ("scp before scope", oauth, with(user(), json!({"scp": ["email"], "scope": "openid"}))),
        ("an empty scp is one", oauth, with(user(), json!({"scp": [], "scope": "openid"}))),
        ("scope", oauth, with(user(), json!({"scope": "openid  email"}))),
        ("scp as a text", oauth, with(user(), json!({"scp": "openid email"}))),
        ("scope of another type", oauth, with(user(), json!({"scope": 1}))),
        ("no JWT of this kind", TokenType::ApiKey, base()),
        ("a session", TokenType::Session, base()),
    ];
    let mut table = String::new();
    for (name, kind, claims) in rows {
        writeln!(table, "{name:28}{}", line(Machine::from_claims(kind, &object(claims)))).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn p4_5_descriptions_p6_5_descriptions_row_by_row() {
    let base = || {
        json!({
            "object": "api_key", "id": "k1", "subject": "user_1", "name": "deploy", "scopes": ["read", "write"],
            "claims": {"tier": "x"}, "revoked": false, "expired": false, "expiration": null,
            "created_at": 1_700_000_000_123_i64, "client_id": "c1", "secret": "hush", "token": "hush",
        })
    };
    let (key, m2m, oauth) = (TokenType::ApiKey, TokenType::M2mToken, TokenType::OauthToken);
    let rows = [
        ("a user's key", key, base()),
        ("an organization's key", key, with(base(), json!({"subject": "org_1"}))),
        ("another's key", key, with(base(), json!({"subject": "x_1", "name": null, "claims": null}))),
        ("a machine", m2m, with(base(), json!({"subject": "mch_1", "expiration": 1_700_000_060_000_i64}))),
        ("access", oauth, base()),
        (
            "other types",
            key,
            with(base(), json!({"name": 1, "scopes": "read", "claims": [1], "created_at": "x"})),
        ),
        ("scopes of other types", key, with(base(), json!({"scopes": ["read", 1, null]}))),
        ("revoked", key, with(base(), json!({"revoked": true}))),
        ("expired", m2m, with(base(), json!({"expired": true}))),
        ("revoked by another type", oauth, with(base(), json!({"revoked": "yes"}))),
        ("no subject", key, with(base(), json!({"subject": null}))),
        ("no id", m2m, with(base(), json!({"id": 7}))),
        ("an empty object", oauth, json!({})),
        ("no object", key, json!(["id"])),
        ("a session", TokenType::Session, base()),
    ];
    let mut table = String::new();
    for (name, kind, description) in rows {
        let machine = Machine::from_description(kind, &description);
        assert!(!format!("{machine:?}").contains("hush"), "{name}: what was not asked for is not kept");
        writeln!(table, "{name:28}{}", line(machine)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn p4_5_scopes_are_asked_by_name() {
    let claims = object(json!({"sub": "mch_1", "scopes": "mch_2 mch_3"}));
    let machine = Machine::from_claims(TokenType::M2mToken, &claims).unwrap();
    assert!(machine.has_scope("mch_3"));
    assert!(!machine.has_scope("mch_"));
    assert!(!machine.has_scope(""));
}

proptest! {
    #[test]
    fn p4_5_any_json_is_a_machine_or_an_error(claims in any_claims()) {
        for kind in [TokenType::ApiKey, TokenType::M2mToken, TokenType::OauthToken, TokenType::Session] {
            let both = [Machine::from_claims(kind, &claims), Machine::from_description(kind, &Value::Object(claims.clone()))];
            for machine in both.into_iter().flatten() {
                prop_assert!(kind.is_machine() && !machine.subject().is_empty());
            }
        }
    }

    #[test]
    fn p4_1_kind_session_any_text_has_a_kind(text in ".{0,40}", prefix in prop::sample::select(vec!["", "mt_", "oat_", "ak_", "eyJ9."])) {
        let text = format!("{prefix}{text}");
        prop_assert_eq!(classify(&text).is_none(), TokenType::of(&text) == TokenType::Session);
    }
}
