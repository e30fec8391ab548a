//! The guard: a streaming reverse proxy between an app, in any language, and the caches in front of it.
//!
//! The app keeps its own sign-in. Of each response the guard decides, by [`nostore_web::CookieProtection`], whether it touches
//! a session, and makes such a response safe in every dialect of caching; what the app's author made cacheable stays so and
//! loses the cookies that a cache would give to everybody.
//!
//! # Invariants
//!
//! - The guard has no rule of its own about caching: it extracts, asks, and applies.
//! - No body is collected, and nothing is stored.
//! - What the guard itself answers is kept out of caches of every kind.
//! - With [`GuardConfig::report_only`] a response leaves as it came, but for `Auth-Sensitive`.
//!
//! # Not covered
//!
//! Sign-in in the app's place; TLS towards visitors and HTTP/2; a page that shows a visitor's name to whoever has no session
//! cookie. Nobody can see that from outside: such an app says `Auth-Sensitive: ?1`.
//!
//! Specifications: RFC 9110 section 7.6; RFC 9111; RFC 9651 section 3.3.6.

mod body;
mod config;
mod guard;
mod record;

pub use body::GuardBody;
pub use config::{GuardConfig, GuardError};
pub use guard::Guard;
pub use record::{Change, Record, Sink};
