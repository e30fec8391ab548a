//! What a guard is told at its start, and again while it runs.

use std::sync::Arc;

use nostore_proxy::{Limits, ServeLimits, Tls, Upstream, UpstreamError};
use nostore_web::{CookieProtection, TrustedProxies};

use crate::identity::Identity;
use crate::record::Sink;

/// A guard's configuration: [`GuardConfig::new`], then change what should differ.
#[derive(Clone)]
#[non_exhaustive]
pub struct GuardConfig {
    /// The app's origin, `http://host:port` or `https://host:port`.
    pub origin: String,
    /// Which cookies are sessions, and which routes are the same for everyone.
    pub protection: CookieProtection,
    /// Sign-in in the app's place. Without, the app keeps its own.
    pub identity: Option<Identity>,
    /// Whose forwarded fields count: the caches and load balancers in front. Nobody's, unless told.
    pub trusted: TrustedProxies,
    /// Whether responses leave as they came, and the record says what would have been done.
    pub report_only: bool,
    /// How long the app may take, and how long its heads may be.
    pub limits: Limits,
    /// The most bytes of a request's body; any number, unless told.
    pub body_bytes: Option<u64>,
    /// What a visitor may take. Is not changed while the guard runs.
    pub visitors: ServeLimits,
    /// The certificate to serve with. Without, visitors talk to the guard in the clear. Is exchanged in place
    /// ([`Tls::replace`]).
    pub tls: Option<Tls>,
    /// Who is told about each request.
    pub sink: Sink,
    /// Whether only requests are told that failed.
    pub quiet: bool,
}

impl GuardConfig {
    /// Makes a configuration with the defaults and nobody to tell.
    #[must_use]
    pub fn new(origin: impl Into<String>, protection: CookieProtection) -> Self {
        Self {
            origin: origin.into(),
            protection,
            identity: None,
            trusted: TrustedProxies::none(),
            report_only: false,
            limits: Limits::default(),
            body_bytes: None,
            visitors: ServeLimits::default(),
            tls: None,
            sink: Arc::new(drop),
            quiet: false,
        }
    }
}

/// What one request goes by from its beginning to its end, whatever is changed meanwhile.
pub(crate) struct Orders {
    pub(crate) upstream: Upstream,
    pub(crate) protection: CookieProtection,
    pub(crate) identity: Option<Identity>,
    pub(crate) trusted: TrustedProxies,
    pub(crate) report_only: bool,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) sink: Sink,
    pub(crate) quiet: bool,
}

impl Orders {
    pub(crate) fn new(config: &GuardConfig) -> Result<Self, GuardError> {
        Ok(Self {
            upstream: Upstream::new(&config.origin, config.limits)?,
            protection: config.protection.clone(),
            identity: config.identity.clone(),
            trusted: config.trusted.clone(),
            report_only: config.report_only,
            body_bytes: config.body_bytes,
            sink: Arc::clone(&config.sink),
            quiet: config.quiet,
        })
    }
}

/// Why a guard cannot start, or cannot go by what it was told now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The origin is not one, or TLS cannot be set up.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}
