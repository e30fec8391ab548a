//! [`ProtectLayer`]: the response side alone, for apps that keep their own cookie sessions.
//!
//! Works with any tower app (axum-login, tower-sessions, a home-made cookie): the layer is told the names
//! of the session cookies and makes every response sensitive that depends on one or sets one, unless its
//! route is public. The rules, numbered, are in [`nostore_web::CookieProtection`].
//!
//! # Deployment caveat
//!
//! The layer must be *outside* the one that writes the session cookie (added after it), or it does not see
//! the cookie.
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use nostore_tower::{MethodRouterExt as _, ProtectLayer};
//!
//! let site: Router = Router::new()
//!     // Carries a session cookie or not: the same page, and cacheable.
//!     .route("/", get(|| async { ([("cache-control", "public, s-maxage=60")], "hello") }).public())
//!     // `no-store` in every dialect as soon as the request carries `id`.
//!     .route("/dashboard", get(|| async { ([("cache-control", "s-maxage=60")], "your orders") }))
//!     .layer(ProtectLayer::cookies(["id"]).public("/assets/*"));
//! # drop(site);
//! ```

mod future;
mod layer;
mod service;

pub use future::ProtectFuture;
pub use layer::ProtectLayer;
pub use service::ProtectService;
