//! `/oauth/logout`: a site signs its visitor out here, too.
//!
//! # Invariants
//!
//! - Without an ID Token of whoever is signed in, a page asks first: a link cannot sign anybody out.
//! - A browser is sent back only to an address that was registered for a client that the request names.
//!
//! Specifications: OpenID Connect RP-Initiated Logout sections 2 and 3.

use nostore_jose::Jws;
use nostore_message::UnixTime;

use super::request::page;
use super::{RelyingParty, with_parameters};
use crate::core::ask::Ask;
use crate::core::form::Form;
use crate::core::response::{Outcome, Response};
use crate::core::{Client, Issuer, SessionStatus};
use crate::pages;

/// What an ID Token that this provider once issued says. It may have run out since.
pub(super) struct Hint {
    pub(super) subject: String,
    audience: String,
    session_id: String,
}

/// A request to sign out.
struct Leaving<'a> {
    hint: Option<Hint>,
    /// Where the browser goes afterwards.
    back: Option<String>,
    form: &'a Form,
}

impl<'a> Leaving<'a> {
    fn hidden(&self) -> Vec<(&'static str, &'a str)> {
        let names = ["client_id", "id_token_hint", "post_logout_redirect_uri", "state"];
        names.into_iter().filter_map(|name| Some((name, self.form.text(name)?))).collect()
    }

    fn done(&self) -> Response {
        match &self.back {
            Some(back) => Response::redirect(303, back.clone()),
            None => {
                let text = "You can close this page and go back to the site.";
                Response::page(200, pages::message("You are signed out here", text, false))
            }
        }
    }
}

impl Issuer {
    /// Answers `GET /oauth/logout`.
    pub(super) fn logout(&self, ask: &Ask<'_>) -> Outcome {
        let leaving = match self.leaving(&ask.query, ask.now) {
            Ok(leaving) => leaving,
            Err(refusal) => return (*refusal).into(),
        };
        let signed_in = self.browser(ask).and_then(|client| Some((client, self.signed_in(client)?)));
        let Some((client, (session, user))) = signed_in else {
            return leaving.done().noted("nobody was signed in").into();
        };
        let is_theirs = |hint: &Hint| hint.session_id == session.id || hint.subject == user.id;
        if leaving.hint.as_ref().is_some_and(is_theirs) {
            return self.left(ask, &leaving, client);
        }
        let html = pages::sign_out(user, "/oauth/sign-out", &leaving.hidden());
        Response::page(200, html).by(user).noted("sign-out page").into()
    }

    /// Answers `POST /oauth/sign-out`, the form of the page.
    pub(super) fn logout_form(&self, ask: &Ask<'_>) -> Outcome {
        let form = match self.form(ask) {
            Ok(form) => form,
            Err(refusal) => return (*refusal).into(),
        };
        let leaving = match self.leaving(&form, ask.now) {
            Ok(leaving) => leaving,
            Err(refusal) => return (*refusal).into(),
        };
        match self.browser(ask) {
            Some(client) => self.left(ask, &leaving, client),
            None => leaving.done().noted("nobody was signed in").into(),
        }
    }

    fn left(&self, ask: &Ask<'_>, leaving: &Leaving<'_>, client: &Client) -> Outcome {
        let user = self.signed_in(client).map(|(_, user)| user.email.clone());
        let (ended, changes) = self.signed_out(client, SessionStatus::Ended, ask.now);
        let mut response = self.with_browser(leaving.done(), &ended, ask);
        response.client = user.or_else(|| Some(ended.id.clone()));
        response.noted("signed out").changing(changes)
    }

    /// Reads a request to sign out.
    ///
    /// # Errors
    ///
    /// A page, when it names an address that nobody registered.
    fn leaving<'a>(&self, form: &'a Form, now: UnixTime) -> Result<Leaving<'a>, Box<Response>> {
        let hint = form.text("id_token_hint").and_then(|token| self.hint(token, now));
        let named = form.text("client_id");
        let client_id = named.or_else(|| hint.as_ref().map(|hint| hint.audience.as_str()));
        let agrees = hint.as_ref().is_none_or(|hint| client_id == Some(hint.audience.as_str()));
        let party = client_id.and_then(|client_id| self.state.party(client_id)).filter(|_| agrees);
        let back = match form.text("post_logout_redirect_uri") {
            None => None,
            Some(uri) if party.is_some_and(|party| has_registered(party, uri)) => {
                let state = form.text("state").map(|state| ("state", state));
                Some(with_parameters(uri, state.as_slice()))
            }
            Some(_) => {
                return Err(page(
                    "That is no address of this site",
                    "Expected a post_logout_redirect_uri that was registered for the relying party that client_id or \
                     id_token_hint names, byte for byte, found another. You are still signed in here.",
                    "post-logout redirect URI refused",
                ));
            }
        };
        Ok(Leaving { hint, back, form })
    }

    /// Reads an ID Token that this provider issued, however long ago.
    pub(super) fn hint(&self, token: &str, now: UnixTime) -> Option<Hint> {
        let jws = Jws::parse(token).ok().filter(|jws| self.keys.has_signed(jws, now))?;
        let says = |name: &str| jws.payload().get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let is_ours = says("iss").is_some_and(|issuer| issuer == self.provider());
        let hint = Hint { subject: says("sub")?, audience: says("aud")?, session_id: says("sid")? };
        is_ours.then_some(hint)
    }
}

fn has_registered(party: &RelyingParty, uri: &str) -> bool {
    party.post_logout_redirect_uris.iter().any(|known| known == uri)
}
