//! Sign-in of one's own: OpenID Connect, sealed sessions, an allowlist, and the stores behind it.

pub mod provider;
pub mod store;
