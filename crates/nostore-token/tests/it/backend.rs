//! How a server asks for a session's token, and what the answers mean.

use nostore_token::backend::{Backend, BackendRequest, read};
use nostore_token::{Ask, Failure, FetchKind, TokenKey};
use serde_json::json;

use crate::world::minute;

#[test]
fn a_server_asks_row_by_row() {
    let key = TokenKey::of_session("sess_1");
    let (usual, short) = (Backend::default(), Backend { lifetime_secs: Some(30) });
    let rows = [
        (usual, key.clone(), Some(("/v1/sessions/sess_1/tokens", "{}"))),
        (usual, TokenKey::of_session("a/b c?"), Some(("/v1/sessions/a%2Fb%20c%3F/tokens", "{}"))),
        (usual, key.clone().template("a b/c"), Some(("/v1/sessions/sess_1/tokens/a%20b%2Fc", "{}"))),
        (short, key.clone(), Some(("/v1/sessions/sess_1/tokens", r#"{"expires_in_seconds":30}"#))),
        (usual, key.organization("org_1"), None),
    ];
    for (backend, key, expected) in rows {
        let ask = Ask { key, kind: FetchKind::Blocking, previous: None };
        let expected = expected
            .map(|(target, body)| BackendRequest { target: target.to_owned(), body: body.to_owned() })
            .ok_or(Failure::Unsupported { what: "an organization" });
        assert_eq!(backend.request(&ask), expected);
    }
}

/// A wrong key or parameter ends no session; somebody who was banned does.
#[test]
fn what_a_server_is_answered_row_by_row() {
    let error = |code: &str| json!({ "errors": [{ "code": code }] }).to_string();
    let refused = |status, code: &str| Failure::Refused { status, code: code.to_owned() };
    let rows = [
        (401, error("secret_key_invalid"), refused(401, "secret_key_invalid")),
        (422, error("form_param_format_invalid"), refused(422, "form_param_format_invalid")),
        (401, String::new(), refused(401, "")),
        (404, error("resource_not_found"), refused(404, "resource_not_found")),
        (403, error("user_banned"), Failure::Unauthenticated { status: 403 }),
        (429, String::new(), Failure::Busy { status: 429, retry_after_ms: None }),
        (500, String::new(), Failure::Transient { what: "an unexpected status" }),
    ];
    for (status, body, expected) in rows {
        assert_eq!(read(status, (None, None), body.as_bytes()).unwrap_err(), expected, "{status} {body}");
    }
    let good = json!({ "object": "token", "jwt": minute(0).raw() }).to_string();
    assert_eq!(read(200, (None, None), good.as_bytes()).unwrap().token.expose(), minute(0).raw());
}
