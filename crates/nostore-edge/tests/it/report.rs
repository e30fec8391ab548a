//! What the records tell.

use std::sync::{Arc, Mutex};

use nostore_cache::FIELD_SET;
use nostore_edge::Handling;

use crate::bench::{bench, bench_with};
use crate::wire::{answering, field};

#[tokio::test]
async fn a_stored_session_cookie_is_reported_the_moment_it_is_stored() {
    let origin = answering(|_| {
        "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\nset-cookie: connect.sid=s3cret-value; Path=/\r\n\
         content-length: 2\r\n\r\nok"
            .to_owned()
    })
    .await;
    let mut bench = bench("cloudfront", origin).await;
    let (_, record) = bench.get("/admin", "").await;
    assert_eq!(record.outcome, Handling::Stored);
    assert!(record.hazards.iter().any(|hazard| hazard.what.contains("connect.sid")), "{record:?}");
    let json = record.to_json().to_string();
    assert!(!json.contains("s3cret") && !format!("{record:?}").contains("s3cret"), "{json}");
    assert!(json.contains("connect.sid"), "{json}");
    let (_, hit) = bench.get("/admin", "").await;
    assert_eq!((hit.outcome, hit.hazards.len()), (Handling::Hit, 0));
    assert_eq!(bench.edge.summary().hazards.get("stored-set-cookie"), Some(&1));
}

#[tokio::test]
async fn what_the_app_says_to_its_tools_stops_here() {
    let origin = answering(|_| {
        "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\nnostore-why: read who is asking at src/x.rs:12\r\n\
         auth-sensitive: ?1\r\ncontent-length: 2\r\n\r\nok"
            .to_owned()
    })
    .await;
    let mut bench = bench("rfc9111", origin).await;
    for expected in [Handling::Stored, Handling::Hit] {
        let (answer, record) = bench.get("/", "").await;
        assert_eq!(record.outcome, expected);
        assert_eq!((field(&answer, "nostore-why"), field(&answer, "auth-sensitive")), (None, None));
        let said = (expected == Handling::Stored).then_some("read who is asking at src/x.rs:12");
        assert_eq!(record.nostore_why.as_deref(), said);
        assert_eq!(record.auth_sensitive, expected == Handling::Stored);
    }
}

#[tokio::test]
async fn addresses_that_leave_the_edge_are_reported_with_what_to_set() {
    let port = Arc::new(Mutex::new(0));
    let own = Arc::clone(&port);
    let origin = answering(move |_| {
        let port = own.lock().unwrap();
        format!(
            "HTTP/1.1 302 Found\r\nlocation: http://localhost:{port}/in\r\ncache-control: no-store\r\n\
             set-cookie: sid=1; Domain=app.internal\r\ncontent-length: 0\r\n\r\n"
        )
    })
    .await;
    *port.lock().unwrap() = origin.port();
    let mut bench = bench("rfc9111", origin).await;
    let (answer, record) = bench.get("/", "").await;
    assert!(
        field(&answer, "location").unwrap().contains(&origin.port().to_string()),
        "it is told, not changed"
    );
    insta::assert_snapshot!(record.leaks.join("\n").replace(&origin.port().to_string(), "PORT"));
}

#[tokio::test]
async fn what_is_stored_for_a_visitor_who_signed_in_is_reported() {
    let origin = answering(|head| {
        let control = if head.contains("/account") { "cache-control: private, no-store\r\n" } else { "" };
        format!("HTTP/1.1 200 OK\r\n{control}content-length: 2\r\n\r\nok")
    })
    .await;
    let rows = [
        ("/account", "", "stored-although-forbidden"),
        ("/account", "cookie: session=1\r\n", "stored-although-forbidden"),
        ("/auth", "authorization: Bearer x\r\n", "stored-personal"),
        ("/auth", "", ""),
    ];
    for (target, lines, expected) in rows {
        let mut bench = bench("netlify", origin).await;
        let (_, record) = bench.get(target, lines).await;
        let codes: Vec<&str> = record.hazards.iter().map(|hazard| hazard.code).collect();
        assert_eq!(
            (record.outcome, codes.join(" ")),
            (Handling::Stored, expected.to_owned()),
            "{target} {lines}"
        );
    }
}

