//! `/oauth/authorize` and its sign-in page: who signs in where, and the code for it.
//!
//! Specifications: OpenID Connect Core section 3.1.2; RFC 6749 section 4.1; RFC 9207.

use nostore_message::Secret;

use super::grant::{Grant, PREFIX};
use super::request::{Prompt, Request};
use super::with_parameters;
use crate::core::ask::Ask;
use crate::core::client::KnownBy;
use crate::core::model::{Session, User};
use crate::core::response::{Outcome, Response};
use crate::core::sign_in::NotAnAddress;
use crate::core::{Change, Issuer};
use crate::pages;

/// How many grants are remembered; beyond, the oldest goes.
const MAX_GRANTS: usize = 10_000;

impl Issuer {
    /// Answers `GET /oauth/authorize`: straight back with a session, else the sign-in page.
    pub(super) fn authorize(&self, ask: &mut Ask<'_>) -> Outcome {
        let query = std::mem::take(&mut ask.query);
        let request = match self.authorization(&query, ask.now) {
            Ok(request) => request,
            Err(refusal) => return (*refusal).into(),
        };
        let signed_in = self.browser(ask).and_then(|client| self.signed_in(client));
        let signed_in = signed_in.filter(|(session, user)| request.accepts(session, user, ask.now));
        match (request.prompt, signed_in) {
            (Prompt::IfNeeded | Prompt::Never, Some((session, user))) => {
                let (location, changes) = self.granted(ask, &request, session, user);
                let response = Response::redirect(303, location).by(user);
                response.noted("authorization: signed in already").changing(changes)
            }
            (Prompt::Never, None) => {
                let why = "expected a session that will do, found none";
                (*self.refused(request.redirect_uri, request.state, "login_required", why)).into()
            }
            (Prompt::Always, _) | (Prompt::IfNeeded, None) => {
                let email = request.login_hint.unwrap_or_default();
                self.authorize_page(200, &request, email, None).noted("authorization: sign-in page").into()
            }
        }
    }

    /// Answers `POST /oauth/sign-in`, the form of the page.
    pub(super) fn authorize_form(&self, ask: &mut Ask<'_>) -> Outcome {
        let form = match self.form(ask) {
            Ok(form) => form,
            Err(refusal) => return (*refusal).into(),
        };
        let request = match self.authorization(&form, ask.now) {
            Ok(request) => request,
            Err(refusal) => return (*refusal).into(),
        };
        if form.given("cancel").is_some() {
            let why = "the visitor went back";
            return (*self.refused(request.redirect_uri, request.state, "access_denied", why)).into();
        }
        let (user, new) = match self.identified(ask, &form) {
            Ok(identified) => identified,
            Err(NotAnAddress { shown, problem }) => {
                let page = self.authorize_page(422, &request, &shown, Some(problem));
                return page.noted("address refused").into();
            }
        };
        let mut changes = Vec::new();
        if new {
            changes.push(Change::PutUser(user.clone()));
        }
        let known = self.browser(ask).cloned();
        let (client, more) = self.signed_in_client(ask, known, KnownBy::Cookie, &user);
        changes.extend(more);
        let session = changes.iter().find_map(|change| match change {
            Change::PutSession(session) if Some(&session.id) == client.session_id.as_ref() => {
                Some(session.clone())
            }
            _ => None,
        });
        let Some(session) = session else {
            // The client was given the session that was kept with it.
            return Response::text(500, "nostore issuer: no session\n").noted("no session").into();
        };
        let (location, more) = self.granted(ask, &request, &session, &user);
        changes.extend(more);
        let note = if new { "authorization: signed in, new account" } else { "authorization: signed in" };
        let response = self.with_browser(Response::redirect(303, location), &client, ask);
        response.by(&user).noted(note).changing(changes)
    }

    fn authorize_page(
        &self,
        status: u16,
        request: &Request<'_>,
        email: &str,
        problem: Option<&str>,
    ) -> Response {
        let scope = request.scopes.to_string();
        let page = pages::SignIn {
            action: "/oauth/sign-in",
            cancel: true,
            users: &self.state.users(),
            site: Some(request.party.display_name()),
            hidden: &request.hidden(&scope),
            email,
            problem,
        };
        Response::page(status, pages::sign_in(&page))
    }

    /// Grants a request: returns where the browser goes with the code, and what changes.
    fn granted(
        &self,
        ask: &mut Ask<'_>,
        request: &Request<'_>,
        session: &Session,
        user: &User,
    ) -> (String, Vec<Change>) {
        let grant = Grant {
            id: ask.ids.id(PREFIX),
            secret: Secret::new(ask.ids.token("")),
            client_id: request.party.client_id.clone(),
            user_id: user.id.clone(),
            session_id: session.id.clone(),
            scopes: request.scopes,
            redirect_uri: request.redirect_uri.to_owned(),
            nonce: request.nonce.map(str::to_owned),
            challenge: request.challenge.to_owned(),
            authenticated_at: session.authenticated_at,
            created_at: ask.now,
            issued_at: None,
            generation: 0,
        };
        let (code, issuer) = (grant.code(), self.provider());
        let mut parameters = vec![("code", code.as_str())];
        parameters.extend(request.state.map(|state| ("state", state)));
        parameters.push(("iss", &issuer));
        let location = with_parameters(request.redirect_uri, &parameters);
        let mut changes = self.room(ask);
        changes.push(Change::PutGrant(grant));
        (location, changes)
    }

    /// Returns the changes that make room for a grant: those that are over go; where that is not enough, the one
    /// that was used least lately does.
    fn room(&self, ask: &Ask<'_>) -> Vec<Change> {
        let goes_on = |grant: &Grant| self.state.is_active(&grant.session_id);
        let (over, held): (Vec<&Grant>, Vec<&Grant>) =
            self.state.grants().partition(|grant| grant.is_over(ask.now, goes_on(grant)));
        let full = held.len() >= MAX_GRANTS;
        let last_used = |grant: &&Grant| grant.issued_at.unwrap_or(grant.created_at);
        let oldest = held.into_iter().min_by_key(last_used).filter(|_| full);
        over.into_iter().chain(oldest).map(|grant| Change::DropGrant { id: grant.id.clone() }).collect()
    }
}
