//! Behaviour of the relying party, through its public API, against a provider that does wrong on request.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod configuration;
mod kept;
mod logout;
#[expect(dead_code, reason = "shared with the tests of the site, which use all of it")]
mod mock;
mod presets;
mod refresh;
mod sign_in;
mod support;
