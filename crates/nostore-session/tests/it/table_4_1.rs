//! Tables 4.1, 4.3 and 4.4: what is accepted, and tokens in the header.

use nostore_message::{RequestHead, Secret};
use nostore_session::{Accepts, Config, TokenType};

use crate::world::{Row, Service, brief, check, configure, read_request};
use crate::{kit, world};

const EXPIRED: &str = "session-token-expired-refresh-non-eligible-no-refresh-cookie";

const DISPATCH: &[Row<'_>] = &[
    ("p4_1_n0", "prod sk=", "GET /", "error | message: Missing Clerk Secret Key."),
    ("p4_1_n0", "prod sk= any", "GET /", "error | message: Missing Clerk Secret Key."),
    ("p4_1_n0", "prod sk= only=api_key", "GET /", "error | message: Missing Clerk Secret Key."),
    ("p4_1_n0", "dev sat sk=sk_test_x domain=s.example", "GET /", "error | message: Missing signInUrl."),
    (
        "p4_1_n0",
        "prod sat signin=/in domain=s.example",
        "GET / ; origin: https://s.example",
        "error | message: absolute url",
    ),
    (
        "p4_1_n0",
        "prod sat signin=https://s.example/in domain=s.example",
        "GET / ; origin: https://s.example",
        "error | message: different origin",
    ),
    ("p4_1_n0", "prod sat", "GET /", "error | message: Missing domain and proxyUrl."),
    ("p4_1_n0", "prod sat domain=s.example", "GET /", "signed-out session-token-and-uat-missing"),
    (
        "p4_1_n0b",
        "prod sk= only=m2m_token",
        "GET /",
        "error | message: Machine token authentication requires",
    ),
    ("p4_1_n0b", "prod sk= msk=ak_m only=m2m_token", "GET /", "signed-out No token in header (m2m_token)"),
    ("p4_1_n0b", "prod sat only=m2m_token", "GET /", "signed-out No token in header (m2m_token)"),
    (
        "p4_1_n1",
        "prod oneof=api_key",
        "GET / session=<GOOD> uat=1",
        "signed-out token-type-mismatch (no kind)",
    ),
    (
        "p4_1_n1",
        "prod oneof=",
        "GET / ; authorization: Bearer <GOOD>",
        "signed-out token-type-mismatch (no kind)",
    ),
    (
        "p4_1_n1",
        "prod oneof=session_token,api_key",
        "GET / ; authorization: Bearer mt_1",
        "signed-out token-type-mismatch (no kind)",
    ),
    ("p4_1_n2", "prod any", "GET / ; authorization: Bearer <GOOD>", "signed-in user_1"),
    ("p4_1_n2", "prod oneof=session_token", "GET / ; authorization: Bearer <GOOD>", "signed-in user_1"),
    ("p4_1_n2", "prod any", "GET / ; authorization: Bearer <M2M>", "signed-in mch_1 (m2m_token)"),
    ("p4_1_n3", "prod", "GET / ; authorization: Bearer <GOOD>", "signed-in user_1"),
    ("p4_1_n4", "prod only=m2m_token", "GET / ; authorization: Bearer <M2M>", "signed-in mch_1 (m2m_token)"),
    ("p4_1_n5", "prod only=oauth_token", "GET /", "signed-out No token in header (oauth_token)"),
    ("p4_1_n5", "prod only=api_key", "GET / session=<GOOD> uat=1", "signed-out No token in header (api_key)"),
    (
        "p4_1_n5",
        "prod only=api_key",
        "GET / ; authorization: Basic YTpi",
        "signed-out No token in header (api_key)",
    ),
    ("p4_9_no_token_in_header", "prod only=m2m_token", "GET /", "signed-out No token in header (m2m_token)"),
    ("p4_1_n6", "prod", "GET / session=<GOOD> uat=1", "signed-in user_1"),
    ("p4_1_n6", "prod any", "GET / session=<GOOD> uat=1", "signed-in user_1"),
    ("p4_1_n6", "prod oneof=api_key,session_token", "GET / session=<GOOD> uat=1", "signed-in user_1"),
    ("p4_1_n6", "prod any", "GET / session=<GOOD> uat=1 ; authorization: Basic YTpi", "signed-in user_1"),
    ("p4_1_no_cookie", "prod any", "GET / session=<M2M> uat=1", "signed-out token-type-mismatch"),
    ("p4_1_no_cookie", "prod any", "GET / session=ak_1 uat=1", "signed-out token-invalid"),
];

