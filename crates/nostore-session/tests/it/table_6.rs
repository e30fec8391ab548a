//! Section 6: the verification of tokens.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use nostore_jose::{Algorithm, JwkSet};
use nostore_session::{Accepts, Check, Config, Instance, Need, Status, TokenType};
use serde_json::{Value, json};

use crate::kit::{NOW, SESSION_CATEGORY, claims, key_set, now, object, sign, signer, with};
use crate::world::{Row, Service, TOKENS, brief, check, check_with, configure, each, read_request, session};

const GOOD: &str = "signed-in user_1";

/// Runs a token in the header of a request that is never redirected.
fn bearer(id: &str, given: &str, token: &str, outcome: &str) {
    check(&[(id, given, &format!("POST / dest=empty ; authorization: Bearer {token}"), outcome)]);
}

fn signed(head: Value) -> String {
    sign(signer('a'), head, claims(Instance::Production))
}

/// Puts another head before the rest of a good token.
fn forged(head: &Value) -> String {
    let good = signed(json!({"typ": "JWT"}));
    format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(head.to_string()), good.split_once('.').unwrap().1)
}

/// Signs octets that need not be JSON.
fn spoilt(part: usize, text: &str) -> String {
    let good = signed(json!({"typ": "JWT"}));
    let mut parts: Vec<&str> = good.split('.').collect();
    parts[part] = text;
    parts.join(".")
}

#[test]
fn forms_row_by_row() {
    let good = signed(json!({"typ": "JWT"}));
    let (three, undecodable) = (
        "signed-out token-invalid | message: Invalid JWT form. A JWT consists of three parts separated by dots.",
        "signed-out token-invalid | message: Invalid JWT form. The header, payload, or signature could not be decoded.",
    );
    let rows = [
        ("p6_1_three_parts", good.clone(), GOOD),
        ("p6_1_three_parts", format!("{good}.x"), three),
        ("p6_1_three_parts", good.rsplit_once('.').unwrap().0.to_owned(), three),
        ("p6_1_three_parts", "x".to_owned(), three),
        ("p6_1_base64url", format!("{good}=="), undecodable),
        ("p6_1_base64url", format!("{good}+"), undecodable),
        ("p6_1_base64url", spoilt(2, "YR"), undecodable),
        ("p6_1_base64url", spoilt(2, "Y"), undecodable),
        ("p6_1_json", spoilt(1, &BASE64_URL_SAFE_NO_PAD.encode("null")), undecodable),
        ("p6_1_json", spoilt(1, &BASE64_URL_SAFE_NO_PAD.encode("[1]")), undecodable),
        ("p6_1_json", spoilt(0, &BASE64_URL_SAFE_NO_PAD.encode("null")), undecodable),
        ("p6_1_json", spoilt(0, &BASE64_URL_SAFE_NO_PAD.encode("{")), undecodable),
    ];
    each(&rows, |(id, token, outcome)| bearer(id, "prod", token, outcome));
}

#[test]
fn the_order_of_the_checks_row_by_row() {
    let a = signer('a').kid();
    let invalid_type = "signed-out token-invalid | message: Invalid JWT type \"jwt\". Expected \"JWT\".";
    let rows = [
        // Each token breaks the rule of its row and the next one as well.
        (
            "p6_2_n1",
            format!("{}.x", signed(json!({"typ": "jwt"}))),
            "signed-out token-invalid | message: three parts",
        ),
        (
            "p6_2_n3",
            forged(&json!({"typ": "jwt", "alg": "none", "kid": "nobody"})),
            "signed-out jwk-kid-mismatch",
        ),
        ("p6_2_n3", forged(&json!({"alg": "RS256"})), "signed-out jwk-kid-mismatch"),
        ("p6_2_n4", forged(&json!({"typ": "jwt", "alg": "none", "kid": a})), invalid_type),
        ("p6_2_n4", signed(json!({})), GOOD),
        (
            "p6_2_n5",
            forged(&json!({"typ": "JWT", "alg": "HS256", "kid": a})),
            "signed-out token-invalid-algorithm | message: Invalid JWT algorithm \"HS256\". Supported: RS256,RS384,RS512.",
        ),
        ("p6_2_n5", forged(&json!({"alg": "ES256", "kid": a})), "signed-out token-invalid-algorithm"),
        (
            "p6_2_n6",
            forged(&json!({"typ": "JWT", "alg": "RS256", "kid": a, "x": 1})),
            "signed-out token-invalid-signature | message: JWT signature is invalid.",
        ),
        (
            "p6_2_n6",
            sign(
                signer('b'),
                json!({"typ": "JWT"}),
                with(claims(Instance::Production), json!({"sub": null, "exp": 1})),
            ),
            "signed-out token-invalid-signature",
        ),
    ];
    each(&rows, |(id, token, outcome)| bearer(id, "prod", token, outcome));
    // A machine's category is met inside a handshake, where no kind is looked at before.
    let inner = TOKENS.text("M2MUSER");
    let back = crate::world::handshake(&TOKENS, 'a', &[&format!("__session={inner}")]);
    let row = format!("GET / handshake={back}");
    check(&[("p6_2_n2", "prod", &row, "signed-out session-token-and-uat-missing")]);
    check(&[("p6_2_n2", "dev", &row, "handshake dev-browser-missing")]);
}

