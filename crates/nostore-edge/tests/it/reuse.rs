//! Answers from the store.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nostore_edge::Handling;

use crate::bench::bench;
use crate::wire::{answering, field, split};

/// Those that keep a page for whoever asks; `cloudflare` keeps files alone.
const PROFILES: [&str; 12] = [
    "rfc9111",
    "netlify",
    "netlify/documented",
    "cloudfront",
    "cloudfront/cookies-in-key",
    "amplify",
    "amplify/cookies-in-key",
    "nginx",
    "nginx/ignore-headers",
    "cloudflare/cache-everything",
    "vercel",
    "varnish",
];

/// A public page whose body tells how often it was made.
async fn public_page() -> std::net::SocketAddr {
    let made = Arc::new(AtomicUsize::new(0));
    answering(move |_| {
        let body = format!("made {}", made.fetch_add(1, Ordering::SeqCst));
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: public, s-maxage=60\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    })
    .await
}

#[tokio::test]
async fn r0_4_a_public_page_is_served_from_the_cache_before_and_after_signing_in() {
    for profile in PROFILES {
        let mut bench = bench(profile, public_page().await).await;
        for cookies in ["", "cookie: __client_uat=7; __session=a.b.c\r\n"] {
            let (first, _) = bench.get("/", cookies).await;
            let (second, record) = bench.get("/", cookies).await;
            if profile == "varnish" && !cookies.is_empty() {
                assert_eq!(
                    record.outcome,
                    Handling::Pass,
                    "builtin.vcl asks the app for whoever has a cookie"
                );
                continue;
            }
            assert_eq!(record.outcome, Handling::Hit, "{profile} {cookies:?}");
            assert_eq!(split(&second).1, split(&first).1, "{profile} {cookies:?}");
            assert_eq!(field(&second, "set-cookie"), None);
        }
    }
}

