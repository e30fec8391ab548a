//! The requests of a `reqwest` client carry a token, and carry it nowhere else.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nostore_message::Clock as _;
use nostore_token::middleware::{BearerMiddleware, within_origin};
use nostore_token::{
    Ask, BearerError, CoarseClock, Failure, Fetched, SessionToken, SessionTokens, TokenHandle, TokenKey,
};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error};
use tokio::runtime::Handle;

use crate::server::{Asked, Reply, Server, json};

/// A handle whose tokens are `t1`, `t2` and so on, up to `most`: then the service refuses.
fn handle(most: usize) -> TokenHandle {
    let count = Arc::new(AtomicUsize::new(0));
    let fetch = move |_: Ask| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            if number > most {
                return Err(Failure::Refused { status: 400, code: "no_more".to_owned() });
            }
            let token = SessionToken::opaque(&format!("t{number}"), CoarseClock.now().millis(), 60_000);
            Ok(Fetched { token: token.unwrap(), service_ms: None })
        }
    };
    SessionTokens::builder(fetch).build_on(Handle::current()).handle(TokenKey::default())
}

fn client(handle: TokenHandle) -> ClientWithMiddleware {
    BearerMiddleware::new(handle).client(reqwest::Client::builder()).unwrap()
}

fn ok() -> Reply {
    json(200, "{}")
}

fn to(status: u16, location: String) -> Reply {
    Reply::Whole(status, vec![("location", location)], String::new())
}

/// The tokens that a service was shown.
fn shown(server: &Server) -> Vec<String> {
    let field = |asked: Asked| asked.field("authorization").unwrap_or("none").to_owned();
    server.asked().into_iter().map(field).collect()
}

#[tokio::test]
async fn requests_carry_a_token_unless_they_have_a_field_of_their_own() {
    let server = Server::start(|_| ok()).await;
    let client = client(handle(1));
    for _ in 0..2 {
        assert_eq!(client.get(server.url("/x")).send().await.unwrap().status(), 200);
    }
    let own = client.get(server.url("/x")).header("authorization", "Basic own").send().await;
    assert_eq!(own.unwrap().status(), 200);
    assert_eq!(shown(&server), ["Bearer t1", "Bearer t1", "Basic own"]);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    // Which tokens the service refuses, how many there are, what is shown, and what the caller gets.
    let rows: [(&[&str], usize, &[&str], u16); 5] = [
        (&[], 9, &["t1"], 200),
        (&["t1"], 9, &["t1", "t2"], 200),
        (&["t1", "t2"], 9, &["t1", "t2"], 401),
        (&["t1", "t2", "t3"], 9, &["t1", "t2"], 401),
        (&["t1"], 1, &["t1"], 401),
    ];
    for (refuses, most, expected, status) in rows {
        let refuses: Vec<_> = refuses.iter().map(|token| format!("Bearer {token}")).collect();
        let server = Server::start(move |asked| {
            let field = asked.field("authorization").unwrap().to_owned();
            if refuses.contains(&field) { json(401, "{}") } else { ok() }
        })
        .await;
        let answer = client(handle(most)).post(server.url("/x")).body("body").send().await.unwrap();
        assert_eq!(answer.status(), status);
        let expected: Vec<_> = expected.iter().map(|token| format!("Bearer {token}")).collect();
        assert_eq!(shown(&server), expected);
        assert!(server.asked().iter().all(|asked| asked.body == "body"), "with its body each time");
    }
}

/// One that cannot be sent twice is not; the token is replaced for the next one.
#[tokio::test]
async fn a_body_that_cannot_be_cloned_is_sent_once() {
    let server = Server::start(|asked| match asked.field("authorization") {
        Some("Bearer t1") => json(401, "{}"),
        _ => ok(),
    })
    .await;
    let client = client(handle(9));
    let streamed = || reqwest::Body::wrap(Once(Some("body")));
    let post = || client.post(server.url("/x")).header("content-length", "4").body(streamed());
    assert_eq!(post().send().await.unwrap().status(), 401);
    assert_eq!(post().send().await.unwrap().status(), 200);
    assert_eq!(shown(&server), ["Bearer t1", "Bearer t2"]);
}

