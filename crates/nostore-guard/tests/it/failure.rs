//! What goes wrong, and who is believed.

use std::sync::{Arc, Mutex};

use nostore_cache::FIELD_SET;
use nostore_guard::Change;
use nostore_web::TrustedProxies;

use crate::bench::bench;
use crate::wire::{answering, ask, field, get, nobody};

#[tokio::test]
async fn an_app_that_is_not_there_is_said_and_never_stored() {
    let mut bench = bench(nobody().await, |_| {}).await;
    let (answer, record) = bench.get("/orders?token=hush", "").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    for (name, value) in FIELD_SET {
        assert_eq!(field(&answer, name), Some(value), "{answer}");
    }
    assert_eq!((record.change, record.status, &*record.path), (Change::Failed, 502, "/orders"));
    assert!(record.why.contains("expected"), "{record:?}");
}

#[tokio::test]
async fn a_request_names_one_site() {
    let mut bench = bench(nobody().await, |_| {}).await;
    for lines in ["", "host: a\r\nhost: b\r\n", "host: a@b\r\n"] {
        let (answer, record) =
            bench.ask(&format!("GET / HTTP/1.1\r\n{lines}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lines}: {answer}");
        assert_eq!((record.change, record.status), (Change::Failed, 400));
    }
}

#[tokio::test]
async fn a_quiet_guard_tells_of_failures_alone() {
    let app = answering(|_| "HTTP/1.1 204 X\r\n\r\n".to_owned()).await;
    let mut bench = bench(app, |config| config.quiet = true).await;
    assert!(ask(bench.address, &get("/good", "")).await.starts_with("HTTP/1.1 204 "));
    let (_, record) = bench.ask("GET /bad HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert_eq!((record.change, &*record.path), (Change::Failed, "/bad"));
}

#[tokio::test]
async fn forwarded_fields_count_from_a_known_proxy_alone() {
    let seen = Arc::<Mutex<String>>::default();
    let kept = Arc::clone(&seen);
    let app = answering(move |head| {
        head.clone_into(&mut kept.lock().unwrap());
        "HTTP/1.1 204 X\r\n\r\n".to_owned()
    })
    .await;
    let lines =
        "x-forwarded-for: 203.0.113.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: shop.example\r\n";
    let trusted = TrustedProxies::none().addresses(["127.0.0.0/8"]).unwrap();
    for (trusted, expected) in [
        (TrustedProxies::none(), ["127.0.0.1", "http", "site.example"]),
        (trusted, ["203.0.113.7", "https", "shop.example"]),
    ] {
        let mut bench = bench(app, |config| config.trusted = trusted).await;
        bench.get("/", lines).await;
        let head = seen.lock().unwrap().clone();
        for (name, value) in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].iter().zip(expected)
        {
            assert_eq!(field(&head, name), Some(value), "{head}");
        }
        assert_eq!(field(&head, "host"), Some(expected[2]), "{head}");
        assert_eq!(field(&head, "via"), Some("1.1 nostore-guard"), "{head}");
    }
}
