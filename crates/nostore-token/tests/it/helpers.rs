//! List C: what tokens say, which knows more, and how entries are called.

use nostore_token::{MAX_TOKEN_BYTES, Rank, SessionToken, TokenFault, TokenKey};
use serde_json::{Value, json};

use crate::world::raw;

const fn rank(origin: Option<i64>, issued: i64) -> Rank {
    Rank { origin, issued }
}

#[test]
fn c1_c2_c3_c4_c5_c6_c7_c8_c9_c10_which_of_two_tokens_knows_more() {
    // The one there is, the incoming one, and whether that takes its place.
    let rows = [
        (rank(Some(100), 1), rank(Some(200), 1), true),
        (rank(Some(200), 1), rank(Some(100), 9), false),
        (rank(Some(100), 1), rank(Some(100), 2), true),
        (rank(Some(100), 2), rank(Some(100), 1), false),
        (rank(Some(100), 1), rank(Some(100), 1), true),
        (rank(Some(100), 0), rank(Some(100), 1), true),
        (rank(Some(100), 1), rank(Some(100), 0), false),
        (rank(Some(100), 9), rank(None, 99), false),
        (rank(None, 99), rank(Some(100), 9), true),
        (rank(None, 99), rank(None, 1), true),
    ];
    for (known, incoming, takes) in rows {
        assert_eq!(known.gives_way_to(incoming), takes, "{known:?} {incoming:?}");
        assert!(known.gives_way_to(known));
    }
}

fn token(header: &Value, claims: Value) -> SessionToken {
    let mut all = json!({ "iat": 100, "exp": 160 });
    let Value::Object(claims) = claims else { panic!() };
    all.as_object_mut().unwrap().extend(claims);
    SessionToken::parse(&raw(header, &all)).unwrap()
}

#[test]
fn c11_c12_c13_c24_c25_raw_tokens_are_compared_by_header_and_claims() {
    let origin = |oiat: i64| token(&json!({ "oiat": oiat }), json!({}));
    assert!(origin(1).rank().gives_way_to(origin(2).rank()));
    assert!(!origin(2).rank().gives_way_to(origin(1).rank()));
    assert_eq!(origin(2).rank(), rank(Some(2), 100));
    assert_eq!(token(&json!({}), json!({})).rank(), rank(None, 100));
    assert_eq!(token(&json!({ "oiat": "2" }), json!({})).rank().origin, None, "a text is no time");
    assert_eq!(token(&json!({ "oiat": 2.9 }), json!({})).rank().origin, Some(2));
}

#[test]
fn c17_c18_c19_c20_c21_c22_c23_c26_c27_whose_token_it_is() {
    let rows = [
        (json!({}), None, None),
        (json!({ "org_id": null }), None, None),
        (json!({ "org_id": "" }), None, None),
        (json!({ "org_id": "org_1" }), None, Some("org_1")),
        (json!({ "o": { "id": "org_2" } }), None, Some("org_2")),
        (json!({ "o": { "rol": "admin" } }), None, None),
        (json!({ "o": "org_2" }), None, None),
        (json!({ "org_id": "org_1", "o": { "id": "org_2" } }), None, Some("org_1")),
        (json!({ "sid": "sess_1" }), Some("sess_1"), None),
        (json!({ "sid": "" }), None, None),
        (json!({ "sid": 1 }), None, None),
    ];
    for (claims, session, organization) in rows {
        let token = token(&json!({}), claims.clone());
        assert_eq!((token.session(), token.organization()), (session, organization), "{claims}");
    }
}

