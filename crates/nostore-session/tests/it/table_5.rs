//! Tables 5.1 to 5.7: going out to the identity service, and coming back.

use nostore_message::FieldEdit;
use serde_json::{Value, json};

use crate::kit::{JSON, NOW, SESSION_CATEGORY, Tokens, sign, signer};
use crate::world::{
    Row, Service, TOKENS, check, check_with, configure, each, handshake, read_request, session,
};

const DAY: i64 = 86_400;

const CLIENT_ONLY: &str = "handshake client-uat-but-no-session-token";

/// Number, configuration, where the identity service is.
const BASES: &[(&str, &str, &str)] = &[
    ("p5_1_base", "prod", "https://accounts.nostore.example"),
    ("p5_1_base", "prod key=127.0.0.1:4000", "https://127.0.0.1:4000"),
    ("p5_1_base", "prod key=http://127.0.0.1:4000", "http://127.0.0.1:4000"),
    ("p5_1_base", "prod proxy=https://p.example/clerk//", "https://p.example/clerk"),
    ("p5_1_base", "prod proxy=/__clerk", "http://localhost:8080/__clerk"),
    ("p5_1_base", "prod sat domain=s.example", "https://clerk.s.example"),
    ("p5_1_base", "prod domain=s.example", "https://accounts.nostore.example"),
    ("p5_1_base", "prod sat domain=s.example proxy=https://p.example", "https://p.example"),
];

/// Number, target, `redirect_url`.
const BACK: &[(&str, &str, &str)] = &[
    ("p5_1_n1", "/?q=a+b%20c&y=*~()'!", "/?q=a+b+c&y=*%7E%28%29%27%21"),
    ("p5_1_n1", "/?b&c=&&d=%zz", "/?b=&c=&d=%25zz"),
    ("p5_1_n1", "/a?", "/a"),
    ("p5_1_n1", "/a?__dev_session=d&x=1&__clerk_db_jwt=b", "/a?x=1"),
    ("p5_2_kept", "/a?__clerk_help=1", "/a?__clerk_help=1"),
    ("p5_2_kept", "/a?__clerk_synced=true&__clerk_hs_reason=x", "/a?__clerk_synced=true&__clerk_hs_reason=x"),
    ("p5_2_stale_handshake", "/a?__clerk_handshake=old&x=1", "/a?x=1"),
];

const GOING: &[Row<'_>] = &[
    (
        "p5_1_n2",
        "prod",
        "GET /a uat=1",
        "handshake client-uat-but-no-session-token | __clerk_api_version=2026-05-12",
    ),
    (
        "p5_1_n3",
        "prod",
        "GET /a plain-uat=1",
        "handshake client-uat-but-no-session-token | suffixed_cookies=false",
    ),
    (
        "p5_1_n3",
        "prod",
        "GET /a sfx-uat=1",
        "handshake client-uat-but-no-session-token | suffixed_cookies=true",
    ),
    (
        "p5_1_n4",
        "prod",
        "GET /a session=<GOOD>",
        "handshake session-token-but-no-client-uat | __clerk_hs_reason=session-token-but-no-client-uat",
    ),
    ("p5_1_n5", "dev", "GET /a", "handshake dev-browser-missing | format=nonce"),
    (
        "p5_1_n6",
        "prod",
        "GET /a session=<GOOD>",
        "handshake session-token-but-no-client-uat | __session=<GOOD>",
    ),
    (
        "p5_1_n6",
        "prod",
        "GET /a uat=1 session=<GOOD> ; authorization: Bearer <EARLY>",
        "handshake session-token-nbf | __session=<GOOD>",
    ),
    (
        "p5_1_n6",
        "prod",
        "GET /a ; authorization: Bearer <EARLY>",
        "handshake session-token-nbf | __session=<EARLY>",
    ),
    ("p5_1_n6", "prod", "GET /a uat=1", "handshake client-uat-but-no-session-token | __session!"),
    (
        "p5_1_n7",
        "dev",
        "GET /a browser=b uat=1",
        "handshake client-uat-but-no-session-token | __clerk_db_jwt=b",
    ),
    (
        "p5_1_n7",
        "prod",
        "GET /a browser=b uat=1",
        "handshake client-uat-but-no-session-token | __clerk_db_jwt!",
    ),
    (
        "p3_3_first_of_query",
        "dev",
        "GET /a?__clerk_db_jwt=new browser=b",
        "handshake dev-browser-sync | __clerk_db_jwt=new | redirect_url=http://localhost:8080/a",
    ),
    (
        "p5_1_n8",
        "prod orgs",
        "GET /o/org_1 uat=1",
        "handshake client-uat-but-no-session-token | organization_id=org_1",
    ),
    ("p5_1_n8", "prod orgs", "GET /me uat=1", "handshake client-uat-but-no-session-token | organization_id="),
    (
        "p5_1_order",
        "dev orgs",
        "GET /orgs/x?y=~ plain-browser=b plain-session=t.t.t",
        "handshake session-token-but-no-client-uat | -> https://accounts.nostore.example/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A8080%2Forgs%2Fx%3Fy%3D%257E&__clerk_api_version=2026-05-12&suffixed_cookies=false&__clerk_hs_reason=session-token-but-no-client-uat&format=nonce&__session=t.t.t&__clerk_db_jwt=b&organization_id=x",
    ),
];

