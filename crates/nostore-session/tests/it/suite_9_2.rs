//! Section 9.2: the 60 cases of the handshake suite, and what that suite leaves out.
//!
//! Its tokens have no issuer, site or session, so that only plain cookies count in it. The four cases of forwarded
//! hosts are in `nostore-web`, which reads those fields.

use std::sync::LazyLock;

use nostore_session::Instance;
use serde_json::{Value, json};

use crate::kit::{NOW, Tokens, sign, signer};
use crate::world::{Row, Service, TOKENS, check, check_with, each, handshake};

const OLD: &str = "session-token-expired-refresh-non-eligible-no-refresh-cookie";

static SUITE: LazyLock<Tokens> = LazyLock::new(|| {
    let mut tokens = Tokens::new(Instance::Production);
    let token = |after: i64, more: Value| {
        let mut claims =
            json!({"sub": "user_1", "iat": NOW + after, "nbf": NOW + after - 10, "exp": NOW + after + 60});
        claims.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        sign(signer('a'), json!({"typ": "JWT"}), claims)
    };
    tokens.add("S_ACTIVE", token(0, json!({})));
    tokens.add("S_EXPIRED", token(-600, json!({})));
    tokens.add("S_EARLY", token(600, json!({})));
    tokens.add("S_ORG", token(0, json!({"org_id": "org_a", "org_slug": "a"})));
    tokens.add("S_OLDORG", token(-600, json!({"org_id": "org_a", "org_slug": "a"})));
    for (name, inner) in [("H_ACTIVE", "S_ACTIVE"), ("H_EXPIRED", "S_EXPIRED"), ("H_EARLY", "S_EARLY")] {
        let token = handshake(&tokens, 'a', &[&format!("__session=<{inner}>; Path=/"), "foo=bar"]);
        tokens.add(name, token);
    }
    tokens.add("H_FORGED", handshake(&tokens, 'b', &["__session=<S_ACTIVE>"]));
    tokens
});

