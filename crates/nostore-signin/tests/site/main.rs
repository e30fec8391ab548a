//! Behaviour of a site with its own sign-in, without a framework: visitors with cookie jars, a provider in the same
//! process, time that the test moves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod events;
mod flow;
mod killed;
#[expect(dead_code, reason = "the relying party's own tests use all of it")]
#[path = "../provider/mock.rs"]
mod mock;
mod returning;
mod sessions;
mod tokens;
mod world;
