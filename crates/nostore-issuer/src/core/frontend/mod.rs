//! The Frontend API: what the browser's script asks for, from the site's origin.
//!
//! # Invariants
//!
//! - Only an allowed origin reads an answer, and a request that names another one changes nothing.
//! - The browser is known as everywhere: by `__clerk_db_jwt` in the query (test), or by the cookie `__client` (live).
//!
//! Specifications: the handshake protocol, section 7.2; Fetch, "CORS protocol".

mod client;
mod environment;
mod sessions;

use nostore_message::{Origin, SetCookie};
use serde_json::{Value, json};

use super::ask::Ask;
use super::body::Refused;
use super::client::CLIENT_COOKIE;
use super::form::Form;
use super::model::{Client, Session};
use super::response::{Outcome, Response};
use super::route::{Endpoint, Frontend, NoRoute, route};
use super::{Issuer, Mode};

/// How long a user agent may remember what a preflight request was told, in seconds.
const PREFLIGHT_SECS: &str = "600";

/// The methods that `_method` may name: scripts send them as POST, which needs no preflight request.
const OVERRIDES: [&str; 3] = ["DELETE", "PATCH", "PUT"];

impl Issuer {
    /// Answers the Frontend API.
    pub(super) fn frontend(&self, ask: &mut Ask<'_>, path: &str) -> Outcome {
        let site = match self.asking_site(ask) {
            Ok(site) => site,
            Err(refusal) => return (*refusal).into(),
        };
        let mut outcome = if ask.head.method == "OPTIONS" {
            preflight().into()
        } else {
            self.answer_site(ask, path, site.as_ref()).unwrap_or_else(|refusal| (*refusal).into())
        };
        let fields = &mut outcome.response.fields;
        fields.append("vary", "Origin");
        if let Some(site) = site {
            fields.append("access-control-allow-origin", site.to_string());
            fields.append("access-control-allow-credentials", "true");
            fields.append("access-control-expose-headers", "Clerk-Db-Jwt, Date, Retry-After");
        }
        outcome
    }

    /// Returns the origin that asks: none where no page of another origin does.
    fn asking_site(&self, ask: &Ask<'_>) -> Result<Option<Origin>, Refused> {
        let Some(text) = ask.head.fields.first("origin") else {
            return Ok(None);
        };
        let site = Origin::parse(text).ok();
        match site.filter(|site| self.settings.allowed_origins.contains(site)) {
            Some(site) => Ok(Some(site)),
            None => {
                let message = "expected an allowed origin in `Origin`, found another: name the site with \
                               `--allow-origin`";
                Err(Response::error(403, "origin_invalid", message).field("vary", "Origin").into())
            }
        }
    }

    fn answer_site(&self, ask: &mut Ask<'_>, path: &str, site: Option<&Origin>) -> Result<Outcome, Refused> {
        let asked = ask.query.text("_method").map(str::to_ascii_uppercase);
        let method = match asked.as_deref() {
            Some(method) if ask.head.method == "POST" && OVERRIDES.contains(&method) => method.to_owned(),
            _ => ask.head.method.clone().into_owned(),
        };
        let form = params(ask)?;
        let endpoint = match route(path, &method) {
            Ok(Endpoint::Frontend(endpoint)) => endpoint,
            Ok(_) | Err(NoRoute::Path) => return Err(Response::not_found(ask).into()),
            Err(NoRoute::Method(allowed)) => return Err(Response::method_not_allowed(ask, allowed).into()),
        };
        match endpoint {
            Frontend::Client => self.read_client(ask, site),
            Frontend::CreateClient => Ok(self.create_client(ask, site)),
            Frontend::DestroyClient => self.destroy_client(ask),
            Frontend::DevBrowser => self.create_dev_browser(ask),
            Frontend::End(id) => self.end(ask, id),
            Frontend::EndAll => self.end_all(ask),
            Frontend::Environment => Ok(self.environment()),
            Frontend::Remove(id) => self.remove(ask, id),
            Frontend::Session(id) => self.session(ask, id, site),
            Frontend::Token(id, template) => self.token(ask, (id, template), &form, site),
            Frontend::Touch(id) => self.touch(ask, id, &form, site),
        }
    }

