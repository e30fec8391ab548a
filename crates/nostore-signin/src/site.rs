//! The sessions of a site, as the gate sees them: who has a cookie, whether that still holds, and when it is made anew.
//!
//! # Invariants
//!
//! - A cookie alone signs nobody in: the store is asked whether the session was ended and whether its person may still in.
//! - A store that does not answer signs nobody in, and takes nobody's cookie away.
//! - A cookie that no secret opens is left alone: another release of the site, with another secret, may be its owner.

use std::sync::Arc;

use nostore_message::{FieldEdit, Intent, Origin, RequestHead, UnixTime, client_class};
use nostore_session::{Opened, RefusedReason, Renewal, SealNonce, SealedSessions, Session};
use nostore_web::{Found, Refused, SignOut, SiteFuture, SiteSessions, Unavailable, Visit};
use serde_json::{Map, Value};

use crate::draw;
use crate::events::{Event, Events, Kind};
use crate::limits::{self, Limits};
use crate::people::{self, Person};
use crate::provider::RelyingParty;
use crate::registry::{Registry, Standing};
use crate::tokens::Turns;
use crate::vault::Vault;

/// The path of the sign-in page.
pub(crate) const SIGN_IN_PATH: &str = "/auth/sign-in";
/// The parameter that says where a sign-in returns to.
pub(crate) const CALLBACK_URL: &str = "callbackUrl";
/// Which of our claims says the version of the person's sessions.
const VERSION: &str = "nostore_version";

/// Where a session's claims are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SessionMode {
    /// In the cookie. The store says which sessions are over; one that it does not know goes on.
    #[default]
    Stateless,
    /// In the store. A session that it does not know is over.
    ServerSide,
}

/// Everything that answers for a site's sessions.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) sealed: SealedSessions,
    pub(crate) registry: Registry,
    pub(crate) vault: Vault,
    pub(crate) events: Events,
    pub(crate) limits: Limits,
    pub(crate) parties: Vec<RelyingParty>,
    pub(crate) origin: Origin,
    pub(crate) title: String,
    pub(crate) mode: SessionMode,
    pub(crate) absolute_secs: i64,
    pub(crate) keep_tokens: bool,
    pub(crate) leave_provider: bool,
    pub(crate) turns: Turns,
}

/// Whose session a cookie is.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    pub(crate) person: Person,
    pub(crate) sid: String,
    pub(crate) version: u64,
    pub(crate) opened: Opened,
}

impl Site {
    /// Opens the cookie of a request. `Err`: the cookie's session is over, and it can go.
    pub(crate) fn bearer(&self, visit: Visit<'_>) -> Result<Option<Bearer>, RefusedReason> {
        let opened = match self.sealed.open(&visit.head.cookies(), visit.now) {
            Ok(opened) => opened,
            Err(refused) => {
                return match refused.reason() {
                    over @ (RefusedReason::Expired { .. } | RefusedReason::LifetimeOver { .. }) => Err(over),
                    _ => Ok(None),
                };
            }
        };
        Ok(bearer(opened))
    }

    /// Looks up how a session stands. `None`: it is over.
    pub(crate) async fn standing(
        &self,
        bearer: &Bearer,
        now: UnixTime,
    ) -> Result<Option<Standing>, Unavailable> {
        let standing = self.registry.standing(&bearer.person, &bearer.sid, now).await;
        let standing = standing.map_err(|error| {
            tracing::error!(
                error = error.code(),
                cause = cause(&error),
                "the store gave no answer: nobody is signed in"
            );
            Unavailable
        })?;
        Ok(self.holds(bearer, &standing).then_some(standing))
    }

    /// Tells whether a session holds that stands like that.
    pub(crate) fn holds(&self, bearer: &Bearer, standing: &Standing) -> bool {
        let known = standing.session.as_ref().map(|session| !session.ended);
        let goes_on = known.unwrap_or(self.mode == SessionMode::Stateless);
        goes_on && bearer.version == standing.version && standing.role.is_some()
    }

