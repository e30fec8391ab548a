//! The loop around the law: runs it, fetches what it needs, runs it again.
//!
//! # Invariants
//!
//! - The only asynchronous code of a decision. What needs no answer needs no future.
//! - At most [`MAX_ROUNDS`] questions; a law that asks for more is answered with an error page.

use std::borrow::Cow;
use std::sync::Arc;

use nostore_jose::JwkSet;
use nostore_message::{RequestHead, UnixTime};
use nostore_session::{
    Answer, Config, Decision, EndSession, Facts, KeysFailure, Need, OutboundRequest, Session, Status, Step,
    authenticate, end_session,
};

use crate::SignOut;
use crate::keys::KeyStore;
use crate::outbound::Outbound;

/// How many questions one decision may take.
const MAX_ROUNDS: usize = 5;

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

    /// Makes one for another identity service, over the same connections.
    pub(crate) fn beside(&self) -> Self {
        Self { outbound: self.outbound.clone(), keys: Arc::default() }
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
        match authenticate(request, config, &Facts { keys: keys.as_deref(), answers: &[], memo: None }, now) {
            Step::Done(decision) => Some(Decided::from(*decision)),
            Step::Need(_) => None,
        }
    }

    /// Decides, asking the identity service for what is missing.
    pub(crate) async fn decide(&self, request: &RequestHead<'_>, config: &Config, now: UnixTime) -> Decided {
        let keys = self.keys.snapshot(now).0;
        let mut answers = Vec::new();
        for _ in 0..=MAX_ROUNDS {
            let facts = Facts { keys: keys.as_deref(), answers: &answers, memo: None };
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
        let keys = self.keys.snapshot(now).0;
        let mut answers = Vec::new();
        for _ in 0..=MAX_ROUNDS {
            let facts = Facts { keys: keys.as_deref(), answers: &answers, memo: None };
            match end_session(request, config, &facts, now) {
                EndSession::Ask(request) => return self.send_revocation(&request).await,
                EndSession::Need(need) => answers.push(self.answer(need, config, now).await),
                EndSession::NoSession => return SignOut::NoSession,
                EndSession::Unknown => break,
            }
        }
        tracing::error!("the session to revoke could not be found out");
        SignOut::NotRevoked
    }

    async fn send_revocation(&self, request: &OutboundRequest) -> SignOut {
        match self.outbound.send(request).await {
            Ok((200..=299, ..)) => SignOut::Revoked,
            Ok((status, ..)) => {
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
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        match &decision.status {
            Status::Error { message } => Self::Failed(Cow::Owned(format!("500: {message}\n"))),
            Status::SignedIn(session) => {
                let session = Some(Arc::clone(session));
                Self::Decision { decision: Box::new(decision), session }
            }
            Status::Handshake | Status::Machine(_) | Status::SignedOut => {
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
        Ok((status, content_type, body)) => need.read(status, content_type.as_deref(), &body),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(need = need.code(), %error, cause, "the identity service gave no answer");
            need.unreachable()
        }
    }
}
