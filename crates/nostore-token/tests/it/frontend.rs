//! How a service of the protocol is asked, and what its answers mean.

use std::sync::Arc;

use nostore_token::frontend::{Frontend, TabState, read, wants_expired};
use nostore_token::{Ask, Failure, FetchKind, TokenKey};
use serde_json::json;

use crate::world::{START, minute};

fn ask(key: TokenKey, kind: FetchKind, previous: bool) -> Ask {
    Ask { key, kind, previous: previous.then(|| Arc::new(minute(0).token())) }
}

fn key() -> TokenKey {
    TokenKey::of_session("sess_1")
}

#[test]
fn b32_b33_b34_b35_b36_b37_b38_b39_b40_b41_b42_c75_c76_c77_c78_c79_c80_requests_row_by_row() {
    let token = format!("&token={}", minute(0).raw());
    let (near, far) = (Frontend { mints_near: true, tab: None }, Frontend::default());
    let tab = |tab| Frontend { tab: Some(tab), ..far };
    let forced = FetchKind::Forced;
    let path = "/v1/client/sessions/sess_1/tokens";
    let rows = [
        (far, ask(key(), FetchKind::Blocking, true), path.to_owned(), "organization_id=".to_owned()),
        (
            far,
            ask(key().organization("org_1"), FetchKind::Background, true),
            path.to_owned(),
            "organization_id=org_1".to_owned(),
        ),
        (far, ask(key(), forced, true), format!("{path}?debug=skip_cache"), "organization_id=".to_owned()),
        (near, ask(key(), FetchKind::Blocking, true), path.to_owned(), format!("organization_id={token}")),
        (near, ask(key(), FetchKind::Blocking, false), path.to_owned(), "organization_id=".to_owned()),
        (
            near,
            ask(key(), forced, false),
            format!("{path}?debug=skip_cache"),
            "organization_id=&force_origin=true".to_owned(),
        ),
        (
            near,
            ask(key().template("a b/c"), FetchKind::Blocking, true),
            format!("{path}/a%20b%2Fc"),
            String::new(),
        ),
        (near, ask(key().template("t"), forced, true), format!("{path}/t?debug=skip_cache"), String::new()),
        (
            tab(TabState::Focused),
            ask(key(), FetchKind::Blocking, false),
            path.to_owned(),
            "organization_id=&tab_state=focused".to_owned(),
        ),
        (
            tab(TabState::Visible),
            ask(key(), FetchKind::Blocking, false),
            path.to_owned(),
            "organization_id=&tab_state=visible".to_owned(),
        ),
        (
            tab(TabState::Hidden),
            ask(key(), FetchKind::Blocking, false),
            path.to_owned(),
            "organization_id=&tab_state=hidden".to_owned(),
        ),
    ];
    for (frontend, ask, target, form) in rows {
        let request = frontend.request(&ask);
        assert_eq!((&*request.target, request.form()), (&*target, &*form));
        assert!(!format!("{request:?}").contains("eyJ"));
    }
}

#[test]
fn b45_b46_b48_the_token_before_is_shown_where_it_is_asked_for() {
    let body = |code: &str| json!({ "errors": [{ "code": code }] }).to_string();
    let rows = [
        (422, body("missing_expired_token"), true),
        (400, body("missing_expired_token"), false),
        (422, body("something_else"), false),
        (422, String::new(), false),
    ];
    for (status, body, wants) in rows {
        assert_eq!(wants_expired(status, body.as_bytes()), wants, "{status} {body}");
    }
    let near = Frontend { mints_near: true, tab: None };
    let request = near.request_with_expired(&ask(key(), FetchKind::Forced, true), &minute(0).token());
    let path = "/v1/client/sessions/sess_1/tokens";
    assert_eq!(request.target, format!("{path}?debug=skip_cache&expired_token={}", minute(0).raw()));
    assert_eq!(request.form(), "organization_id=");
    assert!(!format!("{request:?}").contains("eyJ"));
}

#[test]
fn b18_b19_b47_f18_c71_c72_c73_c74_answers_row_by_row() {
    let good = json!({ "object": "token", "jwt": minute(0).raw() }).to_string();
    let error = |code: &str| json!({ "errors": [{ "code": code }] }).to_string();
    let date = Some("Thu, 01 Jan 2026 00:00:00 GMT");
    let later = Some("Thu, 01 Jan 2026 00:00:07 GMT");
    let busy = |status, retry_after_ms| Failure::Busy { status, retry_after_ms };
    let rows = [
        (200, None, "{}".to_owned(), Failure::Transient { what: "no token" }),
        (200, None, r#"{"jwt":""}"#.to_owned(), Failure::Transient { what: "no token" }),
        (200, None, r#"{"jwt":null}"#.to_owned(), Failure::Transient { what: "no token" }),
        (200, None, String::new(), Failure::Transient { what: "no JSON" }),
        (200, None, "<html>".to_owned(), Failure::Transient { what: "no JSON" }),
        (200, None, r#"{"jwt":"garbage"}"#.to_owned(), Failure::Unusable { what: "token-form" }),
        (302, None, String::new(), Failure::Transient { what: "an unexpected status" }),
        (400, None, error("bad_request"), Failure::Refused { status: 400, code: "bad_request".to_owned() }),
        (404, None, error("<script>"), Failure::Refused { status: 404, code: String::new() }),
        (401, None, String::new(), Failure::Unauthenticated { status: 401 }),
        (422, None, error("x"), Failure::Unauthenticated { status: 422 }),
        (403, None, error("user_banned"), Failure::Unauthenticated { status: 403 }),
        (403, None, error("not_yours"), Failure::Refused { status: 403, code: "not_yours".to_owned() }),
        (429, None, String::new(), busy(429, None)),
        (429, Some("7"), String::new(), busy(429, Some(7_000))),
        (429, later, String::new(), busy(429, Some(7_000))),
        (429, date, String::new(), busy(429, Some(0))),
        (429, Some("soon"), String::new(), busy(429, None)),
        (429, Some("-1"), String::new(), busy(429, None)),
        (503, Some("2"), String::new(), busy(503, Some(2_000))),
        (500, None, String::new(), Failure::Transient { what: "an unexpected status" }),
        (503, None, String::new(), Failure::Transient { what: "an unexpected status" }),
    ];
    for (status, retry_after, body, expected) in rows {
        let found = read(status, (retry_after, date), body.as_bytes()).unwrap_err();
        assert_eq!(found, expected, "{status} {retry_after:?} {body}");
    }
    let fetched = read(200, (None, date), good.as_bytes()).unwrap();
    assert_eq!((fetched.token.expose(), fetched.service_ms), (&*minute(0).raw(), Some(START * 1_000)));
}
