//! Behaviour of what adapters share, through its public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cache_bust;
mod cookie_protection;
mod ending;
mod exchange;
mod forwarded;
mod gate;
mod heads;
mod keys;
mod machines;
mod memo;
mod metrics;
mod outage;
mod protection;
mod refresh;
mod return_path;
mod routes;
mod service;
mod sessions;
mod settings;
mod support;
