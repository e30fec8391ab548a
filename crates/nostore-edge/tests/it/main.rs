//! The edge's behaviour over real connections on the loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
mod control;
mod failure;
mod keep;
mod key;
mod report;
mod reuse;
mod traffic;
#[path = "../../../nostore-proxy/tests/it/wire.rs"]
mod wire;
