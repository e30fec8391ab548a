//! How a token endpoint of OAuth 2 is asked for an access token, and how its answer is read. Whoever has connections sends
//! it.
//!
//! # Invariants
//!
//! - An access token is opaque (RFC 6749 section 1.4): it lives as long as the answer says, also where it looks like a JWT.
//! - Its life begins when the request was sent, not when the answer came: it is never taken to live longer than it does.
//! - A new refresh token is found whatever is wrong with the rest of the answer.
//! - No `Debug` and no failure shows a secret or what the endpoint wrote, apart from plain error codes.
//!
//! # Not covered
//!
//! Getting the first refresh token, and client authentication by signature or certificate (RFC 7523, RFC 8705).
//!
//! Specifications: RFC 6749 sections 2.3.1, 4.4, 5 and 6; RFC 6750 section 4; RFC 8707 section 2; RFC 9700 section 4.14.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nostore_message::Secret;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::fetch::Fetched;
use crate::frontend::{http_date_ms, is_plain, patience_ms};
use crate::key::TokenKey;
use crate::skew::{Exchange, Skew};
use crate::token::SessionToken;

/// How long a token lives where the answer does not say (RFC 6749 section 5.1), unless set otherwise, in milliseconds.
pub const DEFAULT_LIFETIME_MS: i64 = 300_000;

/// Longer lives are cut to this one: ten years, in milliseconds.
pub const MAX_LIFETIME_MS: i64 = 315_360_000_000;

/// What is asked for, besides the grant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OAuth {
    /// The scope, where it is not left to the endpoint (RFC 6749 section 3.3): names with spaces between.
    pub scope: Option<String>,
    /// The audience, for entries that name none. No specification has this parameter; many services do.
    pub audience: Option<String>,
    /// The resources that the token is for: absolute URIs without a fragment (RFC 8707 section 2).
    pub resources: Vec<String>,
    /// How long a token lives where the answer does not say, in milliseconds.
    pub default_lifetime_ms: i64,
}

/// Who asks, and how the endpoint makes sure.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    id: String,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    Basic(Secret),
    Post(Secret),
    Public,
}

/// What entitles to a token.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// The client's own rights (RFC 6749 section 4.4).
    ClientCredentials,
    /// What a user granted before (RFC 6749 section 6).
    RefreshToken(&'a Secret),
}

/// A POST request to the token endpoint. `Debug` shows nothing.
pub struct OAuthRequest {
    authorization: Option<Zeroizing<String>>,
    form: Zeroizing<String>,
}

/// An answer of the token endpoint, and the exchange around it.
#[derive(Clone, Copy)]
pub struct OAuthAnswer<'a> {
    /// The status.
    pub status: u16,
    /// The field `Retry-After`.
    pub retry_after: Option<&'a str>,
    /// The field `Date`.
    pub date: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
    /// The wall clock here when the request was sent, in milliseconds since 1970.
    pub sent_ms: i64,
    /// How long the answer took, in milliseconds of steady time.
    pub took_ms: u64,
}

/// What an answer says.
#[derive(Debug)]
pub struct Granted {
    /// The token, or why there is none.
    pub outcome: Result<Fetched, Failure>,
    /// The refresh token that takes the place of the one before.
    pub refresh_token: Option<Secret>,
    /// Whether the answer tells what became of the grant. A gateway's does not, nor does a good status without a token: the
    /// refresh token may have been replaced.
    pub is_conclusive: bool,
}

impl Default for OAuth {
    fn default() -> Self {
        Self { scope: None, audience: None, resources: Vec::new(), default_lifetime_ms: DEFAULT_LIFETIME_MS }
    }
}

impl OAuthClient {
    /// With its secret in the field `Authorization` (`client_secret_basic`, RFC 6749 section 2.3.1).
    #[must_use]
    pub fn basic(id: impl Into<String>, secret: Secret) -> Self {
        Self { id: id.into(), proof: Proof::Basic(secret) }
    }

