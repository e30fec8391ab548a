//! The keeper without a page: several tabs of one browser, their cookies, lock and channels, and a service, in simulated time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod cookies;
mod ends;
mod entries;
mod pages;
mod tabs;
mod tokens;
mod wire;
mod world;
