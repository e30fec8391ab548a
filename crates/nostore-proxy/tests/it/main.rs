//! The proxy's behaviour over real connections on the loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod failure;

mod field;
mod framing;
mod front;
mod stream;
mod wire;
