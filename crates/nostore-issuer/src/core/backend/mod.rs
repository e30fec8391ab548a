//! What sites ask for with their secret key, and the JWK Set.
//!
//! Specifications: the handshake protocol, section 7.1; RFC 6750 section 2.1; RFC 7517 section 5.

mod machines;
pub(super) mod organizations;
mod sessions;
mod users;

use std::sync::Arc;

use nostore_message::RequestHead;
use serde_json::{Value, json};

use super::ask::Ask;
use super::body::{Body, Refused};
use super::model::MachineTokenKind;
use super::response::{Outcome, Response};
use super::route::Backend;
use super::{Change, Issuer};

pub(super) use sessions::not_a_member;

/// The longest time that a retired key may be kept published, in seconds: ten years.
const MAX_KEEP_SECS: i64 = 315_360_000;

impl Issuer {
    /// Answers `GET /.well-known/jwks.json`: the one response that caches may keep, for a minute.
    pub(super) fn public_jwk_set(&self, ask: &Ask<'_>) -> Outcome {
        Response::json(200, &self.jwk_set(ask.now)).cached("public, max-age=60").noted("key set").into()
    }

    /// Answers the Backend API.
    pub(super) fn backend(&self, ask: &mut Ask<'_>, endpoint: Backend<'_>) -> Outcome {
        let admitted = match endpoint {
            Backend::VerifyMachine(MachineTokenKind::M2m) => self.has_machine_key(ask.head),
            _ => false,
        };
        if !admitted && !self.has_secret_key(ask.head) {
            let message = "expected this instance's secret key as the bearer token, found none or another";
            let refusal = Response::error(401, "clerk_key_invalid", message);
            return refusal.field("www-authenticate", "Bearer").into();
        }
        self.admitted(ask, endpoint).unwrap_or_else(|refusal| (*refusal).into())
    }

    fn admitted(&self, ask: &mut Ask<'_>, endpoint: Backend<'_>) -> Result<Outcome, Refused> {
        match endpoint {
            Backend::CreateMembership(id) => self.create_membership(ask, id),
            Backend::CreateOrganization => self.create_organization(ask),
            Backend::CreateSession => self.create_session(ask),
            Backend::CreateUser => self.create_user(ask),
            Backend::DeleteMembership(id, user_id) => self.delete_membership(id, user_id),
            Backend::DeleteOrganization(id) => self.delete_organization(id),
            Backend::DeleteUser(id) => self.delete_user(ask, id),
            Backend::HandshakePayload => self.handshake_payload(ask),
            Backend::KeySet => Ok(Response::json(200, &self.jwk_set(ask.now)).noted("key set").into()),
            Backend::Memberships(id) => self.list_memberships(ask, id),
            Backend::Organization(id) => self.read_organization(id),
            Backend::Organizations => self.list_organizations(ask),
            Backend::Refresh(id) => self.refresh(ask, id),
            Backend::Revoke(id) => self.revoke(ask, id),
            Backend::RotateKey => self.rotate_key(ask),
            Backend::Session(id) => self.read_session(id),
            Backend::Sessions => self.list_sessions(ask),
            Backend::Token(id, template) => self.create_token(ask, id, template),
            Backend::User(id) => self.read_user(id),
            Backend::UserCount => Ok(self.count_users(ask)),
            Backend::Users => self.list_users(ask),
            Backend::VerifyClient => self.verify_client(ask),
            Backend::VerifyMachine(kind) => self.verify_machine(ask, kind),
        }
    }

    /// Answers `GET /v1/clients/handshake_payload?nonce=`: each result is given out once.
    fn handshake_payload(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let nonce = ask.query.text("nonce").unwrap_or_default();
        let Some(payload) = self.nonces.get(nonce).filter(|payload| payload.expires_at > ask.now) else {
            let message = "expected a nonce that was not fetched yet, found none such";
            return Err(Response::error(404, "resource_not_found", message).into());
        };
        let changes = vec![Change::DropNonce { nonce: nonce.to_owned() }];
        let answer = Response::json(200, &json!({ "directives": payload.directives }));
        Ok(answer.noted("handshake result").changing(changes))
    }

    /// Answers `POST /v1/instance/rotate_key`. `keep_previous_seconds` says how long the key before stays in the JWK
    /// Set: 0 where it is not to be trusted any more.
    fn rotate_key(&self, ask: &Ask<'_>) -> Result<Outcome, Refused> {
        let Some(key) = ask.signing_key else {
            return Err(signing_failed());
        };
        let keep_secs = Body::read(ask)?.number("keep_previous_seconds", 0, MAX_KEEP_SECS)?;
        let changes = self.rotation(Arc::clone(key), ask.now, keep_secs);
        let before = changes.iter().find_map(|change| match change {
            Change::PutKey(held) => held.dropped_at.map(|at| (held.key.kid().to_owned(), at.millis())),
            _ => None,
        });
        let answer = json!({
            "object": "signing_key",
            "kid": key.kid(),
            "previous": before.map(|(kid, at)| json!({ "kid": kid, "published_until": at })),
        });
        Ok(Response::json(200, &answer).noted("signing key rotated").changing(changes))
    }

    /// Tells whether a request carries the secret key as a bearer token.
    pub(super) fn has_secret_key(&self, head: &RequestHead<'_>) -> bool {
        bearer(head).is_some_and(|key| self.secret_key.matches(key))
    }
}

/// Returns the bearer token (RFC 6750 section 2.1).
pub(super) fn bearer<'a>(head: &'a RequestHead<'_>) -> Option<&'a str> {
    let (scheme, key) = head.fields.first("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Says that there is no such thing.
pub(super) fn no_such(what: &str) -> Refused {
    let message = format!("expected a known {what}, found none with this identifier");
    Response::error(404, "resource_not_found", &message).into()
}

/// Says that there is no token.
pub(super) fn signing_failed() -> Refused {
    Response::error(500, "signing_failed", "expected a signature, but the signing key did not work").into()
}

/// Answers with one page of a list: `limit` (10) and `offset` (0). `paginated=true` adds the total.
fn page(ask: &Ask<'_>, all: &[Value], wrapped: bool) -> Result<Outcome, Refused> {
    let number = |name: &str, otherwise: usize| match ask.query.text(name) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| super::body::wrong(name, "a whole number", "something else")),
    };
    let (limit, offset) = (number("limit", 10)?.min(500), number("offset", 0)?);
    let items: Vec<&Value> = all.iter().skip(offset).take(limit).collect();
    let wrapped = wrapped || ask.query.text("paginated") == Some("true");
    let answer = if wrapped { json!({ "data": items, "total_count": all.len() }) } else { json!(items) };
    Ok(Response::json(200, &answer).noted("list").into())
}

/// Says that something is gone.
fn deleted(object: &str, id: &str) -> Response {
    Response::json(200, &json!({ "object": object, "id": id, "deleted": true })).noted("deleted")
}