#[test]
fn redirects_row_by_row() {
    each(BASES, |(id, given, base)| {
        let outcome = format!("{CLIENT_ONLY} | => {base}/v1/client/handshake");
        check(&[(id, given, "GET /a?__clerk_synced=true uat=1", &outcome)]);
    });
    each(BACK, |(id, target, back)| {
        let outcome = format!("{CLIENT_ONLY} | redirect_url=http://localhost:8080{back}");
        check(&[(id, "prod", &format!("GET {target} uat=1"), &outcome)]);
    });
    check(GOING);
}

const IN: &str = "signed-in user_1";
const LEFT_OUT: &str = "signed-out session-token-and-uat-missing";

const COMING: &[Row<'_>] = &[
    (
        "p5_5_before_eligibility",
        "prod",
        "POST / dest=empty handshake=<HANDSHAKE>",
        "signed-in user_1 | + __session=; Max-Age=0 | + __session=<GOOD>; Path=/ | + __client_uat=1",
    ),
    (
        "p5_5_before_eligibility",
        "dev",
        "HEAD /x.png?__clerk_handshake=<HANDSHAKE> dest=image",
        "signed-in user_1 | -> http://localhost:8080/x.png | + __session=; Max-Age=0 | + __session=<GOOD>; Path=/ | + __client_uat=1",
    ),
    (
        "p5_5_location",
        "dev",
        "GET /a?q=a%20b&__clerk_handshake=<HANDSHAKEOUT>&__clerk_help=1&__clerk_db_jwt=b&__clerk_handshake_nonce=&__clerk_synced=true",
        "signed-out session-token-missing | -> http://localhost:8080/a?q=a+b&__clerk_synced=true | + __session=; Max-Age=0 | + __client_uat=0",
    ),
    ("p5_5_inner_refused", "prod", "GET / handshake=<HANDSHAKEINNER>", LEFT_OUT),
    ("p5_5_inner_refused", "prod", "GET / handshake=<HANDSHAKEINNER> uat=1", CLIENT_ONLY),
    ("p5_7_n4", "prod", "GET / handshake=<HANDSHAKEINNER>", LEFT_OUT),
    ("p5_7_n4", "dev", "GET / handshake=<HANDSHAKEINNER>", "handshake dev-browser-missing"),
    (
        "p5_7_n4",
        "dev party=https://x.example",
        "GET /?__clerk_handshake=<HANDSHAKE>",
        "handshake dev-browser-missing | redirect_url=http://localhost:8080/",
    ),
    (
        "p5_7_n5",
        "prod",
        "GET / uat=1 session=<EXPIRED> handshake=<HANDSHAKEOLD>",
        "handshake session-token-expired-refresh-non-eligible-no-refresh-cookie",
    ),
    ("p5_7_n5", "prod", "GET / handshake=<HANDSHAKEEARLY>", LEFT_OUT),
    (
        "p5_7_n5",
        "dev",
        "GET /?__clerk_handshake=<HANDSHAKEOLD>",
        "signed-in user_1 | -> http://localhost:8080/ | + __session=<EXPIRED>",
    ),
    (
        "p5_7_n1",
        "dev",
        "GET /?__clerk_handshake=<HANDSHAKEFORGED>",
        "error token-invalid-signature | message: Clerk: Handshake token verification failed due to an invalid signature. If you have switched Clerk keys locally, clear your cookies and try again.",
    ),
    ("p5_7_n1", "prod", "GET / handshake=<HANDSHAKEFORGED>", LEFT_OUT),
    (
        "p5_7_n2",
        "dev",
        "GET /?__clerk_handshake=garbage",
        "error token-invalid | message: Clerk: Handshake token verification failed: Invalid JWT form.",
    ),
    ("p5_7_n2", "prod", "GET / handshake=garbage uat=1", CLIENT_ONLY),
];

#[test]
fn handshakes_that_come_back_row_by_row() {
    check(COMING);
}

