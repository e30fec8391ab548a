//! What is written for each platform: its text, its shape, and that the incident's app is safe behind the emulation and the
//! real servers that go by it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod app;
mod cloud;
mod edge;
mod headers;
mod hostile;
mod node;
mod server;
mod shape;
mod text;
#[path = "../../../nostore-proxy/tests/it/wire.rs"]
#[expect(dead_code, reason = "shared with the proxy, the edge and the guard, which use more of it")]
mod wire;
