//! The texts between a page and the module.

use nostore_browser::wire::Machine;
use nostore_browser::{Options, OptionsError};
use serde_json::{Value, json};

use crate::world::{START, key, mint};

fn step(machine: &mut Machine, mut text: Value) -> Value {
    text["clocks"] = json!([START * 1_000, 5.25]);
    serde_json::from_str(&machine.step(text.to_string().as_bytes())).unwrap()
}

fn does(answer: &Value) -> Vec<&str> {
    answer["actions"].as_array().unwrap().iter().map(|action| action["do"].as_str().unwrap()).collect()
}

fn started() -> Machine {
    let mut machine = Machine::new();
    let cookies = format!("__session={}; __clerk_db_jwt=dvb_1", mint("sess_1", 0).raw());
    let page = json!({ "focused": true, "visible": true });
    let start =
        json!({ "type": "start", "publishableKey": key(), "cookies": cookies, "page": page, "seed": 1 });
    let answer = step(&mut machine, start);
    assert_eq!(does(&answer)[0], "listen", "{answer}");
    machine
}

#[test]
fn a_page_starts_reads_peeks_and_stops() {
    let mut machine = started();
    let token = mint("sess_1", 0).raw();
    let read = step(&mut machine, json!({ "type": "read", "ticket": 3 }));
    assert_eq!(read["actions"][0], json!({ "do": "settle", "ticket": 3, "token": token }));
    let peek = step(&mut machine, json!({ "type": "peek" }));
    assert_eq!(peek, json!({ "token": token, "session": "sess_1" }));
    let other = step(&mut machine, json!({ "type": "peek", "organization": "org_1" }));
    assert_eq!(other["token"], Value::Null);
    let forced = step(&mut machine, json!({ "type": "read", "ticket": 4, "skipCache": true }));
    let fetch = &forced["actions"][0];
    let url = "http://127.0.0.1:8081/v1/client/sessions/sess_1/tokens?debug=skip_cache&__clerk_db_jwt=dvb_1";
    assert_eq!((&fetch["do"], &fetch["url"]), (&json!("fetch"), &json!(url)));
    assert_eq!(fetch["form"], "organization_id=&tab_state=focused");
    let job = fetch["job"].clone();
    let body = json!({ "jwt": mint("sess_1", 1).raw() }).to_string();
    let answer = step(&mut machine, json!({ "type": "answered", "job": job, "status": 200, "body": body }));
    for expected in ["cookies", "tell", "post", "settle"] {
        assert!(does(&answer).contains(&expected), "{expected}: {answer}");
    }
    let stopped = step(&mut machine, json!({ "type": "stop" }));
    assert_eq!(does(&stopped), ["close", "timer"]);
    let late = step(&mut machine, json!({ "type": "read", "ticket": 9 }));
    assert_eq!(late["actions"][0]["error"]["code"], "session-stopped");
}

#[test]
fn what_is_not_understood_is_an_error_and_changes_nothing() {
    let mut machine = Machine::new();
    for text in ["", "[]", "null", "{}", r#"{"type":"read"}"#, r#"{"type":"read","clocks":[1]}"#, "\u{ff}"] {
        let answer: Value = serde_json::from_str(&machine.step(text.as_bytes())).unwrap();
        assert_eq!(answer["error"]["code"], "wire", "{text}");
    }
    let early = step(&mut machine, json!({ "type": "read", "ticket": 1 }));
    assert_eq!(early["error"]["message"], "expected `start` first, found something else");
    let mut machine = started();
    for text in [json!({ "type": "read" }), json!({ "type": "lost", "job": 1 }), json!({ "type": "dance" })] {
        assert_eq!(step(&mut machine, text.clone())["error"]["code"], "wire", "{text}");
    }
    for text in [json!({ "type": "answered", "job": 77, "status": 200 }), json!({ "type": "woke" })] {
        assert!(step(&mut machine, text.clone())["actions"].is_array(), "{text}");
    }
    assert_eq!(step(&mut machine, json!({ "type": "peek" }))["session"], "sess_1");
}

#[test]
fn b4_b5_b6_b43_b44_what_the_page_cannot_ask_is_null_or_left_out() {
    for page in
        [json!({ "focused": null, "visible": null }), json!({}), Value::Null, json!({ "focused": "yes" })]
    {
        let mut machine = started();
        step(&mut machine, json!({ "type": "looked", "page": page, "cookies": "__clerk_db_jwt=dvb_1" }));
        let forced = step(&mut machine, json!({ "type": "read", "ticket": 4, "skipCache": true }));
        assert_eq!(forced["actions"][0]["form"], "organization_id=", "{page}");
    }
}

#[test]
fn options_say_what_was_expected_and_never_repeat_a_key() {
    let rows = [
        ("", None, "options-publishable-key", "found nothing"),
        ("sk_test_secret", None, "options-publishable-key", "a secret key"),
        ("pk_test_", None, "options-publishable-key", "another text"),
        ("pk_test_!!!", None, "options-publishable-key", "another text"),
        ("pk_live_bm9kb2xsYXI", None, "options-publishable-key", "another text"),
        (&*key(), Some("ftp://x"), "options-frontend-api", "7 characters"),
        (&*key(), Some("nowhere at all"), "options-frontend-api", "14 characters"),
    ];
    for (given, api, code, message) in rows {
        let error: OptionsError = Options::new(given, api).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), code, "{given}");
        assert!(text.starts_with("expected `") && text.contains(message), "{text}");
        assert!(given.len() < 9 || !text.contains(given), "{text}");
    }
    let live =
        nostore_session::PublishableKey::encode(nostore_session::Instance::Production, "clerk.example.com");
    let options = Options::new(&live, None).unwrap();
    assert_eq!((&*options.frontend_api, options.development), ("https://clerk.example.com", false));
    let given = Options::new(&live, Some("http://localhost:8081/")).unwrap();
    assert_eq!(given.frontend_api, "http://localhost:8081");
}
