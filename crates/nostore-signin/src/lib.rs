//! Sign-in of one's own: visitors sign in with an OpenID Provider, only those on a list get in, their session is an
//! encrypted cookie, and no cache anywhere can hand it to somebody else.
//!
//! # Scope
//!
//! - [`SignIn`]: everything together, behind the gate of `nostore-web`; an adapter's layer takes [`SignIn::sessions`], its
//!   router the paths of [`SignIn::PATHS`].
//! - [`provider`]: the relying party (OpenID Connect).
//! - [`store`]: what is kept, in SQLite by default; other engines are crates of their own.
//! - [`Who`], [`Role`]: who may in, by address, domain or group. Admins change it at `/admin/users`.
//! - Events: one record for each sign-in, use, refusal, sign-out and act of an admin.
//!
//! # Invariants
//!
//! - Nobody is in who is not on the list at this moment, in any process.
//! - An address counts only where the provider has verified it.
//! - Every answer of the sign-in itself is kept from every cache.
//! - A lost race never signs anybody out; a store that does not answer signs nobody in.
//!
//! # Not covered
//!
//! Passwords, and being an OpenID Provider. What a copy of a cookie does until its session ends: bind sessions to devices
//! where that matters.
//!
//! # Example
//!
//! The whole adoption: `examples/family-site.rs` of `nostore-tower`.

mod draw;
mod endpoints;
mod events;
mod limits;
mod pages;
mod people;
pub mod provider;
mod records;
mod registry;
mod settings;
mod setup;
mod site;
pub mod store;
mod tokens;
mod vault;

pub use endpoints::MAX_FORM_BYTES;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use endpoints::returning;
pub use people::{Person, Role, Who, WhoError};
pub use registry::{Listed, ListedSession};
pub use settings::SettingsError;
pub use setup::{SetupError, SignIn, SignInBuilder};
pub use site::SessionMode;
pub use tokens::AccessError;
