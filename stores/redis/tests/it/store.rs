//! The store, under the suite of all engines and through what becomes of a server.

use std::sync::Arc;
use std::time::Duration;

use nostore_message::{Secret, UnixTime};
use nostore_outage::RedisServer;
use nostore_redis::{OpenFault, RedisStore, SettingsFault};
use nostore_signin::store::suite::{self, Ground, NOW};
use nostore_signin::store::{
    Change, Expected, Key, Kind, Record, Revision, Store, StoreError, StoreFuture, Written,
};
use tokio::time::Instant;

use crate::world::{Direct, until};

struct Server(RedisServer);

impl Ground for Server {
    fn open<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Arc<dyn Store>> {
        Box::pin(async move {
            let opened = RedisStore::builder(&self.0.url()).unwrap().prefix(name).open().await;
            opened.map(|store| Arc::new(store) as Arc<dyn Store>).map_err(|fault| match fault {
                OpenFault::Store(error) => error,
                other => panic!("{other}"),
            })
        })
    }

    fn take_over<'a>(&'a self, name: &'a str, version: u32) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let (key, version) = (format!("{{{name}}}/version"), version.to_string());
            let mut redis = Direct::to(&self.0).await;
            let _: String = redis.ask("SET", &[key.as_bytes(), version.as_bytes()]).await;
            Ok(true)
        })
    }
}

async fn opened(server: &RedisServer) -> RedisStore {
    RedisStore::builder(&server.url()).unwrap().open().await.unwrap()
}

fn put(name: &str, number: u64) -> Change {
    let record = Record { content: format!("{{\"hush\":{number}}}"), revision: Revision(number), ends: None };
    Change { key: Key::new(Kind::Session, name), expected: Expected::Anything, record: Some(record) }
}

async fn done(store: &RedisStore, change: &Change) {
    assert_eq!(store.write(change, NOW).await.unwrap(), Written::Done);
}