    async fn found(&self, visit: Visit<'_>) -> Result<Found, Unavailable> {
        let bearer = match self.bearer(visit) {
            Ok(Some(bearer)) => bearer,
            Ok(None) => return Ok(Found::default()),
            Err(_) => return Ok(Found { edits: self.clear(visit.head), ..Found::default() }),
        };
        let Some(standing) = self.standing(&bearer, visit.now).await? else {
            let event = Event {
                session: self.session_name(&bearer.sid),
                reason: "session-over",
                ..self.event(visit)
            };
            self.events.tell(Kind::Refusal, &event, visit.now);
            return Ok(Found { edits: self.clear(visit.head), ..Found::default() });
        };
        if self.events.is_first(
            &(&bearer.sid, visit.head.fields.first("user-agent"), visit.client, visit.head.path()),
            visit.now,
        ) {
            let event = Event { session: self.session_name(&bearer.sid), ..self.event(visit) };
            self.events.tell(Kind::Use, &event, visit.now);
        }
        let renewal = self.sealed.renewal(&bearer.opened, visit.now, Intent::Silent);
        let session = Session::of_site(claims(bearer, &standing)).map(Arc::new);
        Ok(Found { session, edits: Vec::new(), renewal_due: matches!(renewal, Renewal::Seal(_)) })
    }

    /// Takes the session's cookies out of the browser.
    pub(crate) fn clear(&self, head: &RequestHead<'_>) -> Vec<FieldEdit> {
        self.sealed.clear(&head.cookies()).edits().collect()
    }

    /// Begins a record: what every one says.
    pub(crate) fn event(&self, visit: Visit<'_>) -> Event {
        let network = visit.client.map(limits::network);
        Event {
            client: client(visit.head),
            network: network
                .map(|network| self.vault.name("network", &network.to_string()))
                .unwrap_or_default(),
            path: path(visit.head),
            ..Event::default()
        }
    }

    pub(crate) fn session_name(&self, sid: &str) -> String {
        self.vault.name("session", sid)
    }

    /// Until when the end of a session must be remembered.
    pub(crate) fn remembered_until(&self, now: UnixTime) -> UnixTime {
        // As much as clocks may differ, and a day.
        now.plus_secs(self.absolute_secs.saturating_add(86_400))
    }

    /// Ends the session of a request, and takes it out of the browser.
    pub(crate) async fn leave(&self, visit: Visit<'_>) -> (SignOut, Vec<FieldEdit>) {
        let mut edits = self.clear(visit.head);
        // What the browser itself has kept of the pages is gone as well, and what scripts have stored.
        edits.push(FieldEdit::set("clear-site-data", "\"cache\", \"storage\""));
        let Ok(Some(bearer)) = self.bearer(visit) else { return (SignOut::NoSession, edits) };
        let until = self.remembered_until(visit.now);
        let ended = self.registry.end(&bearer.person.id, &bearer.sid, until, visit.now).await;
        let event = Event { session: self.session_name(&bearer.sid), reason: "visitor", ..self.event(visit) };
        self.events.tell(Kind::SignOut, &event, visit.now);
        match ended {
            Ok(()) => (SignOut::Revoked, edits),
            Err(error) => {
                tracing::error!(
                    error = error.code(),
                    cause = cause(&error),
                    "the store did not end a session"
                );
                (SignOut::NotRevoked, edits)
            }
        }
    }
}

impl SiteSessions for Site {
    fn cookie_names(&self) -> Vec<String> {
        let names = self.sealed.cookie_names();
        // A session that is long is in several cookies.
        names.flat_map(|name| [name.to_owned(), format!("{name}.0")]).collect()
    }

