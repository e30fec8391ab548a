//! nostore for actix-web: sessions, and responses that no shared cache can leak.
//!
//! # Scope
//!
//! - [`SessionMiddleware`]: handshake sessions, lazy, with extractors.
//! - [`ProtectMiddleware`]: the response side alone, for any app with cookie sessions of its own.
//! - [`protect()`]: the same for one response of a handler.
//!
//! # Invariants
//!
//! - Nothing is decided here: heads go in, edits come out of [`nostore_web`], and are applied in order.
//! - Fails closed: an extractor without its middleware is a 500 that no cache stores.
//! - Bodies pass untouched, chunk by chunk. An error of the inner service stays an error, and the response
//!   that actix makes of it is protected like any other.
//!
//! # Example
//!
//! ```
//! use actix_web::{App, web};
//! use nostore_actix::{RequireAuth, SessionMiddleware};
//! use nostore_message::{Origin, Secret};
//! use nostore_session::{Config, PublishableKey};
//! use nostore_web::Sessions;
//!
//! # async fn home() -> &'static str { "the same for everyone" }
//! async fn dashboard(auth: RequireAuth) -> String {
//!     format!("Hello {}", auth.email().unwrap_or("you"))
//! }
//!
//! # fn site(publishable_key: String, secret_key: String) -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new(PublishableKey::parse(&publishable_key)?, Secret::new(secret_key));
//! let sessions = Sessions::builder(config).public_url(Origin::parse("https://example.com")?).build()?;
//! // Made once, cloned into every worker: they share keys and connections.
//! let sessions = SessionMiddleware::new(sessions);
//! let app = move || {
//!     App::new()
//!         .wrap(sessions.clone())
//!         .route("/", web::get().to(home)) // public: keeps exactly the caching it asks for
//!         .route("/dashboard", web::get().to(dashboard)) // never stored by anybody
//! };
//! # app(); Ok(()) }
//! # site("pk_test_aHR0cDovLzEyNy4wLjAuMTo4MDgxJA".into(), "sk_test_example".into()).unwrap();
//! ```
//!
//! # Not covered
//!
//! What answers outside of the middleware: wrap it last, so that it is outermost. A handler that panics
//! has its connection closed by actix, and nothing is sent.

mod error;
pub mod extract;
mod head;
pub mod protect;
mod response;
mod route;
pub mod session;
#[cfg(feature = "signin")]
mod sign_in;

pub use error::ProtectedError;
pub use extract::{Auth, Exchange, OptionalAuth, Refusal, Require, RequireAuth};
pub use protect::{ProtectMiddleware, ProtectService};
pub use response::{danger_mark_public, protect};
pub use route::{Public, public};
pub use session::{SessionMiddleware, SessionService};
#[cfg(feature = "signin")]
pub use sign_in::sign_in;