#[test]
fn what_the_service_fails_to_say_row_by_row() {
    let dev = "GET /a?__clerk_handshake_nonce=n browser=b";
    let dev_out = "signed-out session-token-missing | -> http://localhost:8080/a | asks 1";
    for said in [
        None,
        Some((404, JSON, "{}")),
        Some((200, JSON, "<html>")),
        Some((200, None, r#"{"directives":[]}"#)),
    ] {
        let other = said.map(|(status, kind, body)| (status, kind, body.to_owned()));
        let service = Service { other, ..Service::default() };
        for id in ["p5_5_nonce_fails", "p5_7_n6"] {
            check_with(&(id, "dev", dev, dev_out), &service);
            check_with(
                &(id, "prod", "GET /a nonce=n uat=1", "signed-out session-token-missing | asks 1"),
                &service,
            );
        }
    }
    let network = Service { snapshot: None, keys: None, ..Service::default() };
    check_with(
        &(
            "p5_7_n3",
            "dev",
            "GET /?__clerk_handshake=<HANDSHAKE>",
            "handshake dev-browser-missing | redirect_url=http://localhost:8080/",
        ),
        &network,
    );
    check_with(&("p5_7_n3", "prod", "GET / handshake=<HANDSHAKE>", LEFT_OUT), &network);
    let refused = Service::with_keys(500, "{}");
    check_with(
        &("p5_7_n2", "dev", "GET /?__clerk_handshake=<HANDSHAKE>", "error jwk-remote-failed-to-load"),
        &refused,
    );
    check_with(&("p5_7_n2", "prod", "GET / handshake=<HANDSHAKE>", LEFT_OUT), &refused);
}

#[test]
fn p5_5_nonce_wins_over_a_token() {
    let directives = TOKENS.fill(r#"{"directives":["a=1; Path=/","__session=<GOOD>"]}"#);
    let request = "GET / nonce=n handshake=<HANDSHAKE>";
    check_with(
        &(
            "p5_5_nonce_wins",
            "prod",
            request,
            "signed-in user_1 | asks 1 | + a=1; Path=/ | + __session=<GOOD>",
        ),
        &Service::saying(200, directives),
    );
    check_with(
        &("p5_5_nonce_wins", "prod", request, "signed-out session-token-missing | asks 1"),
        &Service::saying(404, "{}"),
    );
}

#[test]
fn p5_5_fields_p5_4_resolved_of_a_handshake_that_came_back() {
    let rows = [
        ("dev", "GET /a?__clerk_handshake=<HANDSHAKE>", "http://localhost:8080/a", Some("no-store")),
        ("prod", "GET /a handshake=<HANDSHAKE>", "", None),
        ("prod", "GET /a handshake=<HANDSHAKEOUT>", "", None),
    ];
    for (given, request, location, cache) in rows {
        let (config, now) = configure(given);
        let request = read_request(request, &config, &TOKENS);
        let (decision, _) = Service::default().decide(&request, &config, now);
        let field = |wanted: &str| {
            decision.edits.iter().find_map(|edit| match edit {
                FieldEdit::Set { name, value } if name == wanted => Some(&**value),
                _ => None,
            })
        };
        assert_eq!(field("access-control-allow-origin"), Some("null"));
        assert_eq!(field("access-control-allow-credentials"), Some("true"));
        assert_eq!((decision.location().unwrap_or_default(), field("cache-control")), (location, cache));
    }
}

/// Brings a handshake around `directives` back to a live key, and says so of each directive.
fn resolves(id: &str, directives: &[&str], outcome: &str) {
    let token = handshake(&TOKENS, 'a', directives);
    let cookies: String = directives.iter().map(|one| format!(" | + {one}")).collect();
    check(&[(id, "prod", &format!("GET / handshake={token}"), &format!("{outcome}{cookies}"))]);
}

#[test]
fn directives_row_by_row() {
    let missing = "signed-out session-token-missing";
    resolves("p5_5_verbatim", &["z=1;  Path=/;SameSite=Lax", "a=2", "__session=<GOOD>", "a=3"], IN);
    resolves("p5_5_good", &["__session=<GOOD>; Path=/"], IN);
    resolves("p5_5_no_session", &["__client_uat=1"], missing);
    resolves("p5_5_no_session", &[], missing);
    resolves("p5_5_last_session", &["__session=<MISMATCH>", "__session_x=<GOOD>"], IN);
    resolves("p5_5_last_session", &["__session=; Max-Age=0", "__session_x=<GOOD>"], IN);
    resolves("p5_5_last_session", &["__session_x=<GOOD>", "__session=; Max-Age=0"], missing);
    resolves("p5_5_last_session", &["__sessions=<GOOD>"], IN);
    resolves("p5_5_second_equals", &["__session=<GOOD>=x; Path=/"], IN);
    resolves("p9_2_gap_directive_order", &["__session_x=<GOOD>", "__session=; Max-Age=0"], missing);
    resolves("p9_2_gap_directive_order", &["__session=; Max-Age=0", "__session_x=<GOOD>"], IN);
    for payload in [json!({"handshake": "x"}), json!({})] {
        let token = sign(signer('a'), json!({"typ": "JWT"}), payload.as_object().cloned().unwrap().into());
        check(&[("p5_5_no_list", "prod", &format!("GET / handshake={token}"), missing)]);
    }
}

#[test]
fn p5_5_skew_with_test_keys_before_at_and_after() {
    let rows = [
        ("exp", json!({"exp": NOW - DAY + 1, "iat": NOW - DAY - 9, "nbf": NOW - DAY - 9}), true),
        ("exp", json!({"exp": NOW - DAY, "iat": NOW - DAY - 9, "nbf": NOW - DAY - 9}), false),
        ("exp", json!({"exp": NOW - DAY - 1, "iat": NOW - DAY - 9, "nbf": NOW - DAY - 9}), false),
        ("nbf", json!({"nbf": NOW + DAY - 1, "exp": NOW + 2 * DAY}), true),
        ("nbf", json!({"nbf": NOW + DAY, "exp": NOW + 2 * DAY}), true),
        ("nbf", json!({"nbf": NOW + DAY + 1, "exp": NOW + 2 * DAY}), false),
        ("iat", json!({"iat": NOW + DAY - 1, "exp": NOW + 2 * DAY}), true),
        ("iat", json!({"iat": NOW + DAY, "exp": NOW + 2 * DAY}), true),
        ("iat", json!({"iat": NOW + DAY + 1, "exp": NOW + 2 * DAY}), false),
    ];
    each(&rows, |(_, changes, accepted)| {
        let directive = format!("__session={}", session(changes.clone()));
        let token = handshake(&TOKENS, 'a', &[&directive]);
        let resolved = format!("signed-in user_1 | -> http://localhost:8080/ | + {directive}");
        let again = "handshake dev-browser-missing | redirect_url=http://localhost:8080/";
        let outcome = if *accepted { resolved.as_str() } else { again };
        check(&[("p5_5_skew", "dev", &format!("GET /?__clerk_handshake={token}"), outcome)]);
        check(&[("p5_7_n5", "prod", &format!("GET / handshake={token}"), LEFT_OUT)]);
    });
}

/// The outcome of a handshake token with this head and payload, with test keys.
fn own_token(id: &str, token: &str, outcome: &str) {
    let outcome = if outcome == "good" {
        "signed-in user_1 | -> http://localhost:8080/ | + __session=<GOOD>".to_owned()
    } else {
        format!("error {outcome}")
    };
    check(&[(id, "dev", &format!("GET /?__clerk_handshake={token}"), &outcome)]);
}

#[test]
fn the_handshakes_own_token_row_by_row() {
    let (a, tokens): (_, &Tokens) = (signer('a'), &TOKENS);
    let payload = || json!({"handshake": [tokens.fill("__session=<GOOD>")]});
    let signed = |head: Value| sign(a, head, payload());
    let good = signed(json!({"typ": "JWT", "cat": SESSION_CATEGORY}));
    let (head, rest) = good.split_once('.').unwrap();
    let forge = |head: Value| {
        use base64::Engine as _;
        format!("{}.{rest}", base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(head.to_string()))
    };
    own_token("p5_6_n1", &format!("{head}.{rest}.x"), "token-invalid");
    own_token("p5_6_n1", head, "token-invalid");
    own_token("p5_6_n1", &good, "good");
    let unknown = "jwk-kid-mismatch | asks 1";
    own_token("p5_6_n2", &forge(json!({"alg": "none", "typ": "x", "kid": "nobody"})), unknown);
    own_token(
        "p5_6_n3",
        &signed(json!({"typ": "jwt"})),
        "token-invalid | message: Invalid JWT type \"jwt\". Expected \"JWT\".",
    );
    own_token("p5_6_n3", &signed(json!({})), "good");
    own_token("p5_6_n4", &forge(json!({"alg": "HS256", "kid": a.kid()})), "token-invalid-algorithm");
    own_token(
        "p5_6_n5",
        &signed(json!({"cat": "cl_B7d4PD222AAA"})),
        "token-invalid | message: Invalid handshake token category.",
    );
    own_token("p5_6_n5", &signed(json!({"cat": "cl_B7d4PD333AAA"})), "token-invalid");
    own_token("p5_6_n5", &signed(json!({"cat": "cl_I7d4PD111III"})), "good");
    own_token("p5_6_n6", &handshake(tokens, 'b', &["__session=<GOOD>"]), "token-invalid-signature");
    let mut timed = payload();
    timed["exp"] = json!(1);
    timed["nbf"] = json!(NOW + DAY);
    timed["iat"] = json!(NOW + DAY);
    timed["azp"] = json!("https://other.example");
    own_token("p5_6_n7", &sign(a, json!({}), timed), "good");
}
