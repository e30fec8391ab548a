//! What every web adapter shares: sessions with I/O, and the gate around an app.
//!
//! # Scope
//!
//! An adapter turns its framework's request into a [`nostore_message::RequestHead`], calls
//! [`Sessions::start`], hands the [`Exchange`] to its extractors, and applies what [`Sessions::finish`]
//! returns to the head of the response. Everything in between is here: the driver around the session law
//! (clock, HTTPS pool, JWK Set), [`Auth`], route rules, what makes a response sensitive, safe return paths.
//!
//! # Invariants
//!
//! - Framework-free: no type of any framework, and `http` types only towards the identity service.
//! - Lazy: who is asking is found out only for a handshake return, a protected route, or a reader.
//! - Fails closed: what is not known is signed out and not stored; no answer is made by default.
//! - Time comes from a [`Clock`], the environment is read once ([`Environment::of_process`]).
//!
//! # Not covered
//!
//! Which cache does what with the fields: `nostore-cache`. Who is signed in: `nostore-session`.
//!
//! # Example: an adapter in five lines
//!
//! ```
//! use nostore_message::{FieldEdit, RequestHead, ResponseHead};
//! use nostore_web::{Answer, Begin, Sessions};
//!
//! async fn serve(sessions: &Sessions, head: RequestHead<'_>) -> Result<Vec<FieldEdit>, Answer> {
//!     let exchange = match sessions.begin(head).await {
//!         Begin::Answer(answer) => return Err(answer),
//!         Begin::Continue(exchange) => exchange,
//!     };
//!     let response = ResponseHead { status: 200, fields: [("cache-control", "s-maxage=60")].into_iter().collect() };
//!     Ok(sessions.finish(&exchange, &response))
//! }
//! ```

mod answer;
mod auth;
mod authenticator;
mod backoff;
mod clock;
mod cookie_protection;
mod driver;
mod environment;
mod events;
mod exchange;
mod flights;
mod forwarded;
mod gate;
mod grpc;
mod keys;
mod memo;
mod metrics;
mod outbound;
mod protection;
mod requirement;
mod return_path;
mod routes;
mod sessions;
mod settings;
mod site_sessions;
mod source;
mod why;

pub use answer::Answer;
pub use auth::Auth;
pub use authenticator::Authenticator;
pub use clock::SystemClock;
pub use cookie_protection::{CookieProtection, Finished, Marks, Observed};
pub use environment::Environment;
pub use exchange::{Exchange, SignOut};
pub use forwarded::{Forwarded, ForwardedField, Network, Peer, ProxyError, TrustedProxies};
pub use gate::{Begin, BeginFuture, Start};
pub use metrics::Metrics;
pub use nostore_message::Clock;
pub use protection::{AUTH_SENSITIVE_FIELD, Circumstances, Protected, protect_response};
pub use requirement::Requirement;
pub use return_path::safe_return_path;
pub use routes::{Access, RouteError, Routes, Rule};
pub use sessions::{BuildError, Sessions, SessionsBuilder};
pub use settings::SettingsError;
pub use site_sessions::{Found, Refused, SiteFuture, SiteSessions, Unavailable, Visit};
pub use why::{WHY_FIELD, Why};
