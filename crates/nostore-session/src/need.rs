//! Questions to the identity service, and what is known.
//!
//! A decision is run again with each new answer. A caller loops:
//!
//! 1. `authenticate` with the [`Facts`] so far; [`Step::Done`] ends.
//! 2. Send [`Need::request`]; hand status, content type and body to [`Need::read`], or take
//!    [`Need::unreachable`] when there is no answer.
//! 3. Append the [`Answer`] to the facts.
//!
//! Caching, single flight and rate limits are the caller's: an answer may as well be made from
//! what is known already, such as `Answer::JwkSet` with the present set for a `kid` that was
//! asked for a moment ago.

use std::fmt;
use std::sync::Arc;

use nostore_jose::JwkSet;
use nostore_message::{Fields, Secret};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::token::directives as read_directives;
use crate::{Config, Decision, RefreshError, Session, TokenType, name};

const USER_AGENT: &str = concat!("nostore-session@", env!("CARGO_PKG_VERSION"));

/// The result of one run.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is decided.
    Done(Box<Decision>),
    /// One more fact is needed.
    Need(Need),
}

/// What is known. Starts empty and grows.
#[derive(Clone, Copy, Default)]
pub struct Facts<'a> {
    /// A snapshot of the JWK Set, however old.
    pub keys: Option<&'a JwkSet>,
    /// The answers of this decision so far.
    pub answers: &'a [Answer],
    /// Sessions whose signature was verified before.
    pub memo: Option<&'a dyn TokenMemo>,
}

/// Remembers sessions by their token, so that the same token costs no second signature check.
///
/// Only what [`Decision::verified`] gave may come back from it, under the JWK Set that it was verified with.
/// Times and claims are checked each time, so what has expired may stay in it.
pub trait TokenMemo: Sync {
    /// Returns the session of this token, the whole text of which counts.
    fn find(&self, token: &str) -> Option<Arc<Session>>;
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("keys", &self.keys)
            .field("answers", &self.answers)
            .field("memo", &self.memo.is_some())
            .finish()
    }
}

/// A question.
#[derive(Clone)]
#[non_exhaustive]
pub enum Need {
    /// The directives behind a handshake's nonce.
    HandshakePayload {
        /// The nonce.
        nonce: Secret,
    },
    /// The JWK Set, fresh.
    JwkSet {
        /// The key that is looked for; `None` when a shell loads the set ahead of time.
        kid: Option<String>,
    },
    /// What a machine's opaque token stands for.
    OpaqueToken {
        /// Its kind.
        kind: TokenType,
        /// The token.
        token: Secret,
    },
    /// New cookies for a session whose token has expired.
    Refresh(Box<RefreshRequest>),
}

/// What is told to the identity service to refresh a session (section 5.8 of the protocol). `Debug` shows none
/// of it.
#[derive(Clone)]
pub struct RefreshRequest {
    pub(crate) session_id: String,
    pub(crate) suffixed: bool,
    pub(crate) expired_token: Secret,
    pub(crate) refresh_token: Secret,
    pub(crate) origin: String,
    pub(crate) fields: Map<String, Value>,
}

/// The answer to a [`Need`]. `Debug` shows no directive: they hold session tokens.
#[derive(Clone)]
#[non_exhaustive]
pub enum Answer {
    /// To [`Need::HandshakePayload`].
    HandshakePayload {
        /// The nonce that was asked for.
        nonce: Secret,
        /// The `Set-Cookie` values.
        result: Result<Vec<String>, PayloadFailure>,
    },
    /// To [`Need::JwkSet`].
    JwkSet {
        /// The key that was looked for.
        kid: Option<String>,
        /// The set, to be kept as the new snapshot.
        result: Result<Arc<JwkSet>, KeysFailure>,
    },
    /// To [`Need::OpaqueToken`].
    OpaqueToken {
        /// The token that was asked about.
        token: Secret,
        /// What it stands for, as the service describes it.
        result: Result<Value, OpaqueTokenFailure>,
    },
    /// To [`Need::Refresh`].
    Refresh {
        /// The refresh token that was sent.
        refresh_token: Secret,
        /// The `Set-Cookie` values.
        result: Result<Vec<String>, RefreshError>,
    },
}

