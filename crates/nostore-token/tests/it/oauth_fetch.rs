//! Access tokens from a token endpoint on loopback.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nostore_message::{Clock as _, Secret};
use nostore_token::fetchers::{HttpClient, OAuthFetch, OAuthFetchBuilder};
use nostore_token::oauth::OAuthClient;
use nostore_token::{CoarseClock, Failure, Fetch as _, SessionTokens, TokenKey};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::fetcher_setup::{ask, client};
use crate::server::{Asked, Reply, Server, json};

/// Answers with tokens: `a1` and `r1`, `a2` and `r2`, and so on.
fn rotating() -> impl Fn(&Asked) -> Reply + Send + Sync {
    let count = AtomicUsize::new(0);
    move |_| json(200, &granted(count.fetch_add(1, Ordering::SeqCst) + 1))
}

fn granted(number: usize) -> Value {
    json!({
        "access_token": format!("a{number}"),
        "token_type": "Bearer",
        "expires_in": 60,
        "refresh_token": format!("r{number}"),
    })
}

fn refreshing(server: &Server) -> OAuthFetchBuilder {
    let builder = OAuthFetch::builder(server.url("/token"), OAuthClient::public("id"));
    builder.refresh_token(Secret::new("r0"))
}

async fn once(fetch: &OAuthFetch) -> Result<String, Failure> {
    let fetched = fetch.fetch(ask(TokenKey::default())).await?;
    Ok(fetched.token.expose().to_owned())
}

/// The refresh tokens that were used.
fn used(server: &Server) -> Vec<String> {
    let token = |asked: Asked| {
        let pairs = form_urlencoded::parse(asked.body.as_bytes()).into_owned();
        pairs.into_iter().find(|(name, _)| name == "refresh_token").map(|(_, value)| value)
    };
    server.asked().into_iter().filter_map(token).collect()
}

