//! End-to-end: the command as people run it, Chromium as people use it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod bad_input;
mod browser;
mod chromium;
mod command;
mod express;
mod generate;
mod guard;
mod init;
mod logs;
mod sealed;
mod secret;
mod sessions;
mod shared_login;
mod site;
mod sites;
mod table;
mod tap;
mod world;
