//! Table 4.2: a session token in a cookie, or none; and 3.4, which other sites are known.

use crate::world::{Row, check};

const EXPIRED: &str = "session-token-expired-refresh-non-eligible-no-refresh-cookie";

const SATELLITES: &[Row<'_>] = &[
    ("p4_2_n2a", "prod sat domain=s.example", "GET /a", "signed-out session-token-and-uat-missing | silent"),
    ("p4_2_n2a", "prod sat domain=s.example", "GET /a uat=0", "signed-out session-token-and-uat-missing"),
    (
        "p4_2_n2b",
        "prod sat auto domain=s.example",
        "GET /a",
        "handshake satellite-needs-syncing | => https://clerk.s.example/v1/client/handshake | silent",
    ),
    (
        "p4_2_n2b",
        "prod sat domain=s.example",
        "GET /a?__clerk_synced=false",
        "handshake satellite-needs-syncing | => https://clerk.s.example/v1/client/handshake",
    ),
    (
        "p4_2_n2b",
        "prod sat domain=s.example",
        "GET /a?__clerk_synced=false uat=1 session=<GOOD>",
        "handshake satellite-needs-syncing | => https://clerk.s.example/v1/client/handshake | __session=<GOOD>",
    ),
    (
        "p4_2_n2b",
        "prod sat auto domain=s.example",
        "GET /a dest=iframe",
        "signed-out session-token-and-uat-missing",
    ),
    ("p4_2_n2b", "prod sat auto domain=s.example", "HEAD /a", "signed-out session-token-and-uat-missing"),
    ("p4_2_n2c", "prod sat domain=s.example", "GET /a uat=1 session=<GOOD>", "signed-in user_1"),
    (
        "p4_2_n2c",
        "prod sat auto domain=s.example",
        "GET /a uat=1",
        "handshake client-uat-but-no-session-token | => https://clerk.s.example/v1/client/handshake",
    ),
    (
        "p4_2_n2c",
        "prod sat auto domain=s.example",
        "GET /a?__clerk_synced=true",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p4_2_n3a",
        "dev sat signin=https://p.example/in domain=s.example",
        "GET /a",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p4_2_n3b",
        "dev sat auto signin=https://p.example/in domain=s.example",
        "GET /a?x=1",
        "handshake satellite-needs-syncing | silent | -> https://p.example/in?__clerk_redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fa%3Fx%3D1",
    ),
    (
        "p4_2_n3b",
        "dev sat signin=https://p.example/in?y=2 domain=s.example",
        "GET /a?__clerk_synced=false browser=b uat=1 session=<GOOD>",
        "handshake satellite-needs-syncing | -> https://p.example/in?y=2&__clerk_redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fa%3F__clerk_synced%3Dfalse",
    ),
    (
        "p4_2_n3b",
        "dev sat auto signin=https://p.example/in domain=s.example",
        "GET /a count=3",
        "signed-out satellite-needs-syncing (loop)",
    ),
    (
        "p4_2_n3c",
        "dev sat signin=https://p.example/in domain=s.example",
        "GET /a browser=b uat=1 session=<GOOD>",
        "signed-in user_1",
    ),
    (
        "p4_2_n3c",
        "dev sat auto signin=https://p.example/in domain=s.example",
        "GET /a?__clerk_synced=true browser=b",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p4_2_note_satellite_fetch",
        "dev sat auto signin=https://p.example/in domain=s.example",
        "GET /a dest=empty",
        "signed-out dev-browser-missing",
    ),
    (
        "p4_2_note_synced_without_browser",
        "dev sat signin=https://p.example/in domain=s.example",
        "GET /a?__clerk_synced=true",
        "handshake dev-browser-missing | __clerk_db_jwt!",
    ),
];

