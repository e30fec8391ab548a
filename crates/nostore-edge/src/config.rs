//! What an edge is told at its start.

use std::sync::Arc;
use std::time::Duration;

use nostore_cache::Profile;
use nostore_message::Clock;
use nostore_proxy::{Limits, UpstreamError};

use crate::record::Sink;

/// An edge's configuration: [`EdgeConfig::new`], then change what should differ.
#[derive(Clone)]
#[non_exhaustive]
pub struct EdgeConfig {
    /// The app's origin, `http://host:port` or `https://host:port`.
    pub origin: String,
    /// The shared cache that the edge behaves like.
    pub profile: Profile,
    /// Bytes that all stored responses may weigh together: 64 MiB.
    pub store_bytes: usize,
    /// Bytes of the longest body that is stored: 8 MiB. Longer ones pass through.
    pub max_object_bytes: usize,
    /// The authority for HTTP/1.0 requests without `Host`, such as `localhost:8080`: the origin's, unless set.
    pub public_authority: Option<String>,
    /// How long the origin may take, and how long its heads may be.
    pub limits: Limits,
    /// How long a visitor may take for a request head, and keep a connection without one: 30 s.
    pub visitor_head: Duration,
    /// How long a shutdown waits for responses under way: 3 s.
    pub grace: Duration,
    /// Where wall time comes from.
    pub clock: Arc<dyn Clock>,
    /// Who is told about each request.
    pub sink: Sink,
}

impl EdgeConfig {
    /// Makes a configuration with the defaults and nobody to tell.
    #[must_use]
    pub fn new(origin: impl Into<String>, profile: Profile, clock: Arc<dyn Clock>) -> Self {
        Self {
            origin: origin.into(),
            profile,
            store_bytes: 64 * 1024 * 1024,
            max_object_bytes: 8 * 1024 * 1024,
            public_authority: None,
            limits: Limits::default(),
            visitor_head: Duration::from_secs(30),
            grace: Duration::from_secs(3),
            clock,
            sink: Arc::new(drop),
        }
    }
}

/// Why an edge cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// The store cannot be set up.
    #[error("expected a store of at least 1 byte, found {found}")]
    Store {
        /// The bytes that were asked for.
        found: usize,
    },
    /// The origin is not one, or TLS cannot be set up.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}
