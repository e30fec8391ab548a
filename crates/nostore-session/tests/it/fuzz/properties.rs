//! What holds for every case.

use std::fmt::Debug;
use std::sync::Arc;

use nostore_jose::{Jws, verify};
use nostore_message::{FieldEdit, RequestHead, UnixTime};
use nostore_session::{
    Answer, Config, Decision, EndSession, Facts, Instance, Need, Session, Status, Step, TokenMemo,
    authenticate, carries_handshake_return, clear_cookies, end_session, hops, sign_in_location,
    sign_in_page_turn, sign_in_turn,
};
use url::{Origin, Url, form_urlencoded};

use super::case::Case;
use super::choices::Choices;
use super::world::{HUSH, WORLD};

/// What became of a case.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Outcome {
    pub(crate) status: &'static str,
    pub(crate) reason: &'static str,
}

struct One(Arc<Session>);

impl TokenMemo for One {
    fn find(&self, token: &str) -> Option<Arc<Session>> {
        (self.0.token().expose() == token).then(|| Arc::clone(&self.0))
    }
}

/// Decides the case that the bytes are, and checks everything.
///
/// # Panics
///
/// Where something does not hold.
pub(crate) fn check(bytes: &[u8]) -> Outcome {
    let mut case = Case::new(Choices::new(bytes));
    discreet(&case.config);
    let (decision, answers) = decide(&mut case);
    let Case { config, request, now, keys_known, .. } = &case;
    discreet(&decision);
    discreet(&decision.message);
    let reason = decision.reason.as_ref().map(|reason| reason.text().into_owned());
    discreet(&reason);
    for edit in decision.all_edits() {
        legal(edit, config);
    }
    if let Some(location) = decision.location() {
        assert!(leads_somewhere_known(location, request, config), "{location}");
    }
    genuine(&decision, config, *now);
    let facts = Facts { keys: keys_known.then_some(&*WORLD.set), answers: &answers, memo: None };
    remembered(&decision, request, config, facts, *now);
    beside(&decision, request, config, facts, *now);
    Outcome {
        status: decision.status.code(),
        reason: decision.reason.as_ref().map_or("", nostore_session::Reason::code),
    }
}

/// Runs the law until it has decided: at most five questions, none of them twice.
fn decide(case: &mut Case<'_>) -> (Box<Decision>, Vec<Answer>) {
    let (mut answers, mut needs) = (Vec::new(), Vec::<Need>::new());
    loop {
        let keys = case.keys_known.then_some(&*WORLD.set);
        let facts = Facts { keys, answers: &answers, memo: None };
        discreet(&facts);
        let need = match authenticate(&case.request, &case.config, &facts, case.now) {
            Step::Done(decision) => return (decision, answers),
            Step::Need(need) => need,
        };
        assert!(!needs.contains(&need), "{need:?} repeats");
        assert!(needs.len() < 5, "more than five questions: {needs:?}");
        discreet(&need);
        let outbound = need.request(&case.config);
        discreet(&outbound);
        assert!(Url::parse(&outbound.url).is_ok(), "a question needs a URL");
        let answer = case.answer(&need);
        discreet(&answer);
        answers.push(answer);
        needs.push(need);
    }
}

/// Nothing secret is seen.
fn discreet(shown: &impl Debug) {
    let text = format!("{shown:?}");
    let leak = text.contains(HUSH) || WORLD.signatures.iter().any(|end| text.contains(end.as_str()));
    assert!(!leak, "a secret is seen in {text}");
}

/// An edit can stand in a head, and no message about the visitor holds a secret.
fn legal(edit: &FieldEdit, config: &Config) {
    let (name, value) = match edit {
        FieldEdit::Append { name, value } | FieldEdit::Set { name, value } => (name, &**value),
        FieldEdit::Remove { name } => (name, ""),
    };
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(token), "{name:?} is no field name");
    let legal = value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    assert!(legal && value.trim() == value, "{value:?} is no field value");
    assert!(!value.contains(config.secret_key().expose()), "the secret key in {name}");
    if name.starts_with("x-clerk-auth") {
        discreet(&value);
    }
}

