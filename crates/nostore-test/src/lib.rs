//! Processes and Chromium for end-to-end tests.
//!
//! # Scope
//!
//! Starts the `nostore` binary with `--json` and reads its events; starts chromedriver and browsers
//! with a profile of their own. Everything ends with its owner. Waiting is on events and conditions,
//! never on a fixed time.
//!
//! # Not covered
//!
//! What the pages mean: that is in the tests.

mod browser;
mod process;

pub use browser::{Browser, Fetched, Opened, Tab, WebDriver};
pub use process::{Nostore, StartError};
