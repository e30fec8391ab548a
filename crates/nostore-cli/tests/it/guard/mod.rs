//! `nostore guard` between an app in another language and an emulated CDN, each a process of its own.

mod hostile;
mod running;

use nostore_cli::visitor::Visitor;
use nostore_test::Nostore;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::site::{Folder, NOSTORE};

/// Serves with `answer` until the test ends, and returns the address.
async fn app<F: Future<Output = Option<()>> + Send + 'static>(answer: fn(TcpStream) -> F) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_4_r0_5_an_app_that_nobody_changed_hands_no_session_out_and_keeps_its_hits() {
    let folder = Folder::new();
    let express = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/express");
    assert!(
        express.join("node_modules/express").exists(),
        "expected Express to be installed: cargo xtask install"
    );
    let data = folder.0.join("data").display().to_string();
    let ports = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
    let dev = [&["dev", "--json", "--data", &data][..], &ports, &["--", "node", "server.js"]].concat();
    let dev = Nostore::start(NOSTORE, &dev, &express).await.unwrap();
    let app = dev.started("/app").replace("localhost", "127.0.0.1");

    let start = async |arguments: &[&str]| {
        let arguments = [arguments, &["--json", "--listen", "127.0.0.1:0"]].concat();
        Nostore::start(NOSTORE, &arguments, &folder.0).await.unwrap()
    };
    let guard = ["guard", "--origin", &app, "--session-cookie", "shop.sid"];
    let (guard, report) = (start(&guard).await, start(&[&guard[..], &["--report-only"]].concat()).await);

    for (mut guard, is_safe) in [(guard, true), (report, false)] {
        let mut edge = start(&["edge", "--cdn", "cloudfront", "--origin", guard.started("/site")]).await;
        let at = |path: &str| Url::parse(&format!("{}{path}", edge.started("/site"))).unwrap();
        let (offers, plain) = (at("/"), at("/plain"));
        for page in [&offers, &plain, &offers, &plain] {
            Visitor::new().open(page).await.unwrap();
        }
        let plain = |event: &serde_json::Value| event["path"] == "/plain" && event["outcome"] == "HIT";
        edge.wait_for(0, plain).await.expect("the public page is a hit");
        let events = edge.since(0);
        let replayed = events.iter().any(|event| event["path"] == "/" && event["outcome"] == "HIT");
        assert_eq!(replayed, !is_safe, "{events:?}");
        assert_eq!(events.iter().any(|event| event["event"] == "warning"), !is_safe, "{events:?}");
        let told = guard.wait_for(0, |event| event["path"] == "/").await.unwrap();
        assert_eq!((&told["change"], &told["reportOnly"]), (&"protected".into(), &(!is_safe).into()));
        assert!(told["why"].as_str().unwrap().contains("shop.sid"), "{told}");
        assert_eq!(guard.interrupt().await, Some(0));
    }
}
