//! What is fuzzed: the decision, and every parser of what strangers send.
//!
//! The cases of `authenticate` and what must hold for them are those of the tests of `nostore-session`.
#![allow(clippy::unwrap_used, reason = "the keys of the tests are good")]

#[path = "../../crates/nostore-session/tests/it/fuzz/case.rs"]
pub(crate) mod case;
#[path = "../../crates/nostore-session/tests/it/fuzz/choices.rs"]
pub(crate) mod choices;
#[path = "../../crates/nostore-session/tests/it/fuzz/properties.rs"]
pub(crate) mod properties;
#[path = "../../crates/nostore-session/tests/it/fuzz/world.rs"]
pub(crate) mod world;

mod parsers;

pub use parsers::{answers, tokens, urls_and_cookies};

/// Decides the case that the bytes are.
///
/// # Panics
///
/// Where something that must hold does not.
pub fn authenticate(bytes: &[u8]) {
    let _ = properties::check(bytes);
}
