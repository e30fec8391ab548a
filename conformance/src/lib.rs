//! Differential tests of `nostore-session` and its driver against the reference implementation of the
//! handshake protocol.
//!
//! - `authenticate` decides cases from standard input with our driver;
//! - `reference/authenticate.mjs` does the same with the reference;
//! - `differential` makes cases from a seed, gives them to both and compares.
//!
//! And of our sealed sessions against Auth.js, in `authjs`.

pub mod authjs;
pub mod backend;
pub mod case;
pub mod compare;
pub mod differences;
pub mod explain;
pub mod generate;
pub mod golden;
pub mod head;
pub mod minimise;
pub mod process;
pub mod random;
pub mod report;
pub mod token;
pub mod worker;
