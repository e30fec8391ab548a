//! Upstreams that fail, and what the visitor is told.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::header::{ACCEPT, HeaderValue};
use http_body_util::Full;
use nostore_proxy::{Limits, ProxyError, Upstream, error_page, wants_html};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::front::{front, text};
use crate::wire::{ask, expect, field, get, head, nobody, origin, split, until_end};

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.head_bytes = 8 * 1024;
    limits
}

/// For those who would wait for ever: everything else must not depend on how fast the machine is.
fn impatient() -> Limits {
    let mut limits = limits();
    limits.connect = Duration::from_millis(100);
    limits.head = Duration::from_millis(100);
    limits
}

/// Starts an origin that reads a head, says `bytes` and closes.
async fn saying(bytes: String) -> std::net::SocketAddr {
    origin(move |_, mut stream| {
        let bytes = bytes.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(bytes.as_bytes()).await.ok();
        }
    })
    .await
}

/// Starts an origin that accepts, reads and never says anything.
async fn silent() -> std::net::SocketAddr {
    origin(|_, mut stream| async move {
        let mut sink = Vec::new();
        stream.read_to_end(&mut sink).await.ok();
    })
    .await
}

async fn row(table: &mut String, name: &str, origin: &str, request: &str) {
    let limits = if name.starts_with("is silent") { impatient() } else { limits() };
    let front = front(origin, limits).await;
    let answer = ask(front, request).await;
    let (_, body) = split(&answer);
    let port = origin.rsplit(':').next().unwrap();
    let status = answer.lines().next().unwrap_or_default();
    let code = field(&answer, "code").unwrap_or_default();
    let proxy_status = field(&answer, "proxy-status").unwrap_or_default();
    assert_eq!(field(&answer, "cache-control"), Some("no-store"), "{name}");
    let body = body.trim_end().replace(port, "PORT").replace('\n', "\n    ");
    writeln!(table, "{name}: {status} | {code} | {proxy_status}\n    {body}").unwrap();
}

