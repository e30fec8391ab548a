//! What is fuzzed: the decision, and every parser of what strangers send.
//!
//! The cases and what must hold for them are those of the tests of `nostore-session`, and of `nostore-signin`, which shows
//! its own when it is built for fuzzing; those of logs are here.
#![allow(clippy::unwrap_used, reason = "the keys of the tests are good")]

#[path = "../../crates/nostore-session/tests/it/fuzz/case.rs"]
mod case;
#[path = "../../crates/nostore-session/tests/it/fuzz/choices.rs"]
mod choices;
mod logs;
#[path = "../../crates/nostore-session/tests/it/fuzz/parsers.rs"]
mod parsers;
#[path = "../../crates/nostore-session/tests/it/fuzz/properties.rs"]
mod properties;
#[path = "../../crates/nostore-session/tests/it/fuzz/sealed.rs"]
mod sealed;
#[path = "../../crates/nostore-session/tests/it/fuzz/world.rs"]
mod world;

pub use logs::logs;
pub use nostore_signin::{provider::fuzz::provider, returning};
pub use parsers::{answers, tokens, urls_and_cookies};
pub use sealed::sealed;

/// Decides the case that the bytes are.
///
/// # Panics
///
/// Where something that must hold does not.
pub fn authenticate(bytes: &[u8]) {
    let _ = properties::check(bytes);
}
