//! The loop around the law: runs it, fetches what it needs, runs it again.
//!
//! # Invariants
//!
//! - The only asynchronous code of a decision. What needs no answer needs no future.
//! - At most [`MAX_ROUNDS`] questions; a law that asks for more is answered with an error page.

use std::borrow::Cow;
use std::sync::Arc;

use nostore_jose::JwkSet;
use nostore_message::{Fields, RequestHead, UnixTime};
use nostore_session::{
    Answer, Config, Decision, Facts, KeysFailure, Need, OutboundRequest, Session, Status, Step, authenticate,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::SignOut;
use crate::keys::KeyStore;
use crate::outbound::Outbound;

/// How many questions one decision may take.
const MAX_ROUNDS: usize = 5;

/// By how much an expired token may still name the session that is to be revoked: ten years.
const REVOCABLE_MS: i64 = 10 * 365 * 86_400 * 1_000;

/// What a path segment does not hold as it is: everything but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is known about who is asking.
#[derive(Debug)]
pub(crate) enum Decided {
    /// The law has decided.
    Decision {
        /// The decision.
        decision: Box<Decision>,
        /// Its session, to be shared with handlers.
        session: Option<Arc<Session>>,
    },
    /// Nothing can be decided: answer 500 with this text.
    Failed(Cow<'static, str>),
}

/// Runs decisions of one instance.
#[derive(Debug)]
pub(crate) struct Driver {
    outbound: Outbound,
    keys: Arc<KeyStore>,
}

impl Driver {
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        Ok(Self { outbound: Outbound::new()?, keys: Arc::default() })
    }

    /// Decides with what is known already. `None`: the identity service must be asked.
    pub(crate) fn decide_now(
        &self,
        request: &RequestHead<'_>,
        config: &Config,
        now: UnixTime,
    ) -> Option<Decided> {
        let (keys, ageing) = self.keys.snapshot(now);
        if ageing {
            self.revalidate_behind(config, now);
        }
        match authenticate(request, config, &Facts { keys: keys.as_deref(), answers: &[] }, now) {
            Step::Done(decision) => Some(Decided::from(*decision)),
            Step::Need(_) => None,
        }
    }

    /// Decides, asking the identity service for what is missing.
    pub(crate) async fn decide(&self, request: &RequestHead<'_>, config: &Config, now: UnixTime) -> Decided {
        let keys = self.keys.snapshot(now).0;
        let mut answers = Vec::new();
        for _ in 0..=MAX_ROUNDS {
            let facts = Facts { keys: keys.as_deref(), answers: &answers };
            match authenticate(request, config, &facts, now) {
                Step::Done(decision) => return Decided::from(*decision),
                Step::Need(need) => answers.push(self.answer(need, config, now).await),
            }
        }
        tracing::error!("a decision asked more than {MAX_ROUNDS} questions: please report this");
        Decided::Failed(Cow::Borrowed("500: who is asking could not be decided\n"))
    }

    /// Revokes the session that the request carries, where it does.
    pub(crate) async fn revoke(&self, request: &RequestHead<'_>, config: &Config, now: UnixTime) -> SignOut {
        // A token lives a minute, a page stays open for hours: an expired one names its session as well.
        let patient = config.clone().clock_skew_ms(REVOCABLE_MS);
        let decided = match self.decide_now(request, &patient, now) {
            Some(decided) => decided,
            None => self.decide(request, &patient, now).await,
        };
        let Some(sid) = decided.session().and_then(|session| session.session_id()) else {
            return SignOut::NoSession;
        };
        match self.outbound.send(&revocation(config, sid)).await {
            Ok((200..=299, _)) => SignOut::Revoked,
            Ok((status, _)) => {
                tracing::error!(status, "the identity service did not revoke a session");
                SignOut::NotRevoked
            }
            Err(error) => {
                tracing::error!(%error, "the identity service could not be asked to revoke a session");
                SignOut::NotRevoked
            }
        }
    }

    async fn answer(&self, need: Need, config: &Config, now: UnixTime) -> Answer {
        match need {
            Need::JwkSet { kid } => {
                let fetch = fetch_keys(&self.outbound, config);
                let result = self.keys.obtain(now, kid.as_deref(), fetch).await;
                Answer::JwkSet { kid, result }
            }
            other => ask(&self.outbound, &other, config).await,
        }
    }

    /// Asks for a newer set while the one that is there goes on serving.
    fn revalidate_behind(&self, config: &Config, now: UnixTime) {
        // Without a runtime the set is asked for when it is too old to be used.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (keys, outbound, config) = (Arc::clone(&self.keys), self.outbound.clone(), config.clone());
        if let Some(claim) = keys.claim_revalidation() {
            drop(runtime.spawn(async move { claim.revalidate(now, fetch_keys(&outbound, &config)).await }));
        }
    }
}

impl Decided {
    /// Tells whether the answer to a reader is a redirect or an error page.
    pub(crate) fn refuses(&self) -> bool {
        match self {
            Self::Decision { decision, .. } => decision.location().is_some(),
            Self::Failed(_) => true,
        }
    }

    pub(crate) fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Decision { session, .. } => session.as_ref(),
            Self::Failed(_) => None,
        }
    }
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        match &decision.status {
            Status::Error { message } => Self::Failed(Cow::Owned(format!("500: {message}\n"))),
            Status::SignedIn(session) => {
                let session = Some(Arc::new(session.clone()));
                Self::Decision { decision: Box::new(decision), session }
            }
            Status::Handshake | Status::SignedOut => {
                Self::Decision { decision: Box::new(decision), session: None }
            }
        }
    }
}

async fn fetch_keys(outbound: &Outbound, config: &Config) -> Result<Arc<JwkSet>, KeysFailure> {
    match ask(outbound, &Need::JwkSet { kid: None }, config).await {
        Answer::JwkSet { result, .. } => result,
        _ => Err(KeysFailure::Unreachable),
    }
}

async fn ask(outbound: &Outbound, need: &Need, config: &Config) -> Answer {
    match outbound.send(&need.request(config)).await {
        Ok((status, body)) => need.read(status, &body),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(need = need.code(), %error, cause, "the identity service gave no answer");
            need.unreachable()
        }
    }
}

fn revocation(config: &Config, sid: &str) -> OutboundRequest {
    let sid = utf8_percent_encode(sid, RESERVED);
    let mut fields = Fields::new();
    fields.append("authorization", format!("Bearer {}", config.secret_key().expose()));
    fields.append("content-type", "application/json");
    OutboundRequest {
        method: "POST",
        url: format!("{}/v1/sessions/{sid}/revoke", config.api_base()),
        fields,
        body: b"{}".to_vec(),
    }
}
