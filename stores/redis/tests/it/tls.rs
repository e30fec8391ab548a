//! Redis behind TLS.

use nostore_message::Secret;
use nostore_outage::RedisServer;
use nostore_token::{Bus as _, Lock as _};

use crate::world::{builder, built, message, session, until, up};

#[tokio::test]
async fn the_link_speaks_tls_to_whom_it_trusts() {
    let server = RedisServer::start_with_tls().await;
    let (url, trusted) = server.tls();
    let link = up(built(builder(&url).root_certificates(trusted))).await;
    link.send(&message("sess_1", 1)).unwrap();
    assert!(link.load(&session("sess_1").to_string()).await.is_some());
    assert!(link.acquire("nostore::sess_1::").await.is_some());
}

#[tokio::test]
async fn nobody_else_is_spoken_to() {
    let (server, other) = (RedisServer::start_with_tls().await, RedisServer::start_with_tls().await);
    let ((url, trusted), (_, others)) = (server.tls(), other.tls());
    let by_address = Secret::new(url.expose().replace("localhost", "127.0.0.1"));
    let plain = Secret::new(format!("rediss://localhost:{}", server.port()));
    let strangers = [
        ("another certificate", builder(&url).root_certificates(others)),
        ("what the system trusts", builder(&url)),
        ("another name", builder(&by_address).root_certificates(trusted)),
        ("no TLS", builder(&plain).root_certificates(trusted)),
    ];
    for (what, builder) in strangers {
        let link = built(builder);
        until(async || link.fault().is_some()).await;
        assert!(link.acquire("nostore::sess_1::").await.is_none(), "{what}");
        assert!(!link.is_up(), "{what}");
    }
}

#[tokio::test]
async fn certificates_that_are_none_are_refused() {
    let runtime = tokio::runtime::Handle::current();
    let url = Secret::new("rediss://localhost:1");
    let broken = "-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----\n";
    for pem in ["", "garbage", broken] {
        let fault = builder(&url).root_certificates(pem).build_on(&runtime).unwrap_err();
        assert_eq!(fault.code(), "redis-certificates", "{pem}");
    }
    let server = RedisServer::start_with_tls().await;
    let fault = builder(&server.url()).root_certificates(server.tls().1).build_on(&runtime).unwrap_err();
    assert_eq!(fault.code(), "redis-certificates", "no TLS to trust in");
}
