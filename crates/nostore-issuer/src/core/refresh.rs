//! `POST /v1/sessions/{sid}/refresh`: a site's server trades an expired token for a new one.
//!
//! The refresh token is stable for the life of its session: it is not rotated, so that tabs and servers which
//! refresh at the same moment all succeed. It ends with the session.
//!
//! Specifications: the handshake protocol, sections 5.8 and 7.1.

use nostore_jose::Jws;
use nostore_message::Origin;
use serde_json::json;

use super::ask::Ask;
use super::body::{Body, Refused, wrong};
use super::model::{Session, SessionStatus};
use super::response::{Outcome, Response};
use super::{Issuer, backend};

impl Issuer {
    /// Answers a refresh. Nothing changes by it.
    pub(super) fn refresh(&self, ask: &Ask<'_>, session_id: &str) -> Result<Outcome, Refused> {
        let body = Body::read(ask)?;
        let as_token = match body.optional("format")? {
            None | Some("cookie") => false,
            Some("token") => true,
            Some(other) => return Err(wrong("format", "`cookie` or `token`", &format!("`{other}`"))),
        };
        let session = self.state.session(session_id).ok_or_else(|| backend::no_such("session"))?;
        let site = self.refreshable(ask, &body, session)?;
        let grant = self.grant(session, Some(&site)).ok_or_else(|| backend::no_such("user"))?;
        let Some(token) = self.mint(&grant, ask.now) else {
            return Err(backend::signing_failed());
        };
        let answer = if as_token {
            json!({ "object": "token", "jwt": token })
        } else {
            // Both families, whatever `suffixed_cookies` says: with a key that names a scheme, sites read the
            // suffixed one only (handshake protocol, section 1.1).
            let cookies = self.session_cookies(&token);
            json!({ "object": "cookies", "cookies": cookies.map(|cookie| cookie.to_string()) })
        };
        Ok(Response::json(200, &answer).by(grant.user).noted("session token refreshed").into())
    }

    /// Checks what a refresh brings; returns the site that it is for.
    fn refreshable(&self, ask: &Ask<'_>, body: &Body, session: &Session) -> Result<Origin, Refused> {
        if session.status != SessionStatus::Active {
            let message = format!("expected a session that goes on, found it {}", session.status.name());
            return Err(Response::error(401, "session_not_active", &message).into());
        }
        if !session.refresh_token.matches(body.text("refresh_token")?) {
            let message = "expected the refresh token of this session, found another";
            return Err(Response::error(401, "refresh_token_invalid", message).into());
        }
        let expired = Jws::parse(body.text("expired_token")?).ok();
        let is_ours = expired.is_some_and(|token| {
            let says =
                |name: &str, value: &str| token.payload().get(name).is_some_and(|found| found == value);
            says("sid", &session.id) && says("sub", &session.user_id) && self.keys.has_signed(&token, ask.now)
        });
        if !is_ours {
            let message = "expected a token of this session that a published key signed, found another";
            return Err(Response::error(401, "expired_token_invalid", message).into());
        }
        let site = Origin::parse(body.text("request_origin")?).ok();
        match site.filter(|site| self.settings.allowed_origins.contains(site)) {
            Some(site) => Ok(site),
            None => {
                let message = "expected the origin of an allowed site as `request_origin`, found another";
                Err(Response::error(403, "request_origin_invalid", message).into())
            }
        }
    }
}
