//! What a reader of Redis learns.

use std::time::Duration;

use nostore_outage::RedisServer;
use nostore_token::{Bus as _, Lock as _};
use tokio::time::timeout;

use crate::world::{Direct, link, message, session};

#[tokio::test]
async fn neither_tokens_nor_sessions_are_to_be_seen_in_what_is_kept_and_told() {
    let server = RedisServer::start().await;
    let (link, mut direct) = (link(&server).await, Direct::to(&server).await);
    let monitor = redis::Client::open(server.url().expose()).unwrap().get_async_monitor().await.unwrap();
    let mut seen = monitor.into_on_message::<String>();
    let told = message("sess_1", 1);
    let held = link.acquire(&session("sess_1").to_string()).await.unwrap();
    link.send(&told).unwrap();
    link.load(&session("sess_1").to_string()).await.unwrap();
    let mut found = Vec::new();
    let keys = direct.keys().await;
    assert_eq!(keys.len(), 2);
    for key in keys {
        found.extend(direct.ask::<Vec<u8>>("GET", &[key.as_bytes()]).await);
        found.extend(key.into_bytes());
    }
    drop(held);
    link.forget(&session("sess_1").to_string());
    // All commands with all that is in them, up to the last one.
    loop {
        let line = timeout(Duration::from_secs(10), futures_util::StreamExt::next(&mut seen))
            .await
            .unwrap()
            .unwrap();
        found.extend(line.bytes());
        if line.contains("\"DEL\" \"nostore:token") {
            break;
        }
    }
    assert!(found.len() > 1_000, "{} bytes", found.len());
    let shows = |sought: &str| found.windows(sought.len()).any(|found| found == sought.as_bytes());
    assert!(shows("nostore:lock:"), "looked in the wrong place");
    let text = told.expose();
    let raw = text.split_once("\"tokenRaw\":\"").unwrap().1.split('"').next().unwrap();
    for part in raw.split('.').chain(["sess_1", "tokenRaw", "sessionId"]) {
        assert!(!shows(part), "{part}");
        assert!(text.contains(part));
    }
}
