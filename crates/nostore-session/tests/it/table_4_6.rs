//! Tables 4.6 to 4.8, and 5.3: redirects, what follows from a token that does not verify, organizations.

use crate::world::{Row, Service, check, check_with};

const CLIENT_ONLY: &str = "signed-out client-uat-but-no-session-token | silent";
const REDIRECT: &str = "handshake client-uat-but-no-session-token | silent";
const STOPPED: &str = "signed-out client-uat-but-no-session-token (loop)";

const PERHAPS: &[Row<'_>] = &[
    ("p4_6_method", "prod", "GET /a uat=1", REDIRECT),
    ("p4_6_method", "prod", "HEAD /a uat=1", CLIENT_ONLY),
    ("p4_6_method", "prod", "POST /a uat=1", CLIENT_ONLY),
    ("p4_6_method", "prod", "get /a uat=1", CLIENT_ONLY),
    ("p4_6_destination", "prod", "GET /a dest=document uat=1", REDIRECT),
    ("p4_6_destination", "prod", "GET /a dest=iframe uat=1", REDIRECT),
    ("p4_6_destination", "prod", "GET /a dest=frame uat=1", CLIENT_ONLY),
    ("p4_6_destination", "prod", "GET /a dest=Document uat=1", CLIENT_ONLY),
    ("p4_6_destination", "prod", "GET /a dest=empty uat=1 ; accept: text/html", CLIENT_ONLY),
    ("p4_6_accept", "prod", "GET /a dest= uat=1 ; accept: text/html,*/*;q=0.8", REDIRECT),
    ("p4_6_accept", "prod", "GET /a dest= uat=1 ; accept: */*,text/html", CLIENT_ONLY),
    ("p4_6_accept", "prod", "GET /a dest= uat=1", CLIENT_ONLY),
    (
        "p4_6_ineligible",
        "prod",
        "POST /a uat=1 session=<EARLY>",
        "signed-out session-token-nbf | message: JWT cannot be used prior",
    ),
    ("p4_6_ineligible", "dev", "GET /a dest=empty", "signed-out dev-browser-missing"),
    ("p4_6_no_store", "prod", "GET /a uat=1", REDIRECT),
    ("p5_4_redirect", "dev", "GET /a", "handshake dev-browser-missing"),
    ("p4_6_counter", "prod", "GET /a uat=1 count=0", REDIRECT),
    ("p4_6_counter", "prod", "GET /a uat=1 count=1", REDIRECT),
    ("p5_3_before", "prod", "GET /a uat=1 count=2", REDIRECT),
    ("p4_6_loop", "prod", "GET /a uat=1 count=3", STOPPED),
    ("p5_3_at", "dev", "GET /a browser=b count=3 uat=1", STOPPED),
    ("p5_3_after", "prod", "GET /a uat=1 count=4", STOPPED),
    ("p5_3_after", "prod", "GET /a uat=1 count=99999999999", STOPPED),
    ("p3_3_numbers", "prod", "GET /a uat=12abc", "signed-out session-token-and-uat-missing"),
    ("p3_3_numbers", "prod", "GET /a uat=-5 session=<GOOD>", "handshake session-token-but-no-client-uat"),
];

const NOT_VERIFIED: &[Row<'_>] = &[
    (
        "p4_7_non_get",
        "prod",
        "POST /a uat=1 session=<EXPIRED> refresh=r",
        "signed-out session-token-expired-refresh-non-eligible-non-get | asks 0",
    ),
    (
        "p4_7_non_get",
        "prod",
        "HEAD /a uat=1 session=<EXPIRED>",
        "signed-out session-token-expired-refresh-non-eligible-non-get",
    ),
    (
        "p4_7_no_cookie",
        "prod",
        "GET /a uat=1 session=<EXPIRED>",
        "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie | asks 0",
    ),
    (
        "p4_7_no_cookie",
        "prod",
        "GET /a uat=1 session=<EXPIRED> plain-refresh=r",
        "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie | asks 0",
    ),
    (
        "p4_7_expired",
        "prod",
        "GET /a dest=empty uat=1 session=<EXPIRED>",
        "signed-out session-token-expired-refresh-non-eligible-no-refresh-cookie",
    ),
    (
        "p4_7_message",
        "prod",
        "GET /a uat=1 session=<EXPIRED>",
        "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie | message: JWT is expired. Expiry date: Tue, 14 Nov 2023 22:04:20 GMT, Current date: Tue, 14 Nov 2023 22:13:20 GMT. (reason=token-expired, token-carrier=cookie)",
    ),
    (
        "p4_7_message",
        "prod",
        "GET /a uat=1 session=garbage",
        "signed-out token-invalid | message: Invalid JWT form. A JWT consists of three parts separated by dots. (reason=token-invalid, token-carrier=cookie)",
    ),
    (
        "p4_7_message",
        "prod party=https://x.example",
        "GET /a ; authorization: Bearer <GOOD>",
        "signed-out token-invalid-authorized-parties | message: (reason=token-invalid-authorized-parties, token-carrier=header)",
    ),
    (
        "p4_7_not_active_yet",
        "prod",
        "GET /a uat=1 session=<EARLY> refresh=r",
        "handshake session-token-nbf | asks 0",
    ),
    (
        "p4_7_iat_in_the_future",
        "prod",
        "GET /a uat=1 session=<FUTURE> refresh=r",
        "handshake session-token-iat-in-the-future | asks 0",
    ),
    (
        "p4_7_anything_else",
        "prod",
        "GET /a uat=1 session=<MISMATCH> refresh=r",
        "signed-out token-invalid-signature | asks 0",
    ),
];

