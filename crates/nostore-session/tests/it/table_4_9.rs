//! Section 4.9: every reason, as it is told.

use nostore_session::Instance;

use crate::kit::{JSON, config};
use crate::world::{Row, Service, check, check_with, each, session};

const STATES: &[Row<'_>] = &[
    (
        "p4_9_client_uat_but_no_session_token",
        "prod",
        "GET / uat=1",
        "handshake client-uat-but-no-session-token",
    ),
    ("p4_9_dev_browser_missing", "dev", "GET /", "handshake dev-browser-missing"),
    (
        "p4_9_dev_browser_sync",
        "dev",
        "GET /?__clerk_db_jwt=b",
        "handshake dev-browser-sync | redirect_url=http://localhost:8080/",
    ),
    (
        "p4_9_primary_responds_to_syncing",
        "dev",
        "GET /?__clerk_redirect_url=https%3A%2F%2Fs.example%2F",
        "handshake primary-responds-to-syncing | -> https://s.example/?__clerk_synced=true",
    ),
    (
        "p4_9_primary_domain_cross_origin_sync",
        "prod",
        "GET / uat=1 session=<GOOD> ; referer: https://other.example/",
        "handshake primary-domain-cross-origin-sync",
    ),
    (
        "p4_9_satellite_needs_syncing",
        "prod sat auto proxy=https://p.example",
        "GET /",
        "handshake satellite-needs-syncing | => https://p.example/v1/client/handshake",
    ),
    ("p4_9_session_token_and_uat_missing", "prod", "GET /", "signed-out session-token-and-uat-missing"),
    (
        "p4_9_session_token_missing",
        "prod",
        "GET / handshake=<HANDSHAKEOUT>",
        "signed-out session-token-missing | + __session=; Max-Age=0 | + __client_uat=0",
    ),
    (
        "p4_9_session_token_expired",
        "prod",
        "GET / uat=1 session=<EXPIRED>",
        "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie",
    ),
    (
        "p4_9_session_token_iat_before_client_uat",
        "prod",
        "GET / uat=1700000001 session=<GOOD>",
        "handshake session-token-iat-before-client-uat",
    ),
    ("p4_9_session_token_nbf", "prod", "GET / uat=1 session=<EARLY>", "handshake session-token-nbf"),
    (
        "p4_9_session_token_iat_in_the_future",
        "prod",
        "GET / uat=1 session=<FUTURE>",
        "handshake session-token-iat-in-the-future",
    ),
    (
        "p4_9_session_token_but_no_client_uat",
        "prod",
        "GET / session=<GOOD>",
        "handshake session-token-but-no-client-uat",
    ),
    (
        "p4_9_active_organization_mismatch",
        "prod orgs",
        "GET /orgs/other uat=1 session=<ACME>",
        "handshake active-organization-mismatch | organization_id=other",
    ),
    ("p4_9_token_type_mismatch", "prod", "GET / uat=1 session=<TEMPLATE>", "signed-out token-type-mismatch"),
    ("p4_9_unexpected_error", "prod", "GET / uat=1 session=<FEATURES>", "signed-out unexpected-error"),
    ("p4_9_token_invalid", "prod", "GET / uat=1 session=a.b", "signed-out token-invalid"),
    (
        "p4_9_token_invalid_authorized_parties",
        "prod party=https://x.example",
        "GET / uat=1 session=<GOOD>",
        "signed-out token-invalid-authorized-parties",
    ),
    (
        "p4_9_token_invalid_signature",
        "prod",
        "GET / uat=1 session=<MISMATCH>",
        "signed-out token-invalid-signature",
    ),
    (
        "p4_9_token_verification_failed",
        "prod only=m2m_token",
        "GET / ; authorization: Bearer <M2MEXPIRED>",
        "signed-out token-verification-failed (m2m_token)",
    ),
    // What the reasons of times become shows in the message.
    (
        "p4_9_token_expired",
        "prod",
        "POST / uat=1 session=<EXPIRED>",
        "signed-out session-token-expired-refresh-non-eligible-non-get | message: (reason=token-expired,",
    ),
    (
        "p4_9_token_not_active_yet",
        "prod",
        "POST / uat=1 session=<EARLY>",
        "signed-out session-token-nbf | message: (reason=token-not-active-yet,",
    ),
    (
        "p4_9_token_iat_in_the_future",
        "prod",
        "POST / uat=1 session=<FUTURE>",
        "signed-out session-token-iat-in-the-future | message: (reason=token-iat-in-the-future,",
    ),
];

#[test]
fn reasons_row_by_row() {
    check(STATES);
    let wrong = session(serde_json::json!({"exp": "never"}));
    let request = format!("GET / uat=1 session={wrong}");
    check(&[("p4_9_token_verification_failed", "prod", &request, "signed-out token-verification-failed")]);
}

