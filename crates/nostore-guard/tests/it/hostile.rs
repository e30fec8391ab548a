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

/// A request with these framing fields and that body.
fn post(fields: &str, body: &str) -> String {
    format!("POST /first HTTP/1.1\r\nhost: site.example\r\nconnection: close\r\n{fields}\r\n{body}")
}

/// Nothing in chunks, and what is behind.
fn chunked() -> String {
    format!("0\r\n\r\n{BEHIND}")
}

/// Lengths that programs have read in different ways.
fn lengths() -> Vec<(&'static str, String)> {
    let length = chunked().len();
    let rows = [
        ("two lengths", "content-length: 0\r\ncontent-length: 40\r\n"),
        ("two lengths in one line", "content-length: 0, 40\r\n"),
        ("a length with a sign", "content-length: +0\r\n"),
        ("a negative length", "content-length: -1\r\n"),
        ("a hexadecimal length", "content-length: 0x0\r\n"),
        ("a length with a space within", "content-length: 0 0\r\n"),
        ("a length beyond every number", "content-length: 99999999999999999999999\r\n"),
    ];
    let mut rows: Vec<_> = rows.into_iter().map(|(name, fields)| (name, post(fields, BEHIND))).collect();
    let named = format!("connection: content-length\r\ncontent-length: {length}\r\n");
    rows.extend([
        ("the same length twice", post("content-length: 2\r\ncontent-length: 2\r\n", "ok")),
        ("a length that Connection names", post(&named, &chunked())),
    ]);
    rows
}

/// Transfer codings beside a length.
fn codings() -> Vec<(&'static str, String)> {
    let length = chunked().len();
    let rows = [
        ("both framings", "transfer-encoding: chunked"),
        ("a space before the colon", "transfer-encoding : chunked"),
        ("a tab before the value", "transfer-encoding:\tchunked"),
        ("a coding that is not the last", "transfer-encoding: chunked, identity"),
        ("two codings", "transfer-encoding: gzip, chunked"),
        ("chunked twice", "transfer-encoding: chunked\r\ntransfer-encoding: chunked"),
        ("a coding that only looks so", "transfer-encoding: xchunked"),
        ("a coding in quotes", "transfer-encoding: \"chunked\""),
        ("capitals", "transfer-encoding: CHUNKED"),
        ("a vertical tab", "transfer-encoding: \u{b}chunked"),
        ("a folded line", "transfer-encoding:\r\n chunked"),
        ("an underscore in the name", "transfer_encoding: chunked"),
    ];
    let framed = |line: &str| post(&format!("content-length: {length}\r\n{line}\r\n"), &chunked());
    let mut rows: Vec<_> = rows.into_iter().map(|(name, line)| (name, framed(line))).collect();
    let last = format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n");
    rows.push(("both framings, the length last", post(&last, &chunked())));
    rows
}

/// Lines, chunks and targets.
fn others() -> Vec<(&'static str, String)> {
    let in_chunks = |body: &str| post("transfer-encoding: chunked\r\n", body);
    let (chunked, length) = (chunked(), chunked().len());
    let site = "host: site.example\r\n";
    vec![
        ("a bare line feed", post("x: y\ntransfer-encoding: chunked\r\n", &chunked)),
        ("a bare carriage return", post("x: y\rtransfer-encoding: chunked\r\n", &chunked)),
        ("a NUL", post("x: \0\r\n", "")),
        ("a chunk size with a sign", in_chunks("+0\r\n\r\n")),
        ("a chunk size with 0x", in_chunks("0x0\r\n\r\n")),
        ("a chunk size beyond every number", in_chunks("fffffffffffffffff\r\nab")),
        ("a chunk extension with a line feed", in_chunks(&format!("2;\nxx\r\nok\r\n{chunked}"))),
        ("a chunk that is longer than it says", in_chunks("2\r\nokay\r\n0\r\n\r\n")),
        (
            "a body for a GET",
            format!(
                "GET /first HTTP/1.1\r\n{site}content-length: {length}\r\nconnection: close\r\n\r\n{chunked}"
            ),
        ),
        (
            "HTTP/1.0 in chunks",
            format!("POST /first HTTP/1.0\r\n{site}transfer-encoding: chunked\r\n\r\n{chunked}"),
        ),
        (
            "an absolute target beside another host",
            format!(
                "GET http://site.example/first HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n{BEHIND}"
            ),
        ),
        (
            "a target with a space",
            format!("GET /first /smuggled HTTP/1.1\r\n{site}connection: close\r\n\r\n"),
        ),
        ("a CONNECT", format!("CONNECT site.example:80 HTTP/1.1\r\n{site}connection: close\r\n\r\n{BEHIND}")),
        ("an h2c preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ]
}

#[tokio::test]
async fn nothing_reaches_the_app_that_the_guard_did_not_answer_for() {
    let mut text = String::new();
    for (name, request) in [lengths(), codings(), others()].concat() {
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
