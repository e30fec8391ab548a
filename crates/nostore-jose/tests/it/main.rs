//! Integration tests of `nostore-jose`, by area.
//!
//! The private keys in `keys/` were made for these tests and are used nowhere else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod jwk;
mod jws;
mod properties;
mod signature;
