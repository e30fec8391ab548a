//! Sign-in of one's own: OpenID Connect, sealed sessions, an allowlist, and the stores behind it.

mod client;
mod draw;
mod people;
pub mod provider;
mod records;
mod registry;
pub mod store;
mod vault;

pub use people::{Person, Role, Who, WhoError};
pub use registry::{Listed, ListedSession};
