//! What sites ask for with their secret key, and the JWK Set.
//!
//! Specifications: the handshake protocol, section 7.1; RFC 6750 section 2.1; RFC 7517 section 5.

use serde_json::json;

use super::ask::Ask;
use super::response::{Outcome, Response};
use super::{Change, Issuer};

impl Issuer {
    /// Answers `GET /.well-known/jwks.json`: the one response that caches may keep, for a minute.
    pub(super) fn public_jwk_set(&self) -> Outcome {
        Response::json(200, &self.jwk_set()).cached("public, max-age=60").noted("key set").into()
    }

    /// Answers `GET /v1/jwks`.
    pub(super) fn backend_jwk_set(&self, ask: &Ask<'_>) -> Outcome {
        if let Some(refusal) = self.refuse_bearer(ask) {
            return refusal.into();
        }
        Response::json(200, &self.jwk_set()).noted("key set").into()
    }

    /// Answers `GET /v1/clients/handshake_payload?nonce=`: each result is given out once.
    pub(super) fn handshake_payload(&self, ask: &Ask<'_>) -> Outcome {
        if let Some(refusal) = self.refuse_bearer(ask) {
            return refusal.into();
        }
        let nonce = ask.query.text("nonce").unwrap_or_default();
        let Some(payload) = self.nonces.get(nonce).filter(|payload| payload.expires_at > ask.now) else {
            let message = "expected a nonce that was not fetched yet, found none such";
            return Response::error(404, "resource_not_found", message).into();
        };
        let changes = vec![Change::DropNonce { nonce: nonce.to_owned() }];
        Response::json(200, &json!({ "directives": payload.directives }))
            .noted("handshake result")
            .changing(changes)
    }

    /// Answers `POST /v1/sessions/{sid}/revoke`.
    pub(super) fn revoke(&self, ask: &Ask<'_>, session_id: &str) -> Outcome {
        if let Some(refusal) = self.refuse_bearer(ask) {
            return refusal.into();
        }
        let Some(client) = self.state.client_by_session(session_id) else {
            let message = "expected an active session, found none with this identifier";
            return Response::error(404, "resource_not_found", message).into();
        };
        let mut ended = client.clone();
        let session = ended.session.take();
        ended.updated_at = ask.now;
        let user_id = session.as_ref().map(|session| session.user_id.as_str()).unwrap_or_default();
        let body = json!({
            "object": "session",
            "id": session_id,
            "client_id": client.id,
            "user_id": user_id,
            "status": "revoked",
            "created_at": session.as_ref().map(|session| session.created_at.millis()),
            "updated_at": ask.now.millis(),
        });
        let mut response = Response::json(200, &body).noted("session revoked");
        response.client = self.state.user(user_id).map(|user| user.email.clone());
        response.changing(vec![Change::PutClient(ended)])
    }

    /// Refuses a request that does not carry the secret key as a bearer token.
    fn refuse_bearer(&self, ask: &Ask<'_>) -> Option<Response> {
        let credentials = ask.head.fields.first("authorization").and_then(|value| value.split_once(' '));
        let key = credentials.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if key.is_some_and(|(_, key)| self.secret_key.matches(key.trim())) {
            return None;
        }
        let message = "expected this instance's secret key as the bearer token, found none or another";
        Some(Response::error(401, "clerk_key_invalid", message).field("www-authenticate", "Bearer"))
    }
}