#[test]
fn claims_row_by_row() {
    let strict = "prod party=http://localhost:8080,https://two.example aud=a,b";
    let failed = "signed-out token-verification-failed";
    let parties = "signed-out token-invalid-authorized-parties";
    let rows = [
        (
            "p6_2_n7",
            "prod",
            json!({"sub": null}),
            "signed-out token-verification-failed | message: Subject claim (sub) is required and must be a string. Received undefined.",
        ),
        ("p6_2_n7", "prod", json!({"sub": 7}), "signed-out token-verification-failed | message: Received 7."),
        (
            "p6_2_n7",
            strict,
            json!({"sub": 7, "aud": "c"}),
            "signed-out token-verification-failed | message: Subject claim",
        ),
        ("p6_2_n8", "prod", json!({"aud": "c"}), GOOD),
        ("p6_2_n8", strict, json!({}), GOOD),
        ("p6_2_n8", strict, json!({"aud": "b"}), GOOD),
        ("p6_2_n8", strict, json!({"aud": "c", "azp": "x"}), failed),
        ("p6_2_n8", strict, json!({"aud": ["c", "a"]}), GOOD),
        ("p6_2_n8", strict, json!({"aud": ["c"]}), failed),
        ("p6_2_n8", strict, json!({"aud": ""}), GOOD),
        ("p6_2_n8", strict, json!({"aud": 7}), GOOD),
        ("p6_2_n9", "prod", json!({"azp": null}), GOOD),
        ("p6_2_n9", strict, json!({"azp": "https://two.example"}), GOOD),
        ("p6_2_n9", strict, json!({"azp": null, "exp": 1}), parties),
        (
            "p6_2_n9",
            strict,
            json!({"azp": "https://other.example"}),
            "signed-out token-invalid-authorized-parties | message: Invalid JWT Authorized party claim (azp) \"https://other.example\". Expected \"http://localhost:8080,https://two.example\".",
        ),
        ("p6_2_n10", "prod", json!({"exp": null}), failed),
        ("p6_2_n10", "prod", json!({"exp": "1700000060"}), failed),
        ("p6_2_n11", "prod", json!({"nbf": "1"}), failed),
        ("p6_2_n11", "prod", json!({"nbf": null}), GOOD),
        ("p6_2_n12", "prod", json!({"iat": "1"}), failed),
        ("p6_2_n12", "prod", json!({"iat": null}), GOOD),
    ];
    each(&rows, |(id, given, changes, outcome)| bearer(id, given, &session(changes.clone()), outcome));
}

const OLD: &str = "signed-out session-token-expired-refresh-non-eligible-non-get";
const EARLY: &str = "signed-out session-token-nbf";
const AHEAD: &str = "signed-out session-token-iat-in-the-future";

/// Number, settings, claims, outcome.
type Timed = (&'static str, &'static str, &'static str, i64, &'static str);

/// The claim is `NOW` plus so many seconds; the clock is in the settings, in milliseconds.
const TIMES: &[Timed] = &[
    ("p6_2_n10", "prod now=4999", "exp", 0, GOOD),
    ("p6_2_n10", "prod now=5000", "exp", 0, OLD),
    ("p6_2_n10", "prod now=5001", "exp", 0, OLD),
    ("p6_2_n11", "prod now=-1", "nbf", 5, EARLY),
    ("p6_2_n11", "prod now=0", "nbf", 5, GOOD),
    ("p6_2_n11", "prod now=1", "nbf", 5, GOOD),
    ("p6_2_n12", "prod now=-1", "iat", 5, AHEAD),
    ("p6_2_n12", "prod now=0", "iat", 5, GOOD),
    ("p6_2_n12", "prod now=1", "iat", 5, GOOD),
    ("p6_2_n12", "prod", "iat", 6, AHEAD),
    ("p6_2_skew", "prod skew=0 now=-1", "exp", 0, GOOD),
    ("p6_2_skew", "prod skew=0 now=0", "exp", 0, OLD),
    ("p6_2_skew", "prod skew=0 now=1", "exp", 0, OLD),
    ("p6_2_skew", "prod skew=0 now=-1", "nbf", 0, EARLY),
    ("p6_2_skew", "prod skew=0 now=0", "nbf", 0, GOOD),
    ("p6_2_skew", "prod skew=60000 now=59999", "exp", 0, GOOD),
    ("p6_2_skew", "prod skew=60000 now=60000", "exp", 0, OLD),
];

