//! What is kept, what is not, and how much.

use std::fmt::Write as _;
use std::sync::Arc;

use nostore_edge::Handling;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::bench::{bench, bench_with};
use crate::wire::{answering, ask, expect, field, get, head, origin, split, within};

/// Starts an origin whose storable answers are as long as the number at the end of the path says.
async fn sized() -> std::net::SocketAddr {
    answering(|head| {
        let path = head.split(' ').nth(1).unwrap();
        let length: usize = path.rsplit('/').next().unwrap().parse().unwrap();
        let body = "x".repeat(length);
        format!("HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\nvary: x-kind\r\ncontent-length: {length}\r\n\r\n{body}")
    })
    .await
}

#[tokio::test]
async fn the_store_never_weighs_more_than_its_bound() {
    const BOUND: u64 = 64 * 1024;
    let mut bench =
        bench_with("rfc9111", sized().await, |config| config.store_bytes = usize::try_from(BOUND).unwrap())
            .await;
    for number in 0..60 {
        let (_, record) = bench.get(&format!("/{number}/4096"), "").await;
        assert_eq!(record.outcome, Handling::Stored, "{number}");
        let weight = bench.edge.summary().store_bytes;
        assert!(weight <= BOUND, "{weight} bytes after {number}");
    }
    let summary = bench.edge.summary();
    assert_eq!((summary.requests, summary.stored, summary.hits), (60, 60, 0));
    assert!(summary.store_bytes > BOUND / 2, "{summary:?}");
    assert!((8..=15).contains(&summary.store_keys), "{summary:?}");
    let (_, latest) = bench.get("/59/4096", "").await;
    assert_eq!(latest.outcome, Handling::Hit);
}

#[tokio::test]
async fn one_key_with_many_responses_does_not_outgrow_the_store() {
    const BOUND: u64 = 64 * 1024;
    let mut bench =
        bench_with("rfc9111", sized().await, |config| config.store_bytes = usize::try_from(BOUND).unwrap())
            .await;
    for number in 0..60 {
        let kind = format!("x-kind: {number}\r\n");
        bench.get("/4096", &kind).await;
        let (_, again) = bench.get("/4096", &kind).await;
        assert_eq!(again.outcome, Handling::Hit, "{number}");
        let summary = bench.edge.summary();
        assert!(summary.store_bytes <= BOUND && summary.store_keys == 1, "{summary:?}");
    }
}

