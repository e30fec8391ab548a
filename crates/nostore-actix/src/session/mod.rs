//! [`SessionMiddleware`]: who sent the request, and a response that no shared cache can leak.
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
//! The middleware protects what passes through it. Wrap it last, so that it is outermost: what answers
//! outside of it is unprotected, and a middleware outside of it that removes `Cache-Control` undoes its
//! work. Make it once, outside of the closure that makes the apps: a middleware for each worker would
//! fetch keys for each.

mod future;
mod service;
mod transform;

pub use future::SessionFuture;
pub use service::SessionService;
pub use transform::SessionMiddleware;