#[test]
fn a4_a5_a6_f23_what_is_no_token_is_a_fault_and_no_panic() {
    let good = json!({ "iat": 100, "exp": 160 });
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let rows = [
        (String::new(), "token-empty"),
        ("garbage".to_owned(), "token-form"),
        ("a.b".to_owned(), "token-form"),
        ("a.b.c".to_owned(), "token-form"),
        ("a.b.c.d".to_owned(), "token-form"),
        ("\u{0}\u{1}.\u{ff}.".to_owned(), "token-form"),
        (raw(&json!([]), &good), "token-form"),
        (raw(&json!({}), &json!([])), "token-form"),
        (raw(&json!({}), &json!({ "exp": 160 })), "token-time"),
        (raw(&json!({}), &json!({ "iat": 100 })), "token-time"),
        (raw(&json!({}), &json!({ "iat": "100", "exp": 160 })), "token-time"),
        (raw(&json!({}), &json!({ "iat": 100, "exp": null })), "token-time"),
        (raw(&json!({}), &json!({ "iat": 100, "exp": 1e300 })), "token-time"),
        (raw(&json!({ "deep": deep }), &good) + "x", ""),
        ("x".repeat(MAX_TOKEN_BYTES + 1), "token-too-long"),
    ];
    for (text, code) in rows {
        let found = SessionToken::parse(&text).err().map_or("", TokenFault::code);
        assert_eq!(found, code, "{text:.80}");
    }
    let numbers = raw(&json!({}), &json!({ "iat": i64::MIN, "exp": i64::MAX }));
    let token = SessionToken::parse(&numbers).unwrap();
    assert_eq!(token.lifetime_ms(), i64::MAX, "and nothing overflows");
}

#[test]
fn c28_c29_c30_c31_c32_c33_c34_c35_token_ids_leave_empty_parts_out() {
    let key = TokenKey::of_session("sess_1");
    let rows = [
        (key.clone(), "sess_1"),
        (key.clone().template("t"), "sess_1-t"),
        (key.clone().organization("org_1"), "sess_1-org_1"),
        (key.clone().template("t").organization("org_1"), "sess_1-t-org_1"),
        (key.template("").organization(""), "sess_1"),
        (TokenKey::default().template("t"), "t"),
        (TokenKey::default(), ""),
    ];
    for (key, id) in rows {
        assert_eq!(key.token_id(), id);
    }
}

#[test]
fn c36_c37_c38_c39_c40_c41_c42_c43_c44_c45_c46_c47_c48_token_ids_are_read_back() {
    // Id, session, organization; the template, or that it belongs to others.
    let rows = [
        ("sess_1", "sess_1", None, Some(None)),
        ("sess_1-t", "sess_1", None, Some(Some("t"))),
        ("sess_1-org_1", "sess_1", Some("org_1"), Some(None)),
        ("sess_1-t-org_1", "sess_1", Some("org_1"), Some(Some("t"))),
        ("sess_1-a-b-c", "sess_1", None, Some(Some("a-b-c"))),
        ("sess_1-a-b-c-org_1", "sess_1", Some("org_1"), Some(Some("a-b-c"))),
        ("sess_1-t", "sess_1", Some(""), Some(Some("t"))),
        ("sess_2", "sess_1", None, None),
        ("sess_12", "sess_1", None, None),
        ("sess_1-", "sess_1", None, None),
        ("sess_1-t", "sess_1", Some("org_1"), None),
        ("", "sess_1", None, None),
    ];
    for (id, session, organization, expected) in rows {
        let found = TokenKey::from_token_id(id, session, organization);
        let template = found.as_ref().map(TokenKey::template_name);
        assert_eq!(template, expected, "{id} of {session}, {organization:?}");
    }
}

#[test]
fn c49_c50_c51_c52_c53_c54_c55_every_key_comes_back_from_its_token_id() {
    for session in ["sess_1", "sess-1"] {
        for template in ["", "t", "a-b"] {
            for organization in ["", "org_1", "org-1"] {
                let key = TokenKey::of_session(session).template(template).organization(organization);
                let back = TokenKey::from_token_id(&key.token_id(), session, Some(organization));
                assert_eq!(back, Some(key));
            }
        }
    }
}

#[test]
fn a49_a50_a51_a52_c56_c57_c58_c59_c60_c61_names_of_entries() {
    let key = TokenKey::of_session("sess_1").template("t");
    let rows = [
        (key.clone().audience("aud"), "clerk", "clerk::sess_1-t::aud"),
        (key.clone(), "nostore", "nostore::sess_1-t::"),
        (key.clone().audience(""), "nostore", "nostore::sess_1-t::"),
        (key.clone().audience("other"), "nostore", "nostore::sess_1-t::other"),
        (key.clone().audience("aud"), "mine", "mine::sess_1-t::aud"),
    ];
    for (key, prefix, name) in rows {
        assert_eq!(key.name(prefix), name);
    }
    assert_eq!(key.to_string(), key.name("nostore"));
    assert_eq!(key.clone().audience(""), key);
    assert_ne!(key.clone().audience("aud"), key);
}