/// Why a machine's opaque token is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpaqueTokenFailure {
    /// The service does not know the token.
    #[error("expected a token that the identity service knows, found none such")]
    NotFound,
    /// The service refuses the secret key.
    #[error("expected the identity service to accept the secret key, but it refused it")]
    SecretKey {
        /// What the service says; may be empty.
        message: String,
    },
    /// The answer is not what it should be.
    #[error("expected the description of a token, found an answer with status {status}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer.
    #[error("expected an answer from the identity service, found none")]
    Unreachable,
}

impl OpaqueTokenFailure {
    /// Returns the stable name of the failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "opaque-token-not-found",
            Self::SecretKey { .. } => "opaque-token-secret-key",
            Self::Unexpected { .. } => "opaque-token-unexpected",
            Self::Unreachable => "opaque-token-unreachable",
        }
    }
}

/// Why the JWK Set could not be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysFailure {
    /// The answer is not even JSON.
    #[error("expected a JWK Set, found an answer with status {status} that is no JSON")]
    NotJson {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is no JWK Set.
    #[error("expected a JWK Set, found an answer with status {status}")]
    NotLoaded {
        /// The HTTP status.
        status: u16,
    },
    /// The identity service refuses the secret key.
    #[error("expected the identity service to accept the secret key, but it refused it")]
    SecretKey,
    /// There was no answer.
    #[error("expected an answer from the identity service, found none")]
    Unreachable,
}

/// Why the directives behind a nonce could not be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadFailure {
    /// A directive is none that a field can hold: the handshake is passed over.
    #[error("expected directives that a field can hold")]
    Directive,
    /// The answer is not what it should be.
    #[error("expected the directives of a handshake, found an answer with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer.
    #[error("expected an answer from the identity service, found none")]
    Unreachable,
}

impl KeysFailure {
    /// Returns the stable name of the failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "keys-not-json",
            Self::NotLoaded { .. } => "keys-not-loaded",
            Self::SecretKey => "keys-secret-key",
            Self::Unreachable => "keys-unreachable",
        }
    }
}

impl PayloadFailure {
    /// Returns the stable name of the failure.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Directive => "payload-directive",
            Self::Refused { .. } => "payload-refused",
            Self::Unreachable => "payload-unreachable",
        }
    }
}

/// A request to the identity service. `Debug` shows neither query nor fields: they hold secrets.
#[derive(Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: &'static str,
    /// The absolute URL.
    pub url: String,
    /// The field lines.
    pub fields: Fields<'static>,
    /// The body; may be empty.
    pub body: Vec<u8>,
}

impl Need {
    /// Returns the request that answers the question.
    #[must_use]
    pub fn request(&self, config: &Config) -> OutboundRequest {
        let base = config.api_base();
        let (url, body) = match self {
            Self::HandshakePayload { nonce } => {
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("nonce", nonce.expose())
                    .finish();
                (format!("{base}/v1/clients/handshake_payload?{query}"), None)
            }
            Self::JwkSet { .. } => (format!("{base}/v1/jwks"), None),
            Self::OpaqueToken { kind, token } => {
                let (path, member) = verification(*kind);
                (format!("{base}{path}"), Some(json!({ member: token.expose() })))
            }
            Self::Refresh(refresh) => {
                let query = if refresh.suffixed { "?suffixed_cookies=true" } else { "" };
                let sid = percent_encode(&refresh.session_id);
                (format!("{base}/v1/sessions/{sid}/refresh{query}"), Some(refresh.body()))
            }
        };
        let secret = match self {
            Self::OpaqueToken { kind: TokenType::M2mToken, .. } => config.machine_secret(),
            _ => Some(config.secret_key()),
        };
        let mut fields = Fields::new();
        fields.append("authorization", format!("Bearer {}", secret.map_or("", Secret::expose)));
        fields.append("clerk-api-version", name::API_VERSION);
        fields.append("content-type", "application/json");
        fields.append("user-agent", USER_AGENT);
        let method = if body.is_some() { "POST" } else { "GET" };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        OutboundRequest { method, url, fields, body }
    }

