//! What is found in logs, and what is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod finding;
mod formats;
mod synth;
