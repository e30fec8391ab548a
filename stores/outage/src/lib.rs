//! What the tests of the stores start: a real Redis, a proxy that stands before it, and a service that hands out tokens.
//!
//! Everything is on loopback, on ports that are free, and ends with the test that started it, also when it panics.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on fails")]

mod issuer;
mod proxy;
mod server;

pub use issuer::{Asked, Issuer, Mood, mint};
pub use proxy::{Proxy, Way};
pub use server::RedisServer;

use std::time::SystemTime;

/// Returns the wall time, in milliseconds since 1970: that of all processes of a test, and of the service.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the exact clock that the client's coarse one is judged by")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
