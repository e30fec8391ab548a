//! Back from the provider: who it is, whether they may in, and their session.

use nostore_message::FieldEdit;
use nostore_session::{SealNonce, SealedClaims};
use nostore_web::{Answer, Why};
use serde_json::{Map, Value};

use super::{Ask, AttemptCookie};
use crate::events::{Event, Kind};
use crate::people::{MOST_GROUPS, Person};
use crate::provider::{Attempt, CallbackParameters, FinishError, Identity};
use crate::records::SessionRecord;
use crate::site::SessionMode;
use crate::vault::Purpose;
use crate::{draw, pages};

/// Finishes a sign-in, however it went.
pub(super) async fn finish(ask: &Ask<'_>) -> Answer {
    if let Err(answer) = ask.not_too_often() {
        return answer;
    }
    let query = ask.exchange.head().target.split_once('?').map_or("", |(_, query)| query);
    let callback = match CallbackParameters::parse(query) {
        Ok(callback) => callback,
        Err(error) => {
            tracing::warn!(%error, "a callback is none");
            return failed(ask, Vec::new(), "/", 400, UNKNOWN);
        }
    };
    let id = Attempt::id_of_state(callback.state()).unwrap_or_default().to_owned();
    let Some(attempt) = attempt(ask, &id) else { return no_attempt(ask).await };
    // Whatever comes of it, it is over.
    let edits = vec![AttemptCookie::remove(ask.site, &id)];
    let back = ask.back(Some(attempt.return_path()));
    let Some(party) = ask.site.party(attempt.issuer()) else {
        return failed(ask, edits, &back, 400, UNKNOWN);
    };
    match party.finish(&attempt, &callback, ask.exchange.visit().now).await {
        Ok(identity) => admit(ask, &identity, edits, &back).await,
        Err(error) => {
            tracing::warn!(error = error.code(), %error, "a sign-in was not finished");
            ask.tell_refusal(error.code(), "");
            let (status, text) = told(&error);
            failed(ask, edits, &back, status, text)
        }
    }
}

const UNKNOWN: (&str, &str) = (
    "This sign-in is over",
    "It was finished before, took too long, or began in another browser. Sign in once more.",
);

/// What the visitor is told of a failure: what to do. The log has the rest.
fn told(error: &FinishError) -> (u16, (&'static str, &'static str)) {
    match error {
        FinishError::Denied { .. } => {
            (403, ("You did not sign in", "The provider was told not to. You can try again."))
        }
        FinishError::HostedDomain { .. } => {
            (403, ("This account is of another domain", "Only accounts of this site's own domain may in."))
        }
        FinishError::CodeRefused
        | FinishError::Expired { .. }
        | FinishError::NoIss
        | FinishError::OtherProvider { .. }
        | FinishError::WrongIss { .. }
        | FinishError::WrongState => (400, UNKNOWN),
        FinishError::Provider(_) => {
            (503, ("The provider does not answer", "You were not signed in. Try again in a moment."))
        }
        _ => (
            502,
            (
                "The provider's answer cannot be used",
                "You were not signed in. Whoever runs this site finds the reason in its log.",
            ),
        ),
    }
}

fn failed(ask: &Ask<'_>, edits: Vec<FieldEdit>, back: &str, status: u16, text: (&str, &str)) -> Answer {
    ask.html(status, edits, pages::failed(&ask.site.title, &ask.providers(), back, text))
}

/// Opens the attempt that the browser has under that id.
fn attempt(ask: &Ask<'_>, id: &str) -> Option<Attempt> {
    let name = AttemptCookie::name(ask.site, id);
    let cookies = ask.exchange.head().cookies();
    let opens = |value: &str| {
        let text = ask.site.vault.open(Purpose::Attempt, value)?;
        serde_json::from_str::<Attempt>(&text).ok().filter(|attempt| attempt.id() == id)
    };
    cookies.iter().filter(|(found, _)| *found == name).find_map(|(_, value)| opens(value))
}