const PRIMARY: &[Row<'_>] = &[
    (
        "p4_2_n4",
        "dev",
        "GET /in?__clerk_redirect_url=https%3A%2F%2Fs.example%2Fx%3Fy%3D1 browser=b",
        "handshake primary-responds-to-syncing | silent | -> https://s.example/x?y=1&__clerk_db_jwt=b&__clerk_synced=true",
    ),
    (
        "p4_2_n4",
        "dev",
        "GET /in?__clerk_redirect_url=https%3A%2F%2Fs.example%2Fx%3F__clerk_synced%3Dfalse",
        "handshake primary-responds-to-syncing | -> https://s.example/x?__clerk_synced=true",
    ),
    ("p4_2_n4", "dev", "GET /in?__clerk_redirect_url=x browser=b", "error | message: Invalid URL"),
    ("p4_2_n4", "dev", "GET /in?__clerk_redirect_url= browser=b", "signed-out session-token-and-uat-missing"),
    (
        "p4_2_n4",
        "dev",
        "POST /in?__clerk_redirect_url=https%3A%2F%2Fs.example%2F browser=b",
        "signed-out primary-responds-to-syncing",
    ),
    (
        "p4_2_n4",
        "prod",
        "GET /in?__clerk_redirect_url=https%3A%2F%2Fs.example%2F",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p4_2_n4",
        "dev sat signin=https://p.example/in domain=s.example",
        "GET /in?__clerk_redirect_url=https%3A%2F%2Fs.example%2F&__clerk_synced=true browser=b",
        "signed-out session-token-and-uat-missing",
    ),
    (
        "p4_9_primary_responds_to_syncing",
        "dev",
        "GET /in?__clerk_redirect_url=https%3A%2F%2Fs.example%2F browser=b count=3",
        "signed-out primary-responds-to-syncing (loop)",
    ),
];

