//! Which requests share a stored response, seen on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nostore_edge::Handling;

use crate::bench::bench;
use crate::wire::{answering, ask_bytes, field, get, split};

#[tokio::test]
async fn r1_13_the_cache_keeps_one_entry_per_combination_of_the_cookies_values() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let origin = answering(move |_| {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: /made/{number}\r\n\
             netlify-vary: cookie=__client_uat|__session\r\n\
             netlify-cdn-cache-control: public, s-maxage=60\r\ncontent-length: 1\r\n\r\n{number}"
        )
    })
    .await;
    let mut bench = bench("netlify", origin).await;
    let combinations = [
        "",
        "cookie: __client_uat=1\r\n",
        "cookie: __session=a\r\n",
        "cookie: __client_uat=1; __session=a\r\n",
        "cookie: __client_uat=1; __session=b\r\n",
        "cookie: __client_uat=2; __session=a\r\n",
    ];
    for (number, cookies) in combinations.iter().enumerate() {
        let (answer, record) = bench.get("/dashboard", cookies).await;
        assert_eq!(record.outcome, Handling::Stored, "{cookies:?}");
        assert_eq!(field(&answer, "location"), Some(&*format!("/made/{number}")), "{cookies:?}");
    }
    for (number, cookies) in combinations.iter().enumerate().rev() {
        let other = if cookies.is_empty() {
            "cookie: theme=dark\r\n".to_owned()
        } else {
            cookies.replace("cookie: ", "cookie: theme=dark; ")
        };
        for cookies in [*cookies, &*other] {
            let (answer, record) = bench.get("/dashboard", cookies).await;
            assert_eq!(record.outcome, Handling::Hit, "{cookies:?}");
            assert_eq!(split(&answer).1, number.to_string(), "{cookies:?}");
        }
    }
    assert_eq!(made.load(Ordering::SeqCst), combinations.len());
    assert_eq!(bench.edge.summary().store_keys, 1);
}

#[tokio::test]
async fn the_site_in_the_host_field_is_part_of_the_key() {
    let origin = answering(|head| {
        let host = field(head, "host").unwrap().to_owned();
        let length = host.len();
        format!("HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: {length}\r\n\r\n{host}")
    })
    .await;
    let mut bench = bench("cloudfront", origin).await;
    for host in ["a.example", "b.example", "a.example"] {
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let (answer, _) = bench.ask(&request).await;
        assert_eq!(split(&answer).1, host);
    }
    // The absolute form names the site, whatever Host says (RFC 9112 section 3.2.2).
    let request = "GET http://b.example/ HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n";
    let (answer, record) = bench.ask(request).await;
    assert_eq!((split(&answer).1, record.outcome), ("b.example", Handling::Hit));
}

#[tokio::test]
async fn one_visitors_cookie_is_replayed_to_all_where_the_platform_does_so() {
    let origin = answering(|head| {
        let id = field(head, "cookie").unwrap_or("nobody").to_owned();
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\nset-cookie: {id}\r\ncontent-length: {}\r\n\r\n{id}",
            id.len()
        )
    })
    .await;
    let mut shared = bench("cloudfront", origin).await;
    shared.get("/", "cookie: sid=alice\r\n").await;
    let (answer, record) = shared.get("/", "").await;
    assert_eq!(record.outcome, Handling::Hit);
    assert_eq!(field(&answer, "set-cookie"), Some("sid=alice"), "the leak is not emulated");
    assert_eq!(record.set_cookie, ["sid"]);

    let mut apart = bench("cloudfront/cookies-in-key", origin).await;
    apart.get("/", "cookie: sid=alice\r\n").await;
    let (answer, record) = apart.get("/", "").await;
    assert_eq!((record.outcome, split(&answer).1), (Handling::Stored, "nobody"));
}

/// A field that `Connection` nominates ends at the edge: what the app does not see must not choose the key, or
/// anybody could store the answer to another request under it.
#[tokio::test]
async fn what_ends_at_the_edge_is_not_part_of_the_key() {
    let origin = answering(|head| {
        let kind = field(head, "accept").or_else(|| field(head, "x-kind")).unwrap_or("none").to_owned();
        let length = kind.len();
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\nvary: x-kind\r\ncontent-length: {length}\r\n\r\n{kind}"
        )
    })
    .await;
    for (profile, name) in [("amplify", "accept"), ("rfc9111", "x-kind")] {
        let mut bench = bench(profile, origin).await;
        let hiding = format!("{name}: text/html\r\nconnection: {name}\r\n");
        let (answer, _) = bench.get("/", &hiding).await;
        assert_eq!(split(&answer).1, "none", "{profile}");
        let (answer, record) = bench.get("/", &format!("{name}: text/html\r\n")).await;
        assert_eq!((split(&answer).1, record.outcome), ("text/html", Handling::Stored), "{profile}");
        let (answer, record) = bench.get("/", "").await;
        assert_eq!((split(&answer).1, record.outcome), ("none", Handling::Hit), "{profile}");
    }
}

/// Bytes that are no text look alike once they are read as text, and so must not share an entry.
#[tokio::test]
async fn bytes_that_are_no_text_do_not_make_two_visitors_one() {
    let origin = answering(|_| {
        "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: 2\r\n\r\nok".to_owned()
    })
    .await;
    let mut bench = bench("cloudfront/cookies-in-key", origin).await;
    for byte in [0xe8, 0xe9] {
        let request = get("/", "cookie: sid=?\r\n").replace('?', "\u{0}");
        let bytes: Vec<u8> = request.bytes().map(|letter| if letter == 0 { byte } else { letter }).collect();
        let answer = ask_bytes(bench.address, &bytes).await;
        let outcome = bench.record().await.outcome;
        assert_eq!((split(&answer).1, outcome), ("ok", Handling::Pass), "{byte:x}");
    }
}
