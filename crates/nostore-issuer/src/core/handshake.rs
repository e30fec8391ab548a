//! `GET /v1/client/handshake`: turns "unknown" into signed in or signed out, and sends back.
//!
//! Specifications: the handshake protocol, sections 5.5, 5.6 and 7.3.

use nostore_message::{Origin, SetCookie};
use serde_json::{Map, json};

use super::ask::Ask;
use super::client::{KnownBy, long_cookie};
use super::redirect::{RedirectError, RedirectUrl};
use super::response::{Outcome, Response};
use super::token::jwt_header;
use super::{Change, Client, Issuer, Mode, Nonce, Session};
use crate::pages;

/// How long a result may wait in a cookie or behind a nonce, in seconds.
const RESULT_SECS: i64 = 60;

/// The longest result that fits into a cookie: user agents keep 4096 bytes of name and value
/// (RFC 6265bis, "Storage Model").
const MAX_COOKIE_RESULT: usize = 4_000;

/// How many results wait behind a nonce.
const MAX_NONCES: usize = 10_000;

const HANDSHAKE: &str = "__clerk_handshake";
const NONCE: &str = "__clerk_handshake_nonce";

impl Issuer {
    /// Checks an address to return to: its origin and, with live keys, its host name.
    pub(super) fn return_address(&self, ask: &Ask<'_>, text: &str) -> Result<RedirectUrl, RedirectError> {
        let url = RedirectUrl::parse(text, &self.settings.allowed_origins)?;
        let found = url.origin().host();
        match ask.host() {
            Some(expected) if self.settings.mode == Mode::Live && expected != found => {
                Err(RedirectError::OtherHost { expected, found: found.to_owned() })
            }
            _ => Ok(url),
        }
    }

    /// Reads the address to return to in the query.
    pub(super) fn asked_return(&self, ask: &Ask<'_>) -> Result<RedirectUrl, RedirectError> {
        let text = ask.query.text("redirect_url").ok_or(RedirectError::Missing);
        text.and_then(|text| self.return_address(ask, text))
    }

    /// Says why an address is not returned to.
    pub(super) fn refuse_return(&self, error: &RedirectError) -> Response {
        let html = pages::refused_return(error, &self.settings.allowed_origins);
        Response::page(400, html).noted(error.code())
    }

    /// Answers a handshake.
    pub(super) fn handshake(&self, ask: &mut Ask<'_>) -> Outcome {
        let url = match self.asked_return(ask) {
            Ok(url) => url,
            Err(error) => return self.refuse_return(&error).into(),
        };
        let mut changes = Vec::new();
        let client = match (self.client(ask, None), self.settings.mode) {
            (Some(client), _) => Some(client.clone()),
            (None, Mode::Live) => None,
            (None, Mode::Test) => {
                let client = Self::fresh_client(ask, KnownBy::Url);
                changes = self.keep(&client, ask.now);
                Some(client)
            }
        };
        let new = !changes.is_empty();
        let session = client.as_ref().and_then(|client| self.state.session_of(client)).cloned();
        let session = session.map(|session| match self.activated(ask, &session) {
            Some(moved) => {
                changes.push(Change::PutSession(moved.clone()));
                moved
            }
            None => session,
        });
        let Some(directives) = self.directives(ask, client.as_ref(), session.as_ref(), url.origin()) else {
            return signing_failed().into();
        };
        let Some(mut response) = self.result(ask, &url, directives, &mut changes) else {
            return signing_failed().into();
        };
        let user = session.as_ref().and_then(|session| self.state.user(&session.user_id));
        response.client = match (user, &client) {
            (Some(user), _) => Some(user.email.clone()),
            (None, client) => client.as_ref().map(|client| client.id.clone()),
        };
        let state = if user.is_some() { "signed in" } else { "signed out" };
        let note = format!("handshake: {state}{}", if new { ", new browser" } else { "" });
        response.noted(note).changing(changes)
    }

    /// Returns the session with the organization that `organization_id` asks for, if that is another one. One
    /// that the user is no member of changes nothing (handshake protocol, section 7.3 no. 3).
    fn activated(&self, ask: &Ask<'_>, session: &Session) -> Option<Session> {
        let place = self.choose(ask.query.given("organization_id")?, &session.user_id).ok()?;
        let organization_id = place.map(|(organization, _)| organization.id.clone());
        (organization_id != session.organization_id).then(|| Session {
            organization_id,
            updated_at: ask.now,
            ..session.clone()
        })
    }

