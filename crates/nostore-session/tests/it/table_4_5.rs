//! Table 4.5: one kind of machine is wanted.

use nostore_message::Secret;
use nostore_session::{Need, TokenType};
use serde_json::{Value, json};

use crate::world::{Row, Service, check, check_with, configure, each};

const M2M: &str = "prod only=m2m_token";
const OAUTH: &str = "prod only=oauth_token";

const ROWS: &[Row<'_>] = &[
    (
        "p4_5_n1",
        M2M,
        "GET / ; authorization: Bearer <GOOD>",
        "signed-out token-type-mismatch (m2m_token) | silent",
    ),
    (
        "p4_5_n1",
        "prod only=api_key",
        "GET / ; authorization: Bearer x",
        "signed-out token-type-mismatch (api_key)",
    ),
    ("p4_5_n2", M2M, "GET / ; authorization: Bearer ak_1", "signed-out token-type-mismatch (m2m_token)"),
    (
        "p4_5_n2",
        OAUTH,
        "GET / ; authorization: Bearer <M2M>",
        "signed-out token-type-mismatch (oauth_token) | asks 0",
    ),
    ("p4_5_n3", M2M, "GET / ; authorization: Bearer <M2M>", "signed-in mch_1 (m2m_token) | silent"),
    ("p4_5_n3", OAUTH, "POST / ; authorization: Bearer <ACCESS>", "signed-in user_1 (oauth_token)"),
    (
        "p4_5_n4",
        M2M,
        "GET / ; authorization: Bearer <M2MEXPIRED>",
        "signed-out token-verification-failed (m2m_token) | message: (code=token-verification-failed, status=n/a)",
    ),
    ("p4_5_jwt_m2m", M2M, "GET / ; authorization: Bearer <M2MPLAIN>", "signed-in mch_1 (m2m_token)"),
    (
        "p4_5_jwt_m2m",
        M2M,
        "GET / ; authorization: Bearer <MACHINE>",
        "signed-out token-invalid (m2m_token) | message: Invalid M2M JWT category. (code=token-invalid, status=n/a)",
    ),
    (
        "p4_5_jwt_m2m",
        M2M,
        "GET / ; authorization: Bearer <M2MIGNORED>",
        "signed-out token-invalid (m2m_token)",
    ),
    (
        "p4_5_jwt_m2m",
        M2M,
        "GET / ; authorization: Bearer <M2MTYP>",
        "signed-out token-verification-failed (m2m_token) | message: Invalid JWT type \"at+jwt\". Expected \"JWT\".",
    ),
    (
        "p4_5_jwt_m2m",
        "prod only=m2m_token now=64999",
        "GET / ; authorization: Bearer <M2M>",
        "signed-in mch_1 (m2m_token)",
    ),
    (
        "p4_5_jwt_m2m",
        "prod only=m2m_token now=65000",
        "GET / ; authorization: Bearer <M2M>",
        "signed-out token-verification-failed (m2m_token) | message: JWT is expired.",
    ),
    (
        "p4_5_jwt_m2m",
        "prod only=m2m_token now=65001",
        "GET / ; authorization: Bearer <M2M>",
        "signed-out token-verification-failed (m2m_token) | message: JWT is expired.",
    ),
    ("p4_5_jwt_oauth", OAUTH, "GET / ; authorization: Bearer <ACCESSLONG>", "signed-in user_1 (oauth_token)"),
    (
        "p4_5_jwt_oauth",
        OAUTH,
        "GET / ; authorization: Bearer <ACCESSFORGED>",
        "signed-out token-verification-failed (oauth_token) | message: JWT signature is invalid.",
    ),
    (
        "p4_9_jwk_failed_to_resolve",
        "prod sk= msk=ak_m only=m2m_token",
        "GET / ; authorization: Bearer <M2M>",
        "signed-out token-verification-failed (m2m_token) | message: Failed to resolve JWK | asks 0",
    ),
];

#[test]
fn machines_row_by_row() {
    check(ROWS);
}

