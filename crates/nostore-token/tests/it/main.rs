//! Behaviour of the token client, each case named by its number in the specification's list.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backend;
mod cache;
mod client;
mod documentation;
mod fetcher_setup;
mod fleet;
mod frontend;
mod frontend_fetch;
mod helpers;
mod histories;
mod in_step;
mod messages;
mod middleware;
mod oauth;
mod oauth_fetch;
mod opaque;
mod ours;
mod read_triggered;
mod seals;
mod server;
mod world;
