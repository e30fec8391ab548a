//! Purging over real HTTP: stored, purged, fetched again; and who may not.

use std::net::SocketAddr;
use std::sync::Arc;

use nostore_edge::{Handling, Purge, StoredUrl};
use tokio::sync::oneshot;

use crate::bench::{Bench, bench};
use crate::wire::{answering, ask, listener};

/// A site whose every page may be kept for a minute.
async fn site() -> SocketAddr {
    answering(|_| {
        "HTTP/1.1 200 OK\r\ncache-control: public, s-maxage=60\r\ncontent-length: 2\r\n\r\nhi".to_owned()
    })
    .await
}

/// Opens the control port of an edge.
async fn control(bench: &Bench) -> (SocketAddr, oneshot::Sender<()>) {
    let (listener, address) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let edge = Arc::clone(&bench.edge);
    tokio::spawn(async move { edge.serve_control(listener, async { drop(stopped.await) }).await });
    (address, stop)
}

/// Sends a request to the control port; returns status and text.
async fn tell(control: SocketAddr, line: &str, lines: &str) -> String {
    let answer = ask(control, &format!("{line} HTTP/1.1\r\n{lines}content-length: 0\r\n\r\n")).await;
    let text = answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim().to_owned();
    format!("{} {text}", answer.get(9..12).unwrap_or("none"))
}

async fn outcome(bench: &mut Bench, target: &str) -> Handling {
    bench.get(target, "").await.1.outcome
}

#[tokio::test]
async fn what_was_purged_is_fetched_again() {
    let mut bench = bench("rfc9111", site().await).await;
    let (control, _stop) = control(&bench).await;
    let host = format!("host: {control}\r\n");
    for target in ["/a", "/a?b=c", "/b"] {
        assert_ne!(outcome(&mut bench, target).await, Handling::Hit);
        assert_eq!(outcome(&mut bench, target).await, Handling::Hit, "{target}");
    }
    assert_eq!(tell(control, "POST /purge?url=/a%3Fb=c", &host).await, "200 purged 1");
    assert_ne!(outcome(&mut bench, "/a?b=c").await, Handling::Hit);
    assert_eq!(outcome(&mut bench, "/a").await, Handling::Hit, "another URL");
    assert_eq!(tell(control, "POST /purge?url=/none", &host).await, "200 purged 0");
    assert_eq!(tell(control, "POST /purge", "host: localhost\r\n").await, "200 purged 3");
    for target in ["/a", "/a?b=c", "/b"] {
        assert_ne!(outcome(&mut bench, target).await, Handling::Hit, "{target}");
    }
}

#[tokio::test]
async fn a_page_of_a_browser_cannot_purge() {
    let mut bench = bench("rfc9111", site().await).await;
    let (control, _stop) = control(&bench).await;
    outcome(&mut bench, "/").await;
    let own = format!("host: {control}\r\n");
    let rows = [
        ("POST /purge", format!("{own}origin: http://evil.example\r\n"), "403"),
        ("POST /purge", format!("{own}origin: null\r\n"), "403"),
        ("POST /purge", format!("{own}origin: http://{control}\r\n"), "403"),
        ("POST /purge", format!("{own}sec-fetch-site: same-origin\r\n"), "403"),
        ("POST /purge", "host: evil.example\r\n".to_owned(), "403"),
        ("POST /purge", "host: localhost.evil.example\r\n".to_owned(), "403"),
        ("POST /purge", "host: 192.0.2.1\r\n".to_owned(), "403"),
        ("POST /purge", "host: localhost\r\nhost: evil.example\r\n".to_owned(), "403"),
        ("GET /purge", own.clone(), "405"),
        ("POST /", own.clone(), "404"),
        ("POST /purge?path=/a", own.clone(), "400"),
        ("POST /purge?url=/a&url=/b", own.clone(), "400"),
        ("POST /purge?url=a", own.clone(), "400"),
        ("POST /purge?url=http:///a", own.clone(), "400"),
    ];
    for (line, lines, expected) in rows {
        let found = tell(control, line, &lines).await;
        assert!(found.starts_with(expected), "{line} {lines:?}: {found}");
        assert_eq!(outcome(&mut bench, "/").await, Handling::Hit, "{line} {lines:?}");
    }
    // On the port of visitors these are the app's.
    let answer = bench
        .ask("POST /purge HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .await
        .0;
    assert!(answer.ends_with("hi"), "{answer}");
    bench.ask("PURGE / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert_eq!(outcome(&mut bench, "/").await, Handling::Hit);
}

#[tokio::test]
async fn a_url_is_purged_for_everybody_and_at_its_own_site() {
    for (profile, url, purged) in [
        ("cloudfront/cookies-in-key", "/a?b=c", 2),
        ("cloudfront/cookies-in-key", "/a", 0),
        // There the query is not in the key: an instruction may say what counts of it.
        ("netlify", "/a", 1),
        ("rfc9111", "http://shop.example/a?b=c", 1),
        ("rfc9111", "http://SHOP.example:80/a?b=c#d", 1),
        ("rfc9111", "https://shop.example/a?b=c", 1),
        ("rfc9111", "http://other.example/a?b=c", 0),
    ] {
        let mut bench = bench(profile, site().await).await;
        for cookie in ["a=1", "a=2"] {
            let request = format!(
                "GET /a?b=c HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n"
            );
            bench.ask(&request).await;
        }
        let meant = Purge::Url(StoredUrl::parse(url).unwrap());
        assert_eq!(bench.edge.purge(&meant), purged, "{profile} {url}");
    }
    for text in ["", "a", "//", "http://", "http:///a", "ftp://a/", "/a b", "http://a b/", "/\u{e9}"] {
        assert_eq!(StoredUrl::parse(text).is_some(), text == "//", "{text:?}");
    }
}
