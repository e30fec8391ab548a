//! Which field lines cross, in both directions.

use std::fmt::Write as _;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Version};
use nostore_message::Scheme;
use nostore_proxy::{Forwarded, Limits, clean_request, clean_response};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::front::front;
use crate::wire::{answering, ask, field, get, split};

fn map(lines: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines.split('|').filter_map(|line| line.trim().split_once(": ")) {
        fields.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    fields
}

fn print(fields: &HeaderMap) -> String {
    let mut lines: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.join(" | ")
}

#[test]
fn requests_row_by_row() {
    let rows = [
        "accept: */*",
        "connection: close",
        "connection: keep-alive, X-One | connection: x-two | x-one: 1 | X-Two: 2 | x-three: 3",
        "keep-alive: timeout=5 | proxy-connection: keep-alive | proxy-authorization: Basic x | proxy: evil",
        "te: trailers, deflate | connection: te",
        "te: gzip",
        "transfer-encoding: chunked",
        "upgrade: websocket | connection: Upgrade, keep-alive",
        "upgrade: websocket",
        "upgrade: h2c | connection: upgrade, http2-settings | http2-settings: AAMAAABk",
        "forwarded: for=6.6.6.6 | x-forwarded-for: 6.6.6.6 | x-forwarded-for: 7.7.7.7 | x-forwarded-proto: https",
        "x-forwarded-host: evil.example | x_forwarded_host: evil.example | x-forwarded-port: 1 | x-real-ip: 6.6.6.6",
        "host: other.example | connection: host, x-forwarded-for",
        "via: 1.0 fred, 1.1 p.example",
        "connection: ,, , | x: 1",
        "connection: cookie | cookie: a=1",
        "expect: 100-continue",
    ];
    let forwarded = Forwarded {
        address: [192, 0, 2, 1].into(),
        authority: "site.example:8080",
        scheme: Scheme::Http,
        pseudonym: "nostore-edge",
    };
    let ours = print(&{
        let mut fields = HeaderMap::new();
        clean_request(&mut fields, Version::HTTP_11, &forwarded);
        fields
    });
    let mut table = format!("always: {ours}\n");
    for row in rows {
        let mut fields = map(row);
        clean_request(&mut fields, Version::HTTP_11, &forwarded);
        let kept: Vec<String> =
            print(&fields).split(" | ").filter(|line| !ours.contains(line)).map(str::to_owned).collect();
        writeln!(table, "{row}\n  -> {}", kept.join(" | ")).unwrap();
        for name in ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"] {
            assert_eq!(fields.get_all(name).iter().count(), 1, "{row}: {name}");
            assert!(ours.contains(fields[name].to_str().unwrap()), "{row}: {name}");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn responses_row_by_row() {
    let rows = [
        ("content-length: 3 | via: 1.1 origin", false),
        ("connection: close | keep-alive: timeout=5 | set-cookie: a=1 | set-cookie: b=2", false),
        ("connection: x-hop | x-hop: 1 | x: 1", false),
        ("transfer-encoding: chunked | content-length: 3", false),
        ("upgrade: h2 | connection: upgrade", false),
        ("upgrade: websocket | connection: upgrade | sec-websocket-accept: x", true),
        (
            "proxy-authenticate: Basic | proxy-authentication-info: x | proxy-status: p; error=dns_error",
            false,
        ),
        ("trailer: expires", false),
    ];
    let mut table = String::new();
    for (row, switching) in rows {
        let mut fields = map(row);
        clean_response(&mut fields, switching);
        writeln!(table, "{row}\n  -> {}", print(&fields)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn the_app_sees_the_visitors_host_and_target() {
    let origin =
        answering(|head| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())).await;
    let front = front(&format!("http://{origin}"), Limits::default()).await;
    let lines = "x-forwarded-for: 6.6.6.6\r\ncookie: a=1; b=\u{e9}\r\nx-empty:\r\n";
    let answer = ask(front, &get("/a//b/../c?q=%20&r", lines)).await;
    let mut seen: Vec<&str> = split(&answer).1.trim().lines().collect();
    seen[1..].sort_unstable();
    insta::assert_snapshot!(seen.join("\n"));
}

#[tokio::test]
async fn messages_without_content_keep_their_fields_and_have_no_body() {
    // request line, what the origin answers
    let rows = [
        ("HEAD / HTTP/1.1", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        ("HEAD / HTTP/1.1", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("GET / HTTP/1.1", "HTTP/1.1 204 No Content\r\nx: 1\r\n\r\n"),
        ("GET / HTTP/1.1", "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"),
        ("GET / HTTP/1.1", "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\n\r\n"),
        ("GET / HTTP/1.1", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: \"a\"\r\n\r\n"),
        ("GET / HTTP/1.1", "HTTP/1.1 307 Temporary Redirect\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"),
        ("GET / HTTP/1.1", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        (
            "GET / HTTP/1.1",
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        ),
        ("GET / HTTP/1.0", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    ];
    let mut table = String::new();
    for (line, answer) in rows {
        let origin = answering(move |_| answer.to_owned()).await;
        let front = front(&format!("http://{origin}"), Limits::default()).await;
        let got = ask(front, &format!("{line}\r\nhost: site.example\r\nconnection: close\r\n\r\n")).await;
        let (head, body) = split(&got);
        let mut lines: Vec<&str> = head.lines().filter(|line| !line.starts_with("date:")).collect();
        lines[1..].sort_unstable();
        writeln!(table, "{line} <- {answer:?}\n  -> {} | body {body:?}", lines.join(" | ")).unwrap();
        assert_eq!(field(&got, "transfer-encoding"), None, "{answer:?}");
    }
    insta::assert_snapshot!(table);
}

/// Names that a message may have, hop-by-hop or not, as field names and as connection options.
const NAMES: [&str; 16] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "forwarded",
    "x-forwarded-for",
    "x_forwarded_proto",
    "x-real-ip",
    "host",
    "via",
    "cookie",
    "x-one",
    "x-two",
];

proptest! {
    /// Whatever the visitor sends: nothing nominated or hop-by-hop crosses, and claims are ours alone.
    #[test]
    fn no_request_carries_hop_by_hop_fields_or_claims(
        lines in vec((select(&NAMES[..]), vec(select(&NAMES[..]), 0..4)), 0..8),
    ) {
        let mut fields = HeaderMap::new();
        let mut nominated = Vec::new();
        for (name, words) in lines {
            if name == "connection" {
                nominated.extend(words.clone());
            }
            fields.append(HeaderName::from_static(name), words.join(", ").try_into().unwrap());
        }
        let address = [192, 0, 2, 1].into();
        let forwarded =
            Forwarded { address, authority: "site.example", scheme: Scheme::Http, pseudonym: "ours" };
        clean_request(&mut fields, Version::HTTP_11, &forwarded);

        let written = ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
        let expected = ["site.example", "192.0.2.1", "site.example", "http"];
        for (name, value) in written.into_iter().zip(expected) {
            prop_assert_eq!(fields.get_all(name).iter().collect::<Vec<_>>(), [value]);
        }
        for name in ["keep-alive", "proxy-connection", "proxy-authorization", "transfer-encoding"] {
            prop_assert!(!fields.contains_key(name), "{name}");
        }
        for name in ["forwarded", "x_forwarded_proto", "x-real-ip"] {
            prop_assert!(!fields.contains_key(name), "{name}");
        }
        for name in nominated.iter().filter(|name| name.starts_with("x-") || **name == "cookie") {
            prop_assert!(written.contains(name) || !fields.contains_key(*name), "{name}");
        }
        prop_assert!(fields.get("te").is_none_or(|value| value == "trailers"));
        prop_assert_eq!(fields.contains_key("connection"), fields.contains_key("upgrade"));
        prop_assert!(fields.get_all("via").iter().next_back().is_some_and(|hop| hop == "1.1 ours"));
    }
}
