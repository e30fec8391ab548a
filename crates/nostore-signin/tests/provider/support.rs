//! A site, its provider, and a visitor.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use nostore_message::{Secret, UnixTime};
use nostore_signin::provider::{
    Attempt, Begin, CallbackParameters, ENTROPY_BYTES, FinishError, Identity, Provider, RelyingParty,
};

use crate::mock::{CLIENT_ID, CLIENT_SECRET, Faults, Mock, NOW, REDIRECT};

/// How long an answer may take where one hangs.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) struct World {
    pub(crate) mock: Mock,
    pub(crate) site: RelyingParty,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|origin| Provider::oidc(origin, CLIENT_ID, Some(Secret::new(CLIENT_SECRET)))).await
    }

    pub(crate) async fn with(provider: impl FnOnce(&str) -> Provider) -> Self {
        let mock = Mock::start().await;
        let site = RelyingParty::new(provider(&mock.origin), REDIRECT).unwrap();
        Self { mock, site }
    }

    /// The same site after a restart. Where the provider hangs it waits no longer than [`SHORT`].
    pub(crate) fn restarted(&self) -> RelyingParty {
        let patience = if self.mock.hangs() { SHORT } else { Duration::from_secs(30) };
        RelyingParty::within(self.site.provider().clone(), REDIRECT, patience).unwrap()
    }

    /// Signs in with faults, at a site that knows nothing of the provider yet.
    pub(crate) async fn sign_in_with(&self, faults: Faults) -> Result<Identity, FinishError> {
        self.mock.fail(faults);
        sign_in(&self.mock, &self.restarted(), NOW).await
    }

    /// Tells an outcome without the port.
    pub(crate) fn told(&self, outcome: Result<Identity, FinishError>) -> String {
        let told = match outcome {
            Ok(identity) => format!(
                "{} {}{}",
                identity.subject,
                identity.email.as_deref().unwrap_or("(no address)"),
                if identity.email_verified { ", verified" } else { "" }
            ),
            Err(error) => format!("{}: {error}", error.code()),
        };
        self.masked(&told)
    }

    pub(crate) fn masked(&self, text: &str) -> String {
        let nowhere = self.mock.nowhere();
        text.replace(&self.mock.origin, "{op}").replace(&nowhere, "{nowhere}")
    }
}

/// Entropy that is another one each time.
pub(crate) fn entropy() -> [u8; ENTROPY_BYTES] {
    static DRAWN: AtomicU8 = AtomicU8::new(0);
    [DRAWN.fetch_add(1, Ordering::Relaxed); ENTROPY_BYTES]
}

/// Begins a sign-in, and has the visitor say yes.
pub(crate) async fn begun(
    mock: &Mock,
    site: &RelyingParty,
    now: UnixTime,
) -> Result<(Attempt, String), FinishError> {
    let ask = Begin { return_path: "/after".to_owned(), ..Begin::default() };
    let begun = site.begin(&ask, entropy(), now).await?;
    let query = mock.authorize(&begun.location);
    Ok((begun.attempt, query))
}

pub(crate) async fn finish(
    site: &RelyingParty,
    attempt: &Attempt,
    query: &str,
    now: UnixTime,
) -> Result<Identity, FinishError> {
    let callback = CallbackParameters::parse(query).unwrap();
    site.finish(attempt, &callback, now).await
}

pub(crate) async fn sign_in(
    mock: &Mock,
    site: &RelyingParty,
    now: UnixTime,
) -> Result<Identity, FinishError> {
    let (attempt, query) = begun(mock, site, now).await?;
    finish(site, &attempt, &query, now).await
}

/// A table in the making.
#[derive(Default)]
pub(crate) struct Table(String);

impl Table {
    pub(crate) fn row(&mut self, name: &str, told: &str) {
        writeln!(self.0, "{name:36} {told}").unwrap();
    }

    pub(crate) fn text(self) -> String {
        self.0
    }
}
