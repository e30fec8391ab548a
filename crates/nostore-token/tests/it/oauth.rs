//! How a token endpoint is asked, and what its answers mean.

use nostore_message::Secret;
use nostore_token::oauth::{DEFAULT_LIFETIME_MS, Grant, MAX_LIFETIME_MS, OAuth, OAuthAnswer, OAuthClient};
use nostore_token::{Failure, TokenKey};
use serde_json::{Value, json};

use crate::world::{START, minute};

const NOW: i64 = START * 1_000;

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// An answer that took no time, without a date.
fn answer(status: u16, body: &str) -> OAuthAnswer<'_> {
    OAuthAnswer { status, retry_after: None, date: None, body: body.as_bytes(), sent_ms: NOW, took_ms: 0 }
}

/// What is asked, by whom, and what is sent.
fn check(
    oauth: &OAuth,
    client: &OAuthClient,
    grant: Grant<'_>,
    key: &TokenKey,
    field: Option<&str>,
    form: &str,
) {
    let request = oauth.request(client, grant, key).unwrap();
    assert_eq!((request.authorization(), request.form()), (field, form));
    assert_eq!(format!("{request:?}"), "OAuthRequest(redacted)");
    let shown = format!("{client:?} {grant:?}");
    for hush in ["7Fjf", "p%", "p&", "rt+"] {
        assert!(!shown.contains(hush), "{shown}");
    }
}

#[test]
fn clients_row_by_row() {
    let token = secret("rt+1/=");
    let (own, user) = (Grant::ClientCredentials, Grant::RefreshToken(&token));
    let basic = OAuthClient::basic("s6BhdRkqt3", secret("7Fjfp0ZBr1KtDRbnfVdmIw"));
    let odd = OAuthClient::basic("a:b c", secret("p%+&é"));
    let post = OAuthClient::post("id", secret("p&q"));
    let public = OAuthClient::public("id");
    let key = TokenKey::of_session("any name");
    let plain = "grant_type=client_credentials";
    let with_secret = "grant_type=client_credentials&client_id=id&client_secret=p%26q";
    let refreshing = "grant_type=refresh_token&refresh_token=rt%2B1%2F%3D";
    let rows = [
        // The pair of RFC 6749 section 2.3.1.
        (&basic, own, Some("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"), plain.to_owned()),
        // a%3Ab+c:p%25%2B%26%C3%A9
        (&odd, own, Some("Basic YSUzQWIrYzpwJTI1JTJCJTI2JUMzJUE5"), plain.to_owned()),
        (&post, own, None, with_secret.to_owned()),
        (&public, user, None, format!("{refreshing}&client_id=id")),
        (&basic, user, Some("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"), refreshing.to_owned()),
    ];
    for (client, grant, field, form) in rows {
        check(&OAuth::default(), client, grant, &key, field, &form);
    }
}

#[test]
fn parameters_row_by_row() {
    let audience = Some("https://usual.example".to_owned());
    let resources = vec!["https://a.example/".to_owned(), "urn:b".to_owned()];
    let plain = OAuth::default();
    let usual = OAuth { audience, ..OAuth::default() };
    let all = OAuth { scope: Some("read write".to_owned()), resources, ..usual.clone() };
    let key = TokenKey::of_session("any name");
    let own = key.clone().audience("https://own.example");
    let rows = [
        (&plain, &key, ""),
        (&plain, &own, "&audience=https%3A%2F%2Fown.example"),
        (&usual, &key, "&audience=https%3A%2F%2Fusual.example"),
        (&usual, &own, "&audience=https%3A%2F%2Fown.example"),
        (
            &all,
            &key,
            "&scope=read+write&audience=https%3A%2F%2Fusual.example\
             &resource=https%3A%2F%2Fa.example%2F&resource=urn%3Ab",
        ),
    ];
    for (oauth, key, more) in rows {
        let client = OAuthClient::public("id");
        let form = format!("grant_type=client_credentials{more}&client_id=id");
        check(oauth, &client, Grant::ClientCredentials, key, None, &form);
    }
}

#[test]
fn entries_that_oauth_knows_nothing_of_are_not_asked_for() {
    let key = TokenKey::of_session("sess_1");
    for (key, what) in
        [(key.clone().template("t"), "a template"), (key.organization("org_1"), "an organization")]
    {
        let request = OAuth::default().request(&OAuthClient::public("id"), Grant::ClientCredentials, &key);
        let failure = request.unwrap_err();
        assert_eq!(failure, Failure::Unsupported { what });
        assert!(!failure.may_pass());
    }
}

