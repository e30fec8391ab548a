//! Origins and visitors that misbehave.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use nostore_edge::{Edge, EdgeConfig, Handling};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::bench::bench_with;
use crate::wire::{answering, ask, field, get, head, nobody, origin, split};

async fn saying(bytes: String) -> SocketAddr {
    origin(move |_, mut stream| {
        let bytes = bytes.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(bytes.as_bytes()).await.ok();
        }
    })
    .await
}

#[tokio::test]
async fn failures_of_the_app_row_by_row() {
    let silent = origin(|_, mut stream| async move {
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    let rows = [
        ("nobody listens", nobody().await),
        ("garbage", saying("hello\r\n".to_owned()).await),
        ("closes in mid-head", saying("HTTP/1.1 200 OK\r\nx".to_owned()).await),
        ("a huge head", saying(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20))).await),
        ("silent", silent),
    ];
    let mut table = String::new();
    for (name, address) in rows {
        let mut bench = bench_with("netlify", address, |config| {
            if name == "silent" {
                config.limits.head = Duration::from_millis(100);
            }
        })
        .await;
        let (answer, record) = bench.get("/", "").await;
        let port = address.port().to_string();
        assert_eq!((record.outcome, record.rule), (Handling::Error, None), "{name}");
        assert_eq!(field(&answer, "cache-control"), Some("no-store"), "{name}");
        let status = answer.lines().next().unwrap();
        writeln!(table, "{name}: {status} | {}", record.why.replace(&port, "PORT")).unwrap();
        writeln!(table, "    {}", split(&answer).1.trim().replace(&port, "PORT").replace('\n', "\n    "))
            .unwrap();
        let summary = bench.edge.summary();
        assert_eq!((summary.errors, summary.store_keys), (1, 0), "{name}");
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn requests_that_are_not_in_order_row_by_row() {
    let app = answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let mut bench = bench_with("rfc9111", app, |_| {}).await;
    let rows = [
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: user@a\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ];
    let mut table = String::new();
    for request in rows {
        let (answer, record) = bench.ask(request).await;
        let status = answer.lines().next().unwrap();
        let why = if record.outcome == Handling::Error { &*record.why } else { "" };
        writeln!(table, "{request:?}\n    {status} | {} | {why}", record.outcome).unwrap();
    }
    // What is no HTTP at all, or too much of it, is answered before there is anything to record.
    let long = get("/", &format!("x: {}\r\n", "x".repeat(1 << 20)));
    for (name, request) in [("TLS", "\x16\x03\x01\x02\0"), ("huge head", &*long)] {
        let answer = ask(bench.address, request).await;
        writeln!(table, "{name}\n    {}", answer.lines().next().unwrap_or("closed")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_configuration_that_cannot_work_says_so() {
    let profile = || nostore_cache::Profile::named("rfc9111").unwrap();
    let clock: std::sync::Arc<dyn nostore_edge::Clock> =
        std::sync::Arc::new(|| nostore_message::UnixTime::from_secs(0));
    let refused = |origin: &str| {
        let config = EdgeConfig::new(origin, profile(), std::sync::Arc::clone(&clock));
        Edge::new(config).err().unwrap().to_string()
    };
    insta::assert_snapshot!([refused("127.0.0.1:3000"), refused("http://127.0.0.1:3000/app")].join("\n"));
}
