//! The identity cache of aws-smithy: what the AWS SDK for Rust asks for credentials before each request.

use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity as _, ResolveIdentity, SharedIdentityCache,
    SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use tokio::runtime::Runtime;

use crate::program::polled;
use crate::world::Broken;

/// A cache that has a token.
#[derive(Debug)]
pub struct Smithy {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
    bag: ConfigBag,
}

/// Gives the same token to whoever asks.
#[derive(Debug)]
struct Always(Identity);

impl ResolveIdentity for Always {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        IdentityFuture::ready(Ok(self.0.clone()))
    }
}

impl Smithy {
    /// Makes one with a token of a hundred days.
    ///
    /// # Errors
    ///
    /// When the cache does not take it.
    pub fn new(runtime: &Runtime, raw: &str) -> Result<Self, Broken> {
        #[expect(clippy::disallowed_methods, reason = "the cache goes by the system's time")]
        let until = SystemTime::now() + Duration::from_secs(8_640_000);
        let identity = Identity::new(Token::new(raw, Some(until)), Some(until));
        let components = RuntimeComponentsBuilder::for_tests()
            .with_time_source(Some(SystemTimeSource::new()))
            .with_sleep_impl(Some(TokioSleep::new()))
            .build()?;
        let smithy = Self {
            cache: IdentityCache::lazy().build(),
            resolver: SharedIdentityResolver::new(Always(identity)),
            components,
            bag: ConfigBag::base(),
        };
        runtime.block_on(async { smithy.resolve().await }).map_err(|error| error.to_string())?;
        Ok(smithy)
    }

    fn resolve(&self) -> IdentityFuture<'_> {
        self.cache.resolve_cached_identity(self.resolver.clone(), &self.components, &self.bag)
    }

    /// Asks for the token, within a runtime, and tells whether it was there at once.
    #[must_use]
    pub fn get(&self) -> bool {
        polled(self.resolve()).is_some_and(|found| found.is_ok())
    }
}
