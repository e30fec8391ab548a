//! The loop around the law: runs it, fetches what it needs, runs it again.
//!
//! # Invariants
//!
//! - The only asynchronous code of a decision. What needs no answer needs no future.
//! - At most [`MAX_ROUNDS`] questions; a law that asks for more is answered with an error page.
//! - A visitor waits for [`VISIT`] at most. What is under way goes on, for whoever comes next.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use nostore_message::{Clock, RequestHead, UnixTime};
use nostore_session::{
    Answer, Config, Decision, EndSession, Facts, KeysFailure, Need, OutboundRequest, Session, Status, Step,
    authenticate, end_session,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::SignOut;
use crate::flights::{Flights, Landed};
use crate::keys::{Fetched, KeyStore, Keys};
use crate::metrics::Counters;
use crate::outbound::{Answered, Outbound, PATIENCE, Retry, TOTAL};

/// How many questions one decision may take.
const MAX_ROUNDS: usize = 5;

/// How long a visitor waits for the identity service in one decision, all questions together.
const VISIT: Duration = Duration::from_secs(8);

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
    flights: Arc<Flights<Answer>>,
    counters: Arc<Counters>,
}

impl Driver {
    pub(crate) fn new(clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Result<Self, rustls::Error> {
        let flights = Arc::new(Flights::new(clock));
        Ok(Self { outbound: Outbound::new()?, keys: Arc::default(), flights, counters })
    }

    /// Makes one for another identity service, over the same connections.
    pub(crate) fn beside(&self) -> Self {
        let (flights, counters) = (Arc::new(self.flights.beside()), Arc::clone(&self.counters));
        Self { outbound: self.outbound.clone(), keys: Arc::default(), flights, counters }
    }

    /// Decides with what is known already. `None`: the identity service must be asked.
    pub(crate) fn decide_now(
        &self,
        request: &RequestHead<'_>,
        config: &Config,
        now: UnixTime,
    ) -> Option<Decided> {
        let (keys, due) = self.keys.snapshot(now);
        if due {
            self.revalidate_behind(config, now);
        }
        match authenticate(request, config, &facts(keys.as_ref(), &[]), now) {
            Step::Done(decision) => Some(Decided::from(*decision)),
            Step::Need(_) => None,
        }
    }

    /// Decides, asking the identity service for what is missing.
    pub(crate) async fn decide(&self, request: &RequestHead<'_>, config: &Config, now: UnixTime) -> Decided {
        let mut visit = self.visit(config, now);
        for _ in 0..=MAX_ROUNDS {
            match authenticate(request, config, &visit.facts(), now) {
                Step::Done(decision) => return Decided::from(*decision),
                Step::Need(need) => visit.ask(need).await,
            }
        }
        tracing::error!("a decision asked more than {MAX_ROUNDS} questions: please report this");
        Decided::Failed(Cow::Borrowed("500: who is asking could not be decided\n"))
    }

    /// Revokes the session that the request carries, where it does.
    pub(crate) async fn revoke(&self, request: &RequestHead<'_>, config: &Config, now: UnixTime) -> SignOut {
        let mut visit = self.visit(config, now);
        for _ in 0..=MAX_ROUNDS {
            match end_session(request, config, &visit.facts(), now) {
                EndSession::Ask(request) => return self.send_revocation(&request).await,
                EndSession::Need(need) => visit.ask(need).await,
                EndSession::NoSession => return SignOut::NoSession,
                EndSession::Unknown => break,
            }
        }
        tracing::error!("the session to revoke could not be found out");
        SignOut::NotRevoked
    }

    async fn send_revocation(&self, request: &OutboundRequest) -> SignOut {
        match self.outbound.send(request, Retry::Unsent).await {
            Ok(Answered { status: 200..=299, .. }) => SignOut::Revoked,
            Ok(Answered { status, .. }) => {
                tracing::error!(status, "the identity service did not revoke a session");
                SignOut::NotRevoked
            }
            Err(error) => {
                tracing::error!(%error, "the identity service could not be asked to revoke a session");
                SignOut::NotRevoked
            }
        }
    }

    fn visit<'d>(&'d self, config: &'d Config, now: UnixTime) -> Visit<'d> {
        let (driver, keys) = (self, self.keys.snapshot(now).0);
        Visit { driver, config, now, keys, answers: Vec::new(), until: Instant::now() + VISIT }
    }

    /// Asks for a newer set while the one that is there goes on serving.
    fn revalidate_behind(&self, config: &Config, now: UnixTime) {
        // Without a runtime the set is asked for when it is too old to be used.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.keys.revalidate(now, |retry| self.fetch_keys(config, retry));
        }
    }