#[test]
fn reasons_about_keys_row_by_row() {
    const PAGE: &str = "GET / uat=1 session=<GOOD>";
    let refused = r#"{"errors":[{"code":"clerk_key_invalid"}]}"#;
    let other = nostore_jose::JwkSet::new([crate::kit::signer('b').jwk().clone()]).to_json().to_string();
    let rows = [
        ("p4_9_secret_key_invalid", 401, refused, "signed-out secret-key-invalid | asks 1"),
        ("p4_9_jwk_remote_failed_to_load", 500, "{}", "signed-out jwk-remote-failed-to-load | asks 1"),
        ("p4_9_jwk_remote_failed_to_load", 200, r#"{"keys":[]}"#, "signed-out jwk-remote-failed-to-load"),
        ("p4_9_jwk_kid_mismatch", 200, &other, "signed-out jwk-kid-mismatch | asks 1"),
        ("p4_9_unexpected_error", 500, "<html>", "signed-out unexpected-error | silent"),
    ];
    each(&rows, |(id, status, body, outcome)| {
        check_with(&(id, "prod", PAGE, outcome), &Service::with_keys(*status, *body));
    });
}

#[test]
fn p4_9_jwk_local_missing_an_empty_key_is_refused_when_configured() {
    for pem in ["", " \n"] {
        assert!(config(Instance::Production).jwt_key(pem).is_err(), "{pem:?}");
    }
}

#[test]
fn p4_9_token_invalid_algorithm_is_told() {
    use base64::Engine as _;
    let good = session(serde_json::json!({}));
    let head = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, crate::kit::signer('a').kid());
    let head = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(head);
    let request = format!("GET / uat=1 session={head}.{}", good.split_once('.').unwrap().1);
    let outcome = "signed-out token-invalid-algorithm | message: Invalid JWT algorithm \"HS256\". Supported: RS256,RS384,RS512.";
    check(&[("p4_9_token_invalid_algorithm", "prod", &request, outcome)]);
}

/// Number, request, status, content type, body, what is behind `session-token-expired-refresh-`.
type Refresh = (&'static str, &'static str, u16, Option<&'static str>, &'static str, &'static str);

const PAGE: &str = "GET / uat=1 session=<EXPIRED> refresh=r";

const REFRESHES: &[Refresh] = &[
    (
        "p4_9_refresh_non_eligible_no_refresh_cookie",
        "GET / uat=1 session=<EXPIRED>",
        200,
        JSON,
        "{}",
        "non-eligible-no-refresh-cookie",
    ),
    (
        "p4_9_refresh_invalid_session_token",
        PAGE,
        200,
        JSON,
        r#"{"object":"cookies","cookies":["__session=bad"]}"#,
        "invalid-session-token",
    ),
    (
        "p4_9_refresh_expired_session_token_decode_failed",
        "GET / session=garbage refresh=r ; authorization: Bearer <EXPIRED>",
        200,
        JSON,
        "{}",
        "expired-session-token-decode-failed",
    ),
    (
        "p4_9_refresh_expired_session_token_missing_sid_claim",
        "GET / uat=1 session=<NOSID> refresh=r",
        200,
        JSON,
        "{}",
        "expired-session-token-missing-sid-claim",
    ),
    (
        "p4_9_refresh_fetch_error",
        PAGE,
        400,
        JSON,
        r#"{"errors":[{"code":"unexpected_error"}]}"#,
        "fetch-error",
    ),
    (
        "p4_9_refresh_unexpected_sdk_error",
        PAGE,
        200,
        JSON,
        r#"{"object":"cookies","cookies":[]}"#,
        "unexpected-sdk-error",
    ),
    ("p4_9_refresh_unexpected_bapi_error", PAGE, 500, JSON, r#"{"errors":[]}"#, "unexpected-bapi-error"),
    ("p4_9_refresh_code", PAGE, 404, JSON, r#"{"errors":[{"code":"session_gone"}]}"#, "session_gone"),
];

#[test]
fn reasons_of_refreshes_row_by_row() {
    each(REFRESHES, |(id, request, status, kind, body, sub)| {
        let service = Service { other: Some((*status, *kind, (*body).to_owned())), ..Service::default() };
        let outcome = format!("handshake session-token-expired-refresh-{sub}");
        check_with(&(id, "prod", request, &outcome), &service);
    });
    let outcome = "handshake session-token-expired-refresh-fetch-error | asks 1";
    check(&[("p4_9_refresh_fetch_error", "prod", PAGE, outcome)]);
    let outcome = "signed-out session-token-expired-refresh-non-eligible-non-get";
    check(&[(
        "p4_9_refresh_non_eligible_non_get",
        "prod",
        "POST / uat=1 session=<EXPIRED> refresh=r",
        outcome,
    )]);
}
