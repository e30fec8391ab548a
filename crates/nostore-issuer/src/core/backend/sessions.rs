//! Sessions and clients: list, read, create, revoke, tokens, verify.

use serde_json::{Value, json};

use super::{no_such, page, signing_failed};
use crate::core::ask::Ask;
use crate::core::body::{Body, Refused, wrong};
use crate::core::model::{Session, SessionStatus, Template};
use crate::core::resource::session_json;
use crate::core::response::{Outcome, Response};
use crate::core::{Change, Issuer};

/// The longest lifetime of a token that a site may ask for, in seconds: ten years.
const MAX_TOKEN_SECS: i64 = 315_360_000;

impl Issuer {
    pub(super) fn list_sessions(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let status = ask.query.text("status");
        if let Some(unknown) =
            status.filter(|name| SessionStatus::ALL.iter().all(|status| status.name() != *name))
        {
            let known = SessionStatus::ALL.map(SessionStatus::name).join(", ");
            return Err(wrong("status", &format!("one of {known}"), &format!("`{unknown}`")));
        }
        let is = |name: &str, value: &str| ask.query.text(name).is_none_or(|asked| asked == value);
        let mut found: Vec<&Session> = self
            .state
            .sessions()
            .filter(|session| is("user_id", &session.user_id) && is("client_id", &session.client_id))
            .filter(|session| is("status", session.status.name()))
            .collect();
        found.sort_by_key(|session| (std::cmp::Reverse(session.created_at), &session.id));
        let found: Vec<Value> = found.into_iter().map(session_json).collect();
        page(ask, &found, false)
    }

    pub(super) fn read_session(&self, id: &str) -> Result<Outcome, Refused> {
        let session = self.state.session(id).ok_or_else(|| no_such("session"))?;
        Ok(Response::json(200, &session_json(session)).noted("session").into())
    }

    /// Signs a user in without a browser: the session belongs to a client that nobody knows the token of.
    pub(super) fn create_session(&self, ask: &mut Ask<'_>) -> Result<Outcome, Refused> {
        let body = Body::read(ask)?;
        let user = self.state.user(body.text("user_id")?).ok_or_else(|| no_such("user"))?;
        let organization = body.optional("active_organization_id")?.unwrap_or_default();
        let place = self.choose(organization, &user.id).map_err(|_| not_a_member())?;
        let mut client = Self::fresh_client(ask, self.settings.mode.known_by());
        let mut session = self.start_session(ask, &mut client, user);
        session.organization_id = place.map(|(organization, _)| organization.id.clone());
        let answer = Response::json(200, &session_json(&session)).noted("session created").by(user);
        let mut changes = vec![Change::PutSession(session)];
        changes.extend(self.keep(&client, ask.now));
        Ok(answer.changing(changes))
    }

    /// Answers `POST /v1/sessions/{sid}/revoke`.
    pub(super) fn revoke(&self, ask: &Ask<'_>, id: &str) -> Result<Outcome, Refused> {
        let going_on = self.going_on(id)?;
        let client = self.state.client_by_id(&going_on.client_id).ok_or_else(|| no_such("session"))?;
        let (_, changes) = self.signed_out_of(client, going_on, SessionStatus::Revoked, ask.now);
        let mut revoked = going_on.clone();
        revoked.status = SessionStatus::Revoked;
        revoked.updated_at = ask.now;
        let mut response = Response::json(200, &session_json(&revoked)).noted("session revoked");
        response.client = self.state.user(&revoked.user_id).map(|user| user.email.clone());
        Ok(response.changing(changes))
    }

    /// Answers `POST /v1/sessions/{sid}/tokens[/{template}]`: a token that names no site.
    pub(super) fn create_token(
        &self,
        ask: &mut Ask<'_>,
        id: &str,
        template: Option<&str>,
    ) -> Result<Outcome, Refused> {
        let body = Body::read(ask)?;
        let secs = body.number("expires_in_seconds", 1, MAX_TOKEN_SECS)?;
        let session = self.going_on(id)?;
        let mut grant = self.grant(session, None).ok_or_else(|| no_such("user"))?;
        let template = template.map(|name| self.template(name)).transpose()?;
        let usual = template.and_then(|template| template.lifetime_secs).unwrap_or(grant.secs);
        grant.secs = secs.unwrap_or(usual);
        let token = self.mint_as(&grant, template, ask).ok_or_else(signing_failed)?;
        let answer = Response::json(200, &json!({ "object": "token", "jwt": token }));
        let changes = self.signing_for(grant.secs).into_iter().collect();
        Ok(answer.by(grant.user).noted("session token").changing(changes))
    }

    /// Answers `POST /v1/clients/verify`: which client a token of the Frontend API is.
    pub(super) fn verify_client(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let body = Body::read(ask)?;
        let client = self.client_with(body.text("token")?).ok_or_else(|| no_such("client"))?;
        Ok(Response::json(200, &self.client_json(client, |_| None)).noted("client").into())
    }

    /// Finds a template of tokens.
    pub(in crate::core) fn template(&self, name: &str) -> Result<&Template, Refused> {
        self.state.template(name).ok_or_else(|| no_such("template of tokens"))
    }

    fn going_on(&self, id: &str) -> Result<&Session, Refused> {
        let session = self.state.session(id).filter(|session| session.status == SessionStatus::Active);
        session.ok_or_else(|| {
            let message = "expected an active session, found none with this identifier";
            Response::error(404, "resource_not_found", message).into()
        })
    }
}

/// Says that the user is no member of the organization, or that there is none.
pub(in crate::core) fn not_a_member() -> Refused {
    let message =
        "expected the identifier or slug of an organization that the user is a member of, found another";
    Response::error(404, "organization_not_found_or_unauthorized", message).into()
}
