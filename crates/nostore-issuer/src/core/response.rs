//! What the service answers.

use std::borrow::Cow;
use std::fmt;

use nostore_message::{Fields, SetCookie};
use serde_json::{Value, json};

use super::ask::Ask;
use super::{Change, User};
use crate::pages;

/// A whole response. `Debug` shows neither field values nor the body: both carry tokens.
#[derive(Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The field lines; the length is the shell's.
    pub fields: Fields<'static>,
    /// The body.
    pub body: String,
    /// Who asked, for logs: an address or `client_…`. Never a token.
    pub client: Option<String>,
    /// What happened, for logs, in a few words.
    pub note: String,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, client, note, .. } = self;
        let mut shown = f.debug_struct("Response");
        shown.field("status", status).field("client", client).field("note", note).finish_non_exhaustive()
    }
}

/// A response, and what must be kept before it is sent.
pub(super) struct Outcome {
    pub(super) response: Response,
    pub(super) changes: Vec<Change>,
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self { response, changes: Vec::new() }
    }
}

impl Response {
    /// Starts a response that no cache keeps.
    fn new(status: u16, body: impl Into<String>) -> Self {
        let mut fields = Fields::new();
        fields.append("cache-control", "no-store");
        fields.append("referrer-policy", "no-referrer");
        fields.append("x-content-type-options", "nosniff");
        Self { status, fields, body: body.into(), client: None, note: String::new() }
    }

    /// Makes a text for programs.
    #[must_use]
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, body).field("content-type", "text/plain; charset=utf-8")
    }

    /// Makes a page.
    ///
    /// Its referrer policy is `same-origin`, not `no-referrer`: with the latter user agents send
    /// `Origin: null` with the page's own form (Fetch, "append a request `Origin` header"), and the
    /// check against forms of other sites could not tell.
    pub(super) fn page(status: u16, html: String) -> Self {
        let mut response = Self::new(status, html)
            .field("content-type", "text/html; charset=utf-8")
            .field("content-security-policy", pages::CONTENT_SECURITY_POLICY)
            .field("x-frame-options", "DENY");
        response.fields.remove("referrer-policy");
        response.field("referrer-policy", "same-origin")
    }

    /// Makes JSON. The type has no parameters: clients compare it exactly (handshake protocol,
    /// section 7.1).
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, value.to_string()).field("content-type", "application/json")
    }

    /// Makes an error of the two APIs.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let error = json!({ "code": code, "message": message, "long_message": message });
        Self::json(status, &json!({ "errors": [error] })).noted(code)
    }

    /// Makes an error that names the parameter at fault.
    pub(super) fn parameter_error(code: &str, name: &str, message: &str) -> Self {
        let meta = json!({ "param_name": name });
        let error = json!({ "code": code, "message": message, "long_message": message, "meta": meta });
        Self::json(422, &json!({ "errors": [error] })).noted(code)
    }

    /// Makes a response without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, "")
    }

    /// Makes a redirect.
    pub(super) fn redirect(status: u16, location: String) -> Self {
        Self::new(status, "").field("location", location)
    }

    /// Answers a path that there is not.
    pub(super) fn not_found(ask: &Ask<'_>) -> Self {
        if ask.wants_page() {
            let text = "This identity service has no page here.";
            return Self::page(404, pages::message("Not found", text, true)).noted("not found");
        }
        Self::error(
            404,
            "resource_not_found",
            "expected a path of the identity service, found an unknown one",
        )
    }

    /// Answers a method that the path does not take (RFC 9110 section 15.5.6).
    pub(super) fn method_not_allowed(ask: &Ask<'_>, allowed: String) -> Self {
        let message = format!("expected {allowed}, found another method");
        let response = if ask.wants_page() {
            Self::page(405, pages::message("Not like this", &message, true)).noted("method not allowed")
        } else {
            Self::error(405, "method_not_allowed", &message)
        };
        response.field("allow", allowed)
    }

    pub(super) fn field(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.fields.append(name, value);
        self
    }

    /// Replaces `Cache-Control`.
    pub(super) fn cached(mut self, value: &'static str) -> Self {
        self.fields.remove("cache-control");
        self.field("cache-control", value)
    }

    pub(super) fn cookie(self, cookie: &SetCookie<'_>) -> Self {
        self.field("set-cookie", cookie.to_string())
    }

    pub(super) fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Says in the record who asked.
    pub(super) fn by(mut self, user: &User) -> Self {
        self.client = Some(user.email.clone());
        self
    }

    pub(super) fn changing(self, changes: Vec<Change>) -> Outcome {
        Outcome { response: self, changes }
    }
}
