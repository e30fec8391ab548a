//! Bodies in motion, and tunnels.

use std::sync::Arc;
use std::time::Duration;

use nostore_proxy::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

use crate::front::front;
use crate::wire::{ask, expect, field, get, head, origin, split, until_end, within};

#[tokio::test]
async fn the_first_bytes_arrive_before_the_last_are_written() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let origin = origin(move |_, mut stream| {
        let gate = Arc::clone(&gate);
        async move {
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await.unwrap();
            gate.notified().await;
            stream.write_all(b"later").await.unwrap();
        }
    })
    .await;
    let front = front(&format!("http://{origin}"), Limits::default()).await;
    let mut visitor = TcpStream::connect(front).await.unwrap();
    visitor.write_all(get("/", "").as_bytes()).await.unwrap();
    within(head(&mut visitor)).await;
    expect(&mut visitor, "first").await;
    go_on.notify_one();
    expect(&mut visitor, "later").await;
}

#[tokio::test]
async fn a_request_body_reaches_the_app_while_it_is_written() {
    let (saw, seen) = oneshot::channel();
    let saw = std::sync::Mutex::new(Some(saw));
    let origin = origin(move |_, mut stream| {
        let saw = saw.lock().unwrap().take();
        async move {
            head(&mut stream).await;
            expect(&mut stream, "5\r\nfirst\r\n").await;
            saw.unwrap().send(()).unwrap();
            expect(&mut stream, "5\r\nlater\r\n0\r\n\r\n").await;
            stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let front = front(&format!("http://{origin}"), Limits::default()).await;
    let mut visitor = TcpStream::connect(front).await.unwrap();
    let start = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    visitor.write_all(start.as_bytes()).await.unwrap();
    visitor.write_all(b"5\r\nfirst\r\n").await.unwrap();
    within(seen).await.unwrap();
    visitor.write_all(b"5\r\nlater\r\n0\r\n\r\n").await.unwrap();
    let answer = until_end(&mut visitor).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// The origin is silent for longer than the limit, but only because the visitor is still uploading.
#[tokio::test]
async fn a_long_upload_is_not_a_silent_app() {
    let origin = origin(|_, mut stream| async move {
        head(&mut stream).await;
        expect(&mut stream, &"x".repeat(12)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    let mut limits = Limits::default();
    limits.head = Duration::from_secs(1);
    let front = front(&format!("http://{origin}"), limits).await;
    let mut visitor = TcpStream::connect(front).await.unwrap();
    let start = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 12\r\n\r\n";
    visitor.write_all(start.as_bytes()).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(150));
    for _ in 0..12 {
        pace.tick().await;
        visitor.write_all(b"x").await.unwrap();
    }
    let answer = until_end(&mut visitor).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Nobody reads, so the app can write only what the sockets hold: far less than it has.
#[tokio::test]
async fn a_visitor_that_does_not_read_holds_the_app_back() {
    const ALL: usize = 256 * 1024 * 1024;
    let (stuck, is_stuck) = oneshot::channel();
    let stuck = std::sync::Mutex::new(Some(stuck));
    let origin = origin(move |_, mut stream| {
        let stuck = stuck.lock().unwrap().take();
        async move {
            head(&mut stream).await;
            let start = format!("HTTP/1.1 200 OK\r\ncontent-length: {ALL}\r\n\r\n");
            stream.write_all(start.as_bytes()).await.unwrap();
            let chunk = vec![b'x'; 64 * 1024];
            let mut written = 0;
            // Silence for this long means that the sockets are full; that is what is to be shown.
            while let Ok(Ok(bytes)) =
                tokio::time::timeout(Duration::from_millis(300), stream.write(&chunk)).await
            {
                written += bytes;
                if written >= ALL {
                    break;
                }
            }
            stuck.unwrap().send(written).unwrap();
        }
    })
    .await;
    let front = front(&format!("http://{origin}"), Limits::default()).await;
    let mut visitor = TcpStream::connect(front).await.unwrap();
    visitor.write_all(get("/", "").as_bytes()).await.unwrap();
    let written = within(is_stuck).await.unwrap();
    assert!(written < ALL / 4, "{written} bytes left the app although nobody reads");
}

#[tokio::test]
async fn an_upgrade_is_tunnelled_both_ways() {
    let origin = origin(|_, mut stream| async move {
        let request = head(&mut stream).await;
        assert_eq!(field(&request, "upgrade"), Some("echo"), "{request}");
        assert_eq!(field(&request, "connection"), Some("upgrade"), "{request}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\nhello";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.write_all(b"bye").await.unwrap();
    })
    .await;
    let front = front(&format!("http://{origin}"), Limits::default()).await;
    let mut visitor = TcpStream::connect(front).await.unwrap();
    let request = "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";
    visitor.write_all(request.as_bytes()).await.unwrap();
    let answer = within(head(&mut visitor)).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert_eq!(field(&answer, "upgrade"), Some("echo"));
    expect(&mut visitor, "hello").await;
    visitor.write_all(b"\0\xff one two").await.unwrap();
    let mut echoed = [0; 10];
    within(visitor.read_exact(&mut echoed)).await.unwrap();
    assert_eq!(&echoed, b"\0\xff one two");
    visitor.shutdown().await.unwrap();
    assert_eq!(until_end(&mut visitor).await, "bye");
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_answer() {
    let origin = origin(|_, mut stream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno").await.unwrap();
    })
    .await;
    let front = front(&format!("http://{origin}"), Limits::default()).await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: echo\r\n\r\n";
    let answer = ask(front, request).await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    assert_eq!(split(&answer).1, "no");
}