    fn find_now(&self, visit: Visit<'_>) -> Option<Result<Found, Unavailable>> {
        let cookies = visit.head.cookies();
        let carries = self.sealed.cookie_names().any(|name| {
            cookies.iter().any(|(found, _)| {
                found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        });
        (!carries).then(|| Ok(Found::default()))
    }

    fn find<'a>(&'a self, visit: Visit<'a>) -> SiteFuture<'a, Result<Found, Unavailable>> {
        Box::pin(self.found(visit))
    }

    fn renew(&self, visit: Visit<'_>, intent: Intent) -> Vec<FieldEdit> {
        let Ok(Some(bearer)) = self.bearer(visit) else { return Vec::new() };
        if !matches!(self.sealed.renewal(&bearer.opened, visit.now, intent), Renewal::Seal(_)) {
            return Vec::new();
        }
        let nonce = SealNonce::new(draw::octets());
        match self.sealed.seal(&bearer.opened.to_claims(), &visit.head.cookies(), visit.now, nonce) {
            Ok(lines) => lines.edits().collect(),
            Err(error) => {
                tracing::error!(%error, "a session could not be sealed anew; the cookie goes on as it is");
                Vec::new()
            }
        }
    }

    fn sign_out<'a>(&'a self, visit: Visit<'a>) -> SiteFuture<'a, (SignOut, Vec<FieldEdit>)> {
        Box::pin(self.leave(visit))
    }

    fn sign_in_location(&self, visit: Visit<'_>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        format!("{SIGN_IN_PATH}?{}", query.append_pair(CALLBACK_URL, &visit.head.target).finish())
    }

    fn sign_in_path(&self) -> &str {
        SIGN_IN_PATH
    }

    fn sent_to_sign_in(&self, visit: Visit<'_>) {
        self.events.tell(Kind::Redirect, &self.event(visit), visit.now);
    }

    fn refused(&self, visit: Visit<'_>, why: Refused) {
        let reason = match why {
            Refused::Forged => "forged",
            Refused::MayNot => "may-not",
            Refused::SignedOut => "signed-out",
        };
        self.events.tell(Kind::Refusal, &Event { reason, ..self.event(visit) }, visit.now);
    }
}

/// Reads whose session it is. Sessions that Auth.js began have no version of ours: their person is the address that they
/// name, and their id is the token's, until they are sealed here.
fn bearer(opened: Opened) -> Option<Bearer> {
    let claims = opened.claims();
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let ours = claims.contains_key(VERSION);
    let id = if ours { text("sub")?.to_owned() } else { people::address(text("email")?)? };
    let sid = if ours { text("sid")? } else { text("sid").or_else(|| text("jti"))? }.to_owned();
    let groups = claims.get("groups").and_then(Value::as_array).into_iter().flatten();
    let groups = groups.filter_map(Value::as_str).map(str::to_owned).collect();
    let address = people::address(&id);
    let version = opened.version().unwrap_or_default();
    let fits = sid.len() <= 100 && sid.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(Bearer { person: Person { id, address, groups }, sid, version, opened })
}

/// What handlers see: the cookie's claims, what the store keeps of the person, and the role of this moment. The site is the
/// one organization, so that checks for roles read the same as with an identity service.
fn claims(bearer: Bearer, standing: &Standing) -> Map<String, Value> {
    let mut claims = bearer.opened.into_claims();
    if let Some(profile) = standing.session.as_ref().and_then(|session| session.profile.as_ref()) {
        claims.extend(profile.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    claims.insert("sub".to_owned(), bearer.person.id.into());
    claims.insert("sid".to_owned(), bearer.sid.into());
    for name in ["v", "o", "sts", "org_permissions"] {
        claims.remove(name);
    }
    if let Some(role) = standing.role {
        claims.insert("role".to_owned(), role.code().into());
        claims.insert("org_id".to_owned(), "site".into());
        claims.insert("org_role".to_owned(), format!("org:{}", role.code()).into());
    }
    claims
}

/// The kind of program that sends a request.
pub(crate) fn client(head: &RequestHead<'_>) -> String {
    head.fields.first("user-agent").map_or_else(|| "none".to_owned(), client_class)
}

/// The path of a request, shortened: paths may hold anything.
fn path(head: &RequestHead<'_>) -> String {
    head.path().chars().take(200).collect()
}

/// Says what is behind an error, for the log.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}
