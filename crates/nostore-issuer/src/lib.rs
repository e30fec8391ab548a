//! The offline identity service: handshake, JWK Set, sign-in page, users in SQLite.
//!
//! # Layout
//!
//! - [`core`] decides. It is sans-IO: no clock, randomness or I/O; time and entropy are
//!   arguments, the state lies in memory and every mutation is also returned as a
//!   [`core::Change`].
//! - [`Server`] is the shell: it listens, draws entropy, reads the clock, and writes the
//!   changes of one request to SQLite in one transaction *before* the answer goes out.
//!
//! # Invariants
//!
//! - A session token is handed out only towards an origin that the configuration allows.
//! - No answer tells of a change that is not on disk; no half of a change is ever on disk.
//! - Nothing that the record sink sees holds a token, a secret key or a query.
//!
//! # Not covered
//!
//! Passwords, second factors, sign-ups and sign-ins by script, several sessions of one browser, satellites with live keys, hosts that share a registrable domain (a `Domain` attribute is never
//! set). It is a service for development.
//!
//! Specifications: the handshake protocol, sections 1, 2, 5 and 7.3; RFC 7515, 7517, 7519.

pub mod core;
mod pages;
mod server;
mod store;

pub use server::{DataDirError, OpenError, Record, RecordSink, Rotated, Server, ServerConfig, rotate_key};