const COOKIES: &[Row<'_>] = &[
    (
        "p4_2_n1",
        "prod",
        "GET /a handshake=<HANDSHAKE> uat=1",
        "signed-in user_1 | + __session=; Max-Age=0 | + __session=<GOOD>; Path=/ | + __client_uat=1",
    ),
    (
        "p4_2_n1",
        "dev",
        "GET /a?x=1&__clerk_handshake=<HANDSHAKE>",
        "signed-in user_1 | -> http://localhost:8080/a?x=1 | + __session=; Max-Age=0 | + __session=<GOOD>; Path=/ | + __client_uat=1",
    ),
    ("p4_2_n1", "prod", "GET /a handshake=<HANDSHAKEFORGED>", "signed-out session-token-and-uat-missing"),
    ("p4_2_n1", "dev", "GET /a browser=b handshake=<HANDSHAKEFORGED>", "error token-invalid-signature"),
    (
        "p4_2_n5",
        "dev",
        "GET /a?__clerk_db_jwt=new&x=1 browser=b uat=1 session=<GOOD>",
        "handshake dev-browser-sync | silent | __clerk_db_jwt=new | __session=<GOOD> | redirect_url=http://localhost:8080/a?x=1",
    ),
    (
        "p4_2_n5",
        "dev",
        "GET /a?__clerk_db_jwt= browser=b",
        "handshake dev-browser-sync | __clerk_db_jwt=b | redirect_url=http://localhost:8080/a",
    ),
    ("p4_2_n5", "prod", "GET /a?__clerk_db_jwt=new", "signed-out session-token-and-uat-missing"),
    (
        "p4_2_n6",
        "dev",
        "GET /a uat=1 session=<GOOD>",
        "handshake dev-browser-missing | silent | __clerk_db_jwt! | __session=<GOOD>",
    ),
    ("p4_2_n6", "dev", "GET /a browser=", "handshake dev-browser-missing | __session!"),
    ("p4_2_n6", "dev", "GET /a dest=empty uat=1 session=<GOOD>", "signed-out dev-browser-missing"),
    ("p4_2_n6", "prod", "GET /a uat=1 session=<GOOD>", "signed-in user_1"),
    ("p4_2_n7", "prod", "GET /a", "signed-out session-token-and-uat-missing | silent"),
    ("p4_2_n7", "dev", "GET /a browser=b uat=0", "signed-out session-token-and-uat-missing"),
    ("p4_2_n7", "prod", "GET /a uat= session=", "signed-out session-token-and-uat-missing"),
    (
        "p4_2_n8",
        "prod",
        "GET /a session=<GOOD>",
        "handshake session-token-but-no-client-uat | __session=<GOOD>",
    ),
    (
        "p4_2_n8",
        "dev",
        "GET /a browser=b uat=0 session=garbage",
        "handshake session-token-but-no-client-uat | silent",
    ),
    ("p4_2_n9", "prod", "GET /a uat=1", "handshake client-uat-but-no-session-token | silent | __session!"),
    (
        "p4_2_n9",
        "dev",
        "GET /a browser=b uat=1 session=",
        "handshake client-uat-but-no-session-token | __clerk_db_jwt=b",
    ),
    ("p4_2_n10", "prod", "GET /a uat=1 session=garbage", "signed-out token-invalid | message: three parts"),
    (
        "p4_2_n10",
        "prod",
        "GET /a uat=1 session=a.b.c",
        "signed-out token-invalid | message: token-carrier=cookie",
    ),
    ("p4_2_n11", "prod", "GET /a uat=1 session=<MACHINE>", "signed-out token-type-mismatch | silent"),
    ("p4_2_n11", "prod", "GET /a uat=1 session=<ACCESS>", "signed-out token-type-mismatch"),
    ("p4_2_n11", "prod", "GET /a uat=9999999999 session=<TEMPLATE>", "signed-out token-type-mismatch"),
    (
        "p4_2_n12",
        "prod",
        "GET /a uat=1700000001 session=<GOOD>",
        "handshake session-token-iat-before-client-uat | silent | __session=<GOOD>",
    ),
    ("p4_2_n12", "prod", "GET /a uat=1700000000 session=<GOOD>", "signed-in user_1"),
    ("p4_2_n12", "prod", "GET /a uat=1699999999 session=<GOOD>", "signed-in user_1"),
    ("p4_2_n12", "prod", "GET /a uat=9999999999 session=<NOIAT>", "signed-in user_1"),
    (
        "p4_2_n12",
        "prod",
        "GET /a uat=9999999999 session=<MISMATCH>",
        "handshake session-token-iat-before-client-uat",
    ),
    (
        "p4_2_n13",
        "prod",
        "GET /a uat=1 session=<MISMATCH>",
        "signed-out token-invalid-signature | message: (reason=token-invalid-signature, token-carrier=cookie)",
    ),
    ("p4_2_n13", "prod", "GET /a uat=1 session=<EARLY>", "handshake session-token-nbf | __session=<EARLY>"),
    (
        "p4_2_n13",
        "prod party=http://localhost:8080",
        "GET /a uat=1 session=<OTHERSITE>",
        "signed-out token-invalid-authorized-parties",
    ),
    ("p4_2_n16", "prod", "GET /a uat=1 session=<GOOD>", "signed-in user_1 | silent | asks 0"),
    ("p4_2_n16", "dev", "GET /a browser=b uat=1 session=<GOOD>", "signed-in user_1"),
    ("p4_2_n16", "prod", "POST /a dest=empty uat=1 session=<GOOD>", "signed-in user_1"),
    ("p4_2_n16", "prod", "GET /a plain-uat=1 plain-session=<BARE>", "signed-in user_1"),
    (
        "p4_2_note_malformed_features",
        "prod",
        "GET /a uat=1 session=<FEATURES>",
        "signed-out unexpected-error | silent",
    ),
];

/// The message of row 14 is the protocol's.
const CROSSED: &str = "handshake primary-domain-cross-origin-sync | message: Cross-origin request from satellite domain requires handshake";

const SIGNED_IN: &str = "signed-in user_1";

