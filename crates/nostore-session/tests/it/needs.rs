//! Questions to the identity service and their answers.

use std::fmt::Write as _;
use std::sync::Arc;

use nostore_jose::JwkSet;
use nostore_message::Secret;
use nostore_session::{Answer, Facts, Instance, Need, Step, authenticate};
use serde_json::json;

use crate::kit::{BOTH, Service, Tokens, brief, config, cookies, key_set, now, page, request, sign, signer};

#[test]
fn r1_12_keys_row_by_row() {
    let instance = Instance::Production;
    let (config, tokens) = (config(instance), Tokens::new(instance));
    let line = tokens.fill(&cookies(&config, "uat=1 session=<GOOD>"));
    let full = Some((200, key_set().to_json().to_string()));
    let other = Arc::new(JwkSet::new([signer('b').jwk().clone()]));
    let known = Arc::new(key_set());
    let body = |text: &str| text.to_owned();
    let rows = [
        ("known", Some(&known), None),
        ("no snapshot, served", None, full.clone()),
        ("old snapshot, served", Some(&other), full),
        ("old snapshot, not served", Some(&other), Some((200, other.to_json().to_string()))),
        ("empty set", None, Some((200, body(r#"{"keys":[]}"#)))),
        ("keys of another kind", None, Some((200, body(r#"{"keys":[{"kty":"EC"}]}"#)))),
        ("not a set", None, Some((200, body("<html>")))),
        ("401, secret key refused", None, Some((401, body(r#"{"errors":[{"code":"clerk_key_invalid"}]}"#)))),
        ("401, other", None, Some((401, body(r#"{"errors":[{"code":"x"}]}"#)))),
        ("500", None, Some((500, body("oops")))),
        ("503, old snapshot", Some(&other), Some((503, body("oops")))),
        ("no answer", None, None),
        ("no answer, old snapshot", Some(&other), None),
    ];
    let mut table = String::new();
    for (name, snapshot, keys) in rows {
        let service = Service { keys, ..Service::default() };
        let (decision, needs) = service.decide(&page("/", &line), &config, now(), snapshot);
        writeln!(table, "{name:26} {} question(s) {}", needs.len(), brief(&decision)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn in_development_a_handshake_without_keys_is_told_apart() {
    let (config, tokens) = (config(Instance::Development), Tokens::new(Instance::Development));
    let directive = format!("__session={}", tokens.text("GOOD"));
    let token = sign(signer('a'), json!({}), json!({"handshake": [directive]}));
    let page = page(&format!("/?__clerk_handshake={token}"), "x=1");
    let mut table = String::new();
    for keys in [Some((500, String::new())), Some((200, r#"{"keys":[]}"#.to_owned())), None] {
        let service = Service { keys, ..Service::default() };
        let (decision, _) = service.decide(&page, &config, now(), None);
        writeln!(table, "{} {}", brief(&decision), decision.message.replace(signer('a').kid(), "<A>"))
            .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn questions_as_requests() {
    let mut table = String::new();
    for instance in BOTH {
        let config = config(instance);
        let needs = [
            Need::JwkSet { kid: None },
            Need::JwkSet { kid: Some("k".to_owned()) },
            Need::HandshakePayload { nonce: Secret::new("a b&c=d") },
        ];
        for need in needs {
            let request = need.request(&config);
            writeln!(table, "{}: {} {}", need.code(), request.method, request.url).unwrap();
            for line in &request.fields {
                writeln!(table, "  {}: {}", line.name, line.value).unwrap();
            }
            assert!(request.body.is_empty());
            let shown = format!("{request:?} {need:?}");
            assert!(!shown.contains("hush") && !shown.contains("c=d"), "{shown}");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_question_is_asked_once_per_key() {
    let instance = Instance::Production;
    let (config, tokens) = (config(instance), Tokens::new(instance));
    let line = tokens.fill(&cookies(&config, "uat=1 session=<GOOD>"));
    let page = page("/", &line);
    let facts = Facts::default();
    let Step::Need(need) = authenticate(&page, &config, &facts, now()) else {
        panic!("decided without keys")
    };
    assert_eq!(need, Need::JwkSet { kid: Some(signer('a').kid().to_owned()) });
    // An answer to another question does not count as one to this.
    let other = Need::JwkSet { kid: Some("other".to_owned()) }.read(200, None, br#"{"keys":[]}"#);
    let facts = Facts { keys: None, answers: &[other], memo: None };
    assert!(matches!(authenticate(&page, &config, &facts, now()), Step::Need(again) if again == need));
    // A set that came with any answer does.
    let answer = Answer::JwkSet { kid: None, result: Ok(Arc::new(key_set())) };
    assert!(answer.jwk_set().is_some());
    let facts = Facts { keys: None, answers: &[answer], memo: None };
    let Step::Done(decision) = authenticate(&page, &config, &facts, now()) else { panic!("undecided") };
    assert_eq!(brief(&decision), "signed-in user_1");
}

#[test]
fn a_header_token_is_asked_about_as_well() {
    let (config, tokens) = (config(Instance::Production), Tokens::new(Instance::Production));
    let head = request("POST", "/", &[("authorization", &tokens.fill("Bearer <GOOD>"))]);
    let (decision, needs) = Service::default().decide(&head, &config, now(), None);
    assert_eq!((brief(&decision).as_str(), needs.len()), ("signed-in user_1", 1));
}
