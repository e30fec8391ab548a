//! The guard's behaviour over real connections on the loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod behind;
mod bench;
mod changes;
mod control;
mod failure;
mod fronts;
mod hostile;
mod identity;
mod tls;
#[path = "../../../nostore-proxy/tests/it/wire.rs"]
#[expect(dead_code, reason = "shared with the proxy and the edge, which use more of it")]
mod wire;
