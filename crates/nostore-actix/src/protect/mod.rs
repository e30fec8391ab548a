//! [`ProtectMiddleware`]: the response side alone, for apps that keep their own cookie sessions.
//!
//! Works with any actix app (actix-session, a home-made cookie): the middleware is told the names of the
//! session cookies and makes every response sensitive that depends on one or sets one, unless its route is
//! public. The rules, numbered, are in [`nostore_web::CookieProtection`].
//!
//! # Deployment caveat
//!
//! It must be *outside* the middleware that writes the session cookie (wrapped after it), or it does not
//! see the cookie.
//!
//! # Example
//!
//! ```
//! use actix_web::{App, HttpResponse, web};
//! use nostore_actix::ProtectMiddleware;
//!
//! async fn home() -> HttpResponse {
//!     HttpResponse::Ok().insert_header(("cache-control", "public, s-maxage=60")).body("hello")
//! }
//!
//! let protect = ProtectMiddleware::cookies(["id"]).public("/assets/*");
//! let app = App::new()
//!     // Carries a session cookie or not: the same page, and cacheable.
//!     .service(web::resource("/").wrap(nostore_actix::public()).route(web::get().to(home)))
//!     // `no-store` in every dialect as soon as the request carries `id`.
//!     .route("/dashboard", web::get().to(home))
//!     .wrap(protect);
//! # drop(app);
//! ```

mod future;
mod service;
mod transform;

pub use future::ProtectFuture;
pub use service::ProtectService;
pub use transform::ProtectMiddleware;