const HEADER: &[Row<'_>] = &[
    ("p4_3_n1", "prod", "GET / ; authorization: Bearer <TEMPLATE>", "signed-out token-type-mismatch"),
    ("p4_3_n1", "prod", "GET / ; authorization: Bearer <MACHINE>", "signed-out token-type-mismatch"),
    ("p4_3_n1", "prod", "GET / ; authorization: Bearer <ACCESS>", "signed-out token-type-mismatch"),
    (
        "p4_9_token_type_mismatch",
        "prod",
        "GET / ; authorization: Bearer <M2M>",
        "signed-out token-type-mismatch",
    ),
    ("p4_3_n2", "prod", "GET / ; authorization: Bearer <GOOD>", "signed-in user_1 | asks 0"),
    ("p4_3_n2", "dev", "GET / ; authorization: Bearer <GOOD>", "signed-in user_1"),
    (
        "p4_3_n2",
        "prod",
        "GET / uat=9999999999 session=<MISMATCH> ; authorization: Bearer <GOOD>",
        "signed-in user_1",
    ),
    ("p4_3_n2", "prod", "GET /?__clerk_handshake=bad ; authorization: Bearer <GOOD>", "signed-in user_1"),
    ("p4_3_n2", "prod orgs", "GET /orgs/other ; authorization: Bearer <ACME>", "signed-in user_1"),
    (
        "p4_3_n2",
        "prod sat domain=s.example",
        "GET /?__clerk_synced=false ; authorization: Bearer <GOOD>",
        "signed-in user_1",
    ),
    ("p4_3_n2", "prod", "GET / ; authorization: Bearer <FEATURES>", "signed-in user_1"),
    (
        "p4_3_n3",
        "prod",
        "GET / ; authorization: Bearer <MISMATCH>",
        "signed-out token-invalid-signature | message: token-carrier=header",
    ),
    (
        "p4_3_n3",
        "prod",
        "GET / ; authorization: Bearer <EARLY>",
        "handshake session-token-nbf | __session=<EARLY>",
    ),
    ("p4_3_n3", "prod", "POST / ; authorization: Bearer <EARLY>", "signed-out session-token-nbf"),
    ("p4_3_opaque", "prod", "GET / ; authorization: Bearer ak_1", "signed-out token-invalid"),
    ("p4_4_machine", "prod any", "GET / ; authorization: Bearer <ACCESS>", "signed-in user_1 (oauth_token)"),
    (
        "p4_4_machine",
        "prod oneof=oauth_token",
        "GET / ; authorization: Bearer <ACCESS>",
        "signed-in user_1 (oauth_token)",
    ),
    (
        "p4_4_machine",
        "prod any",
        "GET / ; authorization: Bearer <ACCESSFORGED>",
        "signed-out token-verification-failed (oauth_token)",
    ),
    (
        "p4_4_session",
        "prod any",
        "GET / ; authorization: Bearer <MISMATCH>",
        "signed-out token-invalid-signature",
    ),
    ("p4_4_session", "prod any", "GET / ; authorization: Bearer <EARLY>", "handshake session-token-nbf"),
    (
        "p4_4_template",
        "prod any",
        "GET / ; authorization: Bearer <TEMPLATE>",
        "signed-out token-type-mismatch",
    ),
    (
        "p4_4_template",
        "prod oneof=session_token",
        "GET / ; authorization: Bearer <TEMPLATE>",
        "signed-out token-type-mismatch",
    ),
    (
        "p4_4_m2m_category",
        "prod any",
        "GET / ; authorization: Bearer <M2MUSER>",
        "signed-out token-type-mismatch",
    ),
    ("p4_4_null_head", "prod any", "GET / ; authorization: Bearer <NULLHEAD>", "signed-out token-invalid"),
    ("p4_4_null_head", "prod", "GET / session=<NULLHEAD> uat=1", "signed-out token-invalid"),
    ("p3_3_header_token", "prod", "GET / ; authorization: <GOOD>", "signed-in user_1"),
    (
        "p3_3_header_token",
        "prod",
        "GET / ; authorization: bearer <GOOD>",
        "signed-out session-token-and-uat-missing",
    ),
    ("p3_3_header_token", "prod", "GET / ; authorization: Bearer  <GOOD>", "signed-out token-invalid"),
];

#[test]
fn what_is_accepted_row_by_row() {
    check(DISPATCH);
}

#[test]
fn header_tokens_row_by_row() {
    check(HEADER);
    let expired = format!("handshake {EXPIRED} | __session=<EXPIRED>");
    check(&[("p4_3_n3", "prod", "GET / ; authorization: Bearer <EXPIRED>", &expired)]);
}

/// An integration that wants machines alone has no publishable key.
#[test]
fn p4_1_n5_machines_need_no_publishable_key() {
    let config = Config::machines(Secret::new("")).machine_secret_key(Secret::new("ak_m"));
    let (of_session, _) = configure("prod");
    for (accepts, expected) in
        [(TokenType::M2mToken, "signed-out No token in header (m2m_token)"), (TokenType::ApiKey, "error")]
    {
        let config = config.clone().accepts(Accepts::Only(accepts));
        let request: RequestHead<'_> = read_request("GET /", &of_session, &world::TOKENS);
        let (decision, _) = Service::default().decide(&request, &config, kit::now());
        assert_eq!(brief(&decision), expected);
    }
}
