//! Who has the lock.

use std::time::Duration;

use nostore_outage::RedisServer;
use nostore_token::{Bus as _, Held, Lock as _};
use tokio::time::{Instant, timeout};

use crate::world::{Direct, builder, built, link, message, session, until, up};

const NAME: &str = "nostore::sess_1::";

/// Long enough to be given a lock that is free.
const LONG: Duration = Duration::from_secs(10);
/// Long enough to have asked several times.
const WHILE: Duration = Duration::from_millis(500);

async fn gets(link: &nostore_redis::RedisLink, within: Duration) -> Option<Held> {
    timeout(within, link.acquire(NAME)).await.ok().flatten()
}

#[tokio::test]
async fn one_has_it_and_the_next_gets_it() {
    let server = RedisServer::start().await;
    let (one, other) = (link(&server).await, link(&server).await);
    let held = gets(&one, LONG).await.unwrap();
    assert!(gets(&other, WHILE).await.is_none());
    assert!(gets(&one, WHILE).await.is_none(), "nor does its owner have it twice");
    assert!(timeout(LONG, other.acquire("nostore::sess_2::")).await.unwrap().is_some());
    drop(held);
    assert!(gets(&other, LONG).await.is_some());
}

#[tokio::test]
async fn whoever_waits_gets_it_when_it_is_given_back() {
    let server = RedisServer::start().await;
    let (one, other) = (link(&server).await, link(&server).await);
    let held = gets(&one, LONG).await.unwrap();
    let waits = tokio::spawn(other.acquire(NAME));
    // It has been refused at least once.
    assert!(gets(&other, WHILE).await.is_none());
    let start = Instant::now();
    drop(held);
    assert!(timeout(LONG, waits).await.unwrap().unwrap().is_some());
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn whoever_gave_up_is_not_given_it() {
    let server = RedisServer::start().await;
    let (one, other, mut direct) = (link(&server).await, link(&server).await, Direct::to(&server).await);
    let held = gets(&one, LONG).await.unwrap();
    assert!(gets(&other, WHILE).await.is_none());
    drop(held);
    // Given up before the answer came, many times.
    for _ in 0..100 {
        let waits = other.acquire(NAME);
        tokio::task::yield_now().await;
        drop(waits);
    }
    // What was asked before is done.
    other.load(NAME).await;
    other.load(NAME).await;
    assert_eq!(direct.keys().await, [""; 0]);
}

#[tokio::test]
async fn it_goes_with_an_owner_who_is_gone_and_not_before() {
    let server = RedisServer::start().await;
    let lasts = Duration::from_millis(1_500);
    let one = up(built(builder(&server.url()).lock_lasts(lasts))).await;
    let (other, start) = (link(&server).await, Instant::now());
    let held = gets(&one, LONG).await.unwrap();
    std::mem::forget(held);
    assert!(gets(&other, LONG).await.is_some());
    let took = start.elapsed();
    assert!((lasts - Duration::from_millis(50)..lasts * 3).contains(&took), "{took:?}");
}

#[tokio::test]
async fn an_owner_who_comes_late_does_not_give_back_what_is_anothers() {
    let server = RedisServer::start().await;
    let one = up(built(builder(&server.url()).lock_lasts(Duration::from_millis(100)))).await;
    let (other, third) = (link(&server).await, link(&server).await);
    let late = gets(&one, LONG).await.unwrap();
    let held = gets(&other, LONG).await.unwrap();
    drop(late);
    // What it gave back has been given back.
    one.load(NAME).await;
    assert!(gets(&third, WHILE).await.is_none());
    drop(held);
    assert!(gets(&third, LONG).await.is_some());
}

#[tokio::test]
async fn the_token_comes_before_the_lock_goes() {
    let server = RedisServer::start().await;
    let link = link(&server).await;
    let monitor = redis::Client::open(server.url().expose()).unwrap().get_async_monitor().await.unwrap();
    let mut seen = monitor.into_on_message::<String>();
    let held = gets(&link, LONG).await.unwrap();
    link.send(&message("sess_1", 1)).unwrap();
    drop(held);
    link.load(&session("sess_1").to_string()).await;
    let mut commands = Vec::new();
    while commands.last().is_none_or(|last| last != "GET nostore:token") {
        let line = timeout(LONG, next(&mut seen)).await.unwrap();
        // `1700000000.0 [0 127.0.0.1:1] "SET" "key" ...`
        let words: Vec<&str> = line.split('"').collect();
        if let ["SET" | "PUBLISH" | "EVAL" | "GET", _, rest @ ..] = &words[1..] {
            let key = rest.iter().find_map(|word| word.strip_prefix("nostore:")).unwrap();
            commands.push(format!("{} nostore:{}", words[1], key.split(':').next().unwrap()));
        }
    }
    let expected = [
        "SET nostore:lock",
        "SET nostore:token",
        "PUBLISH nostore:tokens",
        "EVAL nostore:lock",
        "GET nostore:token",
    ];
    assert_eq!(commands, expected);
}

async fn next(seen: &mut (impl futures_util::Stream<Item = String> + Unpin)) -> String {
    futures_util::StreamExt::next(seen).await.unwrap()
}

#[tokio::test]
async fn what_was_held_through_an_outage_is_given_back_after_it() {
    let server = RedisServer::start().await;
    let (one, other) = (link(&server).await, link(&server).await);
    let held = gets(&one, LONG).await.unwrap();
    server.hang();
    until(async || !one.is_up()).await;
    drop(held);
    server.go_on();
    until(async || one.is_up() && other.is_up()).await;
    let start = Instant::now();
    assert!(gets(&other, LONG).await.is_some());
    assert!(start.elapsed() < Duration::from_secs(5), "long before it would have gone by itself");
}
