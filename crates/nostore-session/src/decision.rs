//! The outcome: who it is, why, and what the response must carry.

use std::fmt;
use std::sync::Arc;

use nostore_message::{FieldEdit, Secret};
use serde_json::{Map, Value};

use crate::claims::organization;
use crate::token::{Times, coerced};
use crate::{AuthClaims, Check, Machine, Reason, TokenType, name};

/// What was decided.
///
/// **Rule for every shell:** where [`Decision::location`] is there, answer 307 with the edits and
/// nothing else, whatever the status; a resolved handshake of a development instance is signed in
/// *and* has a location.
#[derive(Clone)]
pub struct Decision {
    /// Who it is.
    pub status: Status,
    /// Why not simply signed in.
    pub reason: Option<Reason>,
    /// A sentence for developers; may be empty. Holds no secret.
    pub message: String,
    /// The kind of token that it is about; `None` where the token's kind is not accepted.
    pub token_type: Option<TokenType>,
    /// What the response must carry by the protocol, in order: `Location`, `Cache-Control: no-store`,
    /// `Set-Cookie`, the state fields.
    pub edits: Vec<FieldEdit>,
    /// What it must carry besides, applied after [`Self::edits`]: what keeps the token in a URL from travelling
    /// on, and what ends every loop.
    pub safety: Vec<FieldEdit>,
    /// A redirect was due, but there have been too many: it is withheld, and sending the visitor to a sign-in
    /// page would only go on with the loop. Say why instead.
    pub loop_stopped: bool,
    /// The session whose signature was checked for this decision, for a [`TokenMemo`](crate::TokenMemo).
    pub verified: Option<Arc<Session>>,
}

/// Who sent the request.
#[derive(Clone, Debug)]
pub enum Status {
    /// The configuration cannot be right: answer 500 with the message as plain text.
    Error {
        /// What is wrong and what to do.
        message: String,
    },
    /// Unknown: the answer is a redirect to the identity service.
    Handshake,
    /// A machine's token was verified.
    Machine(Box<Machine>),
    /// A session was verified.
    SignedIn(Arc<Session>),
    /// Nobody who is known.
    SignedOut,
}

/// A verified session.
#[derive(Clone, Debug)]
pub struct Session {
    claims: Claims,
    token: Secret,
    /// What is looked at with every request; found out once.
    facts: SessionFacts,
}

/// What a session's claims come to, so that a known token costs no look-ups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionFacts {
    /// Whether the claims about the organization can be read.
    pub(crate) organization_reads: bool,
    /// The claim `iat` as the protocol compares it.
    pub(crate) issued_at: Option<f64>,
    /// `None`: the claims must be looked at to tell what is wrong with them.
    pub(crate) times: Option<Times>,
}

/// The claims of a session token (RFC 7519 section 4.1, and the session service's own).
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    sub: String,
    raw: Arc<Map<String, Value>>,
}

impl Decision {
    pub(crate) fn new(status: Status, reason: Option<Reason>, message: impl Into<String>) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
            token_type: Some(TokenType::Session),
            edits: Vec::new(),
            safety: Vec::new(),
            loop_stopped: false,
            verified: None,
        }
    }

    /// Makes the decision of a site that keeps its sessions by itself: who is there, and what the response must carry.
    #[must_use]
    pub fn of_site(session: Option<Arc<Session>>, edits: Vec<FieldEdit>) -> Self {
        let status = session.map_or(Status::SignedOut, Status::SignedIn);
        Self { edits, ..Self::new(status, None, "") }
    }

    pub(crate) fn signed_in(session: Arc<Session>) -> Self {
        Self::new(Status::SignedIn(session), None, "")
    }

    pub(crate) fn signed_out(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(Status::SignedOut, Some(reason), message).with_state(Vec::new())
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Status::Error { message: message.clone() }, None, message)
    }

    pub(crate) fn about(mut self, kind: Option<TokenType>) -> Self {
        self.token_type = kind;
        self
    }

    /// Takes `edits` and adds the fields that tell the state, where there is one to tell.
    pub(crate) fn with_state(mut self, edits: Vec<FieldEdit>) -> Self {
        self.edits = edits;
        let status = match self.status {
            Status::Handshake => "handshake",
            Status::SignedOut => "signed-out",
            Status::Error { .. } | Status::Machine(_) | Status::SignedIn(_) => return self,
        };
        self.edits.push(FieldEdit::set(name::STATUS_FIELD, status));
        if let Some(reason) = self.reason.as_ref().map(Reason::text).filter(|text| is_field_text(text)) {
            self.edits.push(FieldEdit::set(name::REASON_FIELD, reason));
        }
        if !self.message.is_empty() && is_field_text(&self.message) {
            self.edits.push(FieldEdit::set(name::MESSAGE_FIELD, self.message.clone()));
        }
        self
    }

    /// Lists everything that the response must carry, in order.
    pub fn all_edits(&self) -> impl Iterator<Item = &FieldEdit> {
        self.edits.iter().chain(&self.safety)
    }

    /// Returns where the visitor is to be sent. If there is one, the answer is a 307.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.edits.iter().find_map(|edit| match edit {
            FieldEdit::Set { name, value } if name == "location" => Some(&**value),
            _ => None,
        })
    }

    /// Returns the session, where somebody is signed in.
    #[must_use]
    pub const fn session(&self) -> Option<&Arc<Session>> {
        match &self.status {
            Status::SignedIn(session) => Some(session),
            _ => None,
        }
    }
}

