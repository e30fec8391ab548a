//! The guard: a streaming reverse proxy between an app, in any language, and the caches in front of it.
//!
//! Of each response the guard decides, by [`nostore_web::CookieProtection`], whether it touches a session, and makes such a
//! response safe in every dialect of caching; what the app's author made cacheable stays so and loses the cookies that a
//! cache would give to everybody. The app keeps its own sign-in, or the guard signs in for it ([`Identity`]): then the app is
//! told who is asking, and other proxies can ask ([`VERIFY_PATH`]).
//!
//! # Invariants
//!
//! - The guard has no rule of its own about caching or about who is asking: it extracts, asks, and applies.
//! - No body is collected but the forms of the sign-in, and nothing is stored.
//! - What the guard itself answers is kept out of caches of every kind.
//! - With [`GuardConfig::report_only`] a response leaves as it came, but for `Auth-Sensitive`.
//! - A request goes by one configuration from its beginning to its end.
//!
//! # Not covered
//!
//! A page that shows a visitor's name to whoever has no session cookie. Nobody can see that from outside: such an app says
//! `Auth-Sensitive: ?1`.
//!
//! Specifications: RFC 9110 section 7.6; RFC 9111; RFC 9651 section 3.3.6.

mod body;
mod config;
mod control;
mod guard;
mod identity;
mod record;
mod tally;
mod turn;
mod verify;

pub use body::GuardBody;
pub use config::{GuardConfig, GuardError};
pub use guard::Guard;
pub use identity::{ASSERTION_FIELD, Identity, KEYS_PATH};
pub use record::{Change, Record, Sink};
pub use verify::VERIFY_PATH;
