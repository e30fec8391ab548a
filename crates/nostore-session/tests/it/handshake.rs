//! Coming back from the identity service.

use std::fmt::Write as _;

use nostore_session::{Config, Decision, Instance, Status};
use serde_json::{Value, json};

use crate::kit::{
    BOTH, NOW, SESSION_CATEGORY, Service, Tokens, brief, claims, config, cookies, decide, now, page, request,
    sign, signer, whole, with,
};

/// Makes a handshake token by key `by` around directives.
fn handshake(by: char, directives: &Value) -> String {
    let head = json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    sign(signer(by), head, json!({"handshake": directives}))
}

/// Brings a handshake back as the identity service does: in the URL to a development instance, in
/// a cookie to a production instance.
fn come_back(config: &Config, tokens: &Tokens, token: &str, text: &str) -> Decision {
    let line = tokens.fill(&cookies(config, text));
    match config.instance() {
        Instance::Development => {
            let target = format!("/a?x=1&__clerk_handshake={token}&__clerk_db_jwt=b&__clerk_help=h");
            decide(&page(&target, &line), config)
        }
        Instance::Production => {
            decide(&page("/a?x=1", &format!("{line}; __clerk_handshake={token}")), config)
        }
    }
}

fn cookie(name: &str, token: &str) -> String {
    format!("{name}={token}; Path=/; SameSite=Lax")
}