#[tokio::test]
async fn long_bodies_pass_through_and_are_not_kept() {
    let chunked = answering(|_| {
        let chunk = format!("800\r\n{}\r\n", "x".repeat(2048));
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
            chunk.repeat(3)
        )
    })
    .await;
    let mut table = String::new();
    // origin, target, store, longest body kept
    let rows = [
        (sized().await, "/4095", 65_536, 4096),
        (sized().await, "/4096", 65_536, 4096),
        (sized().await, "/4097", 65_536, 4096),
        (chunked, "/chunked", 65_536, 6144),
        (chunked, "/chunked", 65_536, 6143),
        (sized().await, "/8192", 4096, 65_536),
        (sized().await, "/2048", 1024, 65_536),
        // The body fits into the store, and the head beside it does not.
        (sized().await, "/4000", 4096, 65_536),
        (sized().await, "/0", 2048, 0),
    ];
    for (origin, target, store, longest) in rows {
        let mut bench = bench_with("rfc9111", origin, |config| {
            config.store_bytes = store;
            config.max_object_bytes = longest;
        })
        .await;
        let (answer, first) = bench.get(target, "").await;
        let (_, second) = bench.get(target, "").await;
        // How long a chunked body is nobody knows when its head is sent.
        if target != "/chunked" {
            let said = field(&answer, "cache-status").unwrap().contains("; stored");
            assert_eq!(said, first.outcome == Handling::Stored, "{target}: {answer:.200}");
        }
        let weight = bench.edge.summary().store_bytes;
        assert!(weight <= store as u64, "{target}: {weight}");
        writeln!(table, "{target} store {store} longest {longest}: {} {}", first.outcome, second.outcome)
            .unwrap();
        if first.outcome != Handling::Stored {
            writeln!(table, "    {}", first.why).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// Starts an origin that writes half of a storable body, waits, and goes on as `rest` says.
async fn halting(go_on: Arc<Notify>, rest: &'static [u8]) -> std::net::SocketAddr {
    origin(move |_, mut stream| {
        let go_on = Arc::clone(&go_on);
        async move {
            head(&mut stream).await;
            let start = b"HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: 10\r\n\r\nfirst";
            stream.write_all(start).await.unwrap();
            go_on.notified().await;
            stream.write_all(rest).await.ok();
        }
    })
    .await
}

#[tokio::test]
async fn a_visitor_gets_the_first_bytes_before_the_app_has_finished() {
    let go_on = Arc::new(Notify::new());
    let mut bench = bench("rfc9111", halting(Arc::clone(&go_on), b"later").await).await;
    let mut visitor = TcpStream::connect(bench.address).await.unwrap();
    visitor.write_all(get("/", "").as_bytes()).await.unwrap();
    within(head(&mut visitor)).await;
    expect(&mut visitor, "first").await;
    assert_eq!(bench.edge.summary().store_keys, 0, "half a body is stored");
    go_on.notify_one();
    expect(&mut visitor, "later").await;
    // The response is stored before its last byte is handed on: no waiting for the record is needed.
    assert_eq!(bench.edge.summary().store_keys, 1);
    assert_eq!(bench.record().await.outcome, Handling::Stored);
    let (answer, record) = bench.get("/", "").await;
    assert_eq!((split(&answer).1, record.outcome), ("firstlater", Handling::Hit));
}

#[tokio::test]
async fn nothing_is_stored_when_the_visitor_leaves_before_the_end() {
    let go_on = Arc::new(Notify::new());
    let mut bench = bench("rfc9111", halting(Arc::clone(&go_on), b"later").await).await;
    let mut visitor = TcpStream::connect(bench.address).await.unwrap();
    visitor.write_all(get("/", "").as_bytes()).await.unwrap();
    within(head(&mut visitor)).await;
    expect(&mut visitor, "first").await;
    drop(visitor);
    let record = bench.record().await;
    assert_eq!(record.outcome, Handling::Miss);
    assert_eq!(record.why, "it could be stored, but the visitor left before the end");
    assert_eq!(bench.edge.summary().store_keys, 0);
}

#[tokio::test]
async fn nothing_is_stored_when_the_app_stops_in_mid_body() {
    let go_on = Arc::new(Notify::new());
    go_on.notify_one();
    let mut bench = bench("rfc9111", halting(go_on, b"lat").await).await;
    let (answer, record) = bench.get("/", "").await;
    assert!(split(&answer).1.len() < 10, "{answer:?}");
    assert_eq!((record.outcome, record.rule), (Handling::Error, None));
    assert!(record.why.starts_with("expected the rest of the response body from http://"), "{}", record.why);
    assert_eq!(bench.edge.summary().store_keys, 0);
}

#[tokio::test]
async fn partial_answers_and_other_methods_are_not_stored() {
    let origin = answering(|head| {
        let fields = "cache-control: public, s-maxage=60\r\n";
        if head.contains("bytes=") {
            format!("HTTP/1.1 206 Partial Content\r\n{fields}content-range: bytes 0-0/4\r\ncontent-length: 1\r\n\r\np")
        } else if head.starts_with("HEAD") {
            format!("HTTP/1.1 200 OK\r\n{fields}content-length: 4\r\n\r\n")
        } else {
            format!("HTTP/1.1 200 OK\r\n{fields}content-length: 4\r\n\r\npage")
        }
    })
    .await;
    let host = "host: site.example\r\nconnection: close\r\n\r\n";
    let rows = [
        format!("GET / HTTP/1.1\r\nrange: bytes=0-0\r\n{host}"),
        format!("HEAD / HTTP/1.1\r\n{host}"),
        format!("POST / HTTP/1.1\r\ncontent-length: 0\r\n{host}"),
        format!("DELETE / HTTP/1.1\r\n{host}"),
        format!("OPTIONS / HTTP/1.1\r\n{host}"),
    ];
    let mut table = String::new();
    for profile in ["rfc9111", "netlify", "cloudfront"] {
        for request in &rows {
            let mut bench = bench(profile, origin).await;
            let (answer, record) = bench.ask(request).await;
            let line = request.lines().next().unwrap();
            let status = answer.lines().next().unwrap();
            writeln!(table, "{profile} {line} -> {status} {}", record.outcome).unwrap();
            assert_eq!(bench.edge.summary().store_keys, 0, "{profile} {line}");
        }
    }
    insta::assert_snapshot!(table);
}

/// Whatever the app manages to say before it dies: a response that is not complete is never stored, and
/// never looks complete to the visitor.
#[tokio::test]
async fn a_response_cut_at_any_byte_is_never_stored() {
    let head_and_fields = "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\n";
    let sized = format!("{head_and_fields}content-length: 5\r\n\r\nwhole");
    let chunked =
        format!("{head_and_fields}transfer-encoding: chunked\r\n\r\n2\r\nwh\r\n3\r\nole\r\n0\r\n\r\n");
    for whole in [sized, chunked] {
        let bytes = whole.clone();
        let app = origin(move |_, mut stream| {
            let bytes = bytes.clone();
            async move {
                let head = head(&mut stream).await;
                let cut: usize = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
                stream.write_all(&bytes.as_bytes()[..cut]).await.ok();
            }
        })
        .await;
        let mut bench = bench("rfc9111", app).await;
        for cut in 0..whole.len() {
            let (answer, record) = bench.get(&format!("/{cut}"), "").await;
            assert_eq!(record.outcome, Handling::Error, "{cut}: {}", record.why);
            let (head, body) = split(&answer);
            let complete =
                if head.contains("chunked") { body.ends_with("0\r\n\r\n") } else { body == "whole" };
            assert!(!complete, "{cut}: {answer:?}");
        }
        assert_eq!(bench.edge.summary().store_keys, 0);
        let (answer, record) = bench.get(&format!("/{}", whole.len()), "").await;
        assert_eq!(record.outcome, Handling::Stored, "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_kept_and_breaks_off_is_counted() {
    let app = origin(|_, mut stream| async move {
        head(&mut stream).await;
        let half = b"HTTP/1.1 200 OK\r\ncache-control: no-store\r\ncontent-length: 10\r\n\r\nfirst";
        stream.write_all(half).await.unwrap();
    })
    .await;
    let mut bench = bench("rfc9111", app).await;
    let (answer, record) = bench.get("/", "").await;
    assert_eq!((record.outcome, split(&answer).1.len() < 10), (Handling::Miss, true));
    assert_eq!(bench.edge.summary().broken_bodies, 1);
}

/// Many small parts cost more memory than their bytes, and weigh more.
#[tokio::test]
async fn many_small_parts_weigh_what_they_cost() {
    const PARTS: usize = 2_000;
    let names = |separator: &str| vec!["a"; PARTS].join(separator);
    let cookies = format!("cookie: {}\r\n", vec!["a="; PARTS].join(";"));
    // profile, what the app sends, what the visitor sends
    let rows = [
        ("rfc9111", format!("vary: {}\r\n", names(",")), String::new()),
        ("netlify", format!("netlify-vary: cookie={}\r\n", names("|")), String::new()),
        ("cloudfront/cookies-in-key", String::new(), cookies),
    ];
    for (profile, fields, asking) in rows {
        let origin = answering(move |_| {
            let control = "cache-control: s-maxage=60\r\ncdn-cache-control: s-maxage=60\r\n";
            format!("HTTP/1.1 200 OK\r\n{control}{fields}content-length: 0\r\n\r\n")
        })
        .await;
        let mut bench = bench(profile, origin).await;
        bench.get("/", &asking).await;
        let weight = bench.edge.summary().store_bytes;
        assert!(weight > 64 * PARTS as u64, "{profile}: {weight}");
    }
}

/// More than any browser sends, and what the connection has to keep meanwhile.
#[tokio::test]
async fn a_request_head_much_longer_than_64_kib_is_refused() {
    let mut bench = bench("rfc9111", sized().await).await;
    let (answer, _) = bench.get("/1", &format!("x: {}\r\n", "x".repeat(60 * 1024))).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let refused = ask(bench.address, &get("/1", &format!("x: {}\r\n", "x".repeat(160 * 1024)))).await;
    assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
}
