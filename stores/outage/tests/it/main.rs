//! Outages of Redis and of the service, with twenty processes that share a session.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fleet;
mod outages;
mod report;
