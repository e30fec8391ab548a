//! The store with a server that behaves like DynamoDB (dynalite), on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod server;
mod store;
