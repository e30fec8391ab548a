//! Sessions of the browser: read, tokens, touch, end, remove.

use nostore_message::Origin;
use serde_json::json;

use super::wrapped;
use crate::core::ask::Ask;
use crate::core::backend::{not_a_member, signing_failed};
use crate::core::body::Refused;
use crate::core::form::Form;
use crate::core::model::{Session, SessionStatus};
use crate::core::response::{Outcome, Response};
use crate::core::{Change, Issuer};

impl Issuer {
    /// Answers `GET /v1/client/sessions/{id}`.
    pub(super) fn session(&self, ask: &Ask<'_>, id: &str, site: Option<&Origin>) -> Result<Outcome, Refused> {
        let (client, session) = self.asking_session(ask, id)?;
        let grant = self.grant(session, site);
        let token = grant.and_then(|grant| self.mint(&grant, ask.now)).ok_or_else(signing_failed)?;
        let answer = self.session_json(session, Some(&token));
        let response = wrapped(&answer, Some(&self.own_client_json(client, ask, site))).noted("session");
        Ok(self.record(response, client).into())
    }

    /// Answers `POST /v1/client/sessions/{id}/tokens[/{template}]`. `organization_id` is for this token alone: what is active
    /// in the session changes with a touch or a handshake.
    pub(super) fn token(
        &self,
        ask: &mut Ask<'_>,
        (id, template): (&str, Option<&str>),
        form: &Form,
        site: Option<&Origin>,
    ) -> Result<Outcome, Refused> {
        let (client, session) = self.asking_session(ask, id)?;
        let template = template.map(|name| self.template(name)).transpose()?;
        let mut grant = self.grant(session, site).ok_or_else(signing_failed)?;
        grant.secs = template.and_then(|template| template.lifetime_secs).unwrap_or(grant.secs);
        if let Some(asked) = form.given("organization_id") {
            grant.place = self.choose(asked, &session.user_id).map_err(|_| not_a_member())?;
        }
        let token = self.mint_as(&grant, template, ask).ok_or_else(signing_failed)?;
        let response =
            Response::json(200, &json!({ "object": "token", "jwt": token })).noted("session token");
        let changes = self.signing_for(grant.secs).into_iter().collect();
        Ok(self.record(response, client).changing(changes))
    }

    /// Answers `POST /v1/client/sessions/{id}/touch`: makes an organization active, or the personal account.
    pub(super) fn touch(
        &self,
        ask: &Ask<'_>,
        id: &str,
        form: &Form,
        site: Option<&Origin>,
    ) -> Result<Outcome, Refused> {
        let (client, session) = self.asking_session(ask, id)?;
        let mut touched = Session { updated_at: ask.now, ..session.clone() };
        if let Some(asked) = form.given("active_organization_id") {
            let place = self.choose(asked, &session.user_id).map_err(|_| not_a_member())?;
            touched.organization_id = place.map(|(organization, _)| organization.id.clone());
        }
        let grant = self.grant(&touched, site);
        let token = grant.and_then(|grant| self.mint(&grant, ask.now)).ok_or_else(signing_failed)?;
        let mut view = self.own_client_json(client, ask, site);
        let answer = self.session_json(&touched, Some(&token));
        let sessions = view.get_mut("sessions").and_then(serde_json::Value::as_array_mut);
        for session in sessions.into_iter().flatten().filter(|session| session["id"] == *id) {
            session.clone_from(&answer);
        }
        let response = wrapped(&answer, Some(&view)).noted("session touched");
        let response = self.with_client_cookies(response, client, ask);
        Ok(self.record(response, client).changing(vec![Change::PutSession(touched)]))
    }

    /// Answers `POST /v1/client/sessions/{id}/end`.
    pub(super) fn end(&self, ask: &Ask<'_>, id: &str) -> Result<Outcome, Refused> {
        self.over(ask, id, SessionStatus::Ended)
    }

    /// Answers `POST /v1/client/sessions/{id}/remove`.
    pub(super) fn remove(&self, ask: &Ask<'_>, id: &str) -> Result<Outcome, Refused> {
        self.over(ask, id, SessionStatus::Removed)
    }

    fn over(&self, ask: &Ask<'_>, id: &str, status: SessionStatus) -> Result<Outcome, Refused> {
        let (client, session) = self.asking_session(ask, id)?;
        let (left, changes) = self.signed_out_of(client, session, status, ask.now);
        let session = Session { status, updated_at: ask.now, ..session.clone() };
        let answer = self.session_json(&session, None);
        let mut view = self.client_json(&left, |_| None);
        // What is kept knows of the change only when it is on disk.
        for (list, name) in [("sessions", Some("id")), ("session_ids", None)] {
            if let Some(list) = view.get_mut(list).and_then(serde_json::Value::as_array_mut) {
                list.retain(|entry| name.map_or(entry, |name| &entry[name]) != session.id.as_str());
            }
        }
        let response = wrapped(&answer, Some(&view)).noted("signed out");
        let response = self.with_client_cookies(response, &left, ask);
        Ok(self.record(response, client).changing(changes))
    }
}
