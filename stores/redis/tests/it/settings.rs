//! What is refused, and what is never printed.

use std::time::Duration;

use nostore_message::Secret;
use nostore_redis::{RedisLink, SettingsFault};
use tokio::runtime::Handle;

use crate::world::{SECRET, builder, built};

#[test]
fn urls_row_by_row() {
    let rows = [
        ("redis://localhost", ""),
        ("redis://127.0.0.1:6380/0", ""),
        ("redis://user:hush@redis.internal:6379/15", ""),
        ("valkey://[::1]:6379", ""),
        ("", "redis-url"),
        ("localhost:6379", "redis-scheme"),
        ("hush", "redis-url"),
        ("http://localhost:6379", "redis-scheme"),
        ("unix:///run/redis.sock", "redis-scheme"),
        ("rediss://localhost", ""),
        ("valkeys://localhost", ""),
        ("rediss://localhost#insecure", "redis-database"),
        ("redis://", "redis-host"),
        ("redis:///0", "redis-host"),
        ("redis://0.0.0.0", "redis-host"),
        ("redis://localhost/name", "redis-database"),
        ("redis://localhost/-1", "redis-database"),
        ("redis://localhost/0/1", "redis-database"),
        ("redis://localhost/0?protocol=resp2", "redis-database"),
        ("redis://localhost/0#insecure", "redis-database"),
        ("redis://localhost:99999", "redis-url"),
    ];
    for (url, code) in rows {
        let built = RedisLink::builder(&Secret::new(url), [Secret::new(SECRET)]);
        assert_eq!(built.map_or_else(SettingsFault::code, |_| ""), code, "{url}");
    }
}

#[tokio::test]
async fn prefixes_times_and_secrets_row_by_row() {
    let url = Secret::new("redis://127.0.0.1:1");
    let code = SettingsFault::code;
    let build = |builder: nostore_redis::RedisLinkBuilder| {
        builder.build_on(&Handle::current()).map_or_else(code, |_| "")
    };
    let secs = Duration::from_secs;
    let rows = [
        (builder(&url), ""),
        (builder(&url).prefix("shop:eu-1_b.c"), ""),
        (builder(&url).prefix(""), "redis-prefix"),
        (builder(&url).prefix("x".repeat(65)), "redis-prefix"),
        (builder(&url).prefix("a b"), "redis-prefix"),
        (builder(&url).prefix("a\r\nFLUSHALL"), "redis-prefix"),
        (builder(&url).patience(Duration::ZERO), "redis-time"),
        (builder(&url).patience(secs(11)), "redis-time"),
        (builder(&url).connect_timeout(Duration::MAX), "redis-time"),
        (builder(&url).lock_lasts(secs(601)), "redis-time"),
    ];
    for (at, (builder, code)) in rows.into_iter().enumerate() {
        assert_eq!(build(builder), code, "row {at}");
    }
    assert_eq!(code(RedisLink::builder(&url, []).unwrap_err()), "seal-no-secret");
    assert_eq!(code(RedisLink::builder(&url, [Secret::new("short")]).unwrap_err()), "seal-short-secret");
    let long = builder(&url).patience(secs(11)).build_on(&Handle::current()).unwrap_err();
    assert_eq!(long.to_string(), "expected a patience between 10 and 10000 ms, found 11000 ms");
}

#[tokio::test]
async fn neither_the_url_nor_the_secret_is_ever_printed() {
    let url = Secret::new("redis://someone:hush@127.0.0.1:1/0");
    let shown = format!("{:?} {:?}", builder(&url), built(builder(&url)));
    let faults = ["redis://someone:hush@host/x", "rediss://someone:hush@host/#insecure", "someone:hush@@@"]
        .map(|url| {
            let fault = RedisLink::builder(&Secret::new(url), [Secret::new(SECRET)]).unwrap_err();
            format!("{fault} {fault:?}")
        });
    for shown in faults.into_iter().chain([shown]) {
        for secret in ["hush", "someone", SECRET] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
