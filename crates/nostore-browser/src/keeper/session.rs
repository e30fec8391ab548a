//! The session itself: whose it is, whether it goes on, how it ends.

use nostore_token::{Failure, SessionToken, frontend};
use serde_json::{Value, json};

use super::{Action, Answer, Channel, Clocks, Current, Doubt, Event, Keeper, Who, Work};
use crate::client::{ClientView, SessionView, TokenView};

/// How often it is asked whether a session is really over, where nobody answers.
const MOST_DOUBTS: u32 = 4;

impl Keeper {
    /// Asks who is there.
    pub(super) fn discover(&mut self, clocks: Clocks) {
        if !self.jobs.iter().any(|(_, job)| matches!(job.work, Work::Discover)) {
            self.ask(Work::Discover, ("GET", "/v1/client"), None, clocks);
        }
    }

    /// Asks whether the session is really over: somebody says so. The cookie is left alone meanwhile.
    pub(super) fn make_sure(&mut self, clocks: Clocks) {
        let Who::Somebody(current) = &self.who else { return };
        if self.doubt.is_none() {
            self.doubt = Some(Doubt { tries: 0, again_ms: None });
            let session = current.session.clone();
            self.ask(Work::MakeSure(session), ("GET", "/v1/client"), None, clocks);
        }
    }

    pub(super) fn doubt_again(&mut self, clocks: Clocks) {
        let Who::Somebody(current) = &self.who else { return };
        let Some(doubt) = &mut self.doubt else { return };
        if doubt.again_ms.take_if(|again_ms| *again_ms <= clocks.steady_ms).is_some() {
            let session = current.session.clone();
            self.ask(Work::MakeSure(session), ("GET", "/v1/client"), None, clocks);
        }
    }

    pub(super) fn heard_sign_out(&mut self, text: &str, clocks: Clocks) {
        let Ok(message) = serde_json::from_str::<Value>(text) else { return };
        let named = message.get("sessionId").and_then(Value::as_str);
        if named.is_some() && named == self.session() {
            self.make_sure(clocks);
        }
    }

    /// Signs out: here at once, at the service as soon as it answers, in other tabs then.
    pub(super) fn sign_out(&mut self, ticket: u32, clocks: Clocks) {
        let Who::Somebody(Current { session, .. }) = self.who.clone() else {
            return self.settle(ticket, Ok(None));
        };
        self.end(&session, false, clocks);
        let target = format!("/v1/client/sessions/{}/remove", segment(&session));
        // What ends the session comes behind what stops using it.
        self.ask(Work::SignOut { ticket, session }, ("POST", &target), Some(String::new()), clocks);
    }

    pub(super) fn is_over(&self, session: &str) -> bool {
        self.ended.iter().any(|ended| ended == session)
    }

    /// Ends a session here.
    pub(super) fn end(&mut self, session: &str, tells: bool, clocks: Clocks) {
        if self.is_over(session) {
            return;
        }
        self.ended.push(session.to_owned());
        let now = self.now(clocks);
        for (key, entry) in self.entries.iter_mut() {
            if key.session() == session {
                entry.slot.clear(now);
            }
        }
        if self.session() == Some(session) {
            self.who = Who::Nobody;
            (self.doubt, self.blank) = (None, false);
            self.actions.push(Action::Tell(Event::Ended { session: session.to_owned() }));
        }
        self.act(clocks);
        self.actions.push(Action::ReadCookies);
        if tells {
            self.says_over(session);
        }
    }

    /// Tells other tabs, which make sure themselves.
    fn says_over(&mut self, session: &str) {
        let text = json!({ "type": "signout", "sessionId": session }).to_string();
        self.post(Channel::SignOut, text.into());
    }

    /// Makes another organization active in the session.
    pub(super) fn choose(&mut self, ticket: u32, organization: &str, clocks: Clocks) {
        let Who::Somebody(Current { session, .. }) = self.who.clone() else {
            return self.settle(ticket, Err(super::Problem::Nobody));
        };
        let target = format!("/v1/client/sessions/{}/touch", segment(&session));
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("active_organization_id", organization);
        let work = Work::Touch { ticket, session };
        self.ask(work, ("POST", &target), Some(form.finish()), clocks);
    }

    /// Takes an answer that is no token.
    pub(super) fn told_by_service(&mut self, job: u32, answer: &Answer, clocks: Clocks) {
        let succeeded = (200..300).contains(&answer.status);
        let view = succeeded.then(|| ClientView::answered(answer.body.as_bytes())).flatten();
        let asks = |work: &Work| matches!(work, Work::Discover | Work::MakeSure(_));
        let about_client = self.job_of(job).is_some_and(|job| asks(&job.work));
        // A browser that the service does not know has no sessions.
        let view = if answer.status == 401 { Some(ClientView::default()) } else { view };
        let understood = if about_client { view.is_some() } else { succeeded };
        if !understood {
            let fields = (answer.retry_after.as_deref(), answer.date.as_deref());
            let failure = frontend::read(answer.status, fields, answer.body.as_bytes()).err();
            let failure = failure.unwrap_or(Failure::Transient { what: "an unexpected answer" });
            return self.not_told(job, failure, clocks);
        }
        let Some(job) = self.take_job(job) else { return };
        match job.work {
            Work::Discover => self.discovered(&view.unwrap_or_default(), clocks),
            Work::MakeSure(session) => self.made_sure(&session, &view.unwrap_or_default(), clocks),
            Work::SignOut { ticket, session } => self.signed_out((ticket, &session), answer.body.as_bytes()),
            Work::Touch { ticket, session } => {
                self.touched((ticket, &session), answer.body.as_bytes(), clocks);
            }
            Work::Token { .. } => {}
        }
    }

