//! What those who run the guard ask it; limits; another configuration while it runs.

use std::net::SocketAddr;
use std::sync::Arc;

use nostore_guard::{Guard, GuardConfig};
use nostore_web::CookieProtection;

use crate::bench::{SESSION, bench};
use crate::wire::{answering, ask, field, get, listener, nobody, split};

async fn app(text: &'static str) -> SocketAddr {
    answering(move |_| {
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )
    })
    .await
}

fn config(origin: SocketAddr, cookie: &str) -> GuardConfig {
    GuardConfig::new(format!("http://{origin}"), CookieProtection::cookies([cookie]))
}

/// Runs a guard, and returns where visitors and where those who run it ask.
async fn running(guard: &Arc<Guard>) -> (SocketAddr, SocketAddr) {
    let ((visitors, site), (operators, control)) = (listener().await, listener().await);
    let (serving, told) = (Arc::clone(guard), Arc::clone(guard));
    tokio::spawn(async move { serving.serve(visitors, std::future::pending()).await });
    tokio::spawn(async move { told.serve_control(operators, std::future::pending()).await });
    (site, control)
}

#[tokio::test]
async fn health_readiness_and_counts_are_told() {
    let guard = Guard::new(&config(app("ok").await, SESSION)).unwrap();
    let (site, control) = running(&guard).await;
    ask(site, &get("/", "")).await;
    ask(site, &get("/", "cookie: authjs.session-token=secret\r\n")).await;
    for (path, status) in [("/healthz", "200"), ("/readyz", "200"), ("/", "404"), ("/metrics", "200")] {
        let answer = ask(control, &get(path, "")).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{path}");
        assert_eq!(field(&answer, "cache-control"), Some("no-store"));
    }
    let metrics = ask(control, &get("/metrics", "")).await;
    insta::assert_snapshot!(split(&metrics).1);

    let dead = Guard::new(&config(nobody().await, SESSION)).unwrap();
    let (_, control) = running(&dead).await;
    for (path, status) in [("/healthz", "200"), ("/readyz", "503")] {
        assert_eq!(ask(control, &get(path, "")).await.split(' ').nth(1), Some(status), "{path}");
    }
}

#[tokio::test]
async fn another_configuration_counts_from_the_next_request_on() {
    let guard = Guard::new(&config(app("old").await, SESSION)).unwrap();
    let (site, _) = running(&guard).await;
    let signed_in = get("/", "cookie: sid=x\r\n");
    let answer = ask(site, &signed_in).await;
    assert_eq!((split(&answer).1, field(&answer, "cache-control")), ("old", Some("s-maxage=60")));
    guard.change(&config(app("new").await, "sid")).unwrap();
    let answer = ask(site, &signed_in).await;
    assert_eq!(split(&answer).1, "new");
    assert!(field(&answer, "cache-control").unwrap().starts_with("no-store"), "{answer}");
    // What is refused changes nothing.
    let broken = GuardConfig::new("ftp://nowhere", CookieProtection::cookies(["x"]));
    assert!(guard.change(&broken).is_err());
    assert_eq!(split(&ask(site, &signed_in).await).1, "new");
}

#[tokio::test]
async fn a_body_is_as_long_as_it_may_be() {
    let limited = |config: &mut GuardConfig| config.body_bytes = Some(8);
    let mut bench = bench(app("ok").await, limited).await;
    let head = "POST / HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n";
    for (length, status) in [(7, "200"), (8, "200"), (9, "413")] {
        let body = "x".repeat(length);
        let announced = format!("{head}content-length: {length}\r\n\r\n{body}");
        let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
        for request in [announced, chunked] {
            let (answer, record) = bench.ask(&request).await;
            assert_eq!(answer.split(' ').nth(1), Some(status), "{request} {record:?}");
        }
    }
}