#[test]
fn answers_without_a_token_row_by_row() {
    let error = |code: &str| json!({ "error": code, "error_description": "<hush>" }).to_string();
    let bearer = |more: Value| {
        let mut body = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 60 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let refused = |status, code: &str| Failure::Refused { status, code: code.to_owned() };
    let over = |status| Failure::Unauthenticated { status };
    let transient = |what| Failure::Transient { what };
    let unusable = |what| Failure::Unusable { what };
    let kind = "not of the type `Bearer`";
    let rows = [
        (400, error("invalid_grant"), over(400), true),
        (401, error("invalid_grant"), over(401), true),
        (200, error("invalid_grant"), over(200), true),
        (500, error("invalid_grant"), transient("an unexpected status"), true),
        (400, error("invalid_client"), refused(400, "invalid_client"), true),
        (401, error("invalid_client"), refused(401, "invalid_client"), true),
        (400, error("invalid_scope"), refused(400, "invalid_scope"), true),
        (200, error("bad_refresh_token"), refused(200, "bad_refresh_token"), true),
        (400, error("<script>"), refused(400, ""), true),
        (401, String::new(), refused(401, ""), true),
        (403, "<html>".to_owned(), refused(403, ""), true),
        (404, "null".to_owned(), refused(404, ""), true),
        (199, String::new(), transient("an unexpected status"), true),
        (302, String::new(), transient("an unexpected status"), true),
        (500, String::new(), transient("an unexpected status"), true),
        (503, String::new(), transient("an unexpected status"), true),
        (502, String::new(), transient("an unexpected status"), false),
        (504, String::new(), transient("an unexpected status"), false),
        (200, String::new(), transient("no token"), false),
        (200, "<html>".to_owned(), transient("no token"), false),
        (200, "{}".to_owned(), transient("no token"), false),
        (200, "[1]".to_owned(), transient("no token"), false),
        (200, bearer(json!({ "access_token": "" })), transient("no token"), false),
        (200, bearer(json!({ "access_token": 7 })), transient("no token"), false),
        (200, bearer(json!({ "token_type": "DPoP" })), unusable(kind), true),
        (200, bearer(json!({ "token_type": null })), unusable(kind), true),
        (200, bearer(json!({ "access_token": "a b" })), unusable("token-characters"), true),
        (400, bearer(json!({})), refused(400, ""), true),
    ];
    for (status, body, expected, is_conclusive) in rows {
        let granted = OAuth::default().read(&answer(status, &body));
        assert_eq!(granted.outcome.unwrap_err(), expected, "{status} {body}");
        assert_eq!(granted.is_conclusive, is_conclusive, "{status} {body}");
        assert!(granted.refresh_token.is_none());
    }
}

#[test]
fn a_service_that_asks_for_patience_gets_it() {
    let (date, later) = ("Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:07 GMT");
    let rows = [
        (429, None, Some(None)),
        (429, Some("7"), Some(Some(7_000))),
        (429, Some(later), Some(Some(7_000))),
        (429, Some("soon"), Some(None)),
        (503, Some("0"), Some(Some(0))),
        (500, Some("2"), Some(Some(2_000))),
        (599, Some("2"), Some(Some(2_000))),
        (503, None, None),
        (400, Some("2"), None),
    ];
    for (status, retry_after, expected) in rows {
        let answer = OAuthAnswer { retry_after, date: Some(date), ..answer(status, "{}") };
        let failure = OAuth::default().read(&answer).outcome.unwrap_err();
        let busy = expected.map(|retry_after_ms| Failure::Busy { status, retry_after_ms });
        assert_eq!(
            Some(&failure).filter(|failure| failure.code() == "token-busy"),
            busy.as_ref(),
            "{status}"
        );
    }
}

#[test]
fn lifetimes_row_by_row() {
    let lifetime = Failure::Unusable { what: "token-lifetime" };
    let garbage = Failure::Unusable { what: "without a lifetime in seconds" };
    let most = MAX_LIFETIME_MS / 1_000;
    let rows = [
        ("", Ok(DEFAULT_LIFETIME_MS)),
        (r#","expires_in":null"#, Ok(DEFAULT_LIFETIME_MS)),
        (r#","expires_in":3600"#, Ok(3_600_000)),
        (r#","expires_in":"3600""#, Ok(3_600_000)),
        (r#","expires_in":1"#, Ok(1_000)),
        (r#","expires_in":0"#, Err(lifetime.clone())),
        (r#","expires_in":-1"#, Err(lifetime.clone())),
        (r#","expires_in":"-1""#, Err(lifetime.clone())),
        (r#","expires_in":-1e300"#, Err(lifetime.clone())),
        // Fractions are kept, and what is less than a millisecond is cut off.
        (r#","expires_in":1.5"#, Ok(1_500)),
        (r#","expires_in":59.9999"#, Ok(59_999)),
        (r#","expires_in":0.001"#, Ok(1)),
        (r#","expires_in":0.0009"#, Err(lifetime)),
        (&format!(r#","expires_in":{}"#, most - 1), Ok(MAX_LIFETIME_MS - 1_000)),
        (&format!(r#","expires_in":{most}"#), Ok(MAX_LIFETIME_MS)),
        (&format!(r#","expires_in":{}"#, most + 1), Ok(MAX_LIFETIME_MS)),
        (r#","expires_in":9223372036854775807"#, Ok(MAX_LIFETIME_MS)),
        (r#","expires_in":18446744073709551616"#, Ok(MAX_LIFETIME_MS)),
        (r#","expires_in":1e300"#, Ok(MAX_LIFETIME_MS)),
        (r#","expires_in":"soon""#, Err(garbage.clone())),
        (r#","expires_in":"1.5""#, Err(garbage.clone())),
        (r#","expires_in":"""#, Err(garbage.clone())),
        (r#","expires_in":true"#, Err(garbage.clone())),
        (r#","expires_in":[60]"#, Err(garbage)),
    ];
    for (member, expected) in rows {
        for kind in ["Bearer", "bearer", "BEARER"] {
            let body = format!(r#"{{"access_token":"opaque","token_type":"{kind}"{member}}}"#);
            let granted = OAuth::default().read(&answer(200, &body));
            assert!(granted.is_conclusive);
            let found = granted.outcome.map(|fetched| {
                assert_eq!(fetched.token.expose(), "opaque");
                assert_eq!(fetched.token.issued_ms(), NOW);
                fetched.token.lifetime_ms()
            });
            assert_eq!(found, expected, "{body}");
        }
    }
    let own = OAuth { default_lifetime_ms: 1_250, ..OAuth::default() };
    let granted = own.read(&answer(200, r#"{"access_token":"opaque","token_type":"Bearer"}"#));
    assert_eq!(granted.outcome.unwrap().token.expires_ms(), NOW + 1_250);
}

#[test]
fn what_an_access_token_says_of_itself_does_not_count() {
    let raw = minute(0).raw();
    let body = json!({ "access_token": raw, "token_type": "Bearer", "expires_in": 5 }).to_string();
    let token = OAuth::default().read(&answer(200, &body)).outcome.unwrap().token;
    assert_eq!((token.expose(), token.lifetime_ms(), token.session()), (&*raw, 5_000, None));
}

/// The clock here against the service's, how long the answer took, and when the life of the token began.
#[test]
fn a_life_begins_when_the_request_was_sent() {
    let body = r#"{"access_token":"opaque","token_type":"Bearer","expires_in":60}"#;
    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
    let rows = [
        // Without a date there is only the clock here.
        (-600_000, 4_000, None, NOW - 600_000),
        // What is noise for whoever keeps the token is noise here.
        (0, 0, Some(date), NOW),
        (-1_000, 0, Some(date), NOW - 1_000),
        (-1_001, 0, Some(date), NOW + 500),
        (2_000, 0, Some(date), NOW + 2_000),
        (2_001, 0, Some(date), NOW + 500),
        (900, 0, Some(date), NOW + 900),
        // A clock that is wrong: in the service's time, from the middle of the exchange back to its beginning.
        (-600_000, 0, Some(date), NOW + 500),
        (-600_000, 4_000, Some(date), NOW - 1_500),
        (600_000, 4_000, Some(date), NOW - 1_500),
    ];
    for (ahead_ms, took_ms, date, expected) in rows {
        let answer = OAuthAnswer { date, sent_ms: NOW + ahead_ms, took_ms, ..answer(200, body) };
        let fetched = OAuth::default().read(&answer).outcome.unwrap();
        assert_eq!(fetched.token.issued_ms(), expected, "{ahead_ms} {took_ms} {date:?}");
        assert_eq!(fetched.token.lifetime_ms(), 60_000);
        assert_eq!(fetched.service_ms, date.map(|_| NOW));
    }
}

#[test]
fn a_new_refresh_token_is_found_whatever_is_wrong_with_the_access_token() {
    let rows = [
        (200, json!({ "access_token": "a", "token_type": "Bearer", "refresh_token": "new" }), Some("new")),
        (200, json!({ "access_token": "a", "token_type": "mac", "refresh_token": "new" }), Some("new")),
        (
            200,
            json!({ "access_token": "a", "token_type": "Bearer", "expires_in": -1, "refresh_token": "new" }),
            Some("new"),
        ),
        (200, json!({ "access_token": "a", "token_type": "Bearer", "refresh_token": "" }), None),
        (200, json!({ "access_token": "a", "token_type": "Bearer", "refresh_token": null }), None),
        (200, json!({ "access_token": "a", "token_type": "Bearer" }), None),
        (400, json!({ "error": "invalid_grant", "refresh_token": "new" }), None),
        (500, json!({ "access_token": "a", "refresh_token": "new" }), None),
    ];
    for (status, body, expected) in rows {
        let body = body.to_string();
        let granted = OAuth::default().read(&answer(status, &body));
        assert!(!format!("{granted:?} {:?}", answer(status, &body)).contains("new"));
        assert_eq!(granted.refresh_token.as_ref().map(Secret::expose), expected, "{status} {body}");
    }
}
