//! Every engine of this crate under the one suite, and SQLite with the real file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faulty;
mod killed;
mod memory;
mod sqlite;
