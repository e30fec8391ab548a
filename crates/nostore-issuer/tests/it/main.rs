//! The identity service from outside: the core as a table of requests and answers, the core against
//! the session law, and the server over HTTP with its data directory.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise; helpers, too")]

mod backend;
mod data_dir;
mod form;
mod handshake;
mod http;
mod law;
mod pages;
mod redirect;
mod sign_in;
mod world;
