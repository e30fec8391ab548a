//! The link and the store with a real Redis.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod away;
mod bus;
mod fleet;
mod lock;
mod secrecy;
mod settings;
mod store;
mod tls;
mod world;
