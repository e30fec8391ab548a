//! Differential tests of `nostore-session` and its driver against the reference implementation of the
//! handshake protocol.
//!
//! - `authenticate` decides cases from standard input with our driver;
//! - `reference/authenticate.mjs` does the same with the reference;
//! - `differential` makes cases from a seed, gives them to both and compares.

pub mod case;
pub mod head;
pub mod worker;
