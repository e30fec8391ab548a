//! Tunnels, crowds and the end.

use std::sync::Arc;
use std::time::Duration;

use nostore_edge::Handling;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::bench::{bench, bench_with};
use crate::wire::{answering, ask, expect, field, get, head, origin, until_end, within};

async fn echo() -> std::net::SocketAddr {
    origin(|_, mut stream| async move {
        head(&mut stream).await;
        let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.ok();
    })
    .await
}

const UPGRADE: &str = "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";

#[tokio::test]
async fn an_upgrade_passes_by_the_cache_and_is_tunnelled() {
    let mut bench = bench("netlify", echo().await).await;
    let mut visitor = TcpStream::connect(bench.address).await.unwrap();
    visitor.write_all(UPGRADE.as_bytes()).await.unwrap();
    let answer = within(head(&mut visitor)).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert_eq!(field(&answer, "upgrade"), Some("echo"));
    let record = bench.record().await;
    assert_eq!((record.status, record.outcome), (101, Handling::Pass));
    for message in ["one", "\0two\r\n\r\n", "three"] {
        visitor.write_all(message.as_bytes()).await.unwrap();
        expect(&mut visitor, message).await;
    }
    visitor.shutdown().await.unwrap();
    assert_eq!(until_end(&mut visitor).await, "");
}

#[tokio::test]
async fn the_end_lets_answers_finish_and_cuts_tunnels() {
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arrived, gate) = (Arc::clone(&reached), Arc::clone(&go_on));
    let slow = origin(move |number, mut stream| {
        let (arrived, gate) = (Arc::clone(&arrived), Arc::clone(&gate));
        async move {
            head(&mut stream).await;
            if number == 0 {
                let answer =
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.read_to_end(&mut Vec::new()).await.ok();
                return;
            }
            arrived.notify_one();
            gate.notified().await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
        }
    })
    .await;
    let bench = bench("rfc9111", slow).await;
    let mut tunnel = TcpStream::connect(bench.address).await.unwrap();
    tunnel.write_all(UPGRADE.as_bytes()).await.unwrap();
    within(head(&mut tunnel)).await;
    let asked = tokio::spawn({
        let address = bench.address;
        async move { ask(address, &get("/", "")).await }
    });
    within(reached.notified()).await;
    bench.stop.send(()).unwrap();
    assert_eq!(until_end(&mut tunnel).await, "", "the tunnel outlives the edge");
    go_on.notify_one();
    assert!(within(asked).await.unwrap().ends_with("done"));
    within(bench.served).await.unwrap();
    assert!(TcpStream::connect(bench.address).await.is_err());
}

#[tokio::test]
async fn many_visitors_at_once_are_all_answered() {
    let app = answering(|head| {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let length = path.len();
        format!("HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: {length}\r\n\r\n{path}")
    })
    .await;
    let bench = bench("cloudfront", app).await;
    let mut visitors = JoinSet::new();
    for number in 0..300 {
        let address = bench.address;
        visitors.spawn(async move {
            let path = format!("/{}", number % 20);
            assert!(ask(address, &get(&path, "")).await.ends_with(&format!("\r\n\r\n{path}")), "{path}");
        });
    }
    while let Some(visitor) = within(visitors.join_next()).await {
        visitor.unwrap();
    }
    let summary = bench.edge.summary();
    assert_eq!((summary.requests, summary.store_keys, summary.errors), (300, 20, 0));
    assert_eq!(summary.hits + summary.stored, 300);
}

#[tokio::test]
async fn a_kept_connection_serves_hit_and_miss_alike() {
    let app = answering(|_| {
        "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: 2\r\n\r\nok".to_owned()
    })
    .await;
    let mut bench = bench("rfc9111", app).await;
    let mut visitor = TcpStream::connect(bench.address).await.unwrap();
    for expected in [Handling::Stored, Handling::Hit, Handling::Hit] {
        visitor.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        within(head(&mut visitor)).await;
        expect(&mut visitor, "ok").await;
        assert_eq!(bench.record().await.outcome, expected);
    }
}

/// Whatever visitors and app are in the middle of, the end comes when the grace is over.
#[tokio::test]
async fn the_end_waits_for_nobody_longer_than_the_grace() {
    let endless = origin(|_, mut stream| async move {
        head(&mut stream).await;
        let start = "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ntransfer-encoding: chunked\r\n\r\n5\r\nevent\r\n";
        stream.write_all(start.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.ok();
    })
    .await;
    // What the visitor has sent, and got, when the end comes.
    let rows = [
        ("nothing yet", "", ""),
        ("half a head", "GET / HTTP/1.1\r\nhost", ""),
        ("half a body", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf", ""),
        ("an endless answer", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "5\r\nevent\r\n"),
    ];
    for (name, sent, got) in rows {
        let bench = bench_with("rfc9111", endless, |config| config.grace = Duration::from_millis(100)).await;
        let mut visitor = TcpStream::connect(bench.address).await.unwrap();
        visitor.write_all(sent.as_bytes()).await.unwrap();
        if !got.is_empty() {
            within(head(&mut visitor)).await;
            expect(&mut visitor, got).await;
        }
        bench.stop.send(()).unwrap();
        within(bench.served).await.unwrap();
        let rest = until_end(&mut visitor).await;
        assert!(!rest.ends_with("0\r\n\r\n"), "{name}: {rest:?}");
        assert_eq!(bench.edge.summary().store_keys, 0, "{name}");
    }
}

/// A connection that is kept and idle is closed at once, not after the grace.
#[tokio::test]
async fn the_end_closes_idle_connections_at_once() {
    let app = answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()).await;
    let bench = bench_with("rfc9111", app, |config| config.grace = Duration::from_secs(3_600)).await;
    let mut visitor = TcpStream::connect(bench.address).await.unwrap();
    visitor.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    within(head(&mut visitor)).await;
    expect(&mut visitor, "ok").await;
    bench.stop.send(()).unwrap();
    within(bench.served).await.unwrap();
    assert_eq!(until_end(&mut visitor).await, "");
}
