//! One request's state between its head and the head of its response.
//!
//! # Invariants
//!
//! - The level only rises until it is committed with the response head; a first read after that sees
//!   signed out and is counted as a defect.
//! - Who is asking is decided at most once, and only when someone wants to know.
//!
//! # Not covered
//!
//! What a cache makes of the level: see [`crate::protect_response`].

use std::fmt;
use std::net::IpAddr;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nostore_message::{FieldEdit, Fields, Intent, RequestHead, ResponseHead, Sensitivity, apply};
use nostore_session::{Decision, Machine, SignInTurn, Status, carries_handshake_return, is_navigation};
use tokio::sync::OnceCell;

use crate::driver::Decided;
use crate::events;
use crate::metrics::Counters;
use crate::{Answer, Auth, Refused, Sessions, Visit, Why, grpc};

/// What a visitor reads where a redirect would only go on with a loop.
const LOOP_STOPPED: &str = "401: you are signed out. Reload the page to sign in.\n\n\
    Within half a minute, signing in led back here again and again, so it was stopped. If it goes on:\n\
    either the publishable and the secret key belong to different instances, or this site's clock is wrong,\n\
    or a cache on the way replays a redirect, or a broken cookie of this site hides the new one (delete them).\n";

/// One request on its way through the app. Adapters make it with [`Sessions::begin`] and hand it to
/// handlers; it is shared by every extractor. `Debug` shows method, path and level: the rest holds tokens.
pub struct Exchange {
    sessions: Sessions,
    head: RequestHead<'static>,
    client: Option<IpAddr>,
    decided: OnceCell<Decided>,
    ledger: Mutex<Ledger>,
}

/// What has happened so far.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) level: Option<(Sensitivity, Why)>,
    pub(crate) pending: Vec<FieldEdit>,
    settled: bool,
    signed_out: bool,
    lowered: bool,
    committed: bool,
    told: bool,
    counted: bool,
    defects: u32,
}

/// How a sign-out went. The cookies are cleared in any case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "a session that was not revoked signs the visitor in again at the next sign-in page"]
pub enum SignOut {
    /// The identity service did not confirm it; the reason is in the log.
    NotRevoked,
    /// The request carried no session to revoke.
    NoSession,
    /// The session is revoked at the identity service.
    Revoked,
}

impl Exchange {
    pub(crate) fn new(sessions: Sessions, head: RequestHead<'static>, client: Option<IpAddr>) -> Self {
        Self { sessions, head, client, decided: OnceCell::new(), ledger: Mutex::default() }
    }

