//! Authorization requests: read, and refused where somebody can be told.
//!
//! # Invariants
//!
//! - Who asks and where the answer goes are settled first; until then a refusal is a page.
//! - After that a refusal goes back to the relying party, with `state` and `iss`.
//! - No parameter counts twice: a repeated one is refused (RFC 6749 section 3.1).
//!
//! Specifications: OpenID Connect Core sections 3.1.2.1 and 3.1.2.6; RFC 6749 sections 3.1 and 4.1.2.1; RFC 7636
//! section 4.3; RFC 9207 section 2.

use nostore_message::UnixTime;

use super::{RelyingParty, Scopes, with_parameters};
use crate::core::Issuer;
use crate::core::form::Form;
use crate::core::model::{Session, User};
use crate::core::response::Response;
use crate::pages;

/// The parameters that a request may have once; those of the sign-in page are among them.
const PARAMETERS: [&str; 13] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "id_token_hint",
    "login_hint",
    "max_age",
    "nonce",
    "prompt",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// The longest nonce that is kept, in bytes.
const MAX_NONCE: usize = 512;

/// When somebody is asked who they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Prompt {
    /// Always.
    Always,
    /// Where the browser has no session that will do.
    IfNeeded,
    /// Never: without a session the answer is an error.
    Never,
}

/// An authorization request that may be granted.
pub(super) struct Request<'a> {
    pub(super) party: &'a RelyingParty,
    pub(super) redirect_uri: &'a str,
    pub(super) state: Option<&'a str>,
    pub(super) nonce: Option<&'a str>,
    pub(super) challenge: &'a str,
    pub(super) scopes: Scopes,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<&'a str>,
    max_age_secs: Option<i64>,
    /// The user that an ID Token named.
    subject: Option<String>,
}

/// Why a request goes back to its relying party: the code and what is wrong.
type Wrong = (&'static str, &'static str);

impl<'a> Request<'a> {
    /// Tells whether a session is as the request wants it.
    pub(super) fn accepts(&self, session: &Session, user: &User, now: UnixTime) -> bool {
        let is_young = self.max_age_secs.is_none_or(|secs| {
            let age = now.millis().saturating_sub(session.authenticated_at.millis());
            secs > 0 && age <= secs.saturating_mul(1_000)
        });
        let is_hinted = self.login_hint.is_none_or(|hint| user.email.eq_ignore_ascii_case(hint));
        let is_subject = self.subject.as_ref().is_none_or(|subject| *subject == user.id);
        is_young && is_hinted && is_subject
    }

    /// Returns what the sign-in page sends along. Whoever answers it has been asked, so `prompt` and its like are
    /// not among it.
    pub(super) fn hidden(&self, scope: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut hidden = vec![
            ("client_id", self.party.client_id.as_str()),
            ("redirect_uri", self.redirect_uri),
            ("response_type", "code"),
            ("scope", scope),
            ("code_challenge", self.challenge),
            ("code_challenge_method", "S256"),
        ];
        hidden.extend(self.state.map(|state| ("state", state)));
        hidden.extend(self.nonce.map(|nonce| ("nonce", nonce)));
        hidden
    }
}

impl Issuer {
    /// Reads an authorization request.
    ///
    /// # Errors
    ///
    /// The refusal: a page, or a redirect once it is known where to.
    pub(super) fn authorization<'a>(
        &'a self,
        form: &'a Form,
        now: UnixTime,
    ) -> Result<Request<'a>, Box<Response>> {
        let party = self.party_of(form)?;
        let redirect_uri = redirect_uri_of(form, party)?;
        let once = |name: &str| form.all(name).len() < 2;
        let state = form.text("state").filter(|_| once("state"));
        let back = |(error, description)| self.refused(redirect_uri, state, error, description);
        if !PARAMETERS.iter().all(|name| once(name)) {
            return Err(back(("invalid_request", "expected every parameter once, found one twice")));
        }
        flow(form).map_err(back)?;
        let challenge = challenge(form).map_err(back)?;
        let scopes = scopes(form).map_err(back)?;
        let prompt = prompt(form).map_err(back)?;
        let max_age_secs = max_age(form).map_err(back)?;
        let nonce = form.text("nonce");
        if nonce.is_some_and(|nonce| nonce.len() > MAX_NONCE) {
            return Err(back((
                "invalid_request",
                "expected a nonce of at most 512 bytes, found a longer one",
            )));
        }
        let subject = match form.text("id_token_hint") {
            None => None,
            Some(token) => match self.hint(token, now) {
                Some(hint) => Some(hint.subject),
                None => {
                    return Err(back((
                        "invalid_request",
                        "expected an ID Token of this provider as id_token_hint",
                    )));
                }
            },
        };
        let login_hint = form.text("login_hint");
        Ok(Request {
            party,
            redirect_uri,
            state,
            nonce,
            challenge,
            scopes,
            prompt,
            login_hint,
            max_age_secs,
            subject,
        })
    }

    /// Makes a redirect that tells a relying party of a refusal.
    pub(super) fn refused(
        &self,
        redirect_uri: &str,
        state: Option<&str>,
        error: &'static str,
        description: &str,
    ) -> Box<Response> {
        let issuer = self.provider();
        let mut parameters = vec![("error", error), ("error_description", description)];
        parameters.extend(state.map(|state| ("state", state)));
        parameters.push(("iss", &issuer));
        Box::new(
            Response::redirect(303, with_parameters(redirect_uri, &parameters))
                .noted(format!("authorization: {error}")),
        )
    }

    fn party_of(&self, form: &Form) -> Result<&RelyingParty, Box<Response>> {
        let given = form.text("client_id").filter(|_| form.all("client_id").len() < 2);
        given.and_then(|client_id| self.state.party(client_id)).ok_or_else(|| {
            page(
                "That site is not known here",
                "Expected the client_id of a registered relying party, found none or another. Register it with \
                 `relying_parties` in the seed of this identity service.",
                "unknown relying party",
            )
        })
    }
}