#[tokio::test]
async fn failures_row_by_row() {
    let mut table = String::new();
    let request = get("/", "");
    row(&mut table, "nobody listens", &format!("http://{}", nobody().await), &request).await;
    let many = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    let lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: 1\r\n".repeat(300));
    let says = [
        ("says nothing and closes", ""),
        ("closes in mid-head", "HTTP/1.1 200 OK\r\ncontent-le"),
        ("speaks SSH", "SSH-2.0-OpenSSH_9.6\r\n"),
        ("speaks HTTP/2", "\0\0\x12\x04\0\0\0\0\0"),
        ("has no status", "HTTP/1.1 abc OK\r\n\r\n"),
        ("has a field without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"),
        ("has two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ("has a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        ("switches unasked", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        ("a field longer than the limit", &many),
        ("more lines than the limit", &lines),
    ];
    for (name, bytes) in says {
        let origin = saying(bytes.to_owned()).await;
        row(&mut table, name, &format!("http://{origin}"), &request).await;
    }
    row(&mut table, "is silent", &format!("http://{}", silent().await), &request).await;
    row(&mut table, "is silent to TLS", &format!("https://{}", silent().await), &request).await;
    let plain = origin(|_, mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
        until_end(&mut stream).await;
    })
    .await;
    row(&mut table, "speaks no TLS", &format!("https://{plain}"), &request).await;
    let origin = format!("http://{}", nobody().await);
    let connect = "CONNECT site.example:443 HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n\r\n";
    row(&mut table, "CONNECT", &origin, connect).await;
    let asterisk = "OPTIONS * HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n\r\n";
    row(&mut table, "asterisk", &origin, asterisk).await;
    let round = "via: 1.1 nostore-test, 1.1 other\r\nvia: 1.1 nostore-test, 1.1 nostore-test\r\n";
    row(&mut table, "goes in circles", &origin, &get("/", round)).await;
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn twice_by_the_same_name_is_no_circle() {
    let origin = saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let front = front(&format!("http://{origin}"), limits()).await;
    let answer = ask(front, &get("/", "via: 1.1 nostore-test, 1.1 nostore-test\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_body_that_stops_never_looks_complete() {
    let rows = [
        ("length", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"),
        ("chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n"),
        (
            "garbage in the framing",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\nxyz\r\n",
        ),
    ];
    for (name, bytes) in rows {
        let origin = saying(bytes.to_owned()).await;
        let front = front(&format!("http://{origin}"), limits()).await;
        let answer = ask(front, &get("/", "")).await;
        assert!(!answer.ends_with("0\r\n\r\n"), "{name}: {answer:?}");
        if name == "length" {
            assert_eq!(field(&answer, "content-length"), Some("10"));
            assert!(split(&answer).1.len() < 10, "{answer:?}");
        }
    }
}

/// Answers the first request on each connection and closes without a word when the second one comes.
async fn forgetful(connections: Arc<AtomicUsize>) -> std::net::SocketAddr {
    origin(move |number, mut stream| {
        connections.store(number + 1, Ordering::SeqCst);
        async move {
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            head(&mut stream).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_kept_connection_that_died_is_tried_again_if_that_is_safe() {
    // method, content, statuses of a second request, connections seen by the origin
    let rows = [
        ("GET", "", "200", 2),
        ("DELETE", "", "200", 2),
        ("POST", "", "502", 1),
        ("PUT", "content-length: 1\r\n\r\nx", "502", 1),
    ];
    for (method, content, expected, connected) in rows {
        let connections = Arc::new(AtomicUsize::new(0));
        let origin = forgetful(Arc::clone(&connections)).await;
        let front = front(&format!("http://{origin}"), limits()).await;
        let mut stream = TcpStream::connect(front).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        head(&mut stream).await;
        expect(&mut stream, "ok").await;
        let end = if content.is_empty() { "\r\n" } else { content };
        let second = format!("{method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{end}");
        stream.write_all(second.as_bytes()).await.unwrap();
        let answer = until_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{method}: {answer}");
        assert_eq!(connections.load(Ordering::SeqCst), connected, "{method}");
    }
}

/// The app may have acted on a request that it got on a fresh connection, or began to answer.
#[tokio::test]
async fn a_request_that_the_app_may_have_acted_on_is_not_sent_again() {
    for first in ["", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] {
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let origin = origin(move |_, mut stream| {
            let count = Arc::clone(&count);
            async move {
                for answer in [first, "HTTP/1.1 200"] {
                    head(&mut stream).await;
                    count.fetch_add(1, Ordering::SeqCst);
                    stream.write_all(answer.as_bytes()).await.ok();
                    if answer.is_empty() {
                        return;
                    }
                }
            }
        })
        .await;
        let front = front(&format!("http://{origin}"), limits()).await;
        let mut visitor = TcpStream::connect(front).await.unwrap();
        let mut expected = 1;
        if !first.is_empty() {
            visitor.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            head(&mut visitor).await;
            expect(&mut visitor, "ok").await;
            expected = 2;
        }
        visitor.write_all(get("/", "").as_bytes()).await.unwrap();
        let answer = until_end(&mut visitor).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert_eq!(requests.load(Ordering::SeqCst), expected, "{first:?}");
    }
}

#[tokio::test]
async fn the_page_is_for_people() {
    let error = ProxyError::Garbage {
        upstream: "http://127.0.0.1:3000".to_owned(),
        detail: "<script>alert(1)</script> & more".to_owned(),
    };
    let mut fields = HeaderMap::new();
    fields.insert(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml"));
    let page = error_page(&error, wants_html(&fields), "nostore-edge");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    insta::assert_snapshot!(text(Full::new(page.into_body())).await);
}

#[test]
fn a_malformed_origin_says_what_is_wrong() {
    let rows = ["localhost:3000", "http://", "http://a/b", "ftp://a", "http://a:99999", "http://a b"];
    let mut table = String::new();
    for row in rows {
        writeln!(table, "{}", Upstream::new(row, Limits::default()).unwrap_err()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn localhost_is_found_on_either_loopback_address() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let app = tokio::net::TcpListener::bind(loopback).await.unwrap();
        let port = app.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = app.accept().await.unwrap();
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        });
        let front = front(&format!("http://localhost:{port}"), Limits::default()).await;
        let answer = ask(front, &get("/", "Connection: close\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{loopback}: {answer}");
    }
}