#[test]
fn r1_12_a_handshake_signs_in_and_out() {
    let mut table = String::new();
    for instance in BOTH {
        let (config, tokens) = (config(instance), Tokens::new(instance));
        let good = tokens.text("GOOD");
        let set = [
            "__clerk_handshake=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT".to_owned(),
            cookie("__session", good),
            cookie(&format!("__session_{}", config.publishable_key().suffix()), good),
            cookie("__client_uat", "1700000000"),
            cookie("__refresh_x", "r"),
            cookie("__clerk_db_jwt", "b"),
        ];
        let out = ["__session=; Path=/; Max-Age=0".to_owned(), cookie("__client_uat", "0")];
        for (name, directives) in [("in", json!(set)), ("out", json!(out))] {
            let token = handshake('a', &directives);
            let decision = come_back(&config, &tokens, &token, "x=1");
            writeln!(table, "{instance} {name}\n{}\n", whole(&decision, &tokens)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_directives_row_by_row() {
    let rows: &[(&str, &[&str])] = &[
        ("none", &[]),
        ("session", &["__session=<GOOD>"]),
        ("deletion first", &["__session=; Max-Age=0", "__session_x=<GOOD>"]),
        ("deletion last", &["__session_x=<GOOD>", "__session=; Max-Age=0"]),
        ("the last of two", &["__session=<MISMATCH>", "__session_x=<GOOD>"]),
        ("the last of two, bad", &["__session=<GOOD>", "__session_x=<MISMATCH>"]),
        ("any name that begins so", &["__sessions_other=<GOOD>"]),
        ("name without value", &["__session"]),
        ("value with an equals sign", &["__session=<GOOD>=x; Path=/"]),
        ("other cookies only", &["__client_uat=1"]),
        ("not a field value", &["__session=<GOOD>", "a=b\r\nlocation: /evil"]),
        ("expired a minute", &["__session=<EXPIRED>"]),
        ("not yet valid", &["__session=<EARLY>"]),
        ("issued in the future", &["__session=<FUTURE>"]),
        ("wrong signature inside", &["__session=<MISMATCH>"]),
        ("token template inside", &["__session=<TEMPLATE>"]),
        ("garbage inside", &["__session=garbage"]),
    ];
    let mut table = String::new();
    for (name, directives) in rows {
        writeln!(table, "{name}").unwrap();
        for instance in BOTH {
            let (config, tokens) = (config(instance), Tokens::new(instance));
            let directives: Vec<_> = directives.iter().map(|one| tokens.fill(one)).collect();
            let token = handshake('a', &json!(directives));
            let decision = come_back(&config, &tokens, &token, "x=1");
            writeln!(table, "  {instance:12} {}", brief(&decision)).unwrap();
            assert!(decision.edits.iter().all(|edit| !format!("{edit:?}").contains("evil")));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_handshake_tokens_that_are_refused() {
    let (a, session) = (signer('a'), |token: &str| json!([cookie("__session", token)]));
    let mut table = String::new();
    for instance in BOTH {
        let (config, tokens) = (config(instance), Tokens::new(instance));
        let payload = json!({"handshake": session(tokens.text("GOOD"))});
        let good = handshake('a', &session(tokens.text("GOOD")));
        let rows = [
            ("garbage", "garbage".to_owned()),
            ("truncated signature", good.get(..good.len() - 2).unwrap().to_owned()),
            ("wrong key", handshake('b', &session(tokens.text("GOOD")))),
            ("typ", sign(a, json!({"typ": "jwt"}), payload.clone())),
            ("category", sign(a, json!({"cat": "cl_B7d4PD222AAA"}), payload.clone())),
            ("no typ, no category", sign(a, json!({}), payload.clone())),
            ("expired itself", sign(a, json!({}), with(payload.clone(), json!({"exp": 1})))),
            ("not a list", sign(a, json!({}), json!({"handshake": "x"}))),
            ("empty", sign(a, json!({}), json!({}))),
            ("list of other things", sign(a, json!({}), json!({"handshake": [7, null]}))),
        ];
        for (name, token) in rows {
            let decision = come_back(&config, &tokens, &token, "uat=1 session=<GOOD> browser=b");
            writeln!(table, "{instance:12} {name:22} {}", brief(&decision)).unwrap();
            if let Status::Error { message } = &decision.status {
                writeln!(table, "{:12} {message}", "").unwrap();
                assert!(decision.edits.is_empty());
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_in_development_clocks_may_differ_by_a_day() {
    const DAY: i64 = 86_400;
    let rows = [
        ("expired: a second less than a day", json!({"exp": NOW - DAY + 1, "iat": NOW - DAY - 99})),
        ("expired: a day", json!({"exp": NOW - DAY, "iat": NOW - DAY - 99})),
        ("nbf: a day", json!({"nbf": NOW + DAY, "exp": NOW + 2 * DAY})),
        ("nbf: a second more", json!({"nbf": NOW + DAY + 1, "exp": NOW + 2 * DAY})),
        ("iat: a day", json!({"iat": NOW + DAY, "exp": NOW + 2 * DAY})),
        ("iat: a second more", json!({"iat": NOW + DAY + 1, "exp": NOW + 2 * DAY})),
    ];
    let mut table = String::new();
    for (name, changes) in rows {
        for instance in BOTH {
            let (config, tokens) = (config(instance), Tokens::new(instance));
            let head = json!({"typ": "JWT", "cat": SESSION_CATEGORY});
            let inner = sign(signer('a'), head, with(claims(instance), changes.clone()));
            let decision =
                come_back(&config, &tokens, &handshake('a', &json!([cookie("__session", &inner)])), "x=1");
            writeln!(table, "{name:36} {instance:12} {}", brief(&decision)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_a_nonce_is_exchanged_for_directives() {
    let mut table = String::new();
    for instance in BOTH {
        let (config, tokens) = (config(instance), Tokens::new(instance));
        let good = json!({"directives": [cookie("__session", tokens.text("GOOD"))]}).to_string();
        let rows = [
            ("directives", Some((200, good.clone()))),
            ("none", Some((200, r#"{"directives":[]}"#.to_owned()))),
            ("refused, with a body", Some((404, good))),
            ("not JSON", Some((200, "<html>".to_owned()))),
            ("no answer", None),
        ];
        for (name, payload) in rows {
            let service = Service { payload, ..Service::default() };
            let line = cookies(&config, "uat=1 browser=b nonce=n%201");
            let (decision, needs) = service.decide(&page("/a?x=1", &line), &config, now(), None);
            let needs: Vec<_> = needs.iter().map(|need| need.request(&config).url).collect();
            writeln!(table, "{instance:12} {name:22} {} {needs:?}", brief(&decision)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_a_nonce_wins_over_a_token_and_the_url_over_cookies() {
    let instance = Instance::Production;
    let (config, tokens) = (config(instance), Tokens::new(instance));
    let good = handshake('a', &json!([cookie("__session", tokens.text("GOOD"))]));
    let rows = [
        ("token in the cookie", "/".to_owned(), format!("__clerk_handshake={good}")),
        ("token in the URL", format!("/?__clerk_handshake={good}"), "x=1".to_owned()),
        ("bad URL, good cookie", "/?__clerk_handshake=bad".to_owned(), format!("__clerk_handshake={good}")),
        ("empty URL, good cookie", "/?__clerk_handshake=".to_owned(), format!("__clerk_handshake={good}")),
        ("good URL, bad cookie", format!("/?__clerk_handshake={good}"), "__clerk_handshake=bad".to_owned()),
        ("nonce and token", format!("/?__clerk_handshake={good}"), "__clerk_handshake_nonce=n".to_owned()),
    ];
    let mut table = String::new();
    for (name, target, line) in rows {
        writeln!(table, "{name:24} {}", brief(&decide(&page(&target, &line), &config))).unwrap();
    }
    // Before any look at the method: also for what is no navigation.
    for method in ["POST", "HEAD", "OPTIONS"] {
        let fields = [("cookie", format!("__clerk_handshake={good}"))];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        writeln!(table, "{method:24} {}", brief(&decide(&request(method, "/", &fields), &config))).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_decided_prints_no_token() {
    for instance in [Instance::Development, Instance::Production] {
        let (config, tokens) = (config(instance), Tokens::new(instance));
        let out = tokens.fill(&cookies(&config, "uat=1 session=<EXPIRED> browser=b"));
        let back = handshake('a', &json!([cookie("__session", tokens.text("GOOD"))]));
        for line in [out, format!("__clerk_handshake={back}")] {
            let decision = decide(&page("/a", &line), &config);
            assert!(decision.edits.iter().any(|edit| format!("{edit:?}").contains("eyJ")));
            assert!(!format!("{decision:?}").contains("eyJ"), "{decision:?}");
        }
        let need = nostore_session::Need::HandshakePayload { nonce: nostore_message::Secret::new("n") };
        let body = json!({"directives": [cookie("__session", tokens.text("GOOD"))]}).to_string();
        let answer = format!("{:?}", need.read(200, crate::kit::JSON, body.as_bytes()));
        assert_eq!(answer, "HandshakePayload { directives: Ok(1), .. }");
    }
}