const REFERRERS: &[Row<'_>] = &[
    ("p4_2_n14", "prod", "GET /a uat=1 session=<GOOD> ; referer: https://other.example/x", CROSSED),
    ("p4_2_n14", "prod", "GET /a uat=1 session=<GOOD> count=0 ; referer: https://other.example/x", CROSSED),
    ("p4_2_n14", "prod", "GET /a uat=1 session=<GOOD> count=1 ; referer: https://other.example/x", SIGNED_IN),
    (
        "p4_2_n14",
        "prod",
        "GET /a dest=iframe uat=1 session=<GOOD> ; referer: https://other.example/x",
        SIGNED_IN,
    ),
    (
        "p4_2_n14",
        "prod",
        "GET /a dest= uat=1 session=<GOOD> ; accept: text/html ; referer: https://other.example/",
        SIGNED_IN,
    ),
    ("p4_2_n14", "prod", "HEAD /a uat=1 session=<GOOD> ; referer: https://other.example/x", SIGNED_IN),
    (
        "p4_2_n14",
        "prod sat domain=s.example",
        "GET /a uat=1 session=<GOOD> ; referer: https://other.example/x",
        SIGNED_IN,
    ),
    (
        "p4_2_n14",
        "prod",
        "GET /a uat=1 session=<MISMATCH> ; referer: https://other.example/x",
        "signed-out token-invalid-signature",
    ),
    (
        "p3_4_cross_origin",
        "prod",
        "GET /a uat=1 session=<GOOD> ; referer: http://localhost:8080/x",
        SIGNED_IN,
    ),
    ("p3_4_cross_origin", "prod", "GET /a uat=1 session=<GOOD> ; referer: http://localhost:8081/x", CROSSED),
    ("p3_4_cross_origin", "prod", "GET /a uat=1 session=<GOOD> ; referer: https://localhost:8080/x", CROSSED),
    ("p3_4_cross_origin", "prod", "GET /a uat=1 session=<GOOD> ; referer: other.example", SIGNED_IN),
    (
        "p3_4_known_host",
        "prod",
        "GET /a uat=1 session=<GOOD> ; referer: https://accounts.nostore.example/in",
        SIGNED_IN,
    ),
    (
        "p3_4_known_host",
        "prod",
        "GET /a uat=1 session=<GOOD> ; referer: http://accounts.nostore.example:81/in",
        SIGNED_IN,
    ),
    (
        "p3_4_known_host",
        "prod proxy=https://p.example/x",
        "GET /a uat=1 session=<GOOD> ; referer: https://p.example/",
        SIGNED_IN,
    ),
    (
        "p3_4_account_page",
        "dev",
        "GET /a browser=b uat=1 session=<GOOD> ; referer: https://happy-cat-1.accounts.dev/in",
        SIGNED_IN,
    ),
    (
        "p3_4_account_page",
        "dev",
        "GET /a browser=b uat=1 session=<GOOD> ; referer: https://accounts.x.lcl.dev/",
        SIGNED_IN,
    ),
    (
        "p3_4_account_page",
        "dev",
        "GET /a browser=b uat=1 session=<GOOD> ; referer: https://x.clerk.accounts.dev/in",
        CROSSED,
    ),
    (
        "p3_4_account_page",
        "prod",
        "GET /a uat=1 session=<GOOD> ; referer: https://happy-cat-1.accounts.dev/in",
        CROSSED,
    ),
    (
        "p3_4_accounts_of_frontend",
        "prod key=clerk.acme.example",
        "GET /a uat=1 session=<GOOD> ; referer: https://accounts.acme.example/in",
        SIGNED_IN,
    ),
    (
        "p3_4_accounts_of_frontend",
        "prod key=clerk.acme.example",
        "GET /a uat=1 session=<GOOD> ; referer: http://accounts.acme.example/in",
        "handshake primary-domain-cross-origin-sync | => https://clerk.acme.example/v1/client/handshake",
    ),
];

