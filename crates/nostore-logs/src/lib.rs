//! Finds in logs the sessions that are used by clients that never signed in.
//!
//! # Invariants
//!
//! - No clock, no environment, no network: what the time is, the log says.

#[cfg(feature = "synth")]
pub mod synth;
mod time;