/// Names the fields that are edited and not their values: locations and cookies hold tokens.
impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |edit: &FieldEdit| match edit {
            FieldEdit::Append { name, .. } | FieldEdit::Remove { name } | FieldEdit::Set { name, .. } => {
                name.clone()
            }
        };
        f.debug_struct("Decision")
            .field("status", &self.status)
            .field("reason", &self.reason)
            .field("message", &self.message)
            .field("token_type", &self.token_type)
            .field("edits", &self.all_edits().map(name).collect::<Vec<_>>())
            .field("loop_stopped", &self.loop_stopped)
            .finish_non_exhaustive()
    }
}

impl Status {
    /// Returns the stable name of the status.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Error { .. } => "error",
            Self::Handshake => "handshake",
            Self::Machine(_) | Self::SignedIn(_) => "signed-in",
            Self::SignedOut => "signed-out",
        }
    }
}

impl Session {
    pub(crate) fn new(sub: String, raw: Arc<Map<String, Value>>, token: &str) -> Self {
        let facts = SessionFacts {
            organization_reads: organization(&raw).is_ok(),
            issued_at: raw.get("iat").map(coerced),
            times: Times::read(&raw),
        };
        Self { claims: Claims { sub, raw }, token: Secret::new(token), facts }
    }

    /// Makes a session of a site that keeps its sessions by itself, from claims that it vouches for. There is no token to
    /// call other services with. `None`: the claims name nobody (`sub`).
    #[must_use]
    pub fn of_site(claims: Map<String, Value>) -> Option<Self> {
        let sub = claims.get("sub").and_then(Value::as_str).filter(|sub| !sub.is_empty())?.to_owned();
        Some(Self::new(sub, Arc::new(claims), ""))
    }

    pub(crate) const fn facts(&self) -> &SessionFacts {
        &self.facts
    }

    /// Returns the claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns the token itself, to call other services with.
    #[must_use]
    pub const fn token(&self) -> &Secret {
        &self.token
    }

    /// Returns the user's id: the claim `sub`.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.claims.sub()
    }

    /// Returns the session's id: the claim `sid`.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.claims.sid()
    }

    /// Returns the claim `email`.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.claims.email()
    }

    /// Returns a claim by its name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.raw.get(name)
    }

    /// Returns what the claims say about organization, permissions and factors (versions 1 and 2).
    #[must_use]
    pub fn auth(&self) -> AuthClaims<'_> {
        AuthClaims::new(&self.claims.raw)
    }

    /// Tells whether the session has everything that `check` asks for. A pending session has nothing.
    #[must_use]
    pub fn has(&self, check: &Check) -> bool {
        !self.is_pending() && self.auth().has(check)
    }

    /// Tells whether the sign-in still has open tasks (claim `sts`). By default such a session
    /// counts as signed out towards the application.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.claims.text("sts") == Some("pending")
    }
}

impl Claims {
    /// Returns the subject.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// Returns the session's id.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.text("sid")
    }

    /// Returns the issuer.
    #[must_use]
    pub fn iss(&self) -> Option<&str> {
        self.text("iss")
    }

    /// Returns the origin that the token was made for.
    #[must_use]
    pub fn azp(&self) -> Option<&str> {
        self.text("azp")
    }

    /// Returns the e-mail address.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// Returns when the token expires, in seconds since 1970.
    #[must_use]
    pub fn exp(&self) -> Option<f64> {
        self.number("exp")
    }

    /// Returns when the token was issued, in seconds since 1970.
    #[must_use]
    pub fn iat(&self) -> Option<f64> {
        self.number("iat")
    }

    /// Returns from when on the token is valid, in seconds since 1970.
    #[must_use]
    pub fn nbf(&self) -> Option<f64> {
        self.number("nbf")
    }

    /// Returns all claims.
    #[must_use]
    pub fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.raw.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.raw.get(name).and_then(Value::as_f64)
    }
}

/// Tells whether a text can stand in a field line as it is (RFC 9110 section 5.5, ASCII only).
pub(crate) fn is_field_text(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}