/// A redirect leads to the identity service, the site, its sign-in page or, with test keys, back to a satellite.
fn leads_somewhere_known(location: &str, request: &RequestHead<'_>, config: &Config) -> bool {
    let Ok(location) = Url::parse(location) else { return false };
    let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin()).filter(Origin::is_tuple);
    let site = origin(&format!("{}://{}/", request.scheme, request.authority));
    let service = ["https://clerk.example.com", "https://proxy.example.com", "http://localhost:9"];
    let primary = ["https://primary.example.com"];
    let satellite_service = ["https://clerk.app.example.com", "https://clerk.other.example"];
    let known = service.iter().chain(&primary).chain(&satellite_service);
    let asked = || {
        // A target has no fragment (RFC 9112 section 3.2), so what looks like one does not end the query.
        let mut pairs = form_urlencoded::parse(request.query()?.as_bytes());
        let asked = Url::parse(&pairs.find(|(name, _)| name == "__clerk_redirect_url")?.1).ok()?;
        // A URL without an origin is equal to none.
        Some(
            (asked.scheme(), asked.host_str(), asked.port())
                == (location.scheme(), location.host_str(), location.port()),
        )
    };
    let back = config.instance() == Instance::Development && asked().unwrap_or(false);
    back || site.as_ref() == Some(&location.origin())
        || known.filter_map(|url| origin(url)).any(|one| one == location.origin())
}

/// Who is signed in has a token with the key's own signature, which has not run out a day ago.
fn genuine(decision: &Decision, config: &Config, now: UnixTime) {
    let Status::SignedIn(session) = &decision.status else { return };
    let text = session.token().expose();
    let jws = Jws::parse(text).unwrap_or_else(|error| panic!("signed in without a token: {error}"));
    assert!(verify(&jws, WORLD.signer.jwk()).is_ok(), "signed in without a good signature");
    assert_eq!(session.claims().raw(), jws.payload(), "claims that were not signed");
    assert!(!session.user_id().is_empty() && session.user_id() != "root", "{}", session.user_id());
    let (exp, day) = (session.claims().exp().unwrap_or_default(), 86_400.0);
    #[expect(clippy::cast_precision_loss, reason = "only the order counts")]
    let late = now.millis() as f64 / 1_000.0 - exp;
    let skew = if config.instance() == Instance::Development { day } else { 256.0 };
    assert!(late < skew, "signed in {late} s after the token ran out");
}

/// Whoever is known by a memo gets the same decision, without a check.
fn remembered(
    decision: &Decision,
    request: &RequestHead<'_>,
    config: &Config,
    facts: Facts<'_>,
    now: UnixTime,
) {
    let Some(session) = &decision.verified else { return };
    let memo = One(Arc::clone(session));
    match authenticate(request, config, &Facts { memo: Some(&memo), ..facts }, now) {
        Step::Done(again) => {
            assert_eq!((again.status.code(), &again.reason), (decision.status.code(), &decision.reason));
            assert_eq!((&again.edits, &again.safety), (&decision.edits, &decision.safety));
        }
        Step::Need(need) => panic!("a known session asks {need:?}"),
    }
}

/// What stands beside the decision: total as well, and as careful about where it leads.
fn beside(decision: &Decision, request: &RequestHead<'_>, config: &Config, facts: Facts<'_>, now: UnixTime) {
    let _ = (carries_handshake_return(request, config), hops(request, now));
    let _ = (sign_in_turn(request, decision, now), sign_in_page_turn(request, now));
    for edit in clear_cookies(config) {
        legal(&edit, config);
    }
    if let Some(page) = sign_in_location(request, config, &request.target) {
        let own = ["https://app.example.com", "http://app.example.com"];
        let known =
            leads_somewhere_known(&page, request, config) || own.iter().any(|site| page.starts_with(site));
        assert!(known, "the sign-in page at {page}");
    }
    match end_session(request, config, &facts, now) {
        EndSession::Ask(outbound) => discreet(&outbound),
        other => discreet(&other),
    }
}