#[tokio::test]
async fn a_hit_is_byte_identical_and_tells_its_age() {
    let mut table = String::new();
    for profile in PROFILES {
        let mut bench = bench(profile, public_page().await).await;
        let (first, stored) = bench.get("/", "").await;
        bench.clock.advance(7);
        let (second, hit) = bench.get("/", "").await;
        assert_eq!(split(&first).1, split(&second).1, "{profile}");
        assert_eq!(field(&second, "age"), Some("7"), "{profile}");
        assert_eq!((stored.outcome, hit.outcome), (Handling::Stored, Handling::Hit), "{profile}");
        assert_eq!((stored.age_secs, hit.age_secs), (None, Some(7)), "{profile}");
        for (answer, record) in [(&first, &stored), (&second, &hit)] {
            assert!(!record.why.is_empty() && record.rule.is_some(), "{record:?}");
            let lines = split(answer).0.lines().skip(1).map(|line| line.split("; detail").next().unwrap());
            let mut lines: Vec<&str> = lines.collect();
            lines.sort_unstable();
            writeln!(table, "{profile}, {}\n    {}", record.outcome, lines.join("\n    ")).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn freshness_ends_at_its_second() {
    let mut bench = bench("rfc9111", public_page().await).await;
    let mut table = String::new();
    bench.get("/", "").await;
    for (name, wait) in [("a second before", 59), ("at", 1), ("after it was stored anew", 0)] {
        bench.clock.advance(wait);
        let (answer, record) = bench.get("/", "").await;
        let (body, age) = (split(&answer).1, record.age_secs);
        writeln!(table, "{name}: {} {body:?} age {age:?}", record.outcome).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn visitors_conditions_are_met_from_the_store() {
    let origin = answering(|head| {
        let not_modified = head.to_ascii_lowercase().contains("if-");
        assert!(!not_modified, "a condition reached the app: {head}");
        "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\netag: \"v1\"\r\ncontent-type: text/html\r\n\
         last-modified: Sun, 06 Nov 1994 08:49:00 GMT\r\nset-cookie: seen=1\r\ncontent-length: 4\r\n\r\npage"
            .to_owned()
    })
    .await;
    let mut bench = bench("rfc9111", origin).await;
    let conditional = "if-none-match: \"v1\"\r\n";
    let (first, record) = bench.get("/", conditional).await;
    assert!(first.starts_with("HTTP/1.1 200"), "a 304 would have taken the page's place: {first}");
    assert_eq!(record.outcome, Handling::Stored);

    let host = "host: site.example\r\nconnection: close\r\n\r\n";
    let rows = [
        ("same tag", format!("GET / HTTP/1.1\r\n{conditional}{host}")),
        ("other tag", format!("GET / HTTP/1.1\r\nif-none-match: \"v2\"\r\n{host}")),
        ("since", format!("GET / HTTP/1.1\r\nif-modified-since: Sun, 06 Nov 1994 08:49:00 GMT\r\n{host}")),
        ("HEAD", format!("HEAD / HTTP/1.1\r\n{host}")),
        ("HEAD, same tag", format!("HEAD / HTTP/1.1\r\n{conditional}{host}")),
        ("range", format!("GET / HTTP/1.1\r\nrange: bytes=0-1\r\n{host}")),
    ];
    let mut table = String::new();
    for (name, request) in rows {
        let (answer, record) = bench.ask(&request).await;
        let (head, body) = split(&answer);
        let status = head.lines().next().unwrap();
        let (length, kind) = (field(&answer, "content-length"), field(&answer, "content-type"));
        let cookie = field(&answer, "set-cookie");
        let outcome = record.outcome;
        writeln!(table, "{name}: {outcome} {status} {body:?} {length:?} {kind:?} {cookie:?}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_purge_forgets_everything() {
    let mut bench = bench("rfc9111", public_page().await).await;
    bench.get("/", "").await;
    assert_eq!(bench.edge.summary().store_keys, 1);
    assert_eq!(bench.edge.purge(&nostore_edge::Purge::Everything), 1);
    assert_eq!(bench.edge.summary().store_keys, 0);
    let (answer, record) = bench.get("/", "").await;
    assert_eq!((split(&answer).1, record.outcome), ("made 1", Handling::Stored));
}

#[tokio::test]
async fn cache_status_row_by_row() {
    let origin = answering(|head| {
        let control = if head.contains("/private") { "private" } else { "s-maxage=60" };
        format!("HTTP/1.1 200 OK\r\ncache-control: {control}\r\nvary: x-kind\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    let mut bench = bench("rfc9111", origin).await;
    // what it is, seconds to wait before, method and target, further lines
    let rows = [
        ("first", 0, "GET /", ""),
        ("again", 7, "GET /", ""),
        ("HEAD", 0, "HEAD /", ""),
        ("other request fields", 0, "GET /", "x-kind: b\r\n"),
        ("refused by the visitor", 0, "GET /", "cache-control: no-cache\r\n"),
        ("refused and not stored", 0, "GET /private", "cache-control: no-cache\r\n"),
        ("not to be stored", 0, "GET /private", ""),
        ("stale, stored anew", 60, "GET /", ""),
        ("stale, not stored", 60, "HEAD /", ""),
        ("another method", 0, "OPTIONS /", ""),
        ("range", 0, "GET /", "range: bytes=0-1\r\n"),
    ];
    let mut table = String::new();
    for (name, wait, line, lines) in rows {
        bench.clock.advance(wait);
        let request = format!("{line} HTTP/1.1\r\nhost: site.example\r\n{lines}connection: close\r\n\r\n");
        let (answer, record) = bench.ask(&request).await;
        let status = field(&answer, "cache-status").unwrap().split("; detail").next().unwrap();
        writeln!(table, "{name}: {} | {status}", record.outcome).unwrap();
    }
    insta::assert_snapshot!(table);
}

/// RFC 9111 section 4.4.
#[tokio::test]
async fn an_unsafe_request_that_succeeds_makes_what_is_stored_invalid() {
    let origin = answering(|head| {
        let status = if head.contains("fail") { "500 Internal Server Error" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\ncache-control: s-maxage=60\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    let mut table = String::new();
    for profile in ["rfc9111", "cloudfront"] {
        for (line, mark) in [("OPTIONS", ""), ("POST", "x: fail\r\n"), ("POST", ""), ("DELETE", "")] {
            let mut bench = bench(profile, origin).await;
            bench.get("/", "").await;
            let end = "host: site.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            bench.ask(&format!("{line} / HTTP/1.1\r\n{mark}{end}")).await;
            let (_, record) = bench.get("/", "").await;
            writeln!(table, "{profile}, {line} {}: {}", mark.trim(), record.outcome).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// What a fixed Edge TTL stores loses its cookie before the first visitor; what is not stored keeps it.
#[tokio::test]
async fn a_cookie_that_storing_takes_is_swallowed_on_the_miss() {
    let origin = answering(|_| {
        "HTTP/1.1 200 OK\r\ncache-control: no-store\r\nset-cookie: session=alice\r\ncontent-length: 0\r\n\r\n"
            .to_owned()
    })
    .await;
    let mut bench = bench("cloudflare/cache-everything", origin).await;
    let end = "host: site.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let mut table = String::new();
    for line in ["POST /sign-in", "GET /account", "GET /account"] {
        let (answer, record) = bench.ask(&format!("{line} HTTP/1.1\r\n{end}")).await;
        let (cookie, status) = (field(&answer, "set-cookie"), field(&answer, "cf-cache-status"));
        writeln!(table, "{line}: {} {status:?} {cookie:?}", record.outcome).unwrap();
    }
    insta::assert_snapshot!(table);
}
