//! Names of the protocol: cookies, query parameters and fields.

pub(crate) const CLIENT: &str = "__client";
pub(crate) const CLIENT_UAT: &str = "__client_uat";
pub(crate) const DEV_BROWSER: &str = "__clerk_db_jwt";
pub(crate) const HANDSHAKE: &str = "__clerk_handshake";
pub(crate) const HELP: &str = "__clerk_help";
/// Our own count of redirects.
pub(crate) const HOPS: &str = "__nostore_hops";
pub(crate) const LEGACY_DEV_SESSION: &str = "__dev_session";
pub(crate) const NONCE: &str = "__clerk_handshake_nonce";
pub(crate) const REDIRECT_COUNT: &str = "__clerk_redirect_count";
pub(crate) const REFRESH: &str = "__refresh";
pub(crate) const RETURN_URL: &str = "__clerk_redirect_url";
pub(crate) const SESSION: &str = "__session";
pub(crate) const SYNCED: &str = "__clerk_synced";

pub(crate) const STATUS_FIELD: &str = "x-clerk-auth-status";
pub(crate) const REASON_FIELD: &str = "x-clerk-auth-reason";
pub(crate) const MESSAGE_FIELD: &str = "x-clerk-auth-message";

/// The version of the interface that is asked for.
pub(crate) const API_VERSION: &str = "2026-05-12";

/// The query parameter by which older hosts dodged a cache. It is ignored on input; no redirect of
/// ours adds it or takes it away.
pub const CACHE_BUST_PARAMETER: &str = "__clerk_netlify_cache_bust";
