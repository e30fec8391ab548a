//! What would fill a guard's memory or a terminal: bounded, and shown as text.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nostore_test::Nostore;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use url::Url;

use super::app;
use crate::site::{Folder, NOSTORE};

/// How much is sent that would fill a memory.
const MUCH: usize = 100 * 1024 * 1024;
/// How much a guard may ever have held, in KiB.
const HELD_KIB: u64 = 96 * 1024;

/// Answers each path with what it is named after.
async fn answer(mut stream: TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let part = vec![b'a'; 64 * 1024];
    match head.split(' ').nth(1)? {
        // The first megabytes of what does not end.
        "/endless" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n").await.ok()?,
        "/line" => stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.ok()?,
        "/lines" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok()?;
            for _ in 0..MUCH / 8 {
                stream.write_all(b"x: abc\r\n").await.ok()?;
            }
        }
        "/again" => {
            let redirect = "HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n";
            return stream.write_all(redirect.as_bytes()).await.ok();
        }
        "/short" => {
            return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nless").await.ok();
        }
        "/upload" => {
            let mut sink = vec![0; 64 * 1024];
            while stream.read(&mut sink).await.ok()? > 0 {}
            return None;
        }
        _ => {
            let colours = "HTTP/1.1 200 OK\r\ncache-control: s-maxage=9\r\nset-cookie: \u{9b}31mevil=1\r\ncontent-length: 0\r\n\r\n";
            return stream.write_all(colours.as_bytes()).await.ok();
        }
    }
    for _ in 0..MUCH / part.len() {
        stream.write_all(&part).await.ok()?;
    }
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_held_nowhere() {
    let (folder, app) = (Folder::new(), app(answer).await);
    let guard = ["guard", "--json", "--listen", "127.0.0.1:0", "--session-cookie", "sid", "--origin", &app];
    let guard = Nostore::start(NOSTORE, &guard, &folder.0).await.unwrap();
    let address = Url::parse(guard.started("/site")).unwrap().socket_addrs(|| None).unwrap()[0];
    let begun = Instant::now();
    for (path, expected) in
        [("/endless", "200"), ("/line", "502"), ("/lines", "502"), ("/again", "302"), ("/short", "200")]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (mut first, mut length) = (String::new(), 0);
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            if first.is_empty() {
                first = String::from_utf8_lossy(&buffer[..read.min(64)]).into_owned();
            }
            length += read;
        }
        assert_eq!(first.split(' ').nth(1), Some(expected), "{path}");
        assert_eq!(length >= MUCH, path == "/endless", "{path}: {length}");
    }
    // A head that does not end, and an upload that nobody reads to its end.
    for (head, is_head) in
        [("GET /", true), ("POST /upload HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999\r\n\r\n", false)]
    {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let part = vec![b'a'; 64 * 1024];
        let mut sent = 0;
        while sent < MUCH && stream.write_all(&part).await.is_ok() {
            sent += part.len();
        }
        assert_eq!(sent < MUCH, is_head, "{head}: {sent}");
    }
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    let status = std::fs::read_to_string(format!("/proc/{}/status", guard.id().unwrap())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let most: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(most < HELD_KIB, "{most} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_does_not_command_a_terminal() {
    let (folder, app) = (Folder::new(), app(answer).await);
    let mut guard = Command::new(NOSTORE)
        .args(["guard", "--listen", "127.0.0.1:0", "--session-cookie", "sid", "--origin", &app])
        .current_dir(&folder.0)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(guard.stdout.take().unwrap()).lines();
    let mut site = None;
    while site.is_none() {
        let line = lines.next_line().await.unwrap().unwrap();
        site = line.split_once("http://").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
    }
    let mut stream = TcpStream::connect(site.unwrap()).await.unwrap();
    let path = "/x\u{9b}31m%1b[2J";
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    let told = loop {
        let line = lines.next_line().await.unwrap().unwrap();
        assert!(!line.chars().any(char::is_control), "{line:?}");
        if line.contains("lost") {
            break line;
        }
    };
    assert!(told.contains("31mevil"), "{told}");
}
