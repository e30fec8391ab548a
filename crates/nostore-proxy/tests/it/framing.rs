//! Requests whose length two readers could read differently (RFC 9112 section 6.3).

use std::fmt::Write as _;

use nostore_proxy::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::front::front;
use crate::wire::{ask, head, origin};

/// Starts an app that answers with everything it was sent, read as RFC 9112 section 6.3 says.
async fn repeating() -> std::net::SocketAddr {
    origin(|_, mut stream| async move {
        let head = head(&mut stream).await.to_ascii_lowercase();
        let lengths: Vec<&str> =
            head.lines().filter_map(|line| line.strip_prefix("content-length: ")).collect();
        let mut body = Vec::new();
        if head.contains("transfer-encoding: chunked") {
            while !body.ends_with(b"\r\n\r\n") {
                body.push(stream.read_u8().await.unwrap());
            }
        } else if let [length] = lengths[..] {
            body.resize(length.parse().unwrap(), 0);
            stream.read_exact(&mut body).await.unwrap();
        }
        let framing =
            head.lines().filter(|line| line.starts_with("content-length") || line.starts_with("transfer"));
        let framing: Vec<&str> = framing.collect();
        let seen = format!("{} | {:?}", framing.join(", "), String::from_utf8_lossy(&body));
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{seen}", seen.len());
        stream.write_all(answer.as_bytes()).await.ok();
    })
    .await
}

#[tokio::test]
async fn lengths_row_by_row() {
    let chunked = "3\r\none\r\n8\r\n and two\r\n0\r\n\r\n";
    // field lines, what follows the head
    let rows = [
        ("content-length: 3", "one"),
        ("content-length: 3\r\nconnection: content-length", "one"),
        ("content-length: 3\r\ncontent-length: 3", "one"),
        ("content-length: 3, 3", "one"),
        ("content-length: 3\r\ncontent-length: 4", "one"),
        ("content-length: +3", "one"),
        ("transfer-encoding: chunked", chunked),
        ("transfer-encoding: chunked\r\nconnection: transfer-encoding", chunked),
        ("content-length: 3\r\ntransfer-encoding: chunked", chunked),
        ("transfer-encoding: chunked\r\ncontent-length: 99", chunked),
        ("transfer-encoding: chunked, identity", chunked),
        ("transfer-encoding: identity", "one"),
        ("transfer-encoding : chunked", chunked),
        ("x: 1\r\n folded", ""),
    ];
    let app = repeating().await;
    let mut table = String::new();
    for (lines, content) in rows {
        let front = front(&format!("http://{app}"), Limits::default()).await;
        let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n\r\n{content}");
        let answer =
            ask(front, &request.replacen("host: a\r\n", "host: a\r\nconnection: close\r\n", 1)).await;
        let status = answer.lines().next().unwrap_or("closed");
        let body = answer.split_once("\r\n\r\n").map_or("", |parts| parts.1);
        writeln!(table, "{lines:?}\n    {status} {body}").unwrap();
    }
    insta::assert_snapshot!(table);
}

/// What a visitor may not claim in the head it may not claim behind the body either.
#[tokio::test]
async fn a_request_loses_its_trailer_fields() {
    let front = front(&format!("http://{}", repeating().await), Limits::default()).await;
    let lines = "transfer-encoding: chunked\r\nte: trailers\r\ntrailer: x-forwarded-for, x-real-ip, x-sum";
    let content = "3\r\none\r\n0\r\nx-forwarded-for: 6.6.6.6\r\nx-real-ip: 6.6.6.6\r\nx-sum: 1\r\n\r\n";
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\nconnection: close, te\r\n{lines}\r\n\r\n{content}");
    let answer = ask(front, &request).await;
    assert!(answer.contains("3\\r\\none\\r\\n0\\r\\n") && !answer.contains("6.6.6.6"), "{answer}");
}