    /// Sends the result back: in the URL (test) or in a cookie (live), as a token or, where that was asked for or
    /// the token is too large for a cookie, as a nonce. `None` when signing fails.
    fn result(
        &self,
        ask: &mut Ask<'_>,
        url: &RedirectUrl,
        directives: Vec<String>,
        changes: &mut Vec<Change>,
    ) -> Option<Response> {
        let payload = Map::from_iter([("handshake".to_owned(), json!(directives))]);
        let token = match ask.query.text("format") {
            Some("nonce") => None,
            _ => Some(self.keys.current().key.sign(&jwt_header(), &payload).ok()?),
        };
        let fits = |token: &String| {
            self.settings.mode == Mode::Test || HANDSHAKE.len() + token.len() <= MAX_COOKIE_RESULT
        };
        let (name, value) = match token.filter(fits) {
            Some(token) => (HANDSHAKE, token),
            None => (NONCE, self.put_nonce(ask, directives, changes)),
        };
        if self.settings.mode == Mode::Test {
            return Some(Response::redirect(307, url.with_result(name, &value)));
        }
        let cookie = SetCookie::new(name, value)
            .with("Path", "/")
            .with("SameSite", "Lax")
            .with("Max-Age", RESULT_SECS.to_string())
            .flag("HttpOnly");
        Some(Response::redirect(307, url.as_str().to_owned()).cookie(&self.secured(cookie)))
    }

    /// Keeps a result behind a nonce. Those that are over make room; where that is not enough, the oldest does.
    fn put_nonce(&self, ask: &mut Ask<'_>, directives: Vec<String>, changes: &mut Vec<Change>) -> String {
        let nonce = ask.ids.token("hsn_");
        let (over, waiting): (Vec<_>, Vec<_>) =
            self.nonces.iter().partition(|(_, payload)| payload.expires_at <= ask.now);
        let full = waiting.len() >= MAX_NONCES;
        let oldest = waiting.into_iter().min_by_key(|(_, payload)| payload.expires_at).filter(|_| full);
        let dropped = over.into_iter().chain(oldest);
        changes.extend(dropped.map(|(nonce, _)| Change::DropNonce { nonce: nonce.clone() }));
        let payload = Nonce { directives, expires_at: ask.now.plus_secs(RESULT_SECS) };
        changes.push(Change::PutNonce { nonce: nonce.clone(), payload });
        nonce
    }

    /// Composes the `Set-Cookie` values for the site, deletions first (handshake protocol, section
    /// 7.3 no. 4), in the plain and in the suffixed family. `None` when signing fails.
    fn directives(
        &self,
        ask: &Ask<'_>,
        client: Option<&Client>,
        session: Option<&Session>,
        site: &Origin,
    ) -> Option<Vec<String>> {
        let mut deleted = vec![HANDSHAKE.to_owned(), NONCE.to_owned()];
        let mut set = Vec::new();
        let grant = session.and_then(|session| self.grant(session, Some(site)));
        match (client, grant) {
            (Some(client), Some(grant)) => {
                let token = self.mint(&grant, ask.now)?;
                set.extend(self.session_cookies(&token));
                set.push(self.refresh_cookie(grant.session));
                set.extend(self.updated_cookies(self.updated_secs(client, ask.now)));
            }
            _ => {
                deleted.extend(self.both("__session"));
                deleted.extend(self.both("__refresh"));
                set.extend(self.updated_cookies(0));
            }
        }
        if let (Some(client), Mode::Test) = (client, self.settings.mode) {
            let token = client.token.expose();
            set.extend(self.both("__clerk_db_jwt").map(|name| long_cookie(name, token.to_owned())));
        }
        let deletions = deleted.into_iter().map(|name| SetCookie::deletion(name).to_string());
        Some(deletions.chain(set.iter().map(ToString::to_string)).collect())
    }
}

fn signing_failed() -> Response {
    let text = "The signing key did not work. Restart the identity service.";
    Response::page(500, pages::message("Not signed", text, true)).noted("signing failed")
}
