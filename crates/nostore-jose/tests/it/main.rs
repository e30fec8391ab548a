//! Integration tests of `nostore-jose`, by area.
//!
//! The private keys in `keys/` were made for these tests and are used nowhere else. The tokens and the
//! public keys there were made with OpenSSL.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod confusion;
mod curves;
mod jwe;
mod jwk;
mod jws;
mod kit;
mod pem;
mod properties;
mod signature;
mod signing;
