//! `POST /oauth/token`: codes and refresh tokens against tokens.
//!
//! # Invariants
//!
//! - The client is authenticated before anything else is looked at.
//! - A code or a refresh token that is shown a second time is a sign that somebody else has it: the grant goes, and
//!   with it every token that it gave out (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2).
//! - No answer says which part of a credential was wrong.
//!
//! Specifications: RFC 6749 sections 2.3, 4.1.3, 5 and 6; RFC 7636 section 4.6; OpenID Connect Core sections 2, 3.1.3 and
//! 12.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nostore_message::UnixTime;
use serde_json::{Map, Value, json};

use super::grant::{Grant, Kind, Shown};
use super::{ACCESS_SECS, RelyingParty, Scopes, claims_of, left_half, sha256};
use crate::core::ask::Ask;
use crate::core::form::Form;
use crate::core::model::{SessionStatus, User};
use crate::core::response::{Outcome, Response};
use crate::core::token::{TEMPLATE_CATEGORY, jwt_header};
use crate::core::{Change, Issuer};

/// The parameters that may come once.
const PARAMETERS: [&str; 8] = [
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "grant_type",
    "redirect_uri",
    "refresh_token",
    "scope",
];

/// Why there are no tokens (RFC 6749 section 5.2).
#[derive(Debug)]
enum Refusal {
    /// The client is unknown, or did not show who it is.
    Client,
    /// The code or refresh token is unknown, over, used, or another client's.
    Grant(&'static str),
    /// A credential was used again: its grant goes.
    Reused(String),
    Request(&'static str),
    Scope,
    Signing,
    Type,
}

impl Refusal {
    fn outcome(self) -> Outcome {
        let (status, error, description) = match &self {
            Self::Client => (401, "invalid_client", "expected a registered client that shows its secret"),
            Self::Grant(why) => (400, "invalid_grant", *why),
            Self::Reused(_) => (
                400,
                "invalid_grant",
                "expected an unused credential, found a used one; what it gave was revoked",
            ),
            Self::Request(why) => (400, "invalid_request", *why),
            Self::Scope => (400, "invalid_scope", "expected no more than was granted"),
            Self::Signing => (500, "server_error", "expected a signature, but the signing key did not work"),
            Self::Type => {
                (400, "unsupported_grant_type", "expected authorization_code or refresh_token as grant_type")
            }
        };
        let answer = json!({ "error": error, "error_description": description });
        let mut response =
            Response::json(status, &answer).field("pragma", "no-cache").noted(format!("tokens: {error}"));
        if status == 401 {
            response =
                response.field("www-authenticate", "Basic realm=\"nostore issuer\", charset=\"UTF-8\"");
        }
        match self {
            Self::Reused(id) => {
                response.noted("tokens: a credential was used again").changing(vec![Change::DropGrant { id }])
            }
            _ => response.into(),
        }
    }
}

impl Issuer {
    /// Answers `POST /oauth/token`.
    pub(super) fn token_endpoint(&self, ask: &Ask<'_>) -> Outcome {
        self.tokens(ask).unwrap_or_else(Refusal::outcome)
    }

    fn tokens(&self, ask: &Ask<'_>) -> Result<Outcome, Refusal> {
        if !ask.is_form() {
            return Err(Refusal::Request("expected a form (application/x-www-form-urlencoded)"));
        }
        let form = Form::parse(ask.body);
        if PARAMETERS.iter().any(|name| form.all(name).len() > 1) {
            return Err(Refusal::Request("expected every parameter once, found one twice"));
        }
        let party = self.authenticated(ask, &form)?;
        match form.text("grant_type") {
            Some("authorization_code") => self.redeem(ask, &form, party),
            Some("refresh_token") => self.rotate(ask, &form, party),
            Some(_) => Err(Refusal::Type),
            None => Err(Refusal::Request("expected grant_type, found none")),
        }
    }

    /// Finds the client and checks that it is the one (RFC 6749 section 2.3): by `Authorization: Basic`, by
    /// `client_secret`, or, a public one, by its name alone.
    fn authenticated(&self, ask: &Ask<'_>, form: &Form) -> Result<&RelyingParty, Refusal> {
        let (client_id, secret) = match ask.head.fields.first("authorization") {
            None => {
                (form.text("client_id").map(str::to_owned), form.text("client_secret").map(str::to_owned))
            }
            Some(_) if form.text("client_secret").is_some() => {
                return Err(Refusal::Request("expected one way to authenticate, found two"));
            }
            Some(value) => {
                let (client_id, secret) = basic(value).ok_or(Refusal::Client)?;
                if form.text("client_id").is_some_and(|given| given != client_id) {
                    return Err(Refusal::Request("expected one client_id, found two"));
                }
                (Some(client_id), Some(secret))
            }
        };
        let party = client_id.and_then(|client_id| self.state.party(&client_id)).ok_or(Refusal::Client)?;
        let is_authentic = match (&party.secret, secret) {
            (Some(kept), Some(shown)) => kept.matches(&shown),
            (None, shown) => shown.is_none_or(|shown| shown.is_empty()),
            (Some(_), None) => false,
        };
        if is_authentic { Ok(party) } else { Err(Refusal::Client) }
    }

    /// Finds the grant that gave out what is shown.
    fn grant_of(&self, shown: Option<&Shown<'_>>) -> Option<&Grant> {
        let shown = shown?;
        self.state.grant(&shown.grant_id()).filter(|grant| grant.gave_out(shown))
    }

    fn redeem(&self, ask: &Ask<'_>, form: &Form, party: &RelyingParty) -> Result<Outcome, Refusal> {
        let code = form.text("code").ok_or(Refusal::Request("expected code, found none"))?;
        let uri = form.text("redirect_uri").ok_or(Refusal::Request("expected redirect_uri, found none"))?;
        let verifier =
            form.text("code_verifier").ok_or(Refusal::Request("expected code_verifier, found none"))?;
        if !is_verifier(verifier) {
            let why = "expected a code_verifier of 43 to 128 letters, digits, hyphens, dots, underscores and tildes";
            return Err(Refusal::Request(why));
        }
        let refused =
            Refusal::Grant("expected a code of this client, redirect_uri and code_verifier, still good");
        let Some(grant) = self.grant_of(Shown::read(Kind::Code, code).as_ref()) else {
            return Err(refused);
        };
        if grant.issued_at.is_some() {
            return Err(Refusal::Reused(grant.id.clone()));
        }
        let is_theirs = grant.client_id == party.client_id
            && grant.redirect_uri == uri
            && grant.is_waiting(ask.now)
            && sha256(verifier) == grant.challenge;
        let user = self.state.user(&grant.user_id).filter(|_| is_theirs && self.may_go_on(grant));
        let Some(user) = user else {
            return Err(refused);
        };
        let issued = Grant { issued_at: Some(ask.now), ..grant.clone() };
        self.issue(ask, &issued, user, issued.scopes, issued.nonce.as_deref())
    }

    fn rotate(&self, ask: &Ask<'_>, form: &Form, party: &RelyingParty) -> Result<Outcome, Refusal> {
        let token =
            form.text("refresh_token").ok_or(Refusal::Request("expected refresh_token, found none"))?;
        let refused = Refusal::Grant("expected a refresh_token of this client, still good");
        let shown = Shown::read(Kind::Refresh, token);
        let generation = shown.as_ref().and_then(Shown::generation);
        let (Some(grant), Some(generation)) = (self.grant_of(shown.as_ref()), generation) else {
            return Err(refused);
        };
        if generation != grant.generation {
            return Err(Refusal::Reused(grant.id.clone()));
        }
        let is_theirs = grant.client_id == party.client_id && grant.is_refreshable(ask.now);
        let user = self.state.user(&grant.user_id).filter(|_| is_theirs && self.may_go_on(grant));
        let Some(user) = user else {
            return Err(refused);
        };
        let scopes = form.text("scope").map_or(grant.scopes, Scopes::parse);
        if !grant.scopes.has(scopes) {
            return Err(Refusal::Scope);
        }
        let generation = grant.generation.saturating_add(1);
        let issued = Grant { issued_at: Some(ask.now), generation, ..grant.clone() };
        self.issue(ask, &issued, user, scopes, None)
    }

    /// Tells whether a grant goes on although its session may be over: with `offline_access`, unless a server
    /// revoked the session (OpenID Connect Back-Channel Logout section 2.7).
    pub(super) fn may_go_on(&self, grant: &Grant) -> bool {
        let status = self.state.session(&grant.session_id).map(|session| session.status);
        match status {
            Some(SessionStatus::Active) => true,
            Some(SessionStatus::Revoked) => false,
            _ => grant.scopes.has(Scopes::OFFLINE_ACCESS) && grant.issued_at.is_some(),
        }
    }

    fn issue(
        &self,
        ask: &Ask<'_>,
        grant: &Grant,
        user: &User,
        scopes: Scopes,
        nonce: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        let access_token = grant.access_token(scopes, ask.now);
        let claims = self.id_token_claims(grant, user, scopes, (&access_token, nonce), ask.now);
        let mut header = jwt_header();
        // Sites do not take it for a session token, which the same key signs.
        header.insert("cat".to_owned(), json!(TEMPLATE_CATEGORY));
        let id_token = self.keys.current().key.sign(&header, &claims).map_err(|_| Refusal::Signing)?;
        let mut answer = json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECS,
            "scope": scopes.to_string(),
            "id_token": id_token,
        });
        if let (true, Some(members)) = (grant.scopes.has(Scopes::OFFLINE_ACCESS), answer.as_object_mut()) {
            members.insert("refresh_token".to_owned(), json!(grant.refresh_token()));
        }
        let mut changes = vec![Change::PutGrant(grant.clone())];
        changes.extend(self.signing_for(ACCESS_SECS));
        let note = if grant.generation == 0 { "tokens: issued" } else { "tokens: refreshed" };
        let response = Response::json(200, &answer).field("pragma", "no-cache");
        Ok(response.by(user).noted(format!("{note} to {}", grant.client_id)).changing(changes))
    }

    /// Returns what the ID Token says (OpenID Connect Core section 2).
    fn id_token_claims(
        &self,
        grant: &Grant,
        user: &User,
        scopes: Scopes,
        (access_token, nonce): (&str, Option<&str>),
        now: UnixTime,
    ) -> Map<String, Value> {
        let own = [
            ("iss", json!(self.provider())),
            ("aud", json!(grant.client_id)),
            ("iat", json!(now.secs())),
            ("exp", json!(now.secs().saturating_add(ACCESS_SECS))),
            ("auth_time", json!(grant.authenticated_at.min(now).secs())),
            ("sid", json!(grant.session_id)),
            ("at_hash", json!(left_half(access_token))),
        ];
        let mut claims = claims_of(user, scopes);
        claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
        claims.extend(nonce.map(|nonce| ("nonce".to_owned(), json!(nonce))));
        claims
    }
}

/// Reads `Basic` credentials: each half is form-encoded (RFC 6749 section 2.3.1).
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    Some((form_decoded(client_id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    let pair = format!("={}", text.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}

/// Tells whether a text can be a code verifier (RFC 7636 section 4.1).
fn is_verifier(text: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(is_unreserved)
}
