//! [`SessionLayer`]: who sent the request, and a response that no shared cache can leak.
//!
//! Per request:
//!
//! 1. a handshake return is resolved, on any URL;
//! 2. a route rule that protects the path lets only signed-in visitors pass: others are redirected
//!    (307) to the sign-in page, and requests that are not page navigations get a 401;
//! 3. everything else passes untouched. Who is asking is found out when a handler takes
//!    [`Auth`](crate::Auth), and only then;
//! 4. the response head is weighed and edited: see [`nostore_web::protect_response`].
//!
//! # Deployment caveat
//!
//! The layer protects what passes through it. Put it outermost (`Router::layer` last): what answers
//! outside of it is unprotected, and a layer outside of it that removes `Cache-Control` undoes its work.
//!
//! # Example
//!
//! ```no_run
//! # fn site(config: nostore_session::Config) -> Result<axum::Router, nostore_web::BuildError> {
//! use axum::{Router, routing::get};
//! use nostore_tower::{RequireAuth, SessionLayer};
//! use nostore_web::{Routes, Sessions};
//!
//! let sessions = Sessions::builder(config).routes(Routes::new().protected("/admin/*")).build()?;
//! let site = Router::new()
//!     .route("/", get(|| async { "the same for everyone, and cacheable" }))
//!     .route("/me", get(|auth: RequireAuth| async move { auth.email().unwrap_or("?").to_owned() }))
//!     .layer(SessionLayer::new(sessions));
//! # Ok(site) }
//! ```

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::SessionLayer;
pub use service::SessionService;
