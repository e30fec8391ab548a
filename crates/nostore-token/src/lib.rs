//! The session-token client: a token is always there.
//!
//! The service hands out tokens that live a minute. Whoever needs one gets the one that is there, and it is
//! refreshed behind; callers wait only where there is none, or in its last seconds.
//!
//! ```text
//!   callers ── read ──> ┌──────┐ ── Fetch ──> the service
//!   timer ──── wake ──> │ Slot │ ── Publish ─> what readers get without asking
//!   others ─ received ─> └──────┘ ── Announce ─> those in step
//! ```
//!
//! [`Slot`] is one entry as a state machine without I/O.
//!
//! # Not covered
//!
//! Verification: the client carries tokens, the site checks them.

mod failure;
mod key;
mod policy;
mod rank;
mod skew;
mod slot;
mod threshold;
mod token;

pub use failure::Failure;
pub use key::{DEFAULT_PREFIX, TokenKey};
pub use policy::{Compat, Policy, Retry};
pub use rank::Rank;
pub use skew::{Exchange, Skew};
pub use slot::{Action, Event, FetchId, FetchKind, Now, ReadOptions, Reading, Slot};
pub use threshold::{
    DEFAULT_BACKGROUND_THRESHOLD_MS, HARD_CUTOFF_MS, LEAD_MS, MAX_LIFETIME_WITHOUT_TIMER_MS,
    MIN_BACKGROUND_THRESHOLD_MS, MIN_LIFETIME_FOR_MINIMUM_MS, Thresholds, Zone,
};
pub use token::{MAX_TOKEN_BYTES, SessionToken, TokenFault};