/// Each is a case of its row and of a later one: the first decides.
const PRECEDENCE: &[Row<'_>] = &[
    (
        "p4_2_n1",
        "prod sat auto domain=s.example",
        "GET / handshake=<HANDSHAKEOUT>",
        "signed-out session-token-missing | + __session=; Max-Age=0 | + __client_uat=0",
    ),
    (
        "p4_2_n3b",
        "dev sat auto signin=https://p.example/in domain=s.example",
        "GET /?__clerk_db_jwt=b",
        "handshake satellite-needs-syncing | -> https://p.example/in?__clerk_redirect_url=http%3A%2F%2Flocalhost%3A8080%2F%3F__clerk_db_jwt%3Db",
    ),
    (
        "p4_2_n4",
        "dev",
        "GET /in?__clerk_redirect_url=https%3A%2F%2Fs.example%2F&__clerk_db_jwt=b",
        "handshake primary-responds-to-syncing | -> https://s.example/?__clerk_db_jwt=b&__clerk_synced=true",
    ),
    (
        "p4_2_n5",
        "dev",
        "GET /?__clerk_db_jwt=",
        "handshake dev-browser-sync | __clerk_db_jwt! | redirect_url=http://localhost:8080/",
    ),
    ("p4_2_n6", "dev", "GET / uat=1", "handshake dev-browser-missing"),
    ("p4_2_n8", "prod", "GET / session=<MACHINE>", "handshake session-token-but-no-client-uat"),
    ("p4_2_n11", "prod", "GET / uat=1700000001 session=<MACHINE>", "signed-out token-type-mismatch"),
    (
        "p4_2_n12",
        "prod",
        "GET / uat=1700000001 session=<EXPIRED>",
        "handshake session-token-iat-before-client-uat",
    ),
    (
        "p4_2_n13",
        "prod orgs",
        "GET /orgs/other uat=1 session=<OLDACME> ; referer: https://other.example/",
        "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie | organization_id=other",
    ),
    (
        "p4_2_n14",
        "prod orgs",
        "GET /orgs/other uat=1 session=<ACME> ; referer: https://other.example/",
        "handshake primary-domain-cross-origin-sync | organization_id=other",
    ),
    (
        "p4_2_note_malformed_features",
        "prod",
        "GET / uat=1 session=<FEATURES> ; referer: https://other.example/",
        "handshake primary-domain-cross-origin-sync",
    ),
];

#[test]
fn the_first_row_that_applies_decides() {
    check(PRECEDENCE);
}

#[test]
fn cookies_row_by_row() {
    check(COOKIES);
    let expired = format!("handshake {EXPIRED} | __session=<EXPIRED>");
    check(&[("p4_2_n13", "prod", "GET /a uat=1 session=<EXPIRED>", &expired)]);
}

#[test]
fn satellites_row_by_row() {
    check(SATELLITES);
}

#[test]
fn primary_sites_row_by_row() {
    check(PRIMARY);
}

#[test]
fn referrers_row_by_row() {
    check(REFERRERS);
}

#[test]
fn p4_2_n15_another_organization_row_by_row() {
    check(&[
        (
            "p4_2_n15",
            "prod orgs",
            "GET /orgs/other uat=1 session=<ACME>",
            "handshake active-organization-mismatch | silent | organization_id=other | __session=<ACME>",
        ),
        (
            "p4_2_n15",
            "dev orgs",
            "GET /o/org_2/x browser=b uat=1 session=<ACME>",
            "handshake active-organization-mismatch | organization_id=org_2",
        ),
        ("p4_2_n15", "prod orgs", "GET /orgs/acme uat=1 session=<ACME>", SIGNED_IN),
        ("p4_2_n15", "prod orgs", "GET /about uat=1 session=<ACME>", SIGNED_IN),
        (
            "p4_2_n15",
            "prod orgs",
            "GET /orgs/other uat=1 session=<MISMATCH>",
            "signed-out token-invalid-signature",
        ),
    ]);
}
