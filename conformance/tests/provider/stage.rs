//! A provider, a site there, and a visitor of both.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_conformance::random::Random;
use nostore_message::{Clock as _, Secret, UnixTime};
use nostore_signin::provider::{
    Attempt, Begin, CallbackParameters, FinishError, Identity, Provider, RelyingParty,
};
use nostore_web::SystemClock;
use serde_json::Value;

use crate::product::Product;
use crate::server::Server;
use crate::visitor::{Answer, REDIRECT, Visitor};

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) site: RelyingParty,
    pub(crate) visitor: Visitor,
    random: Random,
}

impl Stage {
    pub(crate) fn new(product: &'static Product) -> Self {
        let server = Server::start(product);
        let (site, visitor) = (site(registered(product, &server.origin)), Visitor::new(product));
        Self { server, site, visitor, random: Random::new(1) }
    }

    /// Begins a sign-in; returns where the visitor goes, and what the site remembers.
    pub(crate) async fn begin(&mut self) -> Result<(String, Attempt), FinishError> {
        let entropy = std::array::from_fn(|_| u8::try_from(self.random.below(256)).unwrap());
        let begun = self.site.begin(&Begin::default(), entropy, now()).await?;
        Ok((begun.location, begun.attempt))
    }

    /// Begins a sign-in and sees to the provider's side of it; returns the callback's query.
    pub(crate) async fn callback(&mut self, answer: Answer) -> (Attempt, String) {
        let (location, attempt) = self.begin().await.unwrap();
        let query = self.visitor.sign_in(&location, answer).await;
        (attempt, query)
    }

    pub(crate) async fn finish(&self, attempt: &Attempt, query: &str) -> Result<Identity, FinishError> {
        self.site.finish(attempt, &CallbackParameters::parse(query).unwrap(), now()).await
    }

    /// A whole sign-in.
    pub(crate) async fn sign_in(&mut self) -> Result<Identity, FinishError> {
        let (location, attempt) = self.begin().await?;
        let query = self.visitor.sign_in(&location, Answer::Yes).await;
        self.finish(&attempt, &query).await
    }
}

/// The site as the provider knows it.
pub(crate) fn registered(product: &Product, issuer: &str) -> Provider {
    Provider::oidc(issuer, "site", Some(Secret::new(product.secret))).offline()
}

pub(crate) fn site(provider: Provider) -> RelyingParty {
    RelyingParty::within(provider, REDIRECT, Duration::from_secs(5)).unwrap()
}

pub(crate) fn now() -> UnixTime {
    SystemClock.now()
}

pub(crate) fn code(outcome: Result<Identity, FinishError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "ok")
}

/// The header and the claims of an ID Token.
pub(crate) fn id_token(identity: &Identity) -> [Value; 2] {
    let token = identity.tokens.id.as_ref().unwrap().expose();
    let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    std::array::from_fn(|_| serde_json::from_slice(&parts.next().unwrap()).unwrap())
}