const ORGANIZATIONS: &[Row<'_>] = &[
    (
        "p4_8_slug",
        "prod orgs",
        "GET /orgs/other uat=1 session=<ACME>",
        "handshake active-organization-mismatch | organization_id=other",
    ),
    ("p4_8_slug", "prod orgs", "GET /orgs/acme/ uat=1 session=<ACME>", "signed-in user_1"),
    (
        "p4_8_id",
        "prod orgs",
        "GET /o/org_2 uat=1 session=<ACME>",
        "handshake active-organization-mismatch | organization_id=org_2",
    ),
    ("p4_8_id", "prod orgs", "GET /o/org_1 uat=1 session=<ACME>", "signed-in user_1"),
    (
        "p4_8_id",
        "prod orgs",
        "GET /o/org_1 uat=1 session=<GOOD>",
        "handshake active-organization-mismatch | organization_id=org_1",
    ),
    (
        "p4_8_personal",
        "prod orgs",
        "GET /me uat=1 session=<ACME>",
        "handshake active-organization-mismatch | organization_id=",
    ),
    ("p4_8_personal", "prod orgs", "GET /me uat=1 session=<GOOD>", "signed-in user_1"),
    (
        "p4_8_raw_path",
        "prod orgs",
        "GET /orgs/b%20x uat=1 session=<ACME>",
        "handshake active-organization-mismatch | organization_id=b%20x",
    ),
    ("p4_8_pending", "prod orgs", "GET /orgs/other uat=1 session=<PENDINGACME>", "signed-in user_1"),
    (
        "p4_8_counter",
        "prod orgs",
        "GET /orgs/other uat=1 session=<ACME> count=2",
        "handshake active-organization-mismatch | organization_id=other",
    ),
    ("p4_8_counter", "prod orgs", "GET /orgs/other uat=1 session=<ACME> count=3", "signed-in user_1"),
    ("p4_8_counter", "prod orgs", "GET /orgs/other uat=1 session=<ACME> count=4", "signed-in user_1"),
    ("p4_8_impossible", "prod orgs", "GET /orgs/other dest=empty uat=1 session=<ACME>", "signed-in user_1"),
    ("p4_8_impossible", "prod orgs", "POST /orgs/other uat=1 session=<ACME>", "signed-in user_1"),
    (
        "p4_8_every_redirect",
        "prod orgs",
        "GET /orgs/acme uat=1",
        "handshake client-uat-but-no-session-token | organization_id=acme",
    ),
    ("p4_8_every_redirect", "dev orgs", "GET /me/x", "handshake dev-browser-missing | organization_id="),
    ("p4_8_every_redirect", "dev orgs", "GET /about", "handshake dev-browser-missing"),
];

#[test]
fn perhaps_a_handshake_row_by_row() {
    check(PERHAPS);
}

#[test]
fn tokens_that_do_not_verify_row_by_row() {
    check(NOT_VERIFIED);
    let unreachable = Service { snapshot: None, keys: None, ..Service::default() };
    for request in ["GET /a uat=1 session=<GOOD>", "GET /a ; authorization: Bearer <GOOD>"] {
        check_with(
            &("p4_7_not_about_the_token", "prod", request, "signed-out unexpected-error | silent"),
            &unreachable,
        );
    }
    let good = crate::world::TOKENS
        .fill(r#"{"object":"cookies","cookies":["__session=<GOOD>; Path=/","__client_uat=1"]}"#);
    let refreshed = "signed-in user_1 | asks 1 | + __session=<GOOD>; Path=/ | + __client_uat=1";
    for (id, request) in [
        ("p4_7_refreshed", "GET /a uat=1 session=<EXPIRED> refresh=r"),
        ("p4_7_any_destination", "GET /a dest=empty uat=1 session=<EXPIRED> refresh=r"),
        ("p4_7_any_destination", "GET /a dest=image uat=1 session=<EXPIRED> sfx-refresh=r"),
        ("p4_7_refreshed", "GET /a refresh=r ; authorization: Bearer <EXPIRED>"),
    ] {
        check_with(&(id, "prod", request, refreshed), &Service::saying(200, good.clone()));
    }
    let refused = "handshake session-token-expired-refresh-resource_not_found | asks 1";
    let service = Service::saying(404, r#"{"errors":[{"code":"resource_not_found"}]}"#);
    check_with(
        &("p4_7_not_refreshed", "prod", "GET /a uat=1 session=<EXPIRED> refresh=r", refused),
        &service,
    );
}

#[test]
fn organizations_row_by_row() {
    check(ORGANIZATIONS);
}