fn held(fetch: &OAuthFetch) -> String {
    fetch.refresh_token().unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_client_gets_a_token_per_audience_with_its_own_rights() {
    let server = Server::start(|asked| {
        let own = asked.body.contains("own.example");
        let raw = if own { "for-own" } else { "for-usual" };
        json(200, &json!({ "access_token": raw, "token_type": "bearer", "expires_in": 60 }))
    })
    .await;
    let fetch = OAuthFetch::builder(server.url("/token"), client())
        .scope("read write")
        .audience("https://usual.example")
        .resource("urn:a")
        .build()
        .unwrap();
    let tokens = SessionTokens::builder(fetch).build_on(Handle::current());
    let (usual, own) = (TokenKey::default(), TokenKey::default().audience("https://own.example"));
    for _ in 0..3 {
        assert_eq!(tokens.handle(usual.clone()).get().await.unwrap().expose(), "for-usual");
        assert_eq!(tokens.handle(own.clone()).get().await.unwrap().expose(), "for-own");
    }
    let bodies: Vec<_> = server.asked().into_iter().map(|asked| asked.body).collect();
    let body = |audience: &str| {
        format!(
            "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2F{audience}&resource=urn%3Aa"
        )
    };
    assert_eq!(bodies, [body("usual.example"), body("own.example")]);
    let template = tokens.handle(TokenKey::of_session("x").template("t")).get().await;
    assert_eq!(template.unwrap_err(), Failure::Unsupported { what: "a template" });
    assert_eq!(server.asked().len(), 2, "and nothing was asked");
}

#[tokio::test]
async fn a_token_lives_from_the_request_on_for_as_long_as_the_answer_says() {
    let rows = [(json!(1.5), 1_500), (json!(60), 60_000), (Value::Null, 7_250)];
    for (expires_in, lifetime_ms) in rows {
        let body = json!({ "access_token": "a", "token_type": "Bearer", "expires_in": expires_in });
        let server = Server::start(move |_| json(200, &body)).await;
        let fetch = OAuthFetch::builder(server.url("/token"), client());
        let fetch = fetch.default_lifetime(Duration::from_micros(7_250_999)).build().unwrap();
        let before_ms = CoarseClock.now().millis();
        let token = fetch.fetch(ask(TokenKey::default())).await.unwrap().token;
        let after_ms = CoarseClock.now().millis();
        assert_eq!(token.lifetime_ms(), lifetime_ms);
        assert!((before_ms..=after_ms).contains(&token.issued_ms()));
    }
}

#[tokio::test]
async fn the_newest_refresh_token_takes_the_place_of_the_one_before() {
    let server = Server::start(rotating()).await;
    let (kept, sink) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
    let to = Arc::clone(&kept);
    let fetch = refreshing(&server)
        .on_rotation(move |token| to.lock().unwrap().push(token.expose().to_owned()))
        .build()
        .unwrap();
    for number in 1..=3 {
        assert_eq!(once(&fetch.clone()).await.unwrap(), format!("a{number}"));
        sink.lock().unwrap().push(held(&fetch));
    }
    assert_eq!(used(&server), ["r0", "r1", "r2"]);
    assert_eq!(*kept.lock().unwrap(), ["r1", "r2", "r3"], "the application is told of each, once");
    assert_eq!(*sink.lock().unwrap(), ["r1", "r2", "r3"]);
    assert!(!fetch.is_in_doubt());
}

#[tokio::test]
async fn a_refresh_token_that_is_not_replaced_stays_and_nobody_is_told() {
    for more in [json!({}), json!({ "refresh_token": "r0" }), json!({ "refresh_token": "" })] {
        let mut body = json!({ "access_token": "a", "token_type": "Bearer" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let server = Server::start(move |_| json(200, &body)).await;
        let fetch = refreshing(&server).on_rotation(|_| panic!("expected no news")).build().unwrap();
        for _ in 0..2 {
            once(&fetch).await.unwrap();
        }
        assert_eq!(used(&server), ["r0", "r0"]);
    }
}

/// The refresh token is replaced though the access token is of no use.
#[tokio::test]
async fn a_new_refresh_token_is_kept_whatever_came_with_it() {
    let server = Server::start(|_| {
        json(200, &json!({ "access_token": "a", "token_type": "mac", "refresh_token": "r1" }))
    })
    .await;
    let fetch = refreshing(&server).build().unwrap();
    assert_eq!(once(&fetch).await.unwrap_err().code(), "token-unusable");
    assert_eq!((held(&fetch), fetch.is_in_doubt()), ("r1".to_owned(), false));
}

#[tokio::test]
async fn requests_with_a_refresh_token_are_made_one_after_the_other() {
    let (door, answer) = (Arc::new(Notify::new()), rotating());
    let opened = Arc::clone(&door);
    let server = Server::start(move |asked| Reply::Later(Arc::clone(&opened), Box::new(answer(asked)))).await;
    let fetch = refreshing(&server).build().unwrap();
    let tokens = SessionTokens::builder(fetch).build_on(Handle::current());
    let handles = ["x", "y", "z"].map(|audience| tokens.handle(TokenKey::default().audience(audience)));
    let all = handles.each_ref().map(|handle| tokio::spawn(handle.ask()));
    for number in 1..=3 {
        server.until(number).await;
        // The others had every opportunity.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(server.asked().len(), number);
        door.notify_one();
    }
    for task in all {
        task.await.unwrap().unwrap();
    }
    assert_eq!(used(&server), ["r0", "r1", "r2"]);
}

/// An answer is lost: what the endpoint did is not known, so nothing is repeated by itself.
#[tokio::test]
async fn a_refresh_token_that_may_have_been_used_is_not_used_again() {
    let head = "HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n{";
    let rows = [
        (Reply::Bytes(String::new()), "no answer"),
        (Reply::Bytes(head.to_owned()), "an answer that broke off"),
        (Reply::Silence, "no answer in time"),
        (json(200, "{}"), "no token"),
        (json(502, "{}"), "an unexpected status"),
        (json(504, "{}"), "an unexpected status"),
        (Reply::Whole(504, vec![("retry-after", "1".to_owned())], String::new()), "a gateway's answer"),
    ];
    for (reply, what) in rows {
        let first = reply.clone();
        let server =
            Server::start(
                move |asked| {
                    if asked.body.contains("r9") { json(200, &granted(9)) } else { first.clone() }
                },
            )
            .await;
        let builder = refreshing(&server);
        let brief = HttpClient::new().unwrap().timeout(Duration::from_millis(300));
        let builder = if matches!(reply, Reply::Silence) { builder.http(brief) } else { builder };
        let fetch = builder.build().unwrap();
        let tokens = SessionTokens::builder(fetch.clone()).build_on(Handle::current());
        let handle = tokens.handle(TokenKey::default());
        // The client's retries leave it alone.
        assert_eq!(handle.get().await.unwrap_err(), Failure::Unknown { what });
        assert!(fetch.is_in_doubt());
        for _ in 0..2 {
            assert_eq!(handle.get().await.unwrap_err().code(), "token-unknown");
        }
        assert_eq!(used(&server), ["r0"], "{what}");
        // Until the application has another one.
        assert!(fetch.set_refresh_token(Secret::new("r9")));
        assert!(!fetch.is_in_doubt());
        assert_eq!(handle.get().await.unwrap().expose(), "a9");
        assert_eq!(used(&server), ["r0", "r9"], "{what}");
    }
}

#[tokio::test]
async fn an_endpoint_that_takes_a_refresh_token_twice_is_asked_twice() {
    let hour = Duration::from_secs(3_600);
    for (reuse, repeated) in [(Duration::ZERO, false), (hour, true), (Duration::MAX, true)] {
        let (count, answer) = (AtomicUsize::new(0), rotating());
        let server = Server::start(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::Bytes(String::new()),
            _ => answer(asked),
        })
        .await;
        let fetch = refreshing(&server).reuse_interval(reuse).build().unwrap();
        let tokens = SessionTokens::builder(fetch.clone()).build_on(Handle::current());
        let got = tokens.handle(TokenKey::default()).get().await;
        assert_eq!(got.is_ok(), repeated, "{reuse:?}");
        assert_eq!(used(&server), vec!["r0"; if repeated { 2 } else { 1 }]);
        assert_eq!(fetch.is_in_doubt(), !repeated);
    }
}

/// Before, at and after the end of the interval, by a clock that the test moves.
#[tokio::test(start_paused = true)]
async fn the_interval_begins_with_the_request_whose_answer_was_lost() {
    // Time stands still while this task goes on, also where everybody waits for the network.
    let (go_on, ended) = std::sync::mpsc::channel::<()>();
    let standing_still = tokio::task::spawn_blocking(move || ended.recv().is_err());
    for (after_ms, asked) in [(0, 2), (999, 2), (1_000, 1), (1_001, 1)] {
        let server = Server::start(|_| Reply::Bytes(String::new())).await;
        let fetch = refreshing(&server).reuse_interval(Duration::from_secs(1)).build().unwrap();
        let lost = Failure::Transient { what: "no answer" };
        assert_eq!(once(&fetch).await.unwrap_err(), lost);
        tokio::time::advance(Duration::from_millis(after_ms)).await;
        let again = once(&fetch).await.unwrap_err();
        assert_eq!((again == lost, server.asked().len()), (asked == 2, asked), "{after_ms}: {again}");
        // Trying again does not prolong it.
        tokio::time::advance(Duration::from_millis(1_000 - after_ms.min(1_000))).await;
        assert_eq!(once(&fetch).await.unwrap_err().code(), "token-unknown");
    }
    drop(go_on);
    assert!(standing_still.await.unwrap());
}

/// No connection, an error, patience: it is known that nothing was replaced.
#[tokio::test]
async fn a_failure_that_leaves_no_doubt_is_retried() {
    let busy = Reply::Whole(503, vec![("retry-after", "0".to_owned())], String::new());
    for reply in [json(500, "{}"), busy] {
        let (count, answer) = (AtomicUsize::new(0), rotating());
        let server = Server::start(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
            0 => reply.clone(),
            _ => answer(asked),
        })
        .await;
        let fetch = refreshing(&server).build().unwrap();
        let tokens = SessionTokens::builder(fetch).build_on(Handle::current());
        let got = tokens.handle(TokenKey::default()).get().await.map(|token| token.expose().to_owned());
        assert_eq!((got, used(&server)), (Ok("a1".to_owned()), vec!["r0".to_owned(); 2]));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    let fetch = OAuthFetch::builder(url, OAuthClient::public("id")).refresh_token(Secret::new("r0"));
    let fetch = fetch.build().unwrap();
    assert_eq!(once(&fetch).await.unwrap_err(), Failure::Transient { what: "no connection" });
    assert!(!fetch.is_in_doubt());
}

/// A request of the client's own rights may be asked twice.
#[tokio::test]
async fn a_lost_answer_to_a_client_of_its_own_rights_is_asked_for_again() {
    let (count, answer) = (AtomicUsize::new(0), rotating());
    let server = Server::start(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Bytes(String::new()),
        _ => answer(asked),
    })
    .await;
    let fetch = OAuthFetch::builder(server.url("/token"), client()).build().unwrap();
    let tokens = SessionTokens::builder(fetch.clone()).build_on(Handle::current());
    assert_eq!(tokens.handle(TokenKey::default()).get().await.unwrap().expose(), "a1");
    assert!(fetch.refresh_token().is_none() && !fetch.set_refresh_token(Secret::new("r")));
}

/// Signing out, or giving up, while an answer is on its way does not lose the refresh token in it.
#[tokio::test]
async fn a_request_is_seen_through_when_nobody_waits_for_it_any_more() {
    let (door, answer) = (Arc::new(Notify::new()), rotating());
    let opened = Arc::clone(&door);
    let server = Server::start(move |asked| Reply::Later(Arc::clone(&opened), Box::new(answer(asked)))).await;
    let fetch = refreshing(&server).build().unwrap();
    let tokens = SessionTokens::builder(fetch.clone()).build_on(Handle::current());
    let waiting = tokio::spawn(tokens.handle(TokenKey::default()).ask());
    server.until(1).await;
    assert!(fetch.is_in_doubt(), "on its way");
    tokens.clear();
    assert_eq!(waiting.await.unwrap().unwrap_err(), Failure::Cleared);
    door.notify_one();
    // The next one waits for its turn, and then uses the new one.
    door.notify_one();
    let next = tokio::spawn(tokens.handle(TokenKey::default()).ask());
    server.until(2).await;
    door.notify_one();
    assert_eq!(next.await.unwrap().unwrap().expose(), "a2");
    assert_eq!(used(&server), ["r0", "r1"]);
}

/// The application has signed in anew meanwhile: what comes of the old refresh token changes nothing.
#[tokio::test]
async fn what_comes_of_a_refresh_token_that_was_set_aside_is_dropped() {
    let (door, answer) = (Arc::new(Notify::new()), rotating());
    let opened = Arc::clone(&door);
    let server = Server::start(move |asked| Reply::Later(Arc::clone(&opened), Box::new(answer(asked)))).await;
    let fetch = refreshing(&server).build().unwrap();
    let first = fetch.clone();
    let waiting = tokio::spawn(async move { once(&first).await });
    server.until(1).await;
    fetch.set_refresh_token(Secret::new("new"));
    door.notify_one();
    assert_eq!(waiting.await.unwrap().unwrap(), "a1");
    assert_eq!((held(&fetch), fetch.is_in_doubt()), ("new".to_owned(), false));
}

#[tokio::test]
async fn a_keeper_that_panics_loses_nothing() {
    let server = Server::start(rotating()).await;
    let fetch = refreshing(&server).on_rotation(|_| panic!("expected by the test")).build().unwrap();
    assert_eq!(once(&fetch).await.unwrap_err(), Failure::Panicked);
    assert_eq!((held(&fetch), fetch.is_in_doubt()), ("r1".to_owned(), false));
}

#[tokio::test]
async fn a_grant_that_is_withdrawn_ends_the_session_and_a_client_that_is_not_known_does_not() {
    let rows = [
        ("invalid_grant", Failure::Unauthenticated { status: 400 }, 1),
        ("invalid_client", Failure::Refused { status: 400, code: "invalid_client".to_owned() }, 2),
    ];
    for (code, expected, asked) in rows {
        let server = Server::start(move |_| json(400, &json!({ "error": code }))).await;
        let fetch = refreshing(&server).build().unwrap();
        let tokens = SessionTokens::builder(fetch).build_on(Handle::current());
        for _ in 0..2 {
            let failure = tokens.handle(TokenKey::default()).get().await.unwrap_err();
            assert_eq!(failure, expected);
        }
        assert_eq!(server.asked().len(), asked, "{code}");
    }
}
