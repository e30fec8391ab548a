//! Nothing waits for Redis.

use std::time::Duration;

use nostore_message::Secret;
use nostore_outage::{Proxy, RedisServer, Way};
use nostore_redis::{LinkFault, RedisLink};
use nostore_token::{Bus as _, Lock as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::world::{Direct, builder, built, link, message, until, up};

const NAME: &str = "nostore::sess_1::";

/// At once, on a machine that has other work.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Returns how long it took to be told that there is nobody: once, and the second time.
async fn refused(link: &RedisLink) -> [Duration; 2] {
    let mut took = [Duration::ZERO; 2];
    for took in &mut took {
        let start = Instant::now();
        assert!(link.load(NAME).await.is_none());
        assert!(link.acquire(NAME).await.is_none());
        *took = start.elapsed();
    }
    took
}

#[tokio::test]
async fn where_nobody_is_there_that_is_known_at_once() {
    let mut server = RedisServer::start().await;
    server.kill();
    let link = built(builder(&server.url()));
    let [first, second] = refused(&link).await;
    assert!(first < Duration::from_secs(1), "{first:?}");
    assert!(second < AT_ONCE, "{second:?}");
    assert_eq!(link.fault(), Some(LinkFault::Unreachable));
    let fault = link.send(&message("sess_1", 1)).unwrap_err();
    assert_eq!(fault.what, "redis is away");
    // And when somebody is there, that is known too.
    server.start_again().await;
    let link = up(link).await;
    assert_eq!(link.fault(), None);
    assert_eq!(link.send(&message("sess_1", 1)), Ok(()));
    assert!(link.load(NAME).await.is_some());
}

#[tokio::test]
async fn the_first_connection_is_waited_for_and_no_longer_than_it_may_take() {
    // Lets everybody in and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("redis://{}", listener.local_addr().unwrap()));
    let link = built(builder(&url).connect_timeout(Duration::from_millis(300)));
    let [first, second] = refused(&link).await;
    assert!((Duration::from_millis(290)..Duration::from_secs(2)).contains(&first), "{first:?}");
    assert!(second < AT_ONCE, "{second:?}");
    assert_eq!(link.fault(), Some(LinkFault::Silent));

    // Says hello, and nothing of the channel.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("redis://{}", listener.local_addr().unwrap()));
    let polite = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"%0\r\n+OK\r\n+OK\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let link = built(builder(&url).connect_timeout(Duration::from_millis(300)));
    let [first, second] = timeout(Duration::from_secs(20), refused(&link)).await.expect("expected an end");
    assert!((Duration::from_millis(290)..Duration::from_secs(2)).contains(&first), "{first:?}");
    assert!(second < AT_ONCE, "{second:?}");
    polite.abort();

    let server = RedisServer::start().await;
    let link = built(builder(&server.url()));
    assert!(link.acquire(NAME).await.is_some(), "asked before there was a connection");
}

#[tokio::test]
async fn one_that_hangs_is_waited_for_once() {
    let server = RedisServer::start().await;
    let link = link(&server).await;
    link.send(&message("sess_1", 1)).unwrap();
    assert!(link.load(NAME).await.is_some());
    server.hang();
    let [first, second] = refused(&link).await;
    assert!((Duration::from_millis(400)..Duration::from_secs(3)).contains(&first), "{first:?}");
    assert!(second < AT_ONCE, "{second:?}");
    assert_eq!(link.fault(), Some(LinkFault::Silent));
    server.go_on();
    let link = up(link).await;
    assert!(link.load(NAME).await.is_some());
}

#[tokio::test]
async fn one_that_hangs_is_found_out_without_anybody_asking() {
    let server = RedisServer::start().await;
    let link = link(&server).await;
    server.hang();
    until(async || !link.is_up()).await;
    let [first, _] = refused(&link).await;
    assert!(first < AT_ONCE, "{first:?}");
}

#[tokio::test]
async fn one_that_is_killed_is_found_out_at_once() {
    let mut server = RedisServer::start().await;
    let link = link(&server).await;
    let (start, waits) = (Instant::now(), {
        let held = link.acquire(NAME).await.unwrap();
        // The lock is somebody else's for as long as it lasts.
        std::mem::forget(held);
        link.acquire(NAME)
    });
    server.kill();
    assert!(waits.await.is_none());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn one_that_is_slow_is_made_use_of_up_to_a_point() {
    let server = RedisServer::start().await;
    let proxy = Proxy::before(server.port()).await;
    let link = up(built(builder(&proxy.url()))).await;
    proxy.goes(Way::Slowly(Duration::from_millis(100)));
    link.send(&message("sess_1", 1)).unwrap();
    assert!(link.load(NAME).await.is_some());
    proxy.goes(Way::Slowly(Duration::from_millis(600)));
    let [first, second] = refused(&link).await;
    assert!(first < Duration::from_secs(2), "{first:?}");
    assert!(second < AT_ONCE, "{second:?}");
}

#[tokio::test]
async fn one_that_talks_rubbish_is_left_alone_for_a_while() {
    let server = RedisServer::start().await;
    let proxy = Proxy::before(server.port()).await;
    let link = up(built(builder(&proxy.url()))).await;
    proxy.goes(Way::Garbage);
    let [first, _] = refused(&link).await;
    assert!(first < Duration::from_secs(2), "{first:?}");
    proxy.goes(Way::Through);
    let link = up(link).await;
    assert!(link.acquire(NAME).await.is_some());
}

#[tokio::test]
async fn one_that_does_not_let_us_in_says_so() {
    let server = RedisServer::start().await;
    let mut direct = Direct::to(&server).await;
    direct.ask::<()>("CONFIG", &[b"SET", b"requirepass", b"hush"]).await;
    for url in [server.url(), Secret::new(format!("redis://:wrong@127.0.0.1:{}", server.port()))] {
        let link = built(builder(&url));
        refused(&link).await;
        assert_eq!(link.fault(), Some(LinkFault::Refused));
    }
    let link =
        up(built(builder(&Secret::new(format!("valkey://:hush@127.0.0.1:{}/3", server.port()))))).await;
    link.send(&message("sess_1", 1)).unwrap();
    assert!(link.load(NAME).await.is_some());
    assert_eq!(direct.keys().await, [""; 0], "it is in another database");
}
