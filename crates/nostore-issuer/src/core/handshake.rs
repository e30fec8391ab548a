//! `GET /v1/client/handshake`: turns "unknown" into signed in or signed out, and sends back.
//!
//! Specifications: the handshake protocol, sections 5.5, 5.6 and 7.3.

use nostore_message::{Origin, SetCookie};
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::client::long_cookie;
use super::redirect::{RedirectError, RedirectUrl};
use super::response::{Outcome, Response};
use super::{Change, Client, Issuer, Mode, Nonce, Session, User};
use crate::pages;

/// The category of a session token.
const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// How far `nbf` lies before `iat`, in seconds, so that a clock that is a little behind accepts it.
const NOT_BEFORE_SECS: i64 = 10;

/// How long a result may wait in a cookie or behind a nonce, in seconds.
const RESULT_SECS: i64 = 60;

/// The longest result that fits into a cookie: user agents keep 4096 bytes of name and value
/// (RFC 6265bis, "Storage Model").
const MAX_COOKIE_RESULT: usize = 4_000;

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

    /// Says why an address is not returned to.
    pub(super) fn refuse_return(&self, error: &RedirectError) -> Response {
        let html = pages::refused_return(error, &self.settings.allowed_origins);
        Response::page(400, html).noted(error.code())
    }

    /// Answers a handshake.
    pub(super) fn handshake(&self, ask: &mut Ask<'_>) -> Outcome {
        let text = ask.query.text("redirect_url").ok_or(RedirectError::Missing);
        let url = match text.and_then(|text| self.return_address(ask, text)) {
            Ok(url) => url,
            Err(error) => return self.refuse_return(&error).into(),
        };
        let mut changes = Vec::new();
        let client = match (self.client(ask, None), self.settings.mode) {
            (Some(client), _) => Some(client.clone()),
            (None, Mode::Live) => None,
            (None, Mode::Test) => {
                let client = self.fresh_client(ask);
                changes = self.keep(&client);
                Some(client)
            }
        };
        let Some(directives) = self.directives(ask, client.as_ref(), url.origin()) else {
            return signing_failed().into();
        };
        let payload = Map::from_iter([("handshake".to_owned(), json!(directives))]);
        let Ok(token) = self.signing_key.sign(&jwt_header(), &payload) else {
            return signing_failed().into();
        };
        let mut response = match self.settings.mode {
            Mode::Test => Response::redirect(307, url.with_result(HANDSHAKE, &token)),
            Mode::Live => self.live_result(ask, &url, token, directives, &mut changes),
        };
        let user = client.as_ref().and_then(|client| self.signed_in(client)).map(|(_, user)| user);
        response.client = match (user, &client) {
            (Some(user), _) => Some(user.email.clone()),
            (None, client) => client.as_ref().map(|client| client.id.clone()),
        };
        let state = if user.is_some() { "signed in" } else { "signed out" };
        let new = changes.iter().any(|change| matches!(change, Change::PutClient(_)));
        let note = format!("handshake: {state}{}", if new { ", new browser" } else { "" });
        response.noted(note).changing(changes)
    }

    /// Puts a live result into a cookie; one that is too large stays here, behind a nonce.
    fn live_result(
        &self,
        ask: &mut Ask<'_>,
        url: &RedirectUrl,
        token: String,
        directives: Vec<String>,
        changes: &mut Vec<Change>,
    ) -> Response {
        let fits = HANDSHAKE.len() + token.len() <= MAX_COOKIE_RESULT;
        let (name, value) = if fits || ask.query.text("format") != Some("nonce") {
            (HANDSHAKE, token)
        } else {
            let nonce = ask.ids.token("hsn_");
            let expires_at = ask.now.plus_secs(RESULT_SECS);
            changes.extend(self.expired_nonces(ask));
            let payload = Nonce { directives, expires_at };
            changes.push(Change::PutNonce { nonce: nonce.clone(), payload });
            (NONCE, nonce)
        };
        let cookie = SetCookie::new(name, value)
            .with("Path", "/")
            .with("SameSite", "Lax")
            .with("Max-Age", RESULT_SECS.to_string())
            .flag("HttpOnly");
        Response::redirect(307, url.as_str().to_owned()).cookie(&self.secured(cookie))
    }

    fn expired_nonces(&self, ask: &Ask<'_>) -> Vec<Change> {
        let old = self.nonces.iter().filter(|(_, payload)| payload.expires_at <= ask.now);
        old.map(|(nonce, _)| Change::DropNonce { nonce: nonce.clone() }).collect()
    }

    /// Composes the `Set-Cookie` values for the site, deletions first (handshake protocol, section
    /// 7.3 no. 4), in the plain and in the suffixed family. `None` when signing fails.
    fn directives(&self, ask: &Ask<'_>, client: Option<&Client>, site: &Origin) -> Option<Vec<String>> {
        let mut deleted = vec![HANDSHAKE.to_owned(), NONCE.to_owned()];
        let mut set = Vec::new();
        match client.and_then(|client| Some((client, self.signed_in(client)?))) {
            Some((client, (session, user))) => {
                let token = self.session_token(ask, session, user, site)?;
                set.extend(self.both("__session").map(|name| long_cookie(name, token.clone())));
                set.extend(self.updated_cookies(client.updated_secs(ask.now)));
            }
            None => {
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

    /// Mints a session token (RFC 7519 section 4.1; handshake protocol, section 7.3 no. 6).
    fn session_token(&self, ask: &Ask<'_>, session: &Session, user: &User, site: &Origin) -> Option<String> {
        let issued_at = ask.now.secs();
        let claims = json!({
            "azp": site.to_string(),
            "email": user.email,
            "exp": issued_at.saturating_add(self.settings.session_ttl_secs),
            "iat": issued_at,
            "iss": self.settings.issuer(),
            "nbf": issued_at.saturating_sub(NOT_BEFORE_SECS),
            "sid": session.id,
            "sub": user.id,
        });
        let Value::Object(mut claims) = claims else {
            return None;
        };
        if let Some(name) = &user.name {
            claims.insert("name".to_owned(), json!(name));
        }
        let mut header = jwt_header();
        header.insert("cat".to_owned(), json!(SESSION_CATEGORY));
        self.signing_key.sign(&header, &claims).ok()
    }
}

fn jwt_header() -> Map<String, Value> {
    Map::from_iter([("typ".to_owned(), json!("JWT"))])
}

fn signing_failed() -> Response {
    let text = "The signing key did not work. Restart the identity service.";
    Response::page(500, pages::message("Not signed", text, true)).noted("signing failed")
}