    /// Returns the request head, with the public scheme and authority.
    #[must_use]
    pub const fn head(&self) -> &RequestHead<'static> {
        &self.head
    }

    /// Returns the visitor's address: the peer's, or what a trusted proxy says. `None`: the adapter does
    /// not know its peers, or the proxy did not say.
    #[must_use]
    pub const fn client_address(&self) -> Option<IpAddr> {
        self.client
    }

    /// Returns the sessions that this request belongs to.
    #[must_use]
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Tells who is asking. The response becomes [`Sensitivity::Personalized`].
    ///
    /// # Errors
    ///
    /// The answer to send instead: a redirect that finds out who is asking, or an error page.
    pub async fn auth(self: &Arc<Self>, why: Why) -> Result<Auth, Answer> {
        if !self.note_read(why) {
            return Ok(Auth::nobody(Arc::clone(self)));
        }
        self.decide().await;
        self.settle()
    }

    /// Tells who is asking as far as this request says: never redirects, and sees signed out where a
    /// redirect would have been needed. The response becomes [`Sensitivity::Personalized`].
    pub async fn peek(self: &Arc<Self>, why: Why) -> Auth {
        if !self.note_read(why) {
            return Auth::nobody(Arc::clone(self));
        }
        if self.decide().await.refuses() {
            return Auth::nobody(Arc::clone(self));
        }
        self.settle().unwrap_or_else(|_| Auth::nobody(Arc::clone(self)))
    }

    /// Tells who is asking and lets only signed-in visitors pass.
    ///
    /// # Errors
    ///
    /// The answer to send instead: as for [`Self::auth`]; for a signed-out visitor a redirect to the
    /// sign-in page where the request is a page navigation, else a 401.
    pub async fn require(self: &Arc<Self>, why: Why) -> Result<Auth, Answer> {
        let auth = self.auth(why).await?;
        if auth.session().is_some() { Ok(auth) } else { Err(self.refuse_signed_out()) }
    }

    /// Tells who is asking and lets only machines pass: what each may do, its scopes say.
    ///
    /// # Errors
    ///
    /// The answer to send instead, as for [`Self::require`].
    pub async fn require_machine(self: &Arc<Self>, why: Why) -> Result<Auth, Answer> {
        let auth = self.auth(why).await?;
        if auth.known_machine().is_some() { Ok(auth) } else { Err(self.refuse_signed_out()) }
    }

    /// Raises how sensitive the response is. After the response head was sent this is a defect.
    #[track_caller]
    pub fn raise(&self, level: Sensitivity) {
        let caller = Location::caller();
        if !self.note(level, Why::AppRaised(caller)) {
            tracing::error!(%caller, "the sensitivity was raised after the response head was sent");
        }
    }

    /// Lets the response be public although the handler looked at who is asking.
    ///
    /// A cache may give it to everyone. Right only where nothing of what was read shows in the
    /// response, its status, or its presence. Session cookies, sign-in redirects, 401 and 403 stay protected.
    pub fn danger_mark_public(&self) {
        self.ledger().lowered = true;
    }

    /// Signs the visitor out: revokes the session at the identity service and has the response clear
    /// the session cookies, which it does whatever the service says.
    pub async fn sign_out(&self) -> SignOut {
        if !self.note(Sensitivity::AuthFlow, Why::SignInOrOut) {
            tracing::error!("sign-out was asked for after the response head was sent: no cookie is cleared");
        }
        let (outcome, edits) = self.sessions.0.source.sign_out(self.visit()).await;
        let mut ledger = self.ledger();
        ledger.signed_out = true;
        ledger.settled = true;
        ledger.pending = edits;
        outcome
    }

    /// Returns path, query and fragment of `redirect_url` where it lies on this site, else `/`.
    #[must_use]
    pub fn safe_return_path(&self, redirect_url: &str) -> String {
        self.sessions.safe_return_path(&self.head, redirect_url)
    }

    /// Returns the identity service's sign-in page, which leads back to `redirect_url` where that lies
    /// on this site, else to `/`. The location is this visitor's own, so the response becomes
    /// [`Sensitivity::AuthFlow`].
    #[must_use]
    pub fn identity_sign_in_url(&self, redirect_url: &str) -> String {
        let noted = self.note(Sensitivity::AuthFlow, Why::SignInOrOut);
        if let Some(SignInTurn::Go(counted)) = self.sessions.sign_in_page_turn(&self.head).filter(|_| noted) {
            self.ledger().pending.extend(counted);
        }
        self.sessions.identity_sign_in_url(&self.head, redirect_url)
    }

    /// Returns how sensitive the response is so far.
    #[must_use]
    pub fn sensitivity(&self) -> Sensitivity {
        self.ledger().level.as_ref().map_or(Sensitivity::Public, |(level, _)| *level)
    }

    /// Counts the reads that came too late: after the response head had been committed.
    #[must_use]
    pub fn defects(&self) -> u32 {
        self.ledger().defects
    }

    /// Returns the request as the site's own sessions see it.
    #[must_use]
    pub fn visit(&self) -> Visit<'_> {
        self.sessions.visit(&self.head, self.client)
    }

    /// Makes a whole answer to send instead of the app's, which no shared cache stores. Content is plain text unless an
    /// edit names its type.
    pub fn respond(
        &self,
        status: u16,
        edits: Vec<FieldEdit>,
        body: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Answer {
        self.answer(status, edits, body)
    }

    /// The answer to a signed-in visitor who may not: a 403.
    pub(crate) fn refuse_access(&self) -> Answer {
        self.sessions.0.source.tell_refused(self.visit(), Refused::MayNot);
        self.answer(403, Vec::new(), "403: you are signed in, but this is not for you\n")
    }

    /// Makes the site's own cookie anew where that is due and the response allows it.
    pub(crate) fn renew(&self, intent: Intent) -> Vec<FieldEdit> {
        let due = matches!(self.decided.get(), Some(Decided::Decision { renewal_due: true, .. }));
        if due && !self.ledger().signed_out {
            self.sessions.0.source.renew(self.visit(), intent)
        } else {
            Vec::new()
        }
    }

    /// Decides now where that needs nobody's answer. Tells whether it is decided.
    pub(crate) fn decide_now(&self) -> bool {
        if self.decided.get().is_none() {
            if let Some(decided) = self.sessions.0.source.decide_now(self.visit()) {
                // Someone else may have been faster; both came to the same.
                drop(self.decided.set(decided));
            }
        }
        self.decided.get().is_some()
    }

    /// Returns the machine that was found, where it is decided.
    pub(crate) fn machine(&self) -> Option<&Machine> {
        match self.decided.get()? {
            Decided::Decision { decision, .. } => match &decision.status {
                Status::Machine(machine) => Some(machine),
                _ => None,
            },
            Decided::Failed { .. } => None,
        }
    }

    pub(crate) async fn decide(&self) -> &Decided {
        self.decide_now();
        self.decided.get_or_init(|| self.sessions.0.source.decide(self.visit())).await
    }

    /// Turns the decision, which has been made, into what the reader gets.
    pub(crate) fn settle(self: &Arc<Self>) -> Result<Auth, Answer> {
        let (decision, session) = match self.decided.get() {
            Some(Decided::Decision { decision, session, .. }) => (decision, session),
            Some(Decided::Failed { status, text }) => {
                return Err(self.answer(*status, Vec::new(), text.clone()));
            }
            None => return Ok(Auth::nobody(Arc::clone(self))),
        };
        self.tell(decision);
        if decision.location().is_some() {
            let (source, visit) = (&self.sessions.0.source, self.visit());
            let edits = decision.all_edits().cloned().map(|edit| source.dodging(visit, edit));
            return Err(self.answer(307, edits.collect(), ""));
        }
        // The sign-in page would send its visitor on: where that has gone on for too long, it says so instead.
        let turn = self.sessions.sign_in_page_turn(&self.head).filter(|_| session.is_none());
        if turn.is_some_and(|turn| decision.loop_stopped || turn == SignInTurn::Stop) {
            return Err(self.stop_loop(decision.all_edits().cloned().collect()));
        }
        let mut ledger = self.ledger();
        if !ledger.settled {
            ledger.settled = true;
            ledger.pending = decision.all_edits().cloned().collect();
            if decision.all_edits().any(sets_cookie) {
                ledger.raise(Sensitivity::AuthFlow, Why::SignInOrOut);
            }
        }
        let signed_out = ledger.signed_out;
        drop(ledger);
        let session = session.as_ref().filter(|_| !signed_out).cloned();
        Ok(Auth::decided(Arc::clone(self), session))
    }

    /// The answer to a signed-out visitor where only signed-in ones pass. Cookies that the decision sets
    /// or deletes go with it.
    pub(crate) fn refuse_signed_out(&self) -> Answer {
        let mut edits = std::mem::take(&mut self.ledger().pending);
        let turn = match self.decided.get() {
            Some(Decided::Decision { decision, .. }) => self.sessions.sign_in_turn(&self.head, decision),
            _ => SignInTurn::Go(Vec::new()),
        };
        match turn {
            SignInTurn::Go(counted) if self.is_navigation() => {
                if !std::mem::replace(&mut self.ledger().counted, true) {
                    events::sign_in(&self.sessions.0.counters, self.sessions.hops(&self.head), &self.head);
                    self.sessions.0.source.tell_sent_to_sign_in(self.visit());
                }
                edits.extend(counted);
                edits.push(FieldEdit::set("location", self.sessions.sign_in_location(&self.head)));
                self.answer(307, edits, "")
            }
            SignInTurn::Go(_) => self.unauthorized(edits, "401: sign in first\n"),
            SignInTurn::Stop => self.stop_loop(edits),
        }
    }

    fn stop_loop(&self, edits: Vec<FieldEdit>) -> Answer {
        self.tell_once(|counters, hops| events::loop_stopped(counters, None, hops, &self.head));
        self.unauthorized(edits, LOOP_STOPPED)
    }

    fn unauthorized(&self, mut edits: Vec<FieldEdit>, text: &'static str) -> Answer {
        let source = &self.sessions.0.source;
        source.tell_refused(self.visit(), Refused::SignedOut);
        edits.push(FieldEdit::set("www-authenticate", source.challenge()));
        self.answer(401, edits, text)
    }

    /// Tells and counts the handshake's step that the decision is, once however many readers there are.
    fn tell(&self, decision: &Decision) {
        let config = self.sessions.config();
        let returned = config.is_some_and(|config| carries_handshake_return(&self.head, config));
        if decision.loop_stopped || decision.location().is_some() || returned {
            self.tell_once(|counters, hops| events::decided(counters, decision, hops, &self.head));
        }
    }

    /// Goes on counting with an answer to a navigation: in the cookie, and once among what can be watched.
    pub(crate) fn count_answer(&self, response: &ResponseHead<'_>) -> Option<FieldEdit> {
        let edit = self.sessions.count_answer(&self.head, response)?;
        let counted = std::mem::replace(&mut self.ledger().counted, true);
        let (counters, hops) = (&self.sessions.0.counters, self.sessions.hops(&self.head));
        match (counted, response.is_redirect()) {
            (true, _) => {}
            (false, true) => counters.redirect(hops),
            (false, false) => counters.visit(hops),
        }
        Some(edit)
    }

    fn tell_once(&self, tell: impl FnOnce(&Counters, u32)) {
        let told = std::mem::replace(&mut self.ledger().told, true);
        if !told {
            tell(&self.sessions.0.counters, self.sessions.hops(&self.head));
        }
    }

    /// Tells whether the request loads a page.
    pub(crate) fn is_navigation(&self) -> bool {
        is_navigation(&self.head)
    }

    /// Notes a reader. `false`: too late, the response head is committed.
    pub(crate) fn note_read(&self, why: Why) -> bool {
        let noted = self.note(Sensitivity::Personalized, why);
        if !noted {
            tracing::error!(
                target = %self.head.path(),
                "who is asking was first read after the response head was sent: the reader sees signed out"
            );
        }
        noted
    }

    /// Names the line of the first accessor call, where only the extractor is known so far.
    pub(crate) fn refine(&self, line: &'static Location<'static>) {
        if let Some((_, why @ Why::Extractor(_))) = &mut self.ledger().level {
            *why = Why::Read(line);
        }
    }

    pub(crate) fn note(&self, level: Sensitivity, why: Why) -> bool {
        let mut ledger = self.ledger();
        if ledger.committed && ledger.level.as_ref().is_none_or(|(known, _)| level > *known) {
            ledger.defects = ledger.defects.saturating_add(1);
            return false;
        }
        ledger.raise(level, why);
        true
    }

    /// Commits the level with the response head and takes what is to be applied.
    pub(crate) fn commit(&self) -> (Option<(Sensitivity, Why)>, Vec<FieldEdit>) {
        let mut ledger = self.ledger();
        ledger.committed = true;
        let level = ledger.level.clone();
        let level = level.filter(|(level, _)| !ledger.lowered || *level >= Sensitivity::AuthFlow);
        let pending = std::mem::take(&mut ledger.pending);
        // The state fields say who asked: a response that a cache may keep goes without.
        (level.clone(), if level.is_some() { pending } else { Vec::new() })
    }

    pub(crate) fn answer(
        &self,
        status: u16,
        mut edits: Vec<FieldEdit>,
        body: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Answer {
        self.note(Sensitivity::AuthFlow, Why::Gate);
        if let Some(told) = grpc::refusal(&self.head, status) {
            edits.extend(told);
            return self.sessions.answer(status, edits, "".into());
        }
        let mut head = ResponseHead { status, fields: Fields::new() };
        apply(&edits, &mut head.fields);
        let counted = self.count_answer(&head);
        let edits = edits.into_iter().chain(counted).collect();
        self.sessions.answer(status, edits, body.into())
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Every change is made in one step, so a panicked holder left nothing half-made.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("method", &self.head.method)
            .field("path", &self.head.path())
            .field("sensitivity", &self.sensitivity())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Raises the level. The first reason stays: what read the session explains what followed.
    fn raise(&mut self, level: Sensitivity, why: Why) {
        match &mut self.level {
            Some((known, _)) => *known = level.max(*known),
            None if level > Sensitivity::Public => self.level = Some((level, why)),
            None => {}
        }
    }
}

fn sets_cookie(edit: &FieldEdit) -> bool {
    matches!(edit, FieldEdit::Append { name, .. } | FieldEdit::Set { name, .. } if name.eq_ignore_ascii_case("set-cookie"))
}
