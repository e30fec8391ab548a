//! nostore for tower and axum: sessions, and responses that no shared cache can leak.
//!
//! # Scope
//!
//! - [`SessionLayer`]: handshake sessions, lazy, with extractors for axum (feature `axum`, on by default).
//! - [`ProtectLayer`]: the response side alone, for any tower app with cookie sessions of its own.
//! - [`protect()`]: the same for one response of a handler.
//!
//! # Invariants
//!
//! - Nothing is decided here: heads go in, edits come out of [`nostore_web`], and are applied in order.
//! - Fails closed: an extractor without its layer is a 500 that no cache stores.
//! - Bodies pass untouched, frame by frame; errors of the inner service pass through.
//!
//! # Not covered
//!
//! What answers outside of the layer: put it outermost. Panics: with a layer that turns them into
//! responses *inside* of this one, they are covered too.

mod body;
#[cfg(feature = "axum")]
pub mod extract;
mod head;
pub mod protect;
mod response;
#[cfg(feature = "axum")]
mod route;
pub mod session;

pub use body::GateBody;
#[cfg(feature = "axum")]
pub use extract::{Auth, Exchange, OptionalAuth, Refusal, RequireAuth};
pub use protect::{ProtectLayer, ProtectService};
pub use response::{danger_mark_public, protect};
#[cfg(feature = "axum")]
pub use route::MethodRouterExt;
pub use session::{SessionLayer, SessionService};
