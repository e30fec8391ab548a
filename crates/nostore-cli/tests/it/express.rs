//! `nostore dev -- node server.js`: an app in another language, unmodified.

use nostore_cli::visitor::Visitor;
use nostore_test::Nostore;
use url::Url;

use crate::site::NOSTORE;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cookie_on_a_cacheable_page_is_named_at_once() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/express");
    assert!(
        folder.join("node_modules/express").exists(),
        "expected Express to be installed: cargo xtask install"
    );
    let data = crate::site::Folder::new();
    let data = data.0.join("data").display().to_string();
    let arguments = [
        "dev",
        "--json",
        "--data",
        &data,
        "--listen",
        "127.0.0.1:0",
        "--issuer-listen",
        "127.0.0.1:0",
        "--cdn",
        "cloudfront",
        "--",
        "node",
        "server.js",
    ];
    let mut site = Nostore::start(NOSTORE, &arguments, &folder).await.unwrap();
    let at = |path: &str| Url::parse(&format!("{}{path}", site.started("/site"))).unwrap();
    let (offers, plain, away) = (at("/"), at("/plain"), at("/away"));

    let mut visitor = Visitor::new();
    visitor.open(&offers).await.unwrap();
    let warning = site.wait_for(0, |event| event["event"] == "warning").await.unwrap();
    assert_eq!((&warning["code"], &warning["path"]), (&"stored-set-cookie".into(), &"/".into()), "{warning}");
    for (line, word) in [("what", "shop.sid"), ("why", "CloudFront"), ("mend", "Cache-Control")] {
        assert!(warning[line].as_str().unwrap().contains(word), "{line}: {warning}");
    }
    let replayed = Visitor::new().open(&offers).await.unwrap();
    assert!(replayed.hops[0].set_cookies().any(|line| line.starts_with("shop.sid=")), "the emulation bites");

    let mark = site.mark();
    visitor.open(&plain).await.unwrap();
    visitor.open(&away).await.unwrap();
    let leaves = site.wait_for(mark, |event| event["event"] == "leaves-the-edge").await.unwrap();
    assert!(leaves["text"].as_str().unwrap().contains("X-Forwarded-Host"), "{leaves}");
    let warned = |event: &serde_json::Value| event["event"] == "warning" && event["path"] == "/plain";
    assert!(!site.since(mark).iter().any(warned), "a page without a cookie is no hazard");
    // A terminal that is closed takes the app along.
    let app = site.started("/app").replace("http://localhost", "127.0.0.1");
    assert!(tokio::net::TcpStream::connect(&app).await.is_ok(), "{app}");
    assert_eq!(site.end_by("HUP").await, Some(0));
    assert!(tokio::net::TcpStream::connect(&app).await.is_err(), "the app went on without its site");
}