#[tokio::test]
async fn a_redirect_to_the_apps_own_address_is_told_once() {
    let port = Arc::new(Mutex::new(0));
    let own = Arc::clone(&port);
    let origin = answering(move |head| {
        let port = own.lock().unwrap();
        let location = match head.split(' ').nth(1).unwrap() {
            "/own" => format!("http://localhost:{port}/in"),
            "/own-sign-in" => format!("http://localhost:{port}/sign-in"),
            "/own-cookie" => format!("http://localhost:{port}/in\r\nset-cookie: sid=1"),
            _ => "http://other.example/in".to_owned(),
        };
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    *port.lock().unwrap() = origin.port();
    // target, leaks, hazards
    let rows = [
        ("/own", 1, ""),
        ("/own-sign-in", 1, "stored-sign-in-redirect"),
        ("/own-cookie", 1, "stored-set-cookie stored-sign-in-redirect"),
        ("/other", 0, "stored-sign-in-redirect"),
    ];
    for (target, leaks, expected) in rows {
        let mut bench = bench("netlify", origin).await;
        let (_, record) = bench.get(target, "").await;
        let codes: Vec<&str> = record.hazards.iter().map(|hazard| hazard.code).collect();
        assert_eq!((record.leaks.len(), codes.join(" ")), (leaks, expected.to_owned()), "{target}");
    }
}

#[tokio::test]
async fn a_development_server_is_recognised() {
    let set = FIELD_SET.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let origin = answering(move |head| {
        let (status, fields) = match head.split(' ').nth(1).unwrap() {
            "/page" => ("200 OK", "cache-control: s-maxage=60\r\n"),
            "/moved" => ("307 Temporary Redirect", "location: /a\r\ncache-control: no-store\r\n"),
            "/sign-in-first" => ("401 Unauthorized", "cache-control: no-store\r\n"),
            "/read" => ("200 OK", "nostore-why: read who is asking\r\ncache-control: no-store\r\n"),
            "/protected" => ("200 OK", &*set),
            "/silent" => ("200 OK", ""),
            _ => ("200 OK", "cache-control: no-store, must-revalidate\r\n"),
        };
        format!("HTTP/1.1 {status}\r\n{fields}content-length: 0\r\n\r\n")
    })
    .await;
    for left_out in ["/moved", "/sign-in-first", "/read", "/protected"] {
        let mut bench = bench("rfc9111", origin).await;
        for _ in 0..9 {
            bench.get(left_out, "").await;
        }
        assert_eq!(bench.edge.summary().answers, 0, "{left_out}");
        for number in 0..5 {
            assert!(!bench.edge.summary().looks_like_development_server(), "{left_out} {number}");
            bench.get(&format!("/{number}"), "").await;
        }
        assert!(bench.edge.summary().looks_like_development_server(), "{left_out}");
    }
    // profile, one more answer after five of a development server's
    for (profile, another) in [("rfc9111", "/page"), ("rfc9111", "/silent"), ("netlify", "/other")] {
        let mut bench = bench(profile, origin).await;
        for number in 0..5 {
            bench.get(&format!("/{number}"), "").await;
        }
        bench.get(another, "").await;
        assert!(!bench.edge.summary().looks_like_development_server(), "{profile} {another}");
    }
}

#[tokio::test]
async fn records_are_numbered_and_know_the_visitor_without_printing_it() {
    let origin = answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let mut bench = bench_with("rfc9111", origin, |_| {}).await;
    for id in 1..=2 {
        let (_, record) = bench.get("/a?b=c", "cookie: __session=hush\r\ncookie: b=2\r\n").await;
        assert_eq!((record.id, &*record.method, &*record.target), (id, "GET", "/a?b=c"));
        assert_eq!((record.status, &*record.authority), (200, "site.example"));
        assert_eq!(record.cookie.expose(), "__session=hush; b=2");
        assert!(!format!("{record:?} {}", record.to_json()).contains("hush"));
        assert!(!record.why.is_empty() && record.rule.is_some());
    }
}

/// Results of a handshake travel in the query (`__clerk_handshake`), and so do one-time codes.
#[tokio::test]
async fn a_record_for_machines_names_the_parameters_of_the_query_and_not_their_values() {
    let origin = answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    let mut bench = bench("rfc9111", origin).await;
    let rows = [
        ("/a?__clerk_handshake=s3cret&page=2", "/a?__clerk_handshake=*&page=*"),
        ("/a?s3cret", "/a?*"),
        ("/a?", "/a?"),
        ("/a?&&b=s3cret=s3cret", "/a?&&b=*"),
        ("/a", "/a"),
    ];
    for (target, expected) in rows {
        let (_, record) = bench.get(target, "").await;
        assert_eq!(record.target, target);
        assert_eq!(record.to_json()["target"], expected);
        let debug = format!("{record:?}");
        assert!(!debug.contains("s3cret") && debug.contains(expected), "{debug}");
    }
}
