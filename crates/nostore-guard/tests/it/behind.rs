//! Between an app of the incident and every emulated cache: nobody is handed a session, and the public page is kept.
//!
//! The app's middleware writes the session anew on every page, which a framework has stamped as cacheable for a year.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nostore_cache::Profile;
use nostore_edge::{Edge, EdgeConfig, Record};
use nostore_web::SystemClock;
use tokio::sync::mpsc;

use crate::bench::{SESSION, bench};
use crate::wire::{answering, ask, field, get, listener, within};

async fn app() -> SocketAddr {
    let copies = Arc::new(AtomicUsize::new(0));
    answering(move |head| {
        let copy = copies.fetch_add(1, Ordering::SeqCst);
        let cookies = field(head, "cookie").unwrap_or_default();
        let session = cookies.split("; ").find(|pair| pair.starts_with(SESSION));
        let cookie = session.map_or_else(|| "authjs.callback-url=%2F".to_owned(), ToOwned::to_owned);
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: s-maxage=31536000\r\nset-cookie: {cookie}; Path=/\r\n\
             content-length: {}\r\n\r\ncopy {copy}",
            format!("copy {copy}").len()
        )
    })
    .await
}

/// Puts an emulated cache in front of `origin`.
async fn edge(profile: &str, origin: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<Record>) {
    let (sender, records) = mpsc::unbounded_channel();
    // The guard dates what it passes on.
    let clock = Arc::new(SystemClock);
    let mut config = EdgeConfig::new(format!("http://{origin}"), Profile::named(profile).unwrap(), clock);
    config.sink = Arc::new(move |record| drop(sender.send(record)));
    let edge = Edge::new(config).unwrap();
    let (listener, address) = listener().await;
    tokio::spawn(async move { edge.serve(listener, std::future::pending()).await });
    (address, records)
}

/// Visits the page: Alice, who is signed in, then two strangers. Returns what the last one was given, and whether
/// anything dangerous was stored.
async fn visits(profile: &str, origin: SocketAddr) -> (String, String, bool) {
    let (edge, mut records) = edge(profile, origin).await;
    let alice = format!("cookie: {SESSION}=secret-of-alice\r\n");
    let mut dangerous = false;
    let (mut last, mut outcome) = (String::new(), String::new());
    for lines in [&*alice, "", ""] {
        // Cloudflare keeps files, by their extension.
        let path = if profile == "cloudflare" { "/page.js" } else { "/" };
        last = ask(edge, &get(path, lines)).await;
        let record = within(records.recv()).await.unwrap();
        dangerous |= record.hazards.iter().any(|hazard| hazard.code == "stored-set-cookie");
        outcome = format!("{}: {}", record.outcome.as_str(), record.why);
    }
    (last, outcome, dangerous)
}

#[tokio::test]
async fn r0_4_r3_3_nobody_is_alice_and_the_page_is_kept() {
    let app = app().await;
    let mut alices = Vec::new();
    for profile in Profile::all() {
        let name = profile.name();
        let (answer, _, _) = visits(name, app).await;
        if answer.contains("secret-of-alice") {
            alices.push(name.to_owned());
        }
        let guard = bench(app, |_| {}).await;
        let (answer, outcome, dangerous) = visits(name, guard.address).await;
        assert!(!answer.contains("set-cookie"), "{name}: {answer}");
        assert!(!dangerous, "{name}");
        // nginx that ignores Cache-Control keeps what carries no X-Accel-Expires.
        assert!(outcome.starts_with("HIT"), "{name}: {outcome}");
    }
    assert!(
        alices.contains(&"amplify".to_owned()) && alices.contains(&"cloudfront".to_owned()),
        "{alices:?}"
    );
}