/// Number, kind, token, status and body of the service, outcome.
type Opaque = (&'static str, &'static str, &'static str, u16, &'static str, &'static str);

const OPAQUE: &[Opaque] = &[
    (
        "p4_5_mt",
        "m2m_token",
        "mt_1",
        200,
        r#"{"id":"m","subject":"mch_9"}"#,
        "signed-in mch_9 (m2m_token) | asks 1",
    ),
    (
        "p4_5_oat",
        "oauth_token",
        "oat_1",
        200,
        r#"{"id":"o","subject":"user_9"}"#,
        "signed-in user_9 (oauth_token) | asks 1",
    ),
    (
        "p4_5_ak",
        "api_key",
        "ak_1",
        200,
        r#"{"id":"k","subject":"org_9"}"#,
        "signed-in org_9 (api_key) | asks 1",
    ),
    (
        "p4_5_n4",
        "m2m_token",
        "mt_1",
        404,
        "{}",
        "signed-out token-invalid (m2m_token) | message: Machine token not found (code=token-invalid, status=404)",
    ),
    (
        "p4_5_status_404",
        "m2m_token",
        "mt_1",
        404,
        "{}",
        "signed-out token-invalid (m2m_token) | message: Machine token not found",
    ),
    (
        "p4_5_status_404",
        "oauth_token",
        "oat_1",
        404,
        "{}",
        "signed-out token-invalid (oauth_token) | message: OAuth token not found",
    ),
    (
        "p4_5_status_404",
        "api_key",
        "ak_1",
        404,
        "{}",
        "signed-out token-invalid (api_key) | message: API key not found",
    ),
    (
        "p4_5_status_401",
        "api_key",
        "ak_1",
        401,
        "{}",
        "signed-out secret-key-invalid (api_key) | message: Invalid secret key (code=secret-key-invalid, status=401)",
    ),
    (
        "p4_5_status_401",
        "api_key",
        "ak_1",
        401,
        r#"{"errors":[{"message":"who?"}]}"#,
        "signed-out secret-key-invalid (api_key) | message: who? (code=secret-key-invalid, status=401)",
    ),
    (
        "p4_5_status_other",
        "m2m_token",
        "mt_1",
        500,
        "{}",
        "signed-out unexpected-error (m2m_token) | message: Unexpected error (code=unexpected-error, status=500)",
    ),
    (
        "p4_5_n5",
        "m2m_token",
        "mt_1",
        200,
        "<html>",
        "signed-out unexpected-error (m2m_token) | message: Unexpected error",
    ),
    ("p4_5_n5", "m2m_token", "mt_1", 200, "{}", "signed-out unexpected-error (m2m_token)"),
];

#[test]
fn opaque_tokens_row_by_row() {
    each(OPAQUE, |(id, kind, token, status, body, outcome)| {
        let given = format!("prod only={kind}");
        let request = format!("GET / ; authorization: Bearer {token}");
        check_with(&(id, &given, &request, outcome), &Service::saying(*status, *body));
        check_with(&(id, "prod any", &request, outcome), &Service::saying(*status, *body));
    });
    let outcome = "signed-out unexpected-error (m2m_token) | message: Unexpected error (code=unexpected-error, status=n/a)";
    check(&[("p4_5_n5", M2M, "GET / ; authorization: Bearer mt_1", outcome)]);
}

#[test]
fn how_opaque_tokens_are_verified_row_by_row() {
    let (config, _) = configure("prod msk=ak_m");
    let rows = [
        ("p4_5_mt", TokenType::M2mToken, "/m2m_tokens/verify", "token", "Bearer ak_m"),
        (
            "p4_5_oat",
            TokenType::OauthToken,
            "/oauth_applications/access_tokens/verify",
            "access_token",
            "Bearer sk_hush",
        ),
        ("p4_5_ak", TokenType::ApiKey, "/api_keys/verify", "secret", "Bearer sk_hush"),
    ];
    for (id, kind, path, member, bearer) in rows {
        let request = Need::OpaqueToken { kind, token: Secret::new("x_1") }.request(&config);
        assert_eq!(
            (request.method, request.url),
            ("POST", format!("https://accounts.nostore.example{path}")),
            "{id}"
        );
        assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), json!({ member: "x_1" }), "{id}");
        assert_eq!(request.fields.first("authorization"), Some(bearer), "{id}");
        assert_eq!(request.fields.first("content-type"), Some("application/json"), "{id}");
    }
}
