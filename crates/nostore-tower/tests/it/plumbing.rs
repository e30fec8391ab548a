//! What passes through untouched: bodies, errors, lines, readiness.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Empty};
use nostore_session::Instance;
use nostore_tower::{Auth, ProtectLayer, SessionLayer};
use nostore_web::{Peer, Routes, Sessions, TrustedProxies};
use tower::{Layer as _, Service, ServiceExt as _};

use crate::support::{alice, page, send, sessions};

/// Frames that come one by one, with trailers.
struct Slowly(Vec<Frame<Bytes>>);

impl http_body::Body for Slowly {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(if self.0.is_empty() { None } else { Some(Ok(self.0.remove(0))) })
    }
}

fn frames() -> Slowly {
    let trailers =
        HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), http::HeaderValue::from_static("9"))]);
    Slowly(vec![Frame::data(Bytes::from("one ")), Frame::data(Bytes::from("two")), Frame::trailers(trailers)])
}

async fn built() -> Sessions {
    sessions(Instance::Production).await.routes(Routes::new().protected("/dashboard")).build().unwrap()
}

/// A trusted proxy is known by the connection's other end, which servers put into the extensions.
#[tokio::test]
async fn the_peer_is_found_in_the_extensions() {
    use std::net::SocketAddr;

    let proxies = TrustedProxies::none().addresses(["10.0.0.1"]).unwrap();
    let sessions = sessions(Instance::Production).await.trusted_proxies(proxies);
    let sessions = sessions.routes(Routes::new().protected("/dashboard")).build().unwrap();
    let app = Router::new().layer(SessionLayer::new(sessions));
    let (proxy, stranger): (SocketAddr, SocketAddr) =
        ("10.0.0.1:9".parse().unwrap(), "203.0.113.66:9".parse().unwrap());
    let asked = |put: fn(&mut http::Extensions, SocketAddr), address: SocketAddr| {
        let mut request = page("/dashboard", "");
        request.headers_mut().insert("x-forwarded-host", http::HeaderValue::from_static("shop.example"));
        put(request.extensions_mut(), address);
        let app = app.clone();
        async move { send(&app, request).await.field("location").unwrap().contains("shop.example") }
    };
    let ways: [fn(&mut http::Extensions, SocketAddr); 3] = [
        |extensions, address| {
            extensions.insert(Peer(address.ip()));
        },
        |extensions, address| {
            extensions.insert(axum::extract::ConnectInfo(address));
        },
        |extensions, address| {
            extensions.insert(address);
        },
    ];
    for (number, put) in ways.into_iter().enumerate() {
        assert!(asked(put, proxy).await, "{number}");
        assert!(!asked(put, stranger).await, "{number}");
    }
    assert!(!asked(|_, _| (), proxy).await);
}

#[tokio::test]
async fn lines_frames_and_head_pass_as_they_are() {
    let two = || async { (AppendHeaders([("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2")]), "two") };
    let app = Router::new()
        .route("/two", get(two))
        .route("/stream", get(|| async { Body::new(frames()) }))
        .route("/etag", get(|| async { (StatusCode::NOT_MODIFIED, [("etag", "\"x\"")]) }))
        .route("/who", get(|auth: Auth| async move { auth.is_signed_in().to_string() }));
    for app in [
        app.clone().layer(SessionLayer::new(built().await)),
        app.clone().layer(ProtectLayer::cookies(["id"])),
        app.layer(SessionLayer::new(built().await)).layer(ProtectLayer::cookies(["id"])),
    ] {
        assert_eq!(send(&app, page("/two", "id=x")).await.all("set-cookie"), ["a=1; Path=/", "b=2"]);
        let mut body = app.clone().oneshot(page("/stream", "id=x")).await.unwrap().into_body();
        assert!(!body.is_end_stream());
        let mut parts = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.unwrap();
            parts.push(frame.data_ref().map_or_else(|| "trailers".to_owned(), |data| format!("{data:?}")));
        }
        assert_eq!(parts, ["b\"one \"", "b\"two\"", "trailers"]);
        let head = Request::builder().method(Method::HEAD).uri("/two").body(Body::empty()).unwrap();
        let seen = send(&app, head).await;
        assert_eq!((seen.status, &*seen.body), (StatusCode::OK, ""));
        assert_eq!(seen.field("content-length"), Some("3"));
        assert_eq!(send(&app, page("/etag", "id=x")).await.status, StatusCode::NOT_MODIFIED);
    }
    let app = Router::new().route("/who", get(|auth: Auth| async move { auth.is_signed_in().to_string() }));
    let app = app.layer(SessionLayer::new(built().await));
    let head = Request::builder().method(Method::HEAD).uri("/who").header("cookie", alice(0));
    assert!(send(&app, head.body(Body::empty()).unwrap()).await.is_protected());
}

/// A service that may only be called after it was ready, as a permit-holding one is.
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Empty<Bytes>>> for Strict {
    type Response = Response<Empty<Bytes>>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<Empty<Bytes>>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        let broken = request.uri().path() == "/broken";
        std::future::ready(if broken { Err("broken") } else { Ok(Response::new(Empty::new())) })
    }
}

#[tokio::test]
async fn services_of_any_kind_and_their_errors() {
    let ask = |target: &str, cookie: &str| {
        Request::get(target)
            .header("cookie", cookie)
            .header("accept", "text/html")
            .body(Empty::new())
            .unwrap()
    };
    let mut service = SessionLayer::new(built().await).layer(Strict { ready: false });
    // The first waits for the keys, the second does not, the third is answered by the gate.
    for (target, cookie, status) in [
        ("/dashboard", &*alice(0), 200),
        ("/dashboard", &alice(0), 200),
        ("/dashboard", "", 307),
        ("/", "", 200),
    ] {
        let response = service.ready().await.unwrap().call(ask(target, cookie)).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{target}");
        assert_eq!(response.body().size_hint().exact(), Some(0));
    }
    let failed = service.ready().await.unwrap().call(ask("/broken", "")).await;
    assert_eq!(failed.err(), Some("broken"));
    let mut service = ProtectLayer::cookies(["id"]).layer(Strict { ready: false });
    let failed = service.ready().await.unwrap().call(ask("/broken", "")).await;
    assert_eq!(failed.err(), Some("broken"));
}

#[tokio::test]
async fn any_target_and_host_get_an_answer() {
    let app =
        Router::new().fallback(|| async { "here".into_response() }).layer(SessionLayer::new(built().await));
    for (target, host) in
        [("/", ""), ("*", "localhost"), ("http://other.example/dashboard", "localhost"), ("/a?b", "\u{7f}")]
    {
        let mut request =
            Request::builder().method(if target == "*" { "OPTIONS" } else { "GET" }).uri(target);
        if let Ok(value) = http::HeaderValue::from_str(host) {
            request = request.header("host", value);
        }
        let seen = send(&app, request.body(Body::empty()).unwrap()).await;
        assert!(matches!(seen.status.as_u16(), 200 | 401), "{target}: {}", seen.status);
    }
}

#[test]
fn what_must_be_shared_can_be() {
    fn shareable<T: Clone + Send + Sync + 'static>() {}
    shareable::<SessionLayer>();
    shareable::<ProtectLayer>();
    shareable::<Sessions>();
    shareable::<Auth>();
}
