//! Integration tests of `nostore-session`, by area.
//!
//! The private keys in `keys/` were made for these tests and are used nowhere else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod claims;
mod decision;
mod fuzz;
mod handshake;
mod has;
mod keys;
mod kit;
mod machine;
mod names;
mod needs;
mod pattern;
mod properties;
mod redirect;
mod suffix;
mod verification;