/// Without an attempt: who went back in the browser's history is sent on, everybody else starts over.
async fn no_attempt(ask: &Ask<'_>) -> Answer {
    let auth = ask.exchange.peek(Why::Extractor("the callback")).await;
    if auth.is_signed_in() {
        return ask.see_other(Vec::new(), "/");
    }
    ask.tell_refusal("no-attempt", "");
    failed(ask, Vec::new(), "/", 400, UNKNOWN)
}

/// Lets in who is on the list, with a session of their own.
async fn admit(ask: &Ask<'_>, identity: &Identity, mut edits: Vec<FieldEdit>, back: &str) -> Answer {
    let (site, visit) = (ask.site, ask.exchange.visit());
    let person = Person::of(identity);
    let (role, version) = match site.registry.admission(&person, visit.now).await {
        Ok(admission) => admission,
        Err(error) => return ask.store_failed(&error),
    };
    if role.is_none() {
        ask.tell_refusal("not-listed", &person.id);
        let shown = person.address.as_deref();
        return ask.html(403, edits, pages::stranger(&site.title, &ask.providers(), back, shown));
    }
    let sid = draw::name();
    let (cookie, profile) = claims(identity, &person, site.mode);
    let session = SessionRecord {
        began: visit.now.millis(),
        version,
        client: crate::site::client(visit.head),
        issuer: identity.issuer.clone(),
        subject: identity.subject.clone(),
        provider_session: identity.provider_session.clone(),
        profile,
        tokens: site.keep_tokens.then(|| site.kept(&identity.tokens)).flatten(),
        ended: false,
    };
    // The record comes first: a cookie without one would be over at once, a record without cookie is nobody's.
    let begun =
        site.registry.begin(&person.id, &sid, &session, site.remembered_until(visit.now), visit.now).await;
    if let Err(error) = begun {
        return ask.store_failed(&error);
    }
    let claims = SealedClaims::new(cookie).with_sid(&sid).with_version(version);
    match site.sealed.seal(&claims, &visit.head.cookies(), visit.now, SealNonce::new(draw::octets())) {
        Ok(lines) => edits.extend(lines.edits()),
        Err(error) => {
            tracing::error!(%error, "a session cannot be sealed");
            return ask.say(
                500,
                "You were not signed in",
                "Your session cannot be kept in a cookie. The log says why.",
            );
        }
    }
    leave_behind(ask, &sid).await;
    let (session, provider) = (site.session_name(&sid), identity.issuer.clone());
    let event = Event { session, provider, person: person.id, ..site.event(visit) };
    site.events.tell(Kind::SignIn, &event, visit.now);
    ask.see_other(edits, back)
}

/// Ends the session that the browser had before: its cookie is gone with the new one.
async fn leave_behind(ask: &Ask<'_>, sid: &str) {
    let (site, visit) = (ask.site, ask.exchange.visit());
    let Ok(Some(before)) = site.bearer(visit) else { return };
    if before.sid == sid {
        return;
    }
    let ended =
        site.registry.end(&before.person.id, &before.sid, site.remembered_until(visit.now), visit.now).await;
    if let Err(error) = ended {
        tracing::warn!(error = error.code(), "the session that a browser had before was not ended");
    }
    let event =
        Event { session: site.session_name(&before.sid), reason: "another-sign-in", ..site.event(visit) };
    site.events.tell(Kind::SignOut, &event, visit.now);
}

/// The claims for the cookie, and for the record.
fn claims(
    identity: &Identity,
    person: &Person,
    mode: SessionMode,
) -> (Map<String, Value>, Option<Map<String, Value>>) {
    let mut own = Map::new();
    own.insert("sub".to_owned(), person.id.clone().into());
    if !person.groups.is_empty() {
        let groups: Vec<Value> = person.groups.iter().take(MOST_GROUPS).cloned().map(Value::from).collect();
        own.insert("groups".to_owned(), groups.into());
    }
    let mut profile = Map::new();
    let shown = [("email", &person.address), ("name", &identity.name), ("picture", &identity.picture)];
    for (name, value) in shown {
        if let Some(value) = value {
            profile.insert(name.to_owned(), value.chars().take(1_000).collect::<String>().into());
        }
    }
    match mode {
        SessionMode::ServerSide => (own, Some(profile)),
        SessionMode::Stateless => {
            own.extend(profile);
            (own, None)
        }
    }
}