async fn names(store: &RedisStore) -> Vec<String> {
    let listed = store.list(Kind::Session, "", NOW).await.unwrap();
    listed.into_iter().map(|(name, _)| name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_passes_the_suite() {
    let report = suite::run(Arc::new(Server(RedisServer::start().await))).await;
    assert!(report.failures.is_empty(), "{report}");
}

/// Killed at any moment, it has all that it confirmed when it is started again.
#[tokio::test(flavor = "multi_thread")]
async fn confirmed_writes_outlive_the_server() {
    let mut server = RedisServer::start_durable().await;
    let mut confirmed = 0;
    for round in 1..=3 {
        let store = Arc::new(opened(&server).await);
        let (told, mut tells) = tokio::sync::watch::channel(confirmed);
        let writer = Arc::clone(&store);
        let writing = tokio::spawn(async move {
            for number in confirmed + 1.. {
                let change = put(&format!("{number:06}"), number);
                match writer.write(&change, NOW).await {
                    Ok(written) => assert_eq!(written, Written::Done),
                    Err(_) => return,
                }
                told.send_replace(number);
            }
        });
        tells.wait_for(|number| *number >= confirmed + 20 * round).await.unwrap();
        server.kill();
        writing.await.unwrap();
        confirmed = *tells.borrow();
        server.start_again().await;

        let listed = names(&store).await;
        let wanted: Vec<String> = (1..=confirmed).map(|number| format!("{number:06}")).collect();
        // One more may have been made than was confirmed.
        assert!(listed.starts_with(&wanted) && listed.len() <= wanted.len() + 1, "{confirmed}: {listed:?}");
        confirmed = listed.len() as u64;
    }
}

/// A server that hangs or is gone costs no more than the patience, and is found again when it is back.
#[tokio::test]
async fn nobody_waits_longer_than_the_patience() {
    let mut server = RedisServer::start().await;
    let patience = Duration::from_millis(300);
    let store = RedisStore::builder(&server.url()).unwrap().patience(patience).open().await.unwrap();
    done(&store, &put("one", 1)).await;
    let keys = [Key::new(Kind::Session, "one")];
    let fails = async |what: &str| {
        let start = Instant::now();
        let (change, error) = (put("one", 2), |error: StoreError| (error.code(), error.to_string()));
        let read = store.read(&keys, NOW).await.map_err(error).unwrap_err();
        let written = store.write(&change, NOW).await.map_err(error).unwrap_err();
        assert_eq!(read, ("store-engine", "expected the store to answer (reading)".to_owned()), "{what}");
        assert_eq!(written.0, "store-engine", "{what}");
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
    };
    server.hang();
    fails("hangs").await;
    server.go_on();
    until(async || store.read(&keys, NOW).await.is_ok()).await;
    server.kill();
    fails("is gone").await;
    server.start_again().await;
    until(async || store.write(&put("two", 1), NOW).await.is_ok()).await;
    assert_eq!(names(&store).await, ["two"]);
}

#[tokio::test]
async fn scripts_that_were_forgotten_are_sent_again() {
    let server = RedisServer::start().await;
    let store = opened(&server).await;
    done(&store, &put("one", 1)).await;
    let _: String = Direct::to(&server).await.ask("SCRIPT", &[b"FLUSH"]).await;
    done(&store, &put("two", 2)).await;
    assert_eq!(names(&store).await, ["one", "two"]);
}

/// What is in Redis, and when it goes by itself: a day after its end, which the caller's clock says.
#[tokio::test]
async fn redis_cleans_up_a_day_late() {
    let server = RedisServer::start().await;
    let store = opened(&server).await;
    let mut redis = Direct::to(&server).await;
    let day = 86_400_000;
    let ends = |millis: i64| Some(UnixTime::from_millis(NOW.millis().saturating_add(millis)));
    let rows = [
        (None, -1),
        (ends(0), day),
        (ends(-5_000), day),
        (ends(5_000), day + 5_000),
        (ends(i64::MAX), -1),
        (None, -1),
    ];
    for (ends, wanted) in rows {
        let mut change = put("one", 1);
        change.record.as_mut().unwrap().ends = ends;
        done(&store, &change).await;
        let left: i64 = redis.ask("PTTL", &[b"{nostore-signin}:session:one"]).await;
        assert!((wanted - 10_000..=wanted).contains(&left), "{ends:?}: {left}, expected {wanted}");
    }
    let keys = ["{nostore-signin}/names:session", "{nostore-signin}/version", "{nostore-signin}:session:one"];
    assert_eq!(redis.keys().await, keys);
    // What Redis removed is not listed, and a sweep forgets its name.
    let mut change = put("two", 2);
    change.record.as_mut().unwrap().ends = ends(1);
    done(&store, &change).await;
    let _: i64 = redis.ask("DEL", &[b"{nostore-signin}:session:two"]).await;
    assert_eq!(names(&store).await, ["one"]);
    assert_eq!(store.sweep(NOW.plus_secs(1)).await.unwrap(), 1);
    assert_eq!(redis.keys().await, keys);
    let remove = Change { record: None, ..put("one", 0) };
    done(&store, &remove).await;
    assert_eq!(redis.keys().await, ["{nostore-signin}/version"]);
}

/// A newer release's store is left as it is, and so is what another program keeps under our names.
#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let server = RedisServer::start().await;
    let mut redis = Direct::to(&server).await;
    for version in ["2", "4294967295", "99999999999", "two"] {
        let _: String = redis.ask("SET", &[b"{nostore-signin}/version", version.as_bytes()]).await;
        let fault = RedisStore::builder(&server.url()).unwrap().open().await.unwrap_err();
        assert_eq!(fault.code(), "store-newer", "{version}");
        assert_eq!(redis.keys().await, ["{nostore-signin}/version"]);
    }
    let _: i64 = redis.ask("DEL", &[b"{nostore-signin}/version"]).await;
    let store = opened(&server).await;
    let _: String = redis.ask("SET", &[b"{nostore-signin}:session:one", b"theirs"]).await;
    let keys = [Key::new(Kind::Session, "one")];
    assert_eq!(store.read(&keys, NOW).await.unwrap_err().code(), "store-engine");
    for expected in [Expected::Absent, Expected::Anything, Expected::Revision(Revision(1))] {
        let change = Change { expected, ..put("one", 1) };
        assert_eq!(store.write(&change, NOW).await.unwrap_err().code(), "store-engine");
    }
    let theirs: String = redis.ask("GET", &[b"{nostore-signin}:session:one"]).await;
    assert_eq!(theirs, "theirs");
    let _: String = redis.ask("SET", &[b"{nostore-signin}/version", b"2"]).await;
    for error in [store.read(&keys, NOW).await.map(drop), store.write(&put("one", 1), NOW).await.map(drop)] {
        assert_eq!(error.unwrap_err().code(), "store-newer");
    }
}

#[tokio::test]
async fn settings_of_a_store_row_by_row() {
    let url = Secret::new("redis://someone:hush@127.0.0.1:1/0");
    let builder = || RedisStore::builder(&url).unwrap();
    let rows = [
        (builder().prefix(""), "redis-prefix"),
        (builder().prefix("{a}"), "redis-prefix"),
        (builder().patience(Duration::ZERO), "redis-time"),
        (builder().patience(Duration::from_secs(61)), "redis-time"),
        (builder(), "store-engine"),
    ];
    for (builder, code) in rows {
        let shown = format!("{builder:?}");
        let fault = builder.open().await.unwrap_err();
        assert_eq!(fault.code(), code);
        let shown = format!("{shown} {fault} {fault:?}");
        assert!(!shown.contains("hush") && !shown.contains("someone"), "{shown}");
    }
    let none = RedisStore::builder(&Secret::new("http://localhost"));
    assert_eq!(none.map_err(SettingsFault::code).unwrap_err(), "redis-scheme");
}

/// How long a read takes here, roughly: printed, and bounded far above what is usual.
#[tokio::test]
async fn a_read_is_one_round_trip() {
    let server = RedisServer::start().await;
    let store = opened(&server).await;
    let names: Vec<String> = (0..5).map(|number| format!("session {number}")).collect();
    for name in &names {
        done(&store, &put(name, 1)).await;
    }
    let keys: Vec<Key> = names.iter().map(|name| Key::new(Kind::Session, name)).collect();
    let start = Instant::now();
    for _ in 0..500 {
        assert_eq!(store.read(&keys, NOW).await.unwrap().iter().flatten().count(), 5);
    }
    let read = start.elapsed() / 500;
    println!("a read of 5 keys: {read:?}");
    assert!(read < Duration::from_millis(50), "{read:?}");
}
