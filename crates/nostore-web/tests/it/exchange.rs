//! What handlers see and say, and what becomes of it.

use std::fmt::Write as _;

use nostore_message::{RequestHead, ResponseHead, Sensitivity};
use nostore_session::Instance;
use nostore_web::{Answer, Exchange, SignOut, Why};

use crate::heads::{PAGE, answered, assert_field_set, finished, guarded, head_of, passed, request, response};
use crate::support::{Identity, alice, cookies, token};

#[tokio::test]
async fn what_an_app_can_say() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    let cacheable: &[(&str, &str)] = &[("cache-control", "s-maxage=60")];
    let with = |name: &'static str, value: &'static str| response(200, &[cacheable[0], (name, value)]);
    for (line, sensitive) in [("?1", true), ("?1;a=b", true), ("?0", false), ("true", true), ("", true)] {
        let exchange = passed(&sessions, request("/", &[])).await;
        let fields = finished(&sessions, &exchange, &with("auth-sensitive", line));
        assert!(!fields.contains("auth-sensitive"));
        assert_eq!(fields.first("pragma").is_some(), sensitive, "{line}");
    }
    // Set-Cookie: one of ours, or anyone's where a cache would keep it.
    let ours = passed(&sessions, request("/", &[])).await;
    assert_field_set(&finished(&sessions, &ours, &response(200, &[("set-cookie", "__session=x")])));
    let theirs = passed(&sessions, request("/", &[])).await;
    assert_field_set(&finished(&sessions, &theirs, &with("set-cookie", "theme=dark")));
    // The level can be raised, and lowered only with a name that says so.
    let raised = passed(&sessions, request("/", &[])).await;
    raised.raise(Sensitivity::Personalized);
    assert_field_set(&finished(&sessions, &raised, &response(200, cacheable)));
    let lowered = passed(&sessions, request("/", &[])).await;
    lowered.auth(Why::here()).await.unwrap();
    lowered.danger_mark_public();
    assert_eq!(sessions.finish(&lowered, &response(200, cacheable)), []);
    // Also where the reader did not follow a redirect that was due.
    let expired = cookies(&token(-90));
    let unknown = passed(&sessions, request("/", &[PAGE[0], ("cookie", &expired)])).await;
    assert!(!unknown.peek(Why::here()).await.is_signed_in());
    unknown.danger_mark_public();
    assert_eq!(sessions.finish(&unknown, &response(200, cacheable)), []);
    let not_lowered = passed(&sessions, request("/", &[])).await;
    not_lowered.danger_mark_public();
    assert_field_set(&finished(&sessions, &not_lowered, &with("set-cookie", "__session=x")));
    for status in [401, 403] {
        let exchange = passed(&sessions, request("/", &[])).await;
        exchange.danger_mark_public();
        assert_field_set(&finished(&sessions, &exchange, &response(status, cacheable)));
    }
}

#[tokio::test]
async fn a_first_read_after_the_head_sees_signed_out_and_is_counted() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    let alice = alice();
    let late = passed(&sessions, request("/", &[("cookie", &alice)])).await;
    let cacheable = response(200, &[("cache-control", "s-maxage=60")]);
    assert_eq!(sessions.finish(&late, &cacheable), []);
    assert!(!late.auth(Why::here()).await.unwrap().is_signed_in());
    assert!(!late.peek(Why::here()).await.is_signed_in());
    late.raise(Sensitivity::AuthFlow);
    assert_eq!(late.defects(), 3);

    let early = passed(&sessions, request("/", &[("cookie", &alice)])).await;
    let auth = early.auth(Why::here()).await.unwrap();
    assert_field_set(&finished(&sessions, &early, &cacheable));
    assert_eq!(auth.email(), Some("alice@example.com"));
    assert!(early.auth(Why::here()).await.unwrap().is_signed_in());
    assert_eq!(early.defects(), 0);
}

