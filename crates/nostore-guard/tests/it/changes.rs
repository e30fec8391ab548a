//! What becomes of an app's responses.

use std::fmt::Write as _;

use nostore_cache::FIELD_SET;

use crate::bench::{SESSION, bench};
use crate::wire::{answering, field, split};

/// The target says which lines the app answers with.
async fn app() -> std::net::SocketAddr {
    answering(|head| {
        let target = head.split(' ').nth(1).unwrap();
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let status = query.split('&').next().filter(|word| word.len() == 3).unwrap_or("200");
        let lines = query.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = value.replace('+', " ");
            Some(match name {
                "cc" => format!("cache-control: {value}\r\n"),
                "set" => format!("set-cookie: {value}=secret-of-alice; Path=/\r\n"),
                "to" => format!("location: {value}\r\n"),
                "sensitive" => format!("auth-sensitive: {value}\r\n"),
                other => panic!("{other}"),
            })
        });
        format!("HTTP/1.1 {status} X\r\n{}content-length: 2\r\n\r\nok", lines.collect::<String>())
    })
    .await
}

/// What came of a response.
fn outcome(answer: &str) -> String {
    let is = |(name, value): &(&str, &str)| field(answer, name) == Some(*value);
    let level = if FIELD_SET.iter().all(is) {
        "protected"
    } else {
        field(answer, "cache-control").unwrap_or("silent")
    };
    let lines = split(answer).0.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
    let names: Vec<&str> = lines.filter_map(|line| line.split('=').next()).collect();
    format!("{level}{}{}", if names.is_empty() { "" } else { ", sets " }, names.join(" "))
}

const ROWS: [(&str, &str, &str); 25] = [
    ("a public page", "/?cc=s-maxage=60", ""),
    ("a public page, signed in", "/?cc=s-maxage=60", "authjs.session-token=x"),
    ("a silent page", "/", ""),
    ("a silent page, signed in", "/", "authjs.session-token=x"),
    ("a silent page, signed in by parts", "/", "authjs.session-token.0=x"),
    ("a cookie that looks alike", "/?cc=s-maxage=60", "authjs.session-token-old=x; authjs.session-token.x=1"),
    (
        "the incident: a stamped page",
        "/?cc=s-maxage=31536000&set=authjs.session-token",
        "authjs.session-token=x",
    ),
    ("the same in parts", "/?cc=s-maxage=31536000&set=authjs.session-token.0&set=authjs.session-token.1", ""),
    ("a stray cookie on a public page", "/?cc=s-maxage=60&set=authjs.callback-url", ""),
    ("a stray beside the session", "/?cc=s-maxage=60&set=authjs.callback-url&set=authjs.session-token", ""),
    ("a stray, signed in", "/?cc=s-maxage=60&set=theme", "authjs.session-token=x"),
    ("a stray on a silent page", "/?set=theme", ""),
    ("a stray on a page of its own", "/?cc=private&set=theme", ""),
    ("a redirect", "/?307&to=/sign-in&cc=s-maxage=60", ""),
    ("a silent redirect", "/?302&to=/sign-in", ""),
    ("a refusal", "/?401&cc=s-maxage=60", ""),
    ("a page whose author forbids storing", "/?cc=no-store", ""),
    ("the same, by rule for everybody", "/about?cc=private,no-cache,no-store", ""),
    ("a page for browsers alone", "/?cc=private", ""),
    ("a page that caches ask about", "/?cc=no-cache", ""),
    ("the app says so", "/?cc=s-maxage=60&sensitive=?1", ""),
    ("the app says no", "/?cc=s-maxage=60&sensitive=?0", ""),
    (
        "a page that is public by rule, signed in",
        "/about?cc=s-maxage=60&set=authjs.session-token",
        "authjs.session-token=x",
    ),
    ("that page, a stray", "/about?cc=s-maxage=60&set=theme", ""),
    ("that page, silent", "/about?set=authjs.session-token", "authjs.session-token=x"),
];

#[tokio::test]
async fn r0_7_r3_4_responses_row_by_row() {
    let mut bench = bench(app().await, |_| {}).await;
    let mut table = String::new();
    for (name, target, cookie) in ROWS {
        let line = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
        let (answer, record) = bench.get(target, &line).await;
        assert_eq!(field(&answer, "auth-sensitive"), None, "{name}");
        assert!(answer.ends_with("ok"), "{name}: {answer}");
        let told = record.to_json().to_string();
        assert!(!told.contains("secret-of-alice") && !told.contains('?'), "{name}: {told}");
        writeln!(table, "{name}: {}", outcome(&answer)).unwrap();
        writeln!(table, "    {} {} {}", record.change.code(), record.dropped.join(" "), record.why).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn a_report_changes_nothing() {
    let app = app().await;
    let (mut bench, mut told) =
        (bench(app, |_| {}).await, bench(app, |config| config.report_only = true).await);
    for (name, target, cookie) in ROWS {
        let line = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
        let (answer, record) = told.get(target, &line).await;
        for pair in target.split(['?', '&']).filter_map(|pair| pair.split_once('=')) {
            match pair {
                ("cc", value) => assert_eq!(field(&answer, "cache-control"), Some(value), "{name}"),
                ("set", value) => assert!(answer.contains(&format!("set-cookie: {value}=")), "{name}"),
                _ => {}
            }
        }
        assert_eq!((field(&answer, "pragma"), field(&answer, "auth-sensitive")), (None, None), "{name}");
        let done = bench.get(target, &line).await.1;
        assert_eq!(
            (record.change, record.why, record.dropped),
            (done.change, done.why, done.dropped),
            "{name}"
        );
        assert!(record.report_only && !done.report_only);
    }
}

#[tokio::test]
async fn what_a_visitor_posts_is_not_made_cacheable() {
    let mut bench = bench(app().await, |_| {}).await;
    let request = "POST /?cc=s-maxage=60&set=theme HTTP/1.1\r\nhost: site.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (answer, _) = bench.ask(request).await;
    assert_eq!(outcome(&answer), "protected, sets theme");
    let (answer, _) = bench.ask(&request.replace("theme", SESSION)).await;
    assert_eq!(outcome(&answer), format!("protected, sets {SESSION}"));
}