/// Returns the address to answer at, if it was registered.
fn redirect_uri_of<'a>(form: &'a Form, party: &RelyingParty) -> Result<&'a str, Box<Response>> {
    let given = form.text("redirect_uri").filter(|_| form.all("redirect_uri").len() < 2);
    given.filter(|uri| party.redirect_uris.iter().any(|known| known == uri)).ok_or_else(|| {
        page(
            "That is no address of this site",
            "Expected a redirect_uri that was registered for this client_id, byte for byte, found none or another.",
            "redirect URI refused",
        )
    })
}

/// A refusal that no relying party can be told of.
pub(super) fn page(title: &str, text: &str, note: &'static str) -> Box<Response> {
    Box::new(Response::page(400, pages::message(title, text, true)).noted(note))
}

/// Checks that the flow is the one there is.
fn flow(form: &Form) -> Result<(), Wrong> {
    match form.text("response_type") {
        Some("code") => {}
        None => return Err(("invalid_request", "expected `code` as response_type, found none")),
        Some(_) => return Err(("unsupported_response_type", "expected `code` as response_type")),
    }
    if form.text("response_mode").is_some_and(|mode| mode != "query") {
        return Err(("invalid_request", "expected `query` as response_mode, or none"));
    }
    let refusals: [(&str, Wrong); 3] = [
        ("request", ("request_not_supported", "expected parameters in the query, found a request object")),
        ("request_uri", ("request_uri_not_supported", "expected parameters in the query, found request_uri")),
        ("registration", ("registration_not_supported", "expected a registered client_id")),
    ];
    match refusals.into_iter().find(|(name, _)| form.text(name).is_some()) {
        None => Ok(()),
        Some((_, wrong)) => Err(wrong),
    }
}

/// Returns the digest of the verifier (RFC 7636 section 4.2): 32 bytes in base64url.
fn challenge(form: &Form) -> Result<&str, Wrong> {
    if form.text("code_challenge_method") != Some("S256") {
        return Err(("invalid_request", "expected `S256` as code_challenge_method"));
    }
    let is_digest = |text: &&str| {
        text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let wrong = ("invalid_request", "expected a code_challenge of 43 characters in base64url");
    form.text("code_challenge").filter(is_digest).ok_or(wrong)
}

fn scopes(form: &Form) -> Result<Scopes, Wrong> {
    let scopes = Scopes::parse(form.text("scope").unwrap_or_default());
    if scopes.has(Scopes::OPENID) { Ok(scopes) } else { Err(("invalid_scope", "expected `openid` in scope")) }
}

fn prompt(form: &Form) -> Result<Prompt, Wrong> {
    let mut asked = Prompt::IfNeeded;
    let names: Vec<&str> = form.text("prompt").unwrap_or_default().split(' ').collect();
    for name in &names {
        asked = match *name {
            "" => asked,
            "none" if names.len() == 1 => Prompt::Never,
            "none" => {
                return Err(("invalid_request", "expected `none` alone in prompt, found it with others"));
            }
            "consent" | "login" | "select_account" => Prompt::Always,
            _ => {
                return Err(("invalid_request", "expected none, login, select_account or consent in prompt"));
            }
        };
    }
    Ok(asked)
}

fn max_age(form: &Form) -> Result<Option<i64>, Wrong> {
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    match form.text("max_age") {
        None => Ok(None),
        Some(text) => number(text).map(Some).ok_or(("invalid_request", "expected whole seconds as max_age")),
    }
}