    /// Reads an answer. Total: what is not as expected is a failure in the answer.
    ///
    /// `content_type` is the field of that name. Where the protocol expects JSON, it must say exactly
    /// `application/json`; for the JWK Set it does not matter.
    #[must_use]
    pub fn read(&self, status: u16, content_type: Option<&str>, body: &[u8]) -> Answer {
        let json = || -> Option<Value> {
            serde_json::from_slice(body).ok().filter(|_| content_type == Some("application/json"))
        };
        match self {
            Self::HandshakePayload { nonce } => {
                let value = json().filter(|_| is_success(status)).unwrap_or_default();
                let list = value.get("directives").and_then(Value::as_array);
                let result = list.ok_or(PayloadFailure::Refused { status });
                let result = result.and_then(|list| read_directives(list).ok_or(PayloadFailure::Directive));
                Answer::HandshakePayload { nonce: nonce.clone(), result }
            }
            Self::JwkSet { kid } => Answer::JwkSet { kid: kid.clone(), result: jwk_set(status, body) },
            Self::OpaqueToken { token, .. } => {
                Answer::OpaqueToken { token: token.clone(), result: opaque_token(status, json()) }
            }
            Self::Refresh(refresh) => {
                let said_json = content_type == Some("application/json") && status != 204;
                let value = json();
                let scalar = value
                    .as_ref()
                    .is_some_and(|value| value.is_number() || value.is_boolean() || value.is_null());
                let unread = said_json && value.is_none() || scalar && is_success(status);
                let result = if unread { Err(RefreshError::FetchError) } else { refreshed(status, value) };
                Answer::Refresh { refresh_token: refresh.refresh_token.clone(), result }
            }
        }
    }

    /// Returns the answer that there is none: no connection, or it broke off.
    #[must_use]
    pub fn unreachable(&self) -> Answer {
        match self {
            Self::HandshakePayload { nonce } => {
                Answer::HandshakePayload { nonce: nonce.clone(), result: Err(PayloadFailure::Unreachable) }
            }
            Self::JwkSet { kid } => {
                Answer::JwkSet { kid: kid.clone(), result: Err(KeysFailure::Unreachable) }
            }
            Self::OpaqueToken { token, .. } => {
                Answer::OpaqueToken { token: token.clone(), result: Err(OpaqueTokenFailure::Unreachable) }
            }
            Self::Refresh(refresh) => Answer::Refresh {
                refresh_token: refresh.refresh_token.clone(),
                result: Err(RefreshError::FetchError),
            },
        }
    }

    /// Returns the stable name of the question.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HandshakePayload { .. } => "handshake-payload",
            Self::JwkSet { .. } => "jwk-set",
            Self::OpaqueToken { .. } => "opaque-token",
            Self::Refresh(_) => "refresh",
        }
    }
}

impl RefreshRequest {
    /// Returns the refresh token: requests with the same one may share an answer.
    #[must_use]
    pub const fn refresh_token(&self) -> &Secret {
        &self.refresh_token
    }

    /// The members in the protocol's order would be `format`, `expired_token`, `refresh_token`,
    /// `request_origin`, `request_headers`; JSON does not have one.
    fn body(&self) -> Value {
        json!({
            "format": "cookie",
            "expired_token": self.expired_token.expose(),
            "refresh_token": self.refresh_token.expose(),
            "request_origin": self.origin,
            "request_headers": self.fields,
        })
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

impl PartialEq for Need {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::HandshakePayload { nonce }, Self::HandshakePayload { nonce: other }) => {
                nonce.matches(other.expose())
            }
            (Self::JwkSet { kid }, Self::JwkSet { kid: other }) => kid == other,
            (Self::OpaqueToken { token, .. }, Self::OpaqueToken { token: other, .. }) => {
                token.matches(other.expose())
            }
            (Self::Refresh(one), Self::Refresh(other)) => {
                one.refresh_token.matches(other.refresh_token.expose())
            }
            _ => false,
        }
    }
}

impl Eq for Need {}

impl fmt::Debug for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakePayload { .. } => f.write_str("HandshakePayload(redacted)"),
            Self::JwkSet { kid } => f.debug_struct("JwkSet").field("kid", kid).finish(),
            Self::OpaqueToken { kind, .. } => {
                f.debug_struct("OpaqueToken").field("kind", kind).finish_non_exhaustive()
            }
            Self::Refresh(refresh) => f.debug_tuple("Refresh").field(refresh).finish(),
        }
    }
}

