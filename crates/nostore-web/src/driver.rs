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
    Answer, Config, Decision, EndSession, Facts, KeysFailure, Need, OpaqueTokenFailure, OutboundRequest,
    RefreshError, Session, Status, Step, authenticate, end_session, hops,
};
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use crate::SignOut;
use crate::events::{self, Kind};
use crate::flights::{Flights, Landed};
use crate::keys::{Fetched, KeyStore, Keys};
use crate::memo::{Memo, View};
use crate::metrics::Counters;
use crate::outbound::{Answered, Outbound, PATIENCE, Retry, TOTAL};

/// How many questions one decision may take.
const MAX_ROUNDS: usize = 5;

/// How long a visitor waits for the identity service in one decision, all questions together.
const VISIT: Duration = Duration::from_secs(8);

/// How many tokens of machines are asked about at once: whoever makes them up cannot take all connections.
const MAX_OPAQUE: usize = 32;

/// How long the answer to a refresh serves those who come with the same expired token, and how long a token
/// that is refused is not asked about again.
const KEEP_SECS: i64 = 5;

/// What is known about who is asking.
#[derive(Debug)]
pub(crate) enum Decided {
    /// The law has decided.
    Decision {
        /// The decision.
        decision: Box<Decision>,
        /// Its session, to be shared with handlers.
        session: Option<Arc<Session>>,
        /// Whether a site's own cookie is to be made anew.
        renewal_due: bool,
    },
    /// Nothing can be decided: answer that.
    Failed {
        /// The status.
        status: u16,
        /// What is said.
        text: Cow<'static, str>,
    },
}

/// Runs decisions of one instance.
#[derive(Debug)]
pub(crate) struct Driver {
    outbound: Outbound,
    keys: Arc<KeyStore>,
    flights: Arc<Flights<Answer>>,
    opaque: Arc<Semaphore>,
    memo: Memo,
    counters: Arc<Counters>,
}

