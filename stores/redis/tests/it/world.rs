//! A Redis, and links to it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use nostore_message::Secret;
use nostore_outage::{RedisServer, mint, now_ms};
use nostore_redis::{RedisLink, RedisLinkBuilder};
use nostore_token::{Message, SessionToken, TokenKey};
use redis::FromRedisValue;
use redis::aio::MultiplexedConnection;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};

pub(crate) const SECRET: &str = "a secret that all of them share ...";

/// So long something may take that happens on its own.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn builder(url: &Secret) -> RedisLinkBuilder {
    RedisLink::builder(url, [Secret::new(SECRET)]).unwrap()
}

pub(crate) fn built(builder: RedisLinkBuilder) -> RedisLink {
    builder.build_on(&Handle::current()).unwrap()
}

/// A link that is up.
pub(crate) async fn link(server: &RedisServer) -> RedisLink {
    up(built(builder(&server.url()))).await
}

pub(crate) async fn up(link: RedisLink) -> RedisLink {
    until(async || link.is_up()).await;
    link
}

pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "expected it to happen within {PATIENCE:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn session(name: &str) -> TokenKey {
    TokenKey::of_session(name)
}

/// When all tokens of a run were issued: the same message asked for twice is the same message.
static ISSUED_SECS: LazyLock<i64> = LazyLock::new(|| now_ms() / 1_000);

/// So long the tokens of [`message`] live.
pub(crate) const LIFE_SECS: i64 = 600;

/// A message of a token that was issued when the run began.
pub(crate) fn message(session: &str, number: usize) -> Message {
    let token = SessionToken::parse(&mint(session, *ISSUED_SECS, LIFE_SECS, number)).unwrap();
    Message::of(&TokenKey::of_session(session), &token, "0123456789abcdef").unwrap()
}

pub(crate) async fn hear(heard: &mut broadcast::Receiver<Arc<[u8]>>) -> String {
    let message = timeout(PATIENCE, heard.recv()).await.expect("expected a message").unwrap();
    String::from_utf8(message.to_vec()).unwrap()
}

/// Talks to Redis past all links.
pub(crate) struct Direct(MultiplexedConnection);

impl Direct {
    pub(crate) async fn to(server: &RedisServer) -> Self {
        let client = redis::Client::open(server.url().expose()).unwrap();
        Self(client.get_multiplexed_async_connection().await.unwrap())
    }

    pub(crate) async fn ask<T: FromRedisValue>(&mut self, command: &str, arguments: &[&[u8]]) -> T {
        redis::cmd(command).arg(arguments).query_async(&mut self.0).await.unwrap()
    }

    pub(crate) async fn keys(&mut self) -> Vec<String> {
        let mut keys: Vec<String> = self.ask("KEYS", &[b"*"]).await;
        keys.sort();
        keys
    }
}
