//! Opaque tokens of programs: API keys, tokens between machines, OAuth access tokens.
//!
//! Specifications: the handshake protocol, section 4.5.

use nostore_message::RequestHead;

use super::bearer;
use crate::core::Issuer;
use crate::core::ask::Ask;
use crate::core::body::{Body, Refused};
use crate::core::model::MachineTokenKind;
use crate::core::resource::machine_token_json;
use crate::core::response::{Outcome, Response};

impl Issuer {
    /// Answers the three `…/verify`: what a token is good for, if it is valid.
    pub(super) fn verify_machine(&self, ask: &Ask<'_>, kind: MachineTokenKind) -> Result<Outcome, Refused> {
        let body = Body::read(ask)?;
        let (member, what) = match kind {
            MachineTokenKind::ApiKey => ("secret", "API key"),
            MachineTokenKind::M2m => ("token", "machine token"),
            MachineTokenKind::Oauth => ("access_token", "OAuth token"),
        };
        let shown = body.text(member)?;
        let known = self.state.machine_tokens().filter(|token| token.kind == kind);
        let mut found = known.filter(|token| token.token.matches(shown));
        match found.next().filter(|token| token.is_valid(ask.now)) {
            Some(token) => {
                Ok(Response::json(200, &machine_token_json(token)).noted(format!("{what} verified")).into())
            }
            None => {
                let message = format!("expected a valid {what}, found an unknown, revoked or expired one");
                Err(Response::error(404, "resource_not_found", &message).into())
            }
        }
    }

    /// Tells whether a request carries a machine's secret key as a bearer token.
    pub(super) fn has_machine_key(&self, head: &RequestHead<'_>) -> bool {
        bearer(head).is_some_and(|key| self.state.machines().any(|machine| machine.secret_key.matches(key)))
    }
}