    /// With its secret in the form (`client_secret_post`, RFC 6749 section 2.3.1), for endpoints that know no better.
    #[must_use]
    pub fn post(id: impl Into<String>, secret: Secret) -> Self {
        Self { id: id.into(), proof: Proof::Post(secret) }
    }

    /// Without a secret (RFC 6749 section 2.1). It has no rights of its own: it needs a refresh token.
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self { id: id.into(), proof: Proof::Public }
    }

    /// Tells whether it has no secret.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        matches!(self.proof, Proof::Public)
    }

    /// Returns the field `Authorization`, where it is one that proves who asks. Both parts are encoded as in forms first.
    fn authorization(&self) -> Option<Zeroizing<String>> {
        let Proof::Basic(secret) = &self.proof else { return None };
        let encoded =
            |text: &str| Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
        let pair = Zeroizing::new(format!("{}:{}", *encoded(&self.id), *encoded(secret.expose())));
        let pair = Zeroizing::new(BASE64_STANDARD.encode(&*pair));
        Some(Zeroizing::new(format!("Basic {}", *pair)))
    }
}

impl OAuthRequest {
    /// The media type of the body.
    pub const CONTENT_TYPE: &'static str = "application/x-www-form-urlencoded";

    /// Returns the field `Authorization`. The caller marks it as sensitive.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_ref().map(|field| field.as_str())
    }

    /// Returns the body. The caller keeps it out of logs.
    #[must_use]
    pub fn form(&self) -> &str {
        &self.form
    }
}

impl OAuth {
    /// Builds the request for a token. The audience of the entry comes before one that is set here; its session is a
    /// name and is not sent.
    ///
    /// # Errors
    ///
    /// When the entry has a template or an organization: OAuth 2 knows neither.
    pub fn request(
        &self,
        client: &OAuthClient,
        grant: Grant<'_>,
        key: &TokenKey,
    ) -> Result<OAuthRequest, Failure> {
        if key.template_name().is_some() {
            return Err(Failure::Unsupported { what: "a template" });
        }
        if key.organization_id().is_some() {
            return Err(Failure::Unsupported { what: "an organization" });
        }
        let mut form = form_urlencoded::Serializer::new(String::new());
        match grant {
            Grant::ClientCredentials => form.append_pair("grant_type", "client_credentials"),
            Grant::RefreshToken(token) => {
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose())
            }
        };
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        if let Some(audience) = key.audience_name().or(self.audience.as_deref()) {
            form.append_pair("audience", audience);
        }
        for resource in &self.resources {
            form.append_pair("resource", resource);
        }
        match &client.proof {
            Proof::Basic(_) => {}
            Proof::Post(secret) => {
                form.append_pair("client_id", &client.id).append_pair("client_secret", secret.expose());
            }
            Proof::Public => {
                form.append_pair("client_id", &client.id);
            }
        }
        Ok(OAuthRequest { authorization: client.authorization(), form: Zeroizing::new(form.finish()) })
    }

    /// Reads an answer.
    ///
    /// | answer | outcome |
    /// |---|---|
    /// | 2xx with a token | the token |
    /// | 2xx with a token of a type other than `Bearer`, or a lifetime that is none | [`Failure::Unusable`] |
    /// | `invalid_grant` | [`Failure::Unauthenticated`]: the session is over |
    /// | any other error, and any other 4xx | [`Failure::Refused`] |
    /// | 429, or 5xx with `Retry-After` | [`Failure::Busy`] |
    /// | anything else | [`Failure::Transient`] |
    ///
    /// `expires_in` may be a number, also with a fraction, or the digits of one; what is longer than
    /// [`MAX_LIFETIME_MS`] is cut to it.
    #[must_use]
    pub fn read(&self, answer: &OAuthAnswer<'_>) -> Granted {
        let members: Option<Map<String, Value>> = serde_json::from_slice(answer.body).ok();
        let text = |member: &str| {
            let text = members.as_ref()?.get(member)?.as_str()?;
            Some(text).filter(|text| !text.is_empty())
        };
        let good = (200..=299).contains(&answer.status);
        let token = text("access_token").filter(|_| good);
        let error = text("error").filter(|_| token.is_none());
        let outcome = match (token, &members) {
            (Some(token), Some(members)) => self.token(token, members, answer),
            _ => Err(failure(answer, error)),
        };
        let silent = good && token.is_none() && error.is_none();
        Granted {
            outcome,
            refresh_token: text("refresh_token").filter(|_| token.is_some()).map(Secret::new),
            is_conclusive: !silent && !matches!(answer.status, 502 | 504),
        }
    }

    fn token(
        &self,
        raw: &str,
        members: &Map<String, Value>,
        answer: &OAuthAnswer<'_>,
    ) -> Result<Fetched, Failure> {
        let kind = members.get("token_type").and_then(Value::as_str).unwrap_or_default();
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err(Failure::Unusable { what: "not of the type `Bearer`" });
        }
        let lifetime_ms = match members.get("expires_in") {
            None | Some(Value::Null) => self.default_lifetime_ms,
            Some(value) => {
                lifetime_ms(value).ok_or(Failure::Unusable { what: "without a lifetime in seconds" })?
            }
        };
        let service_ms = answer.date.and_then(http_date_ms);
        let token = SessionToken::opaque(raw, answer.began_ms(service_ms), lifetime_ms.min(MAX_LIFETIME_MS))
            .map_err(|fault| Failure::Unusable { what: fault.code() })?;
        Ok(Fetched { token, service_ms })
    }
}