/// A body of one piece, which nobody can clone.
struct Once(Option<&'static str>);

impl http_body::Body for Once {
    type Data = bytes::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Infallible>>> {
        let piece = self.0.take().map(|text| Ok(http_body::Frame::data(text.into())));
        std::task::Poll::Ready(piece)
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_caller_is_told_why() {
    let server = Server::start(|_| ok()).await;
    let error = client(handle(0)).get(server.url("/x")).send().await.unwrap_err();
    let Error::Middleware(error) = error else { panic!("expected the middleware's error, found {error}") };
    let why = error.downcast_ref::<BearerError<Infallible>>().unwrap();
    assert!(matches!(why, BearerError::Token(Failure::Refused { status: 400, .. })));
    assert!(server.asked().is_empty());
}

/// Sees what the middleware sends.
struct Peek;

#[async_trait::async_trait]
impl reqwest_middleware::Middleware for Peek {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut http::Extensions,
        next: reqwest_middleware::Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let field = &request.headers()["authorization"];
        assert!(field.is_sensitive() && !format!("{request:?}").contains("t1"));
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn the_field_is_not_printed() {
    let server = Server::start(|_| ok()).await;
    let client = ClientBuilder::from_client(client(handle(1))).with(Peek).build();
    assert_eq!(client.get(server.url("/x")).send().await.unwrap().status(), 200);
    assert_eq!(shown(&server), ["Bearer t1"]);
}

#[tokio::test]
async fn within_an_origin_the_token_goes_along_and_to_another_nothing_goes() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Server::start(|_| ok()).await;
        let away = elsewhere.url("/");
        let server = Server::start(move |asked| match &*asked.line {
            "GET /first" => to(status, "/second".to_owned()),
            "GET /away" => to(status, "/further".to_owned()),
            "GET /further" => to(status, away.clone()),
            _ => ok(),
        })
        .await;
        let client = client(handle(1));
        let answer = client.get(server.url("/first")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.url().path()), (200, "/second"));
        assert_eq!(shown(&server), ["Bearer t1", "Bearer t1"]);
        let answer = client.get(server.url("/away")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.url().path()), (status, "/further"));
        assert!(elsewhere.asked().is_empty(), "{status}");
    }
}

#[tokio::test]
async fn redirects_end() {
    for (hops, good) in [(9, true), (10, true), (11, false)] {
        let server = Server::start(move |asked| {
            let hop: usize = asked.line.trim_start_matches("GET /").parse().unwrap();
            if hop < hops { to(302, format!("/{}", hop + 1)) } else { ok() }
        })
        .await;
        assert_eq!(client(handle(1)).get(server.url("/0")).send().await.is_ok(), good, "{hops}");
    }
}

/// Sends `client` to a service that redirects elsewhere, which redirects within itself. What that one is shown.
async fn shown_elsewhere(client: &ClientWithMiddleware) -> Vec<String> {
    let elsewhere = Server::start(|asked| match &*asked.line {
        "GET /first" => to(302, "/second".to_owned()),
        _ => ok(),
    })
    .await;
    let away = elsewhere.url("/first");
    let server = Server::start(move |_| to(302, away.clone())).await;
    client.get(server.url("/")).send().await.unwrap();
    shown(&elsewhere)
}

/// Why redirects by `reqwest` are not good enough. Should this fail, it has been mended there.
#[tokio::test]
async fn reqwest_alone_shows_the_token_to_another_origin_at_its_second_redirect() {
    let careless = ClientBuilder::new(reqwest::Client::new()).with(BearerMiddleware::new(handle(1))).build();
    assert_eq!(shown_elsewhere(&careless).await, ["none", "Bearer t1"]);
    let builder = reqwest::Client::builder().redirect(within_origin());
    let own = ClientBuilder::new(builder.build().unwrap()).with(BearerMiddleware::new(handle(1))).build();
    for careful in [own, client(handle(1))] {
        assert!(shown_elsewhere(&careful).await.is_empty());
    }
}

/// Another origin says 401 because it was shown no token: that says nothing of the token.
#[tokio::test]
async fn what_another_origin_says_takes_no_token_out_of_use() {
    let elsewhere = Server::start(|_| json(401, "{}")).await;
    let away = elsewhere.url("/");
    let server = Server::start(move |_| to(302, away.clone())).await;
    let handle = handle(9);
    let careless = BearerMiddleware::new(handle.clone());
    let careless = ClientBuilder::new(reqwest::Client::new()).with(careless).build();
    assert_eq!(careless.get(server.url("/")).send().await.unwrap().status(), 401);
    assert_eq!((server.asked().len(), shown(&elsewhere)), (1, vec!["none".to_owned()]));
    assert_eq!(handle.peek().unwrap().expose(), "t1");
}