    fn fetch_keys(&self, config: &Config, retry: Retry) -> impl Future<Output = Fetched> + Send + use<> {
        let (outbound, counters, config) =
            (self.outbound.clone(), Arc::clone(&self.counters), config.clone());
        async move {
            let fetched = match ask(&outbound, &Need::JwkSet { kid: None }, &config, retry).await {
                Answer::JwkSet { result, .. } => result,
                _ => Err(KeysFailure::Unreachable),
            };
            counters.key_fetch(fetched.is_ok());
            fetched
        }
    }

    /// Asks together with whoever asks the same.
    async fn ask_shared(&self, need: &Need, config: &Config) -> Option<Answer> {
        let Some(Sharing { key, retry }) = Sharing::of(need) else {
            return Some(ask(&self.outbound, need, config, Retry::Never).await);
        };
        let patience = if self.outbound.is_down() { PATIENCE } else { TOTAL };
        let (outbound, need, config) = (self.outbound.clone(), need.clone(), config.clone());
        let seat = self.flights.join(key, || async move {
            Landed { value: ask(&outbound, &need, &config, retry).await, keep_secs: 0 }
        });
        timeout(patience, seat.wait()).await.ok().flatten()
    }
}

/// The questions of one decision and what came of them.
struct Visit<'d> {
    driver: &'d Driver,
    config: &'d Config,
    now: UnixTime,
    keys: Option<Keys>,
    answers: Vec<Answer>,
    until: Instant,
}

impl Visit<'_> {
    fn facts(&self) -> Facts<'_> {
        facts(self.keys.as_ref(), &self.answers)
    }

    /// Gets the answer to a question within the time that is left. There always is one.
    async fn ask(&mut self, need: Need) {
        let answer = match &need {
            Need::JwkSet { kid } => {
                let fetch = |retry| self.driver.fetch_keys(self.config, retry);
                let obtained = self.driver.keys.obtain(self.now, kid.as_deref(), fetch);
                timeout_at(self.until, obtained).await.ok().map(|obtained| {
                    // The newest set is the one that counts: a key that it lacks is no key any more.
                    let result = obtained.map(|keys| Arc::clone(&self.keys.insert(keys).set));
                    Answer::JwkSet { kid: kid.clone(), result }
                })
            }
            other => timeout_at(self.until, self.driver.ask_shared(other, self.config)).await.ok().flatten(),
        };
        self.answers.push(answer.unwrap_or_else(|| need.unreachable()));
    }
}

/// What is the same for all who ask a question.
struct Sharing {
    /// Names the question, and holds its secrets.
    key: String,
    retry: Retry,
}

impl Sharing {
    fn of(need: &Need) -> Option<Self> {
        match need {
            // A nonce is good once: what the service may have seen is not sent again.
            Need::HandshakePayload { nonce } => {
                Some(Self { key: format!("{} {}", need.code(), nonce.expose()), retry: Retry::Unsent })
            }
            _ => None,
        }
    }
}

fn facts<'a>(keys: Option<&'a Keys>, answers: &'a [Answer]) -> Facts<'a> {
    Facts { keys: keys.map(|keys| &*keys.set), answers, memo: None }
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

async fn ask(outbound: &Outbound, need: &Need, config: &Config, retry: Retry) -> Answer {
    match outbound.send(&need.request(config), retry).await {
        Ok(Answered { status, content_type, body }) => need.read(status, content_type.as_deref(), &body),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(need = need.code(), %error, cause, "the identity service gave no answer");
            need.unreachable()
        }
    }
}
