//! Requests that two programs could read differently: what the app gets is what the guard answered for.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bench::bench;
use crate::wire::{ask_bytes, origin};

/// An app that notes each request that it can make out, and answers it.
async fn noting(seen: Arc<Mutex<Vec<String>>>) -> std::net::SocketAddr {
    origin(move |_, stream| note(stream, Arc::clone(&seen))).await
}

async fn note(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    while let Some(line) = request(&mut stream).await {
        seen.lock().unwrap().push(line);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Reads one request by the letter of RFC 9112 section 6, and returns its first line.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let head = until(stream, b"\r\n\r\n").await?;
    let first = head.lines().next()?.to_owned();
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let mut found =
            lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
        let value = found.next();
        assert!(found.next().is_none(), "{name} twice: {head}");
        value.map(str::to_owned)
    };
    let (length, coding) = (field("content-length"), field("transfer-encoding"));
    match (length, coding) {
        (Some(_), Some(_)) => panic!("both framings reached the app: {head}"),
        (Some(length), None) => {
            assert!(length.bytes().all(|byte| byte.is_ascii_digit()), "{head}");
            stream.read_exact(&mut vec![0; length.parse().unwrap()]).await.ok()?;
        }
        (None, Some(coding)) => {
            assert_eq!(coding, "chunked", "{head}");
            loop {
                let size = until(stream, b"\r\n").await?;
                let size = usize::from_str_radix(size.trim_end(), 16).expect("a bare chunk size");
                stream.read_exact(&mut vec![0; size + 2]).await.ok()?;
                if size == 0 {
                    break;
                }
            }
        }
        (None, None) => {}
    }
    Some(first)
}

async fn until(stream: &mut TcpStream, end: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What is behind the first request, if somebody reads it so.
const BEHIND: &str = "GET /smuggled HTTP/1.1\r\nhost: site.example\r\nx: ";

/// Framings that programs have read in different ways.
fn corpus() -> Vec<(&'static str, String)> {
    let post = |fields: &str, body: &str| {
        format!("POST /first HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n{fields}\r\n{body}")
    };
    let chunked = format!("0\r\n\r\n{BEHIND}");
    let length = chunked.len();
    let both = format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n");
    let coding =
        |value: &str| post(&format!("content-length: {length}\r\ntransfer-encoding{value}\r\n"), &chunked);
    vec![
        ("both framings", post(&both, &chunked)),
        (
            "both framings, the length last",
            post(&format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n"), &chunked),
        ),
        ("two lengths", post("content-length: 0\r\ncontent-length: 40\r\n", BEHIND)),
        ("two lengths in one line", post("content-length: 0, 40\r\n", BEHIND)),
        ("the same length twice", post("content-length: 2\r\ncontent-length: 2\r\n", "ok")),
        ("a length with a sign", post("content-length: +0\r\n", BEHIND)),
        ("a negative length", post("content-length: -1\r\n", BEHIND)),
        ("a hexadecimal length", post("content-length: 0x0\r\n", BEHIND)),
        ("a length with a space within", post("content-length: 0 0\r\n", BEHIND)),
        ("a length beyond every number", post("content-length: 99999999999999999999999\r\n", BEHIND)),
        ("a space before the colon", coding(" : chunked")),
        ("a tab before the value", coding(":\tchunked")),
        ("a coding that is not the last", coding(": chunked, identity")),
        ("two codings", coding(": gzip, chunked")),
        ("chunked twice", coding(": chunked\r\ntransfer-encoding: chunked")),
        ("a coding that only looks so", coding(": xchunked")),
        ("a coding in quotes", coding(": \"chunked\"")),
        ("capitals", coding(": CHUNKED")),
        ("a vertical tab", coding(": \u{b}chunked")),
        ("a folded line", coding(":\r\n chunked")),
        (
            "an underscore in the name",
            post(&format!("content-length: {length}\r\ntransfer_encoding: chunked\r\n"), &chunked),
        ),
        ("a bare line feed", post("x: y\ntransfer-encoding: chunked\r\n", &chunked)),
        ("a bare carriage return", post("x: y\rtransfer-encoding: chunked\r\n", &chunked)),
        ("a NUL", post("x: \0\r\n", "")),
        ("a chunk size with a sign", post("transfer-encoding: chunked\r\n", "+0\r\n\r\n")),
        ("a chunk size with 0x", post("transfer-encoding: chunked\r\n", "0x0\r\n\r\n")),
        (
            "a chunk size beyond every number",
            post("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\nab"),
        ),
        (
            "a chunk extension with a line feed",
            post("transfer-encoding: chunked\r\n", &format!("2;\nxx\r\nok\r\n0\r\n\r\n{BEHIND}")),
        ),
        (
            "a chunk that is longer than it says",
            post("transfer-encoding: chunked\r\n", "2\r\nokay\r\n0\r\n\r\n"),
        ),
        (
            "a body for a GET",
            format!(
                "GET /first HTTP/1.1\r\nhost: site.example\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{chunked}"
            ),
        ),
        (
            "a length that Connection names",
            post(&format!("connection: content-length\r\ncontent-length: {length}\r\n"), &chunked),
        ),
        (
            "HTTP/1.0 in chunks",
            format!(
                "POST /first HTTP/1.0\r\nhost: site.example\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"
            ),
        ),
        (
            "an absolute target beside another host",
            format!(
                "GET http://site.example/first HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n{BEHIND}"
            ),
        ),
        (
            "a target with a space",
            "GET /first /smuggled HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n\r\n".to_owned(),
        ),
        (
            "a CONNECT",
            format!(
                "CONNECT site.example:80 HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n\r\n{BEHIND}"
            ),
        ),
        ("an h2c preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ]
}

#[tokio::test]
async fn nothing_reaches_the_app_that_the_guard_did_not_answer_for() {
    let mut text = String::new();
    for (name, request) in corpus() {
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let bench = bench(noting(Arc::clone(&seen)).await, |_| {}).await;
        let answer = ask_bytes(bench.address, request.as_bytes()).await;
        let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
        let seen = seen.lock().unwrap().clone();
        assert!(!seen.iter().any(|line| line.contains("smuggled")), "{name}: {seen:?}");
        assert!(seen.len() <= 1, "{name}: {seen:?}");
        let reached = seen.first().map_or("nothing", String::as_str);
        writeln!(text, "{name}: {}; the app: {reached}", statuses.join(" ")).unwrap();
    }
    insta::assert_snapshot!(text);
}