impl Driver {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        memo_bytes: u64,
        counters: Arc<Counters>,
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            outbound: Outbound::new()?,
            keys: Arc::default(),
            flights: Arc::new(Flights::new(clock)),
            opaque: Arc::new(Semaphore::new(MAX_OPAQUE)),
            memo: Memo::new(memo_bytes),
            counters,
        })
    }

    /// Forgets what is known of a session's tokens, and the refreshes that would bring it back.
    pub(crate) fn forget(&self, session_id: &str) {
        self.memo.forget(session_id);
        self.flights.forget(|key| named_session(key).as_deref() == Some(session_id));
    }

    /// Makes one for another identity service, over the same connections.
    pub(crate) fn beside(&self) -> Self {
        Self {
            outbound: self.outbound.beside(),
            keys: Arc::default(),
            flights: Arc::new(self.flights.beside()),
            opaque: Arc::clone(&self.opaque),
            memo: Memo::new(self.memo.bytes()),
            counters: Arc::clone(&self.counters),
        }
    }

    /// Makes the memo that large, and empty.
    pub(crate) fn remembering(self, bytes: u64) -> Self {
        Self { memo: Memo::new(bytes), ..self }
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
        let memo = self.memo.view(generation(keys.as_ref()), now, &self.counters);
        let facts = Facts { keys: keys.as_ref().map(|keys| &*keys.set), answers: &[], memo: Some(&memo) };
        match authenticate(request, config, &facts, now) {
            Step::Done(decision) => Some(self.decided(*decision, keys.as_ref(), now)),
            Step::Need(_) => None,
        }
    }

    /// Decides, asking the identity service for what is missing.
    pub(crate) async fn decide(&self, request: &RequestHead<'_>, config: &Config, now: UnixTime) -> Decided {
        let mut visit = self.visit(config, now);
        for _ in 0..=MAX_ROUNDS {
            let memo = visit.memo();
            match authenticate(request, config, &visit.facts(&memo), now) {
                Step::Done(decision) => {
                    visit.tell_refresh(request, &decision);
                    return self.decided(*decision, visit.keys.as_ref(), now);
                }
                Step::Need(need) => visit.ask(need).await,
            }
        }
        tracing::error!("a decision asked more than {MAX_ROUNDS} questions: please report this");
        let text = Cow::Borrowed("500: who is asking could not be decided\n");
        Decided::Failed { status: 500, text }
    }

    /// Revokes the session that the request carries, where it does.
    pub(crate) async fn revoke(&self, request: &RequestHead<'_>, config: &Config, now: UnixTime) -> SignOut {
        let mut visit = self.visit(config, now);
        for _ in 0..=MAX_ROUNDS {
            let memo = visit.memo();
            match end_session(request, config, &visit.facts(&memo), now) {
                EndSession::Ask(request) => {
                    if let Some(session_id) = named_session(&request.url) {
                        self.forget(&session_id);
                    }
                    return self.send_revocation(&request).await;
                }
                EndSession::Need(need) => visit.ask(need).await,
                EndSession::NoSession => return SignOut::NoSession,
                EndSession::Unknown => break,
            }
        }
        tracing::error!("the session to revoke could not be found out");
        SignOut::NotRevoked
    }

    /// Keeps what the decision found out about a token.
    fn decided(&self, decision: Decision, keys: Option<&Keys>, now: UnixTime) -> Decided {
        if let Some(session) = &decision.verified {
            self.memo.remember(session, generation(keys), now);
        }
        Decided::from(decision)
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
        let (outbound, counters) = (self.outbound.clone(), Arc::clone(&self.counters));
        let need = Need::JwkSet { kid: None };
        let request = need.request(config);
        async move {
            let fetched = match ask(&outbound, &need, &request, retry).await.0 {
                Answer::JwkSet { result, .. } => result,
                _ => Err(KeysFailure::Unreachable),
            };
            counters.key_fetch(fetched.is_ok());
            fetched
        }
    }

    /// Asks together with whoever asks the same. Only the JWK Set is not asked for here.
    async fn ask_shared(&self, need: &Need, config: &Config) -> Option<Answer> {
        let request = need.request(config);
        let patience = if self.outbound.is_down() { PATIENCE } else { TOTAL };
        let (outbound, counters, need) = (self.outbound.clone(), Arc::clone(&self.counters), need.clone());
        let opaque = matches!(need, Need::OpaqueToken { .. }).then(|| Arc::clone(&self.opaque));
        let seat = self.flights.join(sharing_key(&need, &request), || async move {
            let _turn = match opaque {
                None => None,
                Some(opaque) => match timeout(PATIENCE, opaque.acquire_owned()).await {
                    Ok(Ok(turn)) => Some(turn),
                    _ => return Landed { value: need.unreachable(), keep_secs: 0 },
                },
            };
            let (value, status) = ask(&outbound, &need, &request, Retry::Unsent).await;
            if let Answer::Refresh { result, .. } = &value {
                counters.refresh(result.is_ok());
            }
            Landed { keep_secs: keep_secs(&value, status), value }
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
    fn memo(&self) -> View<'_> {
        self.driver.memo.view(generation(self.keys.as_ref()), self.now, &self.driver.counters)
    }

    fn facts<'f>(&'f self, memo: &'f View<'_>) -> Facts<'f> {
        Facts { keys: self.keys.as_ref().map(|keys| &*keys.set), answers: &self.answers, memo: Some(memo) }
    }

    /// Tells how the refresh went, where there was one.
    fn tell_refresh(&self, request: &RequestHead<'_>, decision: &Decision) {
        let refresh = self.answers.iter().find_map(|answer| match answer {
            Answer::Refresh { result, .. } => Some(result),
            _ => None,
        });
        if let Some(result) = refresh {
            let failed = result.as_ref().err().map(RefreshError::text);
            let reason = failed.unwrap_or(if decision.session().is_some() { "ok" } else { "not-accepted" });
            events::handshake(Kind::Refresh, reason, hops(request, self.now), request);
        }
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

/// Names a question, and what its answer depends on. Holds its secrets.
fn sharing_key(need: &Need, request: &OutboundRequest) -> String {
    let rest = match need {
        Need::Refresh(_) => {
            // All but the fields of the request, which differ from one to the next.
            let mut body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
            if let Some(members) = body.as_object_mut() {
                members.remove("request_headers");
            }
            body.to_string()
        }
        _ => String::from_utf8_lossy(&request.body).into_owned(),
    };
    let secret = request.fields.first("authorization").unwrap_or_default();
    format!("{} {} {secret} {rest}", need.code(), request.url)
}

/// How long an answer is good for those who come after it. A nonce is good once, and a machine's token until
/// it is revoked: those are for the ones who wait.
const fn keep_secs(answer: &Answer, status: Option<u16>) -> i64 {
    // A refusal that may pass (RFC 9110 section 15.5.9, RFC 6585 section 4) is none.
    let refused = matches!(status, Some(400..=407 | 409..=428 | 430..=499));
    let good = match answer {
        Answer::OpaqueToken { result, .. } => matches!(result, Err(OpaqueTokenFailure::NotFound)),
        // The parts of a page are asked for with the cookies of before.
        Answer::Refresh { result, .. } => result.is_ok() || refused,
        _ => false,
    };
    if good { KEEP_SECS } else { 0 }
}

/// Returns the session that a URL (`…/v1/sessions/{id}/refresh`), or the key with it, names.
fn named_session(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("/v1/sessions/")?;
    let (segment, _) = rest.split_once('/')?;
    Some(percent_decode_str(segment).decode_utf8_lossy().into_owned())
}

fn generation(keys: Option<&Keys>) -> u64 {
    // Without a set, signatures are checked with the configured key, which does not change.
    keys.map_or(0, |keys| keys.generation)
}

impl Decided {
    /// Tells whether the answer to a reader is a redirect or an error page.
    pub(crate) fn refuses(&self) -> bool {
        match self {
            Self::Decision { decision, .. } => decision.location().is_some(),
            Self::Failed { .. } => true,
        }
    }
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        match &decision.status {
            Status::Error { message } => {
                Self::Failed { status: 500, text: Cow::Owned(format!("500: {message}\n")) }
            }
            Status::SignedIn(session) => {
                let session = Some(Arc::clone(session));
                Self::Decision { decision: Box::new(decision), session, renewal_due: false }
            }
            Status::Handshake | Status::Machine(_) | Status::SignedOut => {
                Self::Decision { decision: Box::new(decision), session: None, renewal_due: false }
            }
        }
    }
}

async fn ask(
    outbound: &Outbound,
    need: &Need,
    request: &OutboundRequest,
    retry: Retry,
) -> (Answer, Option<u16>) {
    match outbound.send(request, retry).await {
        Ok(Answered { status, content_type, body }) => {
            (need.read(status, content_type.as_deref(), &body), Some(status))
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(need = need.code(), %error, cause, "the identity service gave no answer");
            (need.unreachable(), None)
        }
    }
}