#[tokio::test]
async fn readers_by_what_they_are_given() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    let (alice, expired) = (alice(), cookies(&token(-90)));
    let mut table = String::new();
    for (name, cookie) in [("nobody", ""), ("alice", &*alice), ("expired", &*expired)] {
        for (kind, field) in [("page", PAGE[0]), ("fetch", ("sec-fetch-dest", "empty"))] {
            let exchange = || passed(&sessions, request("/me", &[field, ("cookie", cookie)]));
            let say = |read: Result<nostore_web::Auth, Answer>| match read {
                Ok(auth) => auth.user_id().unwrap_or("signed out").to_owned(),
                Err(answer) => {
                    assert_field_set(&head_of(&answer).fields);
                    let location =
                        answer.location().map(|location| location.split('?').next().unwrap().to_owned());
                    format!("{} {}", answer.status, location.unwrap_or_default())
                }
            };
            let auth = say(exchange().await.auth(Why::here()).await);
            let peek = say(Ok(exchange().await.peek(Why::here()).await));
            let require = say(exchange().await.require(Why::here()).await);
            writeln!(
                table,
                "{name}, {kind}\n    auth     {auth}\n    peek     {peek}\n    require  {require}"
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn sign_out_revokes_and_clears_also_with_an_expired_token() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    for (cookie, outcome) in [
        (alice(), SignOut::Revoked),
        // Older than the client's last change: it still names its session.
        (cookies(&token(-86_400)), SignOut::Revoked),
        (format!("__client_uat=1; __session={}", token(-86_400)), SignOut::Revoked),
        ("__session=garbage".to_owned(), SignOut::NoSession),
        (String::new(), SignOut::NoSession),
    ] {
        let before = identity.seen().len();
        let head = RequestHead { method: "POST".into(), ..request("/sign-out", &[("cookie", &cookie)]) };
        let exchange = passed(&sessions, head).await;
        assert_eq!(exchange.sign_out().await, outcome, "{cookie}");
        let revoked = identity
            .seen()
            .into_iter()
            .skip(before)
            .filter(|line| line == "POST /v1/sessions/sess_1/revoke")
            .count();
        assert_eq!(revoked == 1, outcome == SignOut::Revoked, "{cookie} {:?}", identity.seen());
        assert!(!exchange.auth(Why::here()).await.unwrap().is_signed_in());
        let fields = finished(&sessions, &exchange, &response(303, &[("location", "/")]));
        assert_field_set(&fields);
        let lines: Vec<&str> = fields.all("set-cookie").collect();
        assert!(lines.iter().any(|line| line.starts_with("__session=;")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("__client_uat=0;")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("__clerk_db_jwt")), "{lines:?}");
    }
}

#[tokio::test]
async fn sign_out_clears_also_when_the_service_is_gone() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    identity.script(|target| {
        if target == "/v1/jwks" { crate::support::healthy(target) } else { Some((500, String::new())) }
    });
    let exchange = passed(&sessions, request("/sign-out", &[("cookie", &alice())])).await;
    assert_eq!(exchange.sign_out().await, SignOut::NotRevoked);
    let fields = finished(&sessions, &exchange, &response(200, &[]));
    assert!(fields.all("set-cookie").any(|line| line.starts_with("__session=;")));
}

#[tokio::test]
async fn why_a_page_lost_its_caching() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).routes(guarded()).dev(true).build().unwrap();
    let alice = alice();
    let exchange =
        async |target: &'static str| passed(&sessions, request(target, &[("cookie", &alice)])).await;
    let cacheable = || response(200, &[("cache-control", "s-maxage=60")]);
    let mut said = Vec::new();
    let mut say = |name: &str, exchange: &Exchange, response: &ResponseHead<'_>| {
        let fields = finished(&sessions, exchange, response);
        said.push(format!("{name}: {}", fields.first("nostore-why").unwrap_or("-")));
    };

    say("nobody read", &*exchange("/").await, &cacheable());
    let taken = exchange("/").await;
    let auth = taken.auth(Why::Extractor("Auth")).await.unwrap();
    say("taken", &taken, &cacheable());
    assert!(auth.is_signed_in());
    let read = exchange("/").await;
    let auth = read.auth(Why::Extractor("Auth")).await.unwrap();
    let line = line!() + 1;
    let signed_in = auth.is_signed_in();
    assert!(signed_in && auth.email().is_some());
    say("read", &read, &cacheable());
    say("rule", &*exchange("/dashboard").await, &cacheable());
    say("401", &*exchange("/").await, &response(401, &[]));
    say("no-store", &taken, &response(200, &[("cache-control", "no-store")]));
    say(
        "cookie",
        &*exchange("/").await,
        &response(200, &[("cache-control", "s-maxage=60"), ("set-cookie", "theme=dark")]),
    );
    say("session cookie", &*exchange("/").await, &response(200, &[("set-cookie", "__session=x")]));
    say("marked", &*exchange("/").await, &response(200, &[("auth-sensitive", "?1")]));
    let raised = exchange("/").await;
    raised.raise(Sensitivity::Personalized);
    say("raised", &raised, &cacheable());
    let table = said.join("\n").replace(&format!("exchange.rs:{line}"), "exchange.rs:LINE");
    let lines = regexless(&table);
    insta::assert_snapshot!(lines);
    let answer = answered(&sessions, request("/dashboard", &PAGE)).await;
    assert_eq!(
        head_of(&answer).fields.first("nostore-why"),
        Some("kept from caches: it is a step of the sign-in")
    );
}

/// Line numbers of this file move with every edit; the one under test became `LINE`.
fn regexless(table: &str) -> String {
    let mut out = String::new();
    for (index, part) in table.split("exchange.rs:").enumerate() {
        if index > 0 {
            out.push_str("exchange.rs:");
        }
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(if digits > 0 { "N" } else { "" });
        out.push_str(&part[digits..]);
    }
    out
}
