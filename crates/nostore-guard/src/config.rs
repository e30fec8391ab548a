//! What a guard is told at its start.

use std::sync::Arc;

use nostore_proxy::{Limits, ServeLimits, UpstreamError};
use nostore_web::{CookieProtection, TrustedProxies};

use crate::record::Sink;

/// A guard's configuration: [`GuardConfig::new`], then change what should differ.
#[derive(Clone)]
#[non_exhaustive]
pub struct GuardConfig {
    /// The app's origin, `http://host:port` or `https://host:port`.
    pub origin: String,
    /// Which cookies are sessions, and which routes are the same for everyone.
    pub protection: CookieProtection,
    /// Whose forwarded fields count: the caches and load balancers in front. Nobody's, unless told.
    pub trusted: TrustedProxies,
    /// Whether responses leave as they came, and the record says what would have been done.
    pub report_only: bool,
    /// How long the app may take, and how long its heads may be.
    pub limits: Limits,
    /// What a visitor may take.
    pub visitors: ServeLimits,
    /// Who is told about each request.
    pub sink: Sink,
}

impl GuardConfig {
    /// Makes a configuration with the defaults and nobody to tell.
    #[must_use]
    pub fn new(origin: impl Into<String>, protection: CookieProtection) -> Self {
        Self {
            origin: origin.into(),
            protection,
            trusted: TrustedProxies::none(),
            report_only: false,
            limits: Limits::default(),
            visitors: ServeLimits::default(),
            sink: Arc::new(drop),
        }
    }
}

/// Why a guard cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The origin is not one, or TLS cannot be set up.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}