impl OAuthAnswer<'_> {
    /// When the request was sent, in the service's time as whoever keeps the token will take it from the same exchange.
    /// The token was issued then at the earliest.
    fn began_ms(&self, service_ms: Option<i64>) -> i64 {
        let Self { sent_ms, took_ms, .. } = *self;
        let mut skew = Skew::default();
        skew.learn(Exchange { sent_ms, took_ms, service_ms, issued_ms: None }, false);
        sent_ms.saturating_add(skew.offset_ms())
    }
}

/// Why there is no token in an answer (RFC 6749 section 5.2).
fn failure(answer: &OAuthAnswer<'_>, error: Option<&str>) -> Failure {
    let status = answer.status;
    let patience = || {
        let service_ms = answer.date.and_then(http_date_ms);
        answer.retry_after.and_then(|text| patience_ms(text, service_ms))
    };
    match (status, error) {
        (429, _) => Failure::Busy { status, retry_after_ms: patience() },
        (500..=599, _) if answer.retry_after.is_some() => {
            Failure::Busy { status, retry_after_ms: patience() }
        }
        (200..=299 | 400..=499, Some("invalid_grant")) => Failure::Unauthenticated { status },
        (200..=299, Some(code)) | (400..=499, Some(code)) => {
            Failure::Refused { status, code: if is_plain(code) { code.to_owned() } else { String::new() } }
        }
        (400..=499, None) => Failure::Refused { status, code: String::new() },
        (200..=299, None) => Failure::Transient { what: "no token" },
        _ => Failure::Transient { what: "an unexpected status" },
    }
}

/// Reads a lifetime in seconds as milliseconds, rounded down.
fn lifetime_ms(value: &Value) -> Option<i64> {
    let secs = match value {
        Value::Number(number) => match number.as_i64() {
            Some(secs) => return Some(secs.saturating_mul(1_000)),
            None => number.as_f64()?,
        },
        Value::String(text) => return text.parse::<i64>().ok().map(|secs| secs.saturating_mul(1_000)),
        _ => return None,
    };
    // What is too large for it ends at the largest.
    Some((secs * 1_000.0).floor() as i64)
}

impl fmt::Debug for OAuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OAuthRequest(redacted)")
    }
}

impl fmt::Debug for OAuthAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}
