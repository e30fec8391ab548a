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
//! [`Slot`] is one entry as a state machine without I/O. [`SessionTokens`] drives entries on tokio:
//!
//! ```
//! use nostore_token::{Ask, Failure, Fetched, SessionTokens, TokenKey};
//!
//! async fn ask_the_service(ask: Ask) -> Result<Fetched, Failure> {
//!     // An HTTP request, with `ask.key` in it.
//! #   let _ = ask;
//!     Err(Failure::Offline)
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let tokens = SessionTokens::builder(ask_the_service).build_on(tokio::runtime::Handle::current());
//! let token = tokens.handle(TokenKey::of_session("sess_1"));
//! match token.get().await {
//!     Ok(token) => println!("Authorization: Bearer {}", token.expose()),
//!     Err(failure) => eprintln!("{failure}"),
//! }
//! # });
//! ```
//!
//! # Not covered
//!
//! Verification: the client carries tokens, the site checks them.

pub mod backend;
#[cfg(feature = "tokio")]
mod bearer;
#[cfg(feature = "tokio")]
mod bus;
#[cfg(feature = "tokio")]
mod client;
#[cfg(feature = "tokio")]
mod clock;
#[cfg(feature = "tokio")]
mod driver;
#[cfg(any(feature = "tokio", loom))]
#[cfg_attr(all(loom, not(feature = "tokio")), expect(dead_code, reason = "used by the client alone"))]
mod entry;
mod failure;
mod fetch;
#[cfg(feature = "http-client")]
pub mod fetchers;
pub mod frontend;
mod key;
#[cfg(feature = "tokio")]
mod lock;
mod message;
#[cfg(feature = "reqwest")]
pub mod middleware;
pub mod oauth;
mod policy;
mod rank;
#[cfg(feature = "seal")]
mod seal;
mod skew;
mod slot;
#[cfg(any(feature = "tokio", loom))]
#[cfg_attr(all(loom, not(feature = "tokio")), expect(dead_code, reason = "used by the client alone"))]
mod snapshot;
#[cfg(any(feature = "tokio", loom))]
mod sync;
mod threshold;
mod token;

#[cfg(feature = "tokio")]
pub use bearer::{Bearer, BearerError, BearerLayer};
#[cfg(feature = "tokio")]
pub use bus::{Bus, BusFault, BusFuture, InProcess};
#[cfg(feature = "tokio")]
pub use client::{Asked, Get, SessionTokens, SessionTokensBuilder, TokenEvent, TokenHandle};
#[cfg(feature = "tokio")]
pub use clock::CoarseClock;
pub use failure::Failure;
pub use fetch::{Ask, Fetch, FetchFuture, Fetched};
pub use key::{DEFAULT_PREFIX, TokenKey};
#[cfg(feature = "tokio")]
pub use lock::{Held, InProcessLock, Lock, LockFuture};
pub use message::{MAX_MESSAGE_BYTES, Message, MessageFault};
pub use policy::{Compat, Policy, Retry};
pub use rank::Rank;
#[cfg(feature = "seal")]
pub use seal::{HIDDEN_BYTES, MIN_SECRET_BYTES, SEAL_BYTES, SealFault, Seals};
pub use skew::{Exchange, Skew};
pub use slot::{Action, Event, FetchId, FetchKind, Now, ReadOptions, Reading, Slot};
#[cfg(any(feature = "tokio", loom))]
pub use snapshot::TokenRef;
pub use threshold::{
    DEFAULT_BACKGROUND_THRESHOLD_MS, HARD_CUTOFF_MS, LEAD_MS, MAX_LIFETIME_WITHOUT_TIMER_MS,
    MIN_BACKGROUND_THRESHOLD_MS, MIN_LIFETIME_FOR_MINIMUM_MS, Thresholds, Zone,
};
pub use token::{MAX_TOKEN_BYTES, SessionToken, TokenFault};
