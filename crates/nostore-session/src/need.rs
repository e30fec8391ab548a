//! Questions to the identity service, and what is known.
//!
//! A decision is run again with each new answer. A caller loops:
//!
//! 1. `authenticate` with the [`Facts`] so far; [`Step::Done`] ends.
//! 2. Send [`Need::request`]; hand status and body to [`Need::read`], or take
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
use serde_json::Value;
use url::form_urlencoded;

use crate::{Config, Decision, name};

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
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// A snapshot of the JWK Set, however old.
    pub keys: Option<&'a JwkSet>,
    /// The answers of this decision so far.
    pub answers: &'a [Answer],
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
}

/// Why the JWK Set could not be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysFailure {
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
        let url = match self {
            Self::HandshakePayload { nonce } => {
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("nonce", nonce.expose())
                    .finish();
                format!("{base}/v1/clients/handshake_payload?{query}")
            }
            Self::JwkSet { .. } => format!("{base}/v1/jwks"),
        };
        let mut fields = Fields::new();
        fields.append("authorization", format!("Bearer {}", config.secret_key().expose()));
        fields.append("clerk-api-version", name::API_VERSION);
        fields.append("content-type", "application/json");
        fields.append("user-agent", USER_AGENT);
        OutboundRequest { method: "GET", url, fields, body: Vec::new() }
    }

    /// Reads an answer. Total: what is not as expected is a failure in the answer.
    #[must_use]
    pub fn read(&self, status: u16, body: &[u8]) -> Answer {
        match self {
            Self::HandshakePayload { nonce } => {
                let directives = if is_success(status) { directives(body) } else { None };
                let result = directives.ok_or(PayloadFailure::Refused { status });
                Answer::HandshakePayload { nonce: nonce.clone(), result }
            }
            Self::JwkSet { kid } => Answer::JwkSet { kid: kid.clone(), result: jwk_set(status, body) },
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
        }
    }

    /// Returns the stable name of the question.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::HandshakePayload { .. } => "handshake-payload",
            Self::JwkSet { .. } => "jwk-set",
        }
    }
}

impl PartialEq for Need {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::HandshakePayload { nonce }, Self::HandshakePayload { nonce: other }) => {
                nonce.matches(other.expose())
            }
            (Self::JwkSet { kid }, Self::JwkSet { kid: other }) => kid == other,
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
    if is_success(status) {
        return JwkSet::parse(body).map(Arc::new).map_err(|_| KeysFailure::NotLoaded { status });
    }
    let errors: Option<Value> = serde_json::from_slice(body).ok();
    let code = errors.as_ref().and_then(|value| value.pointer("/errors/0/code")).and_then(Value::as_str);
    Err(if code == Some("clerk_key_invalid") {
        KeysFailure::SecretKey
    } else {
        KeysFailure::NotLoaded { status }
    })
}

fn directives(body: &[u8]) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let list = value.get("directives")?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
