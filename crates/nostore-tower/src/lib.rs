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
//! # Example
//!
//! What the README shows:
//!
//! ```
//! use axum::{Router, routing::get};
//! use nostore_message::{Origin, Secret};
//! use nostore_session::{Config, PublishableKey};
//! use nostore_tower::{RequireAuth, SessionLayer};
//! use nostore_web::Sessions;
//!
//! # async fn home() {}
//! async fn dashboard(auth: RequireAuth) -> String {
//!     format!("Hello {}", auth.email().unwrap_or("you"))
//! }
//!
//! # fn site(publishable_key: String, secret_key: String) -> Result<Router, Box<dyn std::error::Error>> {
//! let config = Config::new(PublishableKey::parse(&publishable_key)?, Secret::new(secret_key));
//! let sessions = Sessions::builder(config).public_url(Origin::parse("https://example.com")?).build()?;
//! let app = Router::new()
//!     .route("/", get(home))               // public: keeps exactly the caching it asks for
//!     .route("/dashboard", get(dashboard)) // takes `RequireAuth`: never stored by anybody
//!     .layer(SessionLayer::new(sessions));
//! # Ok(app) }
//! # site("pk_test_aHR0cDovLzEyNy4wLjAuMTo4MDgxJA".into(), "sk_test_example".into()).unwrap();
//! ```
//!
//! For an app that keeps its own sessions, the response side alone:
//!
//! ```
//! # use nostore_tower::ProtectLayer;
//! # let app = axum::Router::<()>::new();
//! let app = app.layer(ProtectLayer::cookies(["id"]).public("/about"));
//! # drop(app);
//! ```
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
mod refusal;
mod response;
#[cfg(feature = "axum")]
mod route;
pub mod session;
#[cfg(feature = "signin")]
mod sign_in;

pub use body::GateBody;
#[cfg(feature = "axum")]
pub use extract::{Auth, Exchange, OptionalAuth, Require, RequireAuth};
pub use protect::{ProtectLayer, ProtectService};
pub use refusal::{Refusal, exchange};
pub use response::{danger_mark_public, protect};
#[cfg(feature = "axum")]
pub use route::MethodRouterExt;
pub use session::{SessionLayer, SessionService};
#[cfg(feature = "signin")]
pub use sign_in::sign_in;
