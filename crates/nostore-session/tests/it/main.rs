//! Integration tests of `nostore-session`, by area.
//!
//! The private keys in `keys/` were made for these tests and are used nowhere else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod allocations;
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
mod sealed;
mod sealed_properties;
mod suffix;
mod suite_9_2;
mod table_1_6;
mod table_4_1;
mod table_4_2;
mod table_4_5;
mod table_4_6;
mod table_4_9;
mod table_5;
mod table_5_8;
mod table_6;
mod verification;
mod world;
