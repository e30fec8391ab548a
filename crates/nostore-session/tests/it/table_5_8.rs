//! Table 5.8: the refresh of an expired session.

use nostore_session::{Need, OutboundRequest};
use serde_json::{Value, json};

use crate::kit::JSON;
use crate::world::{Row, Service, TOKENS, check, check_with, configure, each, read_request};

const PAGE: &str = "GET /a?x=1 uat=1 session=<EXPIRED> refresh=r";

/// Returns the question that a request leads to.
fn asked(text: &str) -> OutboundRequest {
    let (config, now) = configure("prod");
    let request = read_request(text, &config, &TOKENS);
    let (_, needs) = Service::default().decide(&request, &config, now);
    let Some(need @ Need::Refresh(_)) = needs.first() else { panic!("{needs:?}") };
    need.request(&config)
}

#[test]
fn p5_8_request_p5_8_headers_as_the_service_sees_them() {
    let request = asked(&format!("{PAGE} ; x-two: a ; x-two: b"));
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.url,
        "https://accounts.nostore.example/v1/sessions/sess_1/refresh?suffixed_cookies=true"
    );
    assert_eq!(request.fields.first("authorization"), Some("Bearer sk_hush"));
    assert_eq!(request.fields.first("content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 5, "{members:?}");
    assert_eq!(body["format"], "cookie");
    assert_eq!(body["expired_token"], TOKENS.text("EXPIRED"));
    assert_eq!(body["refresh_token"], "r");
    assert_eq!(body["request_origin"], "http://localhost:8080");
    assert_eq!(body["request_headers"]["sec-fetch-dest"], json!(["document"]));
    assert_eq!(body["request_headers"]["x-two"], json!(["a, b"]));
    assert!(body["request_headers"]["cookie"][0].as_str().unwrap().contains("__client_uat=1"));
}

#[test]
fn p5_8_suffixed_is_told_when_true_and_else_left_out() {
    let url = "https://accounts.nostore.example/v1/sessions/sess_1/refresh";
    assert_eq!(
        asked("GET / sfx-uat=1 sfx-session=<EXPIRED> refresh=r").url,
        format!("{url}?suffixed_cookies=true")
    );
    assert_eq!(asked("GET / plain-uat=1 plain-session=<EXPIRED> refresh=r").url, url);
}

const NOT_ASKED: &[Row<'_>] = &[
    (
        "p5_8_no_sid",
        "prod",
        "GET /a uat=1 session=<NOSID> refresh=r",
        "handshake session-token-expired-refresh-expired-session-token-missing-sid-claim | asks 0",
    ),
    (
        "p5_8_undecodable",
        "prod",
        "GET /a session=garbage refresh=r ; authorization: Bearer <EXPIRED>",
        "handshake session-token-expired-refresh-expired-session-token-decode-failed | asks 0",
    ),
    ("p5_8_unreachable", "prod", PAGE, "handshake session-token-expired-refresh-fetch-error | asks 1"),
];

#[test]
fn refreshes_that_are_not_answered_row_by_row() {
    check(NOT_ASKED);
}

/// Number, status, content type, body, outcome: `good`, or why not.
type Case = (&'static str, u16, Option<&'static str>, &'static str, &'static str);

const GOOD: &str = r#"{"object":"cookies","cookies":["__session=<GOOD>; Path=/","__client_uat=1"]}"#;

const CASES: &[Case] = &[
    ("p5_8_success", 200, JSON, GOOD, "good"),
    ("p5_8_success", 201, JSON, GOOD, "good"),
    (
        "p5_8_bad_token",
        200,
        JSON,
        r#"{"object":"cookies","cookies":["__session=<MISMATCH>"]}"#,
        "invalid-session-token",
    ),
    (
        "p5_8_bad_token",
        200,
        JSON,
        r#"{"object":"cookies","cookies":["__session=<EXPIRED>"]}"#,
        "invalid-session-token",
    ),
    (
        "p5_8_bad_token",
        200,
        JSON,
        r#"{"object":"cookies","cookies":["__client_uat=1"]}"#,
        "invalid-session-token",
    ),
    (
        "p5_8_last_session",
        200,
        JSON,
        r#"{"object":"cookies","cookies":["__session=<GOOD>","__session_x=<MISMATCH>"]}"#,
        "invalid-session-token",
    ),
    (
        "p5_8_code",
        404,
        JSON,
        r#"{"errors":[{"code":"resource_not_found"},{"code":"b"}]}"#,
        "resource_not_found",
    ),
    ("p5_8_unexpected_code", 400, JSON, r#"{"errors":[{"code":"unexpected_error"}]}"#, "fetch-error"),
    ("p5_8_no_code", 500, JSON, r#"{"errors":[]}"#, "unexpected-bapi-error"),
    ("p5_8_no_code", 500, None, "<html>", "unexpected-bapi-error"),
    ("p5_8_no_cookies", 200, JSON, r#"{"object":"cookies","cookies":[]}"#, "unexpected-sdk-error"),
    ("p5_8_no_cookies", 200, JSON, r#"{"object":"token","jwt":"<GOOD>"}"#, "unexpected-sdk-error"),
    ("p5_8_content_type", 200, Some("application/json; charset=utf-8"), GOOD, "unexpected-sdk-error"),
    ("p5_8_content_type", 200, Some("Application/JSON"), GOOD, "unexpected-sdk-error"),
    ("p5_8_content_type", 200, None, GOOD, "unexpected-sdk-error"),
    ("p9_2_gap_content_type", 200, Some("application/json;charset=utf-8"), GOOD, "unexpected-sdk-error"),
    ("p9_2_gap_refresh", 200, JSON, GOOD, "good"),
];

#[test]
fn answers_to_a_refresh_row_by_row() {
    each(CASES, |(id, status, kind, body, outcome)| {
        let service = Service { other: Some((*status, *kind, TOKENS.fill(body))), ..Service::default() };
        let outcome = match *outcome {
            "good" => "signed-in user_1 | asks 1 | + __session=<GOOD>; Path=/ | + __client_uat=1".to_owned(),
            why => format!("handshake session-token-expired-refresh-{why} | asks 1 | __session=<EXPIRED>"),
        };
        check_with(&(id, "prod", PAGE, &outcome), &service);
    });
    let last = r#"{"object":"cookies","cookies":["__session=; Max-Age=0","__session_x=<GOOD>"]}"#;
    let outcome = "signed-in user_1 | + __session=; Max-Age=0 | + __session_x=<GOOD>";
    check_with(&("p5_8_last_session", "prod", PAGE, outcome), &Service::saying(200, TOKENS.fill(last)));
}