    /// Takes note that the service did not answer as it should.
    pub(super) fn not_told(&mut self, job: u32, failure: Failure, clocks: Clocks) {
        let Some(job) = self.take_job(job) else { return };
        match job.work {
            Work::Discover => {
                for (ticket, _) in std::mem::take(&mut self.unplaced) {
                    self.settle(ticket, Err(failure.clone().into()));
                }
                self.actions.push(Action::Tell(Event::Degraded(failure)));
            }
            Work::MakeSure(_) => {
                let Some(doubt) = &mut self.doubt else { return };
                doubt.tries += 1;
                doubt.again_ms = Some(clocks.steady_ms.saturating_add(500 << doubt.tries));
                if doubt.tries >= MOST_DOUBTS {
                    // The next fetch will tell.
                    self.doubt = None;
                }
                self.actions.push(Action::Tell(Event::Degraded(failure)));
            }
            Work::SignOut { ticket, session } => {
                self.says_over(&session);
                let known =
                    matches!(failure, Failure::Unauthenticated { .. } | Failure::Refused { status: 404, .. });
                // It had ended already.
                self.settle(ticket, if known { Ok(None) } else { Err(failure.into()) });
            }
            Work::Touch { ticket, .. } => self.settle(ticket, Err(failure.into())),
            Work::Token { .. } => {}
        }
    }

    fn discovered(&mut self, view: &ClientView, clocks: Clocks) {
        if self.who != Who::Unknown {
            // The cookie was sooner.
            return;
        }
        let session = match &self.options.session {
            Some(pinned) => view.session(pinned),
            None => view.active(),
        };
        let session = session.filter(|session| !self.is_over(&session.id));
        let Some(session) = session else {
            self.who = Who::Nobody;
            for (ticket, _) in std::mem::take(&mut self.unplaced) {
                self.settle(ticket, Ok(None));
            }
            return;
        };
        let organization = self.options.organization.clone().unwrap_or_else(|| session.organization.clone());
        self.who = Who::Somebody(Current { session: session.id.clone(), organization });
        self.absorb(session, clocks);
        for (ticket, read) in std::mem::take(&mut self.unplaced) {
            self.read(ticket, read, clocks);
        }
        self.act(clocks);
        self.warm(clocks);
    }

    fn made_sure(&mut self, session: &str, view: &ClientView, clocks: Clocks) {
        if self.session() != Some(session) {
            return;
        }
        self.doubt = None;
        if let Some(session) = view.session(session) {
            self.refuted = true;
            self.absorb(session, clocks);
            self.actions.push(Action::ReadCookies);
        } else {
            self.says_signed_out = view.sessions.is_empty();
            self.end(session, false, clocks);
        }
    }

    fn signed_out(&mut self, (ticket, session): (u32, &str), body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let client = answer.get("client").and_then(ClientView::of);
        self.says_signed_out = client.is_some_and(|client| client.sessions.is_empty());
        self.says_over(session);
        self.actions.push(Action::ReadCookies);
        self.settle(ticket, Ok(None));
    }

    fn touched(&mut self, (ticket, session): (u32, &str), body: &[u8], clocks: Clocks) {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        if self.session() == Some(session) {
            let client = answer.get("client").and_then(ClientView::of);
            let views = [answer.get("response").and_then(SessionView::of)];
            let piggybacked = client.as_ref().and_then(|client| client.session(session)).cloned();
            for view in views.into_iter().flatten().chain(piggybacked).filter(|view| view.id == session) {
                self.absorb(&view, clocks);
            }
        }
        self.act(clocks);
        self.settle(ticket, Ok(None));
    }

    /// Takes what the service says of the session that is kept.
    pub(super) fn absorb(&mut self, view: &SessionView, clocks: Clocks) {
        let Who::Somebody(current) = &mut self.who else { return };
        if self.options.organization.is_none() && current.organization != view.organization {
            current.organization.clone_from(&view.organization);
        }
        let (key, current) = (current.key(), current.clone());
        match &view.token {
            TokenView::Silent => {}
            TokenView::None => {
                let now = self.now(clocks);
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.slot.clear(now);
                }
                self.blank = true;
                self.actions.push(Action::ReadCookies);
            }
            TokenView::Raw(raw) => {
                if let Some(token) = SessionToken::parse(raw).ok().filter(|token| current.is_of(token)) {
                    self.hydrate(&key, token, clocks);
                }
            }
        }
    }
}

/// Writes an id as one segment of a path (RFC 3986 section 3.3).
fn segment(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20")
}