/// `S_` tokens in a request or outcome, filled in.
fn run(rows: &[Row<'_>]) {
    each(rows, |(id, given, request, outcome)| {
        check(&[(id, given, &SUITE.fill(request), &SUITE.fill(outcome))]);
    });
}

/// The same as `handshake REASON`, which sends to the host in the publishable key.
macro_rules! old {
    ($more:literal) => {
        concat!("handshake session-token-expired-refresh-non-eligible-no-refresh-cookie", $more)
    };
}

const GENERIC: &[Row<'_>] = &[
    (
        "p9_2_signed_in_1",
        "dev",
        "GET / plain-browser=b plain-uat=1 plain-session=<S_ACTIVE>",
        "signed-in user_1",
    ),
    ("p9_2_signed_in_2", "prod", "GET / plain-uat=1 plain-session=<S_ACTIVE>", "signed-in user_1"),
    (
        "p9_2_signed_in_3",
        "dev",
        "GET / plain-browser=b ; authorization: Bearer <S_ACTIVE>",
        "signed-in user_1",
    ),
    ("p9_2_signed_in_4", "prod", "GET / ; authorization: Bearer <S_ACTIVE>", "signed-in user_1"),
    (
        "p9_2_expired_1",
        "dev",
        "GET / plain-browser=b plain-uat=1 plain-session=<S_EXPIRED>",
        old!(" | suffixed_cookies=false | __clerk_db_jwt=b"),
    ),
    (
        "p9_2_expired_2",
        "prod",
        "GET / plain-uat=1 plain-session=<S_EXPIRED>",
        old!(" | suffixed_cookies=false"),
    ),
    (
        "p9_2_expired_3",
        "prod",
        "GET / ; authorization: Bearer <S_EXPIRED>",
        old!(" | suffixed_cookies=false"),
    ),
    (
        "p9_2_early_1",
        "dev",
        "GET / plain-browser=b plain-uat=1 plain-session=<S_EARLY>",
        "handshake session-token-nbf | suffixed_cookies=false",
    ),
    (
        "p9_2_early_2",
        "dev",
        "GET / plain-browser=b ; authorization: Bearer <S_EARLY>",
        "handshake session-token-nbf | suffixed_cookies=false",
    ),
    (
        "p9_2_proxy_1",
        "dev proxy=https://example.com/clerk",
        "GET / plain-browser=b plain-uat=1 plain-session=<S_EXPIRED>",
        old!(" | => https://example.com/clerk/v1/client/handshake"),
    ),
    (
        "p9_2_proxy_2",
        "prod proxy=https://example.com/clerk",
        "GET / plain-uat=1 plain-session=<S_EXPIRED>",
        old!(" | => https://example.com/clerk/v1/client/handshake"),
    ),
    (
        "p9_2_domain_1",
        "dev domain=localhost",
        "GET / plain-browser=b plain-uat=1 plain-session=<S_EXPIRED>",
        old!(""),
    ),
    ("p9_2_domain_2", "prod domain=example.com", "GET / plain-uat=1 plain-session=<S_EXPIRED>", old!("")),
    (
        "p9_2_domain_3",
        "prod sat domain=example.com",
        "GET / plain-uat=1 plain-session=<S_EXPIRED>",
        old!(" | => https://clerk.example.com/v1/client/handshake"),
    ),
    (
        "p9_2_client_only_1",
        "dev",
        "GET / plain-browser=b plain-uat=1",
        "handshake client-uat-but-no-session-token",
    ),
    ("p9_2_client_only_2", "prod", "GET / plain-uat=1", "handshake client-uat-but-no-session-token"),
    (
        "p9_2_signed_out_1",
        "dev",
        "GET / plain-browser=b plain-uat=0",
        "signed-out session-token-and-uat-missing",
    ),
    ("p9_2_signed_out_2", "prod", "GET / plain-uat=0", "signed-out session-token-and-uat-missing"),
    ("p9_2_signed_out_3", "dev", "GET / plain-browser=b", "signed-out session-token-and-uat-missing"),
    ("p9_2_signed_out_4", "prod", "GET /", "signed-out session-token-and-uat-missing"),
    (
        "p9_2_satellite_1",
        "prod sat domain=example.com",
        "GET / dest= plain-uat=0",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p9_2_satellite_2",
        "prod sat domain=example.com",
        "GET / plain-uat=0",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p9_2_satellite_3",
        "dev sat domain=example.com signin=https://example.com/sign-in",
        "GET / dest=empty plain-browser=b plain-uat=0",
        "signed-out session-token-and-uat-missing",
    ),
    ("p9_2_satellite_4", "prod sat domain=example.com", "GET /", "signed-out session-token-and-uat-missing"),
    (
        "p9_2_satellite_5",
        "prod sat domain=example.com",
        "GET /?__clerk_synced=false",
        "handshake satellite-needs-syncing | => https://clerk.example.com/v1/client/handshake",
    ),
    (
        "p9_2_satellite_6",
        "prod sat domain=example.com",
        "GET /?__clerk_synced=true",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p9_2_satellite_7",
        "dev sat domain=example.com signin=https://example.com/sign-in",
        "GET /?__clerk_synced=false plain-browser=b",
        "handshake satellite-needs-syncing | -> https://example.com/sign-in?__clerk_redirect_url=http%3A%2F%2Flocalhost%3A8080%2F%3F__clerk_synced%3Dfalse",
    ),
    (
        "p9_2_satellite_8",
        "prod sat auto domain=example.com",
        "GET /",
        "handshake satellite-needs-syncing | => https://clerk.example.com/v1/client/handshake",
    ),
    (
        "p9_2_no_dev_browser_1",
        "dev",
        "GET / plain-uat=1 plain-session=<S_ACTIVE>",
        "handshake dev-browser-missing | suffixed_cookies=false",
    ),
    (
        "p9_2_redirect_url_1",
        "dev",
        "GET /hello?foo=bar plain-browser=b plain-uat=1 plain-session=<S_EXPIRED>",
        old!(" | redirect_url=http://localhost:8080/hello?foo=bar"),
    ),
    (
        "p9_2_redirect_url_2",
        "prod",
        "GET /hello?foo=bar plain-uat=1 plain-session=<S_EXPIRED>",
        old!(" | redirect_url=http://localhost:8080/hello?foo=bar"),
    ),
    (
        "p9_2_result_dev_1",
        "dev",
        "GET /?__clerk_handshake=<H_ACTIVE>&x=1 plain-browser=b",
        "signed-in user_1 | -> http://localhost:8080/?x=1 | + __session=<S_ACTIVE>; Path=/ | + foo=bar",
    ),
    (
        "p9_2_result_dev_2",
        "dev",
        "GET /?__clerk_handshake=<H_EARLY> plain-browser=b",
        "signed-in user_1 | -> http://localhost:8080/ | + __session=<S_EARLY>; Path=/ | + foo=bar",
    ),
    (
        "p9_2_result_dev_3",
        "dev",
        "GET /?__clerk_handshake=<H_EXPIRED> plain-browser=b",
        "signed-in user_1 | -> http://localhost:8080/ | + __session=<S_EXPIRED>; Path=/ | + foo=bar",
    ),
    (
        "p9_2_result_dev_4",
        "dev",
        "GET /?__clerk_handshake=<H_FORGED> plain-browser=b",
        "error token-invalid-signature",
    ),
    (
        "p9_2_result_dev_5",
        "dev",
        "GET /?__clerk_handshake=<H_ACTIVE>&__clerk_db_jwt=new",
        "signed-in user_1 | -> http://localhost:8080/ | + __session=<S_ACTIVE>; Path=/ | + foo=bar",
    ),
    (
        "p9_2_result_dev_6",
        "dev",
        "GET /?__clerk_db_jwt=new plain-browser=b plain-uat=1 plain-session=<S_ACTIVE>",
        "handshake dev-browser-sync | __clerk_db_jwt=new | redirect_url=http://localhost:8080/",
    ),
    (
        "p9_2_result_prod_1",
        "prod",
        "GET / handshake=<H_ACTIVE>",
        "signed-in user_1 | + __session=<S_ACTIVE>; Path=/ | + foo=bar",
    ),
    ("p9_2_result_prod_2", "prod", "GET / handshake=<H_EARLY>", "signed-out session-token-and-uat-missing"),
    (
        "p9_2_result_prod_3",
        "prod",
        "GET / handshake=<H_EXPIRED> plain-uat=1 plain-session=<S_EXPIRED>",
        old!(""),
    ),
    ("p9_2_result_prod_4", "prod", "GET / handshake=<H_FORGED>", "signed-out session-token-and-uat-missing"),
];

#[test]
fn generic_cases_row_by_row() {
    assert_eq!(GENERIC.len() + 4, 45);
    run(GENERIC);
    assert!(GENERIC.iter().filter(|row| row.3.contains(OLD)).count() > 5);
}

/// The reference's sample sends expired header tokens to its sign-in page; here the handshake itself is seen.
const ORGANIZATIONS: &[Row<'_>] = &[
    (
        "p9_2_org_1",
        "dev orgs",
        "GET /o/org_b plain-browser=b plain-uat=1 plain-session=<S_ORG>",
        "handshake active-organization-mismatch | organization_id=org_b",
    ),
    (
        "p9_2_org_2",
        "dev orgs",
        "GET /orgs/bcde plain-browser=b plain-uat=1 plain-session=<S_ORG>",
        "handshake active-organization-mismatch | organization_id=bcde",
    ),
    (
        "p9_2_org_3",
        "dev orgs",
        "GET /o/org_b/settings plain-browser=b plain-uat=1 plain-session=<S_ORG>",
        "handshake active-organization-mismatch | organization_id=org_b",
    ),
    (
        "p9_2_org_4",
        "dev orgs",
        "GET /orgs/bcde/settings plain-browser=b plain-uat=1 plain-session=<S_ORG>",
        "handshake active-organization-mismatch | organization_id=bcde",
    ),
    (
        "p9_2_org_5",
        "dev orgs",
        "GET /me plain-browser=b plain-uat=1 plain-session=<S_ORG>",
        "handshake active-organization-mismatch | organization_id=",
    ),
    (
        "p9_2_org_6",
        "dev orgs",
        "GET /o/org_b plain-browser=b plain-uat=1 plain-session=<S_OLDORG>",
        old!(" | organization_id=org_b"),
    ),
    (
        "p9_2_org_7",
        "dev orgs",
        "GET /orgs/bcde plain-browser=b plain-uat=1 plain-session=<S_OLDORG>",
        old!(" | organization_id=bcde"),
    ),
    (
        "p9_2_org_8",
        "dev orgs",
        "GET /me plain-browser=b plain-uat=1 plain-session=<S_OLDORG>",
        old!(" | organization_id="),
    ),
    (
        "p9_2_org_9",
        "dev",
        "GET /orgs/bcde plain-browser=b plain-uat=1 plain-session=<S_OLDORG>",
        old!(" | organization_id!"),
    ),
    (
        "p9_2_org_10",
        "dev orgs",
        "GET /about plain-browser=b plain-uat=1 plain-session=<S_OLDORG>",
        old!(" | organization_id!"),
    ),
    (
        "p9_2_org_11",
        "dev orgs",
        "GET /o/org_b plain-browser=b ; authorization: Bearer <S_ORG>",
        "signed-in user_1",
    ),
    (
        "p9_2_org_12",
        "dev orgs",
        "GET /o/org_b plain-browser=b ; authorization: Bearer <S_OLDORG>",
        old!(" | organization_id=org_b"),
    ),
    (
        "p9_2_org_13",
        "dev orgs",
        "GET /about plain-browser=b plain-uat=1 plain-session=<S_ORG>",
        "signed-in user_1",
    ),
];

#[test]
fn organizations_row_by_row() {
    assert_eq!(ORGANIZATIONS.len(), 13);
    run(ORGANIZATIONS);
}

#[test]
fn loops_row_by_row() {
    let page = "GET / plain-browser=b plain-uat=1 plain-session=<S_EXPIRED>";
    run(&[
        // That the counter is 1 is part of every handshake's check.
        ("p9_2_loop_1", "dev", page, old!("")),
        (
            "p9_2_loop_2",
            "dev",
            "GET / plain-browser=b plain-uat=1 plain-session=<S_EXPIRED> count=3",
            "signed-out session-token-expired-refresh-non-eligible-no-refresh-cookie (loop)",
        ),
    ]);
}

const GAPS: &[Row<'_>] = &[
    ("p9_2_gap_suffixed_cookies", "prod", "GET / sfx-uat=1 sfx-session=<GOOD>", "signed-in user_1"),
    (
        "p9_2_gap_suffixed_cookies",
        "prod",
        "GET / sfx-uat=1 sfx-session=<EXPIRED> plain-uat=0",
        old!(" | suffixed_cookies=true | __session=<EXPIRED>"),
    ),
    (
        "p9_2_gap_suffixed_cookies",
        "dev",
        "GET / browser=b sfx-uat=1 sfx-session=<EXPIRED> plain-uat=0",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p9_2_gap_suffixed_cookies",
        "prod",
        "GET / plain-session=<FOREIGN> plain-uat=1",
        "signed-out session-token-and-uat-missing",
    ),
    ("p9_2_gap_iframe", "prod", "GET / dest=iframe uat=1", "handshake client-uat-but-no-session-token"),
    (
        "p9_2_gap_iframe",
        "prod",
        "GET / dest= uat=1 ; accept: text/html",
        "handshake client-uat-but-no-session-token",
    ),
    (
        "p9_2_gap_iframe",
        "prod",
        "GET / dest= uat=1 ; accept: application/json",
        "signed-out client-uat-but-no-session-token",
    ),
    ("p9_2_gap_head", "prod", "HEAD / uat=1", "signed-out client-uat-but-no-session-token"),
    ("p9_2_gap_head", "prod", "HEAD / uat=1 session=<GOOD>", "signed-in user_1"),
    ("p9_2_gap_post", "prod", "POST / uat=1", "signed-out client-uat-but-no-session-token"),
    ("p9_2_gap_post", "prod", "POST / uat=1 session=<GOOD>", "signed-in user_1"),
    (
        "p9_2_gap_cross_origin_sync",
        "prod",
        "GET / uat=1 session=<GOOD> ; referer: https://satellite.example/",
        "handshake primary-domain-cross-origin-sync",
    ),
    (
        "p9_2_gap_any_and_session",
        "prod",
        "GET / ; authorization: Bearer <M2M>",
        "signed-out token-type-mismatch",
    ),
    (
        "p9_2_gap_any_and_session",
        "prod any",
        "GET / ; authorization: Bearer <M2M>",
        "signed-in mch_1 (m2m_token)",
    ),
    (
        "p9_2_gap_any_and_session",
        "prod",
        "GET / ; authorization: Bearer <TEMPLATE>",
        "signed-out token-type-mismatch",
    ),
    (
        "p9_2_gap_any_and_session",
        "prod any",
        "GET / ; authorization: Bearer <TEMPLATE>",
        "signed-out token-type-mismatch",
    ),
    (
        "p9_2_gap_counter_above_3",
        "prod",
        "GET / uat=1 count=4",
        "signed-out client-uat-but-no-session-token (loop)",
    ),
    (
        "p9_2_gap_double_slash",
        "prod",
        "GET //evil.example/a host=app.example uat=1",
        "handshake client-uat-but-no-session-token | redirect_url=http://app.example//evil.example/a",
    ),
    (
        "p3_2_cookies",
        "prod",
        "GET / ; cookie: __client_uat=1; __client_uat=0",
        "handshake client-uat-but-no-session-token",
    ),
    ("p3_2_cookies", "prod", "GET / ; cookie: x; __Client_uat=1", "signed-out session-token-and-uat-missing"),
    (
        "p3_2_cookies",
        "prod",
        "GET / ; cookie: x=a%3B __client_uat=1",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p3_2_cookies",
        "prod",
        "GET / ; cookie: __client_uat = %31",
        "handshake client-uat-but-no-session-token",
    ),
    (
        "p3_2_cookies",
        "prod",
        "GET / ; cookie: __client_uat=\"1\"",
        "signed-out session-token-and-uat-missing",
    ),
];

#[test]
fn what_the_suite_leaves_out_row_by_row() {
    check(GAPS);
    let directives = TOKENS.fill(r#"{"directives":["__session=; Max-Age=0","__session=<GOOD>; Path=/"]}"#);
    let service = Service::saying(200, directives);
    for (given, request, location) in [
        ("prod", "GET / nonce=n", ""),
        ("dev", "GET /?__clerk_handshake_nonce=n", " | -> http://localhost:8080/"),
    ] {
        let outcome = format!(
            "signed-in user_1 | asks 1{location} | + __session=; Max-Age=0 | + __session=<GOOD>; Path=/"
        );
        check_with(&("p9_2_gap_nonce", given, request, &outcome), &service);
    }
}