    /// Returns the browser that asks.
    ///
    /// # Errors
    ///
    /// When it is not known. Scripts that hear of `dev_browser_unauthenticated` start afresh.
    fn asking_client(&self, ask: &Ask<'_>) -> Result<&Client, Refused> {
        self.client(ask, None).ok_or_else(|| {
            let (code, message) = match self.settings.mode {
                Mode::Live => ("authentication_invalid", "expected the cookie `__client` of a known browser"),
                Mode::Test => (
                    "dev_browser_unauthenticated",
                    "expected `__clerk_db_jwt` of a known browser in the query, found none or another",
                ),
            };
            Response::error(401, code, message).into()
        })
    }

    /// Returns a session of the browser that asks, while it goes on.
    fn asking_session(&self, ask: &Ask<'_>, id: &str) -> Result<(&Client, &Session), Refused> {
        let client = self.asking_client(ask)?;
        let session = self.state.sessions_of(client).into_iter().find(|session| session.id == id);
        session.map(|session| (client, session)).ok_or_else(|| {
            let message = "expected an active session of this browser, found none with this identifier";
            Response::error(404, "resource_not_found", message).into()
        })
    }

    /// The client as its browser's script sees it: with a token for each session.
    fn own_client_json(&self, client: &Client, ask: &Ask<'_>, site: Option<&Origin>) -> Value {
        self.client_json(client, |session| {
            self.grant(session, site).and_then(|grant| self.mint(&grant, ask.now))
        })
    }

    /// Says in the record who asked.
    fn record(&self, mut response: Response, client: &Client) -> Response {
        let user = self.signed_in(client).map(|(_, user)| user.email.clone());
        response.client = user.or_else(|| Some(client.id.clone()));
        response
    }

    /// Deletes the live cookies of a client that is no more.
    fn without_client_cookies(&self, response: Response) -> Response {
        if self.settings.mode == Mode::Test {
            return response;
        }
        let gone = self.secured(SetCookie::deletion(CLIENT_COOKIE));
        self.updated_cookies(0).iter().fold(response.cookie(&gone), Response::cookie)
    }

    /// Answers `GET /v1/client/touch`: prolongs what the browser is known by, and goes back.
    pub(super) fn client_touch(&self, ask: &Ask<'_>) -> Outcome {
        let url = match self.asked_return(ask) {
            Ok(url) => url,
            Err(error) => return self.refuse_return(&error).into(),
        };
        let response = Response::redirect(307, url.as_str().to_owned()).noted("client touched");
        match self.client(ask, None) {
            Some(client) => self.record(self.with_client_cookies(response, client, ask), client).into(),
            None => response.into(),
        }
    }
}

/// Wraps a resource as the protocol does.
fn wrapped(response: &Value, client: Option<&Value>) -> Response {
    Response::json(200, &json!({ "response": response, "client": client }))
}

/// Reads the parameters of a request: a form, or nothing.
fn params(ask: &Ask<'_>) -> Result<Form, Refused> {
    if ask.body.is_empty() {
        return Ok(Form::default());
    }
    if ask.is_form() {
        return Ok(Form::parse(ask.body));
    }
    let message = "expected a form (application/x-www-form-urlencoded), found something else";
    Err(Response::error(415, "unsupported_content_type", message).into())
}

fn preflight() -> Response {
    Response::empty(204)
        .field("access-control-allow-methods", "GET, POST, PATCH, PUT, DELETE")
        .field("access-control-allow-headers", "Authorization, Content-Type, Clerk-Db-Jwt")
        .field("access-control-max-age", PREFLIGHT_SECS)
        .noted("preflight")
}
