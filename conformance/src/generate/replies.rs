//! What the Backend API is to answer, and the cookies that handshakes and refreshes set.

use serde_json::{Value, json};

use super::draft::Draft;
use super::tokens;
use crate::backend::Reply;

/// Makes the `Set-Cookie` values of a handshake.
pub(crate) fn directives(draft: &mut Draft<'_>) -> Value {
    let token = match draft.random.below(10) {
        0..6 => tokens::valid(draft),
        6 | 7 => tokens::expired(draft),
        _ => tokens::tweaked(draft),
    };
    let (plain, suffixed) = ("__session".to_owned(), draft.suffixed("__session"));
    let mut list = vec![
        json!("__clerk_handshake=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        json!(format!(
            "__client_uat={}; Path=/; Domain=acme.example; Max-Age=315360000; Secure; SameSite=Lax",
            draft.secs() - 10
        )),
    ];
    match draft.random.below(12) {
        0 => list.push(json!(format!("{suffixed}=; Max-Age=0"))),
        1 => list.clear(),
        2 => list.push(json!(format!("{plain}={token}"))),
        3 => {
            list.extend([
                json!(format!("{suffixed}={token}; Path=/")),
                json!(format!("{plain}=; Max-Age=0")),
            ]);
        }
        4 => {
            list.extend([
                json!(format!("{plain}=; Max-Age=0")),
                json!(format!("{suffixed}={token}; Path=/")),
            ]);
        }
        5 => {
            let odd = [
                json!(7),
                json!(null),
                json!("__session"),
                json!("__session=a=b"),
                json!(""),
                json!(format!(" __session={token}")),
                json!(format!("__sessionx={token}")),
                json!("a=b\r\nx: y"),
                json!("snow=☃"),
                json!([]),
            ];
            list.push(draft.random.pick(&odd).clone());
            list.push(json!(format!("{plain}={token}; Path=/; HttpOnly")));
        }
        _ => list.extend([
            json!(format!("{plain}={token}; Path=/; SameSite=Lax")),
            json!(format!("{suffixed}={token}; Path=/; SameSite=Lax")),
        ]),
    }
    if !draft.production {
        list.push(json!("__clerk_db_jwt=dvb_new; Path=/; SameSite=Lax"));
    }
    if draft.random.percent(3) {
        return draft.random.pick(&[json!(null), json!({}), json!("__session=x"), json!(7)]).clone();
    }
    Value::Array(list)
}

/// Makes a nonce and with it the answer that it leads to.
pub(crate) fn nonce(draft: &mut Draft<'_>) -> String {
    let directives = directives(draft);
    let good = Reply::json(200, &json!({"directives": directives}));
    failing(draft, good).encode()
}

/// Makes a refresh token and with it the answer that it leads to.
pub(crate) fn refresh_token(draft: &mut Draft<'_>) -> String {
    let token = if draft.random.percent(75) { tokens::valid(draft) } else { tokens::session(draft) };
    let (plain, suffixed) = ("__session".to_owned(), draft.suffixed("__session"));
    let cookies = match draft.random.below(10) {
        0 => json!([]),
        1 => json!(["other=1; Path=/"]),
        2 => json!([format!("{plain}={token}; Path=/"), format!("{suffixed}=; Max-Age=0")]),
        3 => json!(null),
        _ => json!([
            format!("{plain}={token}; Path=/; HttpOnly"),
            format!("{suffixed}={token}; Path=/; HttpOnly"),
            "__client_uat=1; Path=/"
        ]),
    };
    let object =
        if draft.random.percent(92) { "cookies" } else { *draft.random.pick(&["token", "", "session"]) };
    let good = Reply::json(200, &json!({"object": object, "cookies": cookies}));
    if draft.random.percent(4) {
        return "unknown".to_owned();
    }
    failing(draft, good).encode()
}

/// Makes an opaque token of a machine and with it the answer that it leads to.
pub(crate) fn opaque(draft: &mut Draft<'_>) -> String {
    let kind = draft.random.below(3);
    let subject = *draft.random.pick(&["user_1", "org_1", "mch_1", "thing_1", ""]);
    let times = json!([1_700_000_000_000_i64, null]);
    let (prefix, resource) = match kind {
        0 => (
            "mt_",
            json!({"object": "machine_to_machine_token", "id": "mt_1", "subject": subject, "scopes": ["mch_2"], "claims": {"a": 1},
                "revoked": false, "revocation_reason": null, "expired": false, "expiration": times[1],
                "created_at": times[0], "updated_at": times[0]}),
        ),
        1 => (
            "oat_",
            json!({"object": "clerk_idp_oauth_access_token", "id": "oat_1", "client_id": "client_1", "type": "oauth:access_token",
                "subject": subject, "scopes": ["read"], "revoked": false, "revocation_reason": null, "expired": false,
                "expiration": times[1], "created_at": times[0], "updated_at": times[0]}),
        ),
        _ => (
            "ak_",
            json!({"object": "api_key", "id": "ak_1", "type": "api_key", "name": "key", "subject": subject, "scopes": ["read"],
                "claims": {"b": [2]}, "revoked": false, "revocation_reason": null, "expired": false, "expiration": times[1],
                "created_by": null, "description": null, "last_used_at": null, "created_at": times[0], "updated_at": times[0]}),
        ),
    };
    if draft.random.percent(6) {
        return format!("{prefix}{}", draft.random.pick(&["", "x", "a.b.c", "e30.e30.YQ"]));
    }
    let reply = failing(draft, Reply::json(200, &resource));
    format!("{prefix}{}", reply.encode())
}

/// Now and then, an answer that helps nobody.
fn failing(draft: &mut Draft<'_>, good: Reply) -> Reply {
    if draft.random.percent(70) {
        return good;
    }
    match draft.random.below(13) {
        0 => good.typed("application/json; charset=utf-8"),
        1 => good.typed("text/html"),
        2 => Reply::error(404, "resource_not_found"),
        3 => Reply::error(401, "clerk_key_invalid"),
        4 => Reply::error(422, "session_not_refreshable"),
        5 => Reply::error(500, "internal_error"),
        6 => Reply { status: 502, content_type: "text/html".to_owned(), body: "<p>down</p>".to_owned() },
        7 => Reply::hang_up(),
        8 => {
            Reply::json(200, draft.random.pick(&[json!(null), json!([]), json!({}), json!("text"), json!(7)]))
        }
        9 => Reply::json(
            400,
            draft.random.pick(&[
                json!({"errors": []}),
                json!({}),
                json!({"errors": [{}]}),
                json!(null),
                json!({"errors": [{"code": "unexpected_error"}]}),
            ]),
        ),
        10 => Reply { status: 200, content_type: "application/json".to_owned(), body: "{".to_owned() },
        11 => Reply { status: 429, ..Reply::error(429, "rate_limited") },
        _ => Reply { status: 204, content_type: "application/json".to_owned(), body: String::new() },
    }
}