impl Answer {
    /// Returns the JWK Set that came with the answer: the new snapshot.
    #[must_use]
    pub const fn jwk_set(&self) -> Option<&Arc<JwkSet>> {
        match self {
            Self::JwkSet { result: Ok(set), .. } => Some(set),
            _ => None,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakePayload { result, .. } => {
                let count = result.as_ref().map(Vec::len);
                f.debug_struct("HandshakePayload").field("directives", &count).finish_non_exhaustive()
            }
            Self::JwkSet { kid, result } => {
                f.debug_struct("JwkSet").field("kid", kid).field("result", result).finish()
            }
            Self::OpaqueToken { result, .. } => {
                let found = result.as_ref().map(|_| "redacted");
                f.debug_struct("OpaqueToken").field("result", &found).finish_non_exhaustive()
            }
            Self::Refresh { result, .. } => {
                let count = result.as_ref().map(Vec::len);
                f.debug_struct("Refresh").field("cookies", &count).finish_non_exhaustive()
            }
        }
    }
}

impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split_once('?').map_or(self.url.as_str(), |(url, _)| url);
        f.debug_struct("OutboundRequest")
            .field("method", &self.method)
            .field("url", &url)
            .finish_non_exhaustive()
    }
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

fn jwk_set(status: u16, body: &[u8]) -> Result<Arc<JwkSet>, KeysFailure> {
    let value: Value = serde_json::from_slice(body).map_err(|_| KeysFailure::NotJson { status })?;
    if is_success(status) {
        return JwkSet::parse(body).map(Arc::new).map_err(|_| KeysFailure::NotLoaded { status });
    }
    let code = value.pointer("/errors/0/code").and_then(Value::as_str);
    Err(if code == Some("clerk_key_invalid") {
        KeysFailure::SecretKey
    } else {
        KeysFailure::NotLoaded { status }
    })
}

/// Reads the answer to a refresh: cookies, or the first error's code.
fn refreshed(status: u16, value: Option<Value>) -> Result<Vec<String>, RefreshError> {
    if is_success(status) && status != 204 {
        let value = value.filter(|value| value.get("object").and_then(Value::as_str) == Some("cookies"));
        let value = value.unwrap_or_default();
        let cookies = value.get("cookies").and_then(Value::as_array).filter(|list| !list.is_empty());
        return cookies.and_then(|list| read_directives(list)).ok_or(RefreshError::UnexpectedSdkError);
    }
    let value = value.unwrap_or_default();
    let error = value.pointer("/errors/0");
    Err(match error.map(|error| error.get("code").and_then(Value::as_str)) {
        None => RefreshError::UnexpectedBapiError,
        Some(None) => RefreshError::UnexpectedSdkError,
        Some(Some("unexpected_error")) => RefreshError::FetchError,
        Some(Some(code)) => RefreshError::Refused(code.into()),
    })
}

fn opaque_token(status: u16, value: Option<Value>) -> Result<Value, OpaqueTokenFailure> {
    match status {
        200..=299 => value.filter(Value::is_object).ok_or(OpaqueTokenFailure::Unexpected { status }),
        401 => {
            let value = value.unwrap_or_default();
            let said = value.pointer("/errors/0/message").and_then(Value::as_str).unwrap_or_default();
            Err(OpaqueTokenFailure::SecretKey { message: said.to_owned() })
        }
        404 => Err(OpaqueTokenFailure::NotFound),
        _ => Err(OpaqueTokenFailure::Unexpected { status }),
    }
}

/// Returns where a kind of opaque token is verified, and what the token is called there.
const fn verification(kind: TokenType) -> (&'static str, &'static str) {
    match kind {
        TokenType::ApiKey => ("/api_keys/verify", "secret"),
        TokenType::OauthToken => ("/oauth_applications/access_tokens/verify", "access_token"),
        TokenType::M2mToken | TokenType::Session => ("/m2m_tokens/verify", "token"),
    }
}

/// Writes an identifier as one segment of a path: all but unreserved characters encoded (RFC 3986 section 2.3).
fn percent_encode(segment: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(segment, RESERVED).to_string()
}
