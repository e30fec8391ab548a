//! `/oauth/userinfo`: the claims of whoever an access token is for.
//!
//! Specifications: OpenID Connect Core section 5.3; RFC 6750 sections 2.1 and 3.

use serde_json::Value;

use super::claims_of;
use super::grant::{Kind, Scopes, Shown};
use crate::core::Issuer;
use crate::core::ask::Ask;
use crate::core::backend::bearer;
use crate::core::model::User;
use crate::core::response::{Outcome, Response};

impl Issuer {
    /// Answers `GET` and `POST /oauth/userinfo`.
    pub(super) fn user_info(&self, ask: &Ask<'_>) -> Outcome {
        let Some(token) = bearer(ask.head) else {
            // Nothing is wrong with a token that is not there (RFC 6750 section 3.1).
            let refusal = Response::text(401, "expected an access token, found none\n");
            let refusal = refusal.field("www-authenticate", "Bearer realm=\"nostore issuer\"");
            return refusal.noted("claims: no access token").into();
        };
        match self.subject_of(ask, token) {
            Some((user, scopes)) => {
                let claims = Value::Object(claims_of(user, scopes));
                Response::json(200, &claims).by(user).noted("claims told").into()
            }
            None => {
                let challenge = "Bearer realm=\"nostore issuer\", error=\"invalid_token\", \
                    error_description=\"expected an access token, still good\"";
                let refusal = Response::text(401, "expected an access token, still good, found another\n");
                refusal.field("www-authenticate", challenge).noted("claims: invalid_token").into()
            }
        }
    }

    /// Returns who an access token is for, and what it may be told.
    fn subject_of(&self, ask: &Ask<'_>, token: &str) -> Option<(&User, Scopes)> {
        let shown = Shown::read(Kind::Access, token)?;
        let (end, scopes) = shown.access()?;
        let grant = self.state.grant(&shown.grant_id()).filter(|grant| grant.gave_out(&shown))?;
        let is_good = ask.now < end && self.may_go_on(grant);
        Some((self.state.user(&grant.user_id).filter(|_| is_good)?, scopes))
    }
}