#[test]
fn times_before_at_and_after() {
    each(TIMES, |(id, given, claim, after, outcome)| {
        let mut changes = json!({"iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 60});
        changes[*claim] = json!(NOW + after);
        bearer(id, given, &session(changes), outcome);
    });
}

const MESSAGES: &[Row<'_>] = &[
    (
        "p6_2_messages",
        "prod",
        "POST / ; authorization: Bearer <EXPIRED>",
        "signed-out session-token-expired-refresh-non-eligible-non-get | message: JWT is expired. Expiry date: Tue, 14 Nov 2023 22:04:20 GMT, Current date: Tue, 14 Nov 2023 22:13:20 GMT.",
    ),
    (
        "p6_2_messages",
        "prod",
        "POST / ; authorization: Bearer <EARLY>",
        "signed-out session-token-nbf | message: JWT cannot be used prior to not before date claim (nbf). Not before date: Tue, 14 Nov 2023 22:23:20 GMT; Current date: Tue, 14 Nov 2023 22:13:20 GMT;",
    ),
    (
        "p6_2_messages",
        "prod",
        "POST / ; authorization: Bearer <FUTURE>",
        "signed-out session-token-iat-in-the-future | message: JWT issued at date claim (iat) is in the future. Issued at date: Tue, 14 Nov 2023 22:23:20 GMT; Current date: Tue, 14 Nov 2023 22:13:20 GMT;",
    ),
];

#[test]
fn messages_row_by_row() {
    check(MESSAGES);
}

#[test]
fn categories_row_by_row() {
    let mismatch = "signed-out token-type-mismatch";
    let rows = [
        ("p6_3_session", json!({"cat": "cl_B7d4PD111AAA"}), GOOD),
        ("p6_3_session", json!({"typ": "JWT"}), GOOD),
        ("p6_3_template", json!({"cat": "cl_B7d4PD222AAA"}), mismatch),
        ("p6_3_m2m", json!({"cat": "cl_B7d4PD333AAA"}), mismatch),
        ("p6_3_ignore", json!({"cat": "cl_I7d4PD111III"}), GOOD),
        ("p6_3_unknown", json!({"cat": "cl_other"}), mismatch),
        ("p9_2_gap_category", json!({"cat": "cl_B7d4PD111AAB"}), mismatch),
        ("p6_3_session", json!({"cat": "cl_B7d4PD111AAA", "oiat": 1}), GOOD),
    ];
    each(&rows, |(id, head, outcome)| {
        let token = signed(head.clone());
        bearer(id, "prod", &token, outcome);
        bearer(id, "prod any", &token, outcome);
        check(&[(id, "prod", &format!("GET / uat=1 session={token}"), outcome)]);
    });
}

/// The public key of key A, as the service shows it.
fn pem() -> String {
    const PREFIX: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA";
    let modulus = signer('a').jwk().modulus().unwrap();
    let rest = BASE64_STANDARD.encode([modulus, &[2, 3, 1, 0, 1]].concat());
    assert!(rest.ends_with("IDAQAB"));
    format!("-----BEGIN PUBLIC KEY-----\n{PREFIX}{rest}\n-----END PUBLIC KEY-----\n")
}

/// Decides with a key in PEM and no way to any other.
fn with_pem(token: &str) -> String {
    let config: Config = configure("prod").0.jwt_key(&pem()).unwrap();
    let text = format!("POST / dest=empty ; authorization: Bearer {token}");
    let service = Service { snapshot: None, keys: None, ..Service::default() };
    let (decision, needs) = service.decide(&read_request(&text, &config, &TOKENS), &config, now());
    assert!(needs.is_empty(), "a key in PEM asks nobody: {needs:?}");
    brief(&decision)
}

#[test]
fn p6_4_pem_p6_4_pem_rs256_p9_2_gap_pem_rs512_row_by_row() {
    let (head, payload) =
        (object(json!({"typ": "JWT", "cat": SESSION_CATEGORY})), object(claims(Instance::Production)));
    let signed_as = |algorithm| signer('a').sign_as(algorithm, &head, &payload).unwrap();
    assert_eq!(with_pem(&signed_as(Algorithm::Rs256)), GOOD);
    assert_eq!(with_pem(&signed_as(Algorithm::Rs384)), "signed-out token-verification-failed");
    assert_eq!(with_pem(&signed_as(Algorithm::Rs512)), "signed-out token-verification-failed");
    assert_eq!(
        with_pem(&forged(&json!({"alg": "RS256", "kid": "nobody"}))),
        "signed-out token-invalid-signature"
    );
    assert_eq!(with_pem(TOKENS.text("MISMATCH")), "signed-out token-invalid-signature");
}

#[test]
fn p6_4_request_of_the_jwk_set() {
    let request = Need::JwkSet { kid: Some("k".to_owned()) }.request(&configure("prod").0);
    assert_eq!((request.method, request.url.as_str()), ("GET", "https://accounts.nostore.example/v1/jwks"));
    assert_eq!(request.fields.first("authorization"), Some("Bearer sk_hush"));
    assert_eq!(request.fields.first("clerk-api-version"), Some("2026-05-12"));
    assert_eq!(request.fields.first("content-type"), Some("application/json"));
    assert!(request.fields.first("user-agent").unwrap().contains('@'));
    assert!(request.body.is_empty());
}

#[test]
fn keys_that_are_asked_for_row_by_row() {
    const PAGE: &str = "GET / uat=1 session=<GOOD>";
    let full = key_set().to_json().to_string();
    let other = JwkSet::new([signer('b').jwk().clone()]);
    let refused = r#"{"errors":[{"code":"clerk_key_invalid"}]}"#;
    let rows = [
        ("p6_4_unknown_key", 200, full.as_str(), "signed-in user_1 | asks 1"),
        ("p6_4_unknown_key", 200, &other.to_json().to_string(), "signed-out jwk-kid-mismatch | asks 1"),
        ("p9_2_gap_kid_miss", 200, &other.to_json().to_string(), "signed-out jwk-kid-mismatch | asks 1"),
        ("p6_4_refused_key", 401, refused, "signed-out secret-key-invalid | asks 1"),
        (
            "p6_4_refused",
            401,
            r#"{"errors":[{"code":"x"}]}"#,
            "signed-out jwk-remote-failed-to-load | message: 401",
        ),
        ("p6_4_refused", 500, "{}", "signed-out jwk-remote-failed-to-load | message: 500"),
        ("p6_4_refused", 200, r#"{"keys":[]}"#, "signed-out jwk-remote-failed-to-load"),
        ("p6_4_no_json", 200, "<html>", "signed-out unexpected-error | silent | asks 1"),
        ("p6_4_no_json", 503, "oops", "signed-out unexpected-error | silent | asks 1"),
    ];
    each(&rows, |(id, status, body, outcome)| {
        check_with(&(id, "prod", PAGE, outcome), &Service::with_keys(*status, *body));
        let snapshot = Some(std::sync::Arc::new(other.clone()));
        let old = Service { snapshot, ..Service::with_keys(*status, *body) };
        check_with(&(id, "prod", PAGE, outcome), &old);
    });
    let silent = Service { snapshot: None, keys: None, ..Service::default() };
    check_with(&("p6_4_no_json", "prod", PAGE, "signed-out unexpected-error | silent | asks 1"), &silent);
    check_with(
        &("p9_2_gap_jwks_retry", "prod", PAGE, "signed-out unexpected-error | silent | asks 1"),
        &silent,
    );
    // A live token whose key is known already notices nothing.
    let known = Service { keys: None, ..Service::default() };
    check_with(&("p9_2_gap_jwks_retry", "prod", PAGE, "signed-in user_1 | asks 0"), &known);
}

#[test]
fn p6_5_pending_sessions_are_signed_in_and_have_nothing() {
    let (config, now) = configure("prod");
    let request = read_request("GET / uat=1 session=<PENDINGACME>", &config, &TOKENS);
    let (decision, _) = Service::default().decide(&request, &config, now);
    let Status::SignedIn(session) = &decision.status else { panic!("{}", brief(&decision)) };
    assert!(session.is_pending());
    let organization = session.auth().organization().unwrap().unwrap();
    assert_eq!((organization.id, organization.slug), ("org_1", Some("acme")));
    // The claims alone would say yes.
    assert!(session.auth().has(&Check::role("admin")));
    assert!(!session.has(&Check::role("admin")));
}

#[test]
fn p6_5_filter_by_what_is_accepted() {
    let kinds = [TokenType::ApiKey, TokenType::M2mToken, TokenType::OauthToken, TokenType::Session];
    let rows = [
        (Accepts::Any, [true; 4]),
        (Accepts::OneOf(Vec::new()), [false; 4]),
        (Accepts::OneOf(vec![TokenType::ApiKey, TokenType::Session]), [true, false, false, true]),
        (Accepts::Only(TokenType::OauthToken), [false, false, true, false]),
    ];
    for (accepts, expected) in rows {
        assert_eq!(kinds.map(|kind| accepts.takes(kind)), expected, "{accepts:?}");
    }
}
