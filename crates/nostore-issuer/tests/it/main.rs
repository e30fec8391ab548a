//! The identity service from outside: the core as a table of requests and answers, the core against
//! the session law, and the server over HTTP with its data directory.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise; helpers, too")]

mod backend;
mod data_dir;
mod form;
mod frontend;
mod handshake;
mod http;
mod law;
mod machines;
mod migration;
mod oidc;
mod organizations;
mod pages;
mod redirect;
mod refresh;
mod rotation;
mod seed;
mod sessions;
mod sign_in;
mod users;
mod world;
