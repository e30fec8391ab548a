//! Whether an ID token is the provider's, for this site, for this sign-in, and now.
//!
//! The steps are those of OpenID Connect Core 1.0 section 3.1.3.7. The crate `openidconnect` takes steps 2, 3 and 6 to
//! 11; what it leaves out is done here: an issuer that differs from tenant to tenant (2), `azp` (4 and 5), `nbf`, and
//! `at_hash` (section 3.1.3.8).
//!
//! # Invariants
//!
//! - Only signatures with a private key count. `none` and HMAC have no meaning here, whatever the provider announces
//!   (RFC 8725 section 3.1).
//! - Total: any text is a token or a typed error. No error holds a piece of the token but names: issuer, audience, `kid`.
//! - Clocks may be [`LEEWAY_SECS`] apart, in both directions.
//!
//! # Not covered
//!
//! Encrypted ID tokens; ES512, ES256K. Back-channel logout tokens (`logout`), which `openidconnect` does not know, share
//! [`signed`].
//!
//! Specifications: OpenID Connect Core 1.0 sections 2, 3.1.3.7, 3.1.3.8 and 10.1; RFC 7515; RFC 7519 section 4.1;
//! RFC 8725.

use std::fmt::Debug;
use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use nostore_jose::Jws;
use nostore_message::{Secret, UnixTime};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, JsonWebKey as _, Nonce,
    SignatureVerificationError,
};
use serde_json::{Map, Value};

use super::callback::fit;
use super::issuer::IssuerRule;

/// How far the provider's clock and ours may be apart, in seconds.
pub const LEEWAY_SECS: i64 = 60;

/// The longest `sub` (OpenID Connect Core 1.0 section 2).
const MAX_SUBJECT_BYTES: usize = 255;

/// The algorithms that count: `openidconnect` verifies all of them.
const ALGORITHMS: [(&str, CoreJwsSigningAlgorithm); 9] = [
    ("RS256", CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256),
    ("RS384", CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384),
    ("RS512", CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512),
    ("PS256", CoreJwsSigningAlgorithm::RsaSsaPssSha256),
    ("PS384", CoreJwsSigningAlgorithm::RsaSsaPssSha384),
    ("PS512", CoreJwsSigningAlgorithm::RsaSsaPssSha512),
    ("ES256", CoreJwsSigningAlgorithm::EcdsaP256Sha256),
    ("ES384", CoreJwsSigningAlgorithm::EcdsaP384Sha384),
    ("EdDSA", CoreJwsSigningAlgorithm::EdDsa),
];

/// Why a token of the provider is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenError {
    /// `at_hash` is of another access token.
    #[error("expected at_hash of the access token that came with it, found another")]
    AccessTokenHash,
    /// The algorithm does not sign with a private key, or is not known.
    #[error("expected alg RS256 to RS512, PS256 to PS512, ES256, ES384 or EdDSA, found {found}")]
    Algorithm {
        /// The token's `alg`.
        found: String,
    },
    /// It is for another client.
    #[error("expected this site's client id {expected} in aud, found {found}")]
    Audience {
        /// The client id.
        expected: String,
        /// The token's audiences.
        found: String,
    },
    /// It was issued to another client.
    #[error("expected this site's client id {expected} in azp, found {found}")]
    AuthorizedParty {
        /// The client id.
        expected: String,
        /// The token's `azp`.
        found: String,
    },
    /// It has ended.
    #[error("expected a token that has not ended, found one that ended {age_secs} s ago. Compare the clocks")]
    Expired {
        /// Seconds since `exp`.
        age_secs: i64,
    },
    /// It is another issuer's.
    #[error("expected the issuer {expected}, found {found}")]
    Issuer {
        /// The configured issuer.
        expected: String,
        /// The token's `iss`.
        found: String,
    },
    /// The provider's JWK Set has no key of that name.
    #[error("expected a key of the provider's JWK Set to fit the token, found none {}", named(kid.as_deref()))]
    Key {
        /// The token's `kid`.
        kid: Option<String>,
    },
    /// It is not of this sign-in.
    #[error("expected the nonce of this sign-in, found another or none")]
    Nonce,
    /// It is from the future.
    #[error("expected a token of the past, found one of {ahead_secs} s ahead. Compare the clocks")]
    Premature {
        /// Seconds until `iat` or `nbf`.
        ahead_secs: i64,
    },
    /// The signature does not match.
    #[error("expected a signature by a key of the provider's JWK Set, found one that does not match")]
    Signature,
    /// It names nobody (OpenID Connect Core 1.0 section 2).
    #[error("expected sub to be 1 to {MAX_SUBJECT_BYTES} bytes without control characters")]
    Subject,
    /// It is not what the specification wants.
    #[error("expected a signed JWT with the claims of an ID token: {why}")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
}

/// What is expected of a token.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a IssuerRule,
    pub(crate) client_id: &'a str,
    /// The sign-in's; none is asked for when a token is refreshed.
    pub(crate) nonce: Option<&'a Secret>,
    pub(crate) access_token: Option<&'a Secret>,
    pub(crate) now: UnixTime,
}

/// A token that has passed.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) claims: Map<String, Value>,
}

impl IdTokenError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AccessTokenHash => "id-token-at-hash",
            Self::Algorithm { .. } => "id-token-alg",
            Self::Audience { .. } => "id-token-aud",
            Self::AuthorizedParty { .. } => "id-token-azp",
            Self::Expired { .. } => "id-token-expired",
            Self::Issuer { .. } => "id-token-iss",
            Self::Key { .. } => "id-token-key",
            Self::Nonce => "id-token-nonce",
            Self::Premature { .. } => "id-token-premature",
            Self::Signature => "id-token-signature",
            Self::Subject => "id-token-sub",
            Self::Unreadable { .. } => "id-token-unreadable",
        }
    }

    /// Tells whether newer keys may help: a provider has changed them.
    pub(crate) const fn may_be_rotation(&self) -> bool {
        matches!(self, Self::Key { .. } | Self::Signature)
    }
}

/// Checks an ID token.
pub(crate) fn verify(
    token: &str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<Verified, IdTokenError> {
    let jws = Jws::parse(token).map_err(|error| unreadable(&error))?;
    let algorithm = algorithm(&jws)?;
    let claims = jws.payload();
    // Step 2, where the issuer is the tenant's own.
    let issuer = issuer(claims, expected)?;
    let parsed = CoreIdToken::from_str(token).map_err(|_| IdTokenError::Unreadable {
        why: "a claim is missing or of another type than the specification's".to_owned(),
    })?;
    let verifier = verifier(&issuer, keys, expected)?;
    let nonce = expected.nonce.map(|nonce| Nonce::new(nonce.expose().to_owned()));
    let checked = parsed.claims(&verifier, |found: Option<&Nonce>| match &nonce {
        Some(nonce) => openidconnect::NonceVerifier::verify(nonce, found),
        None => Ok(()),
    });
    let subject = checked.map_err(|error| typed(&error, &jws, expected))?.subject().to_string();
    authorized_party(claims, expected.client_id)?;
    not_premature(claims, expected.now)?;
    if let (Some(found), Some(access)) = (claims.get("at_hash"), expected.access_token) {
        let access = AccessToken::new(access.expose().to_owned());
        let key = parsed.signing_key(&verifier).map_err(|_| IdTokenError::Signature)?;
        let hash = AccessTokenHash::from_token(&access, algorithm, key);
        let hash = hash.map_err(|_| IdTokenError::AccessTokenHash)?;
        if found.as_str() != Some(hash.as_str()) {
            return Err(IdTokenError::AccessTokenHash);
        }
    }
    if !is_subject(&subject) {
        return Err(IdTokenError::Subject);
    }
    Ok(Verified { issuer, subject, claims: jws.into_payload() })
}

/// Checks the signature of a token that is no ID token, and its issuer, audience and times, which are the same
/// (OpenID Connect Back-Channel Logout 1.0 section 2.6). Returns its issuer beside it.
pub(crate) fn signed<'a>(
    token: &'a str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<(Jws<'a>, String), IdTokenError> {
    let jws = Jws::parse(token).map_err(|error| unreadable(&error))?;
    let algorithm = algorithm(&jws)?;
    let claims = jws.payload();
    let issuer = issuer(claims, expected)?;
    audience(claims, expected.client_id)?;
    let kid = jws.header().kid();
    let mut named = keys.keys().iter();
    let mut named =
        named.by_ref().filter(|key| kid.is_none() || key.key_id().map(|id| id.as_str()) == kid).peekable();
    if named.peek().is_none() {
        return Err(no_key(&jws));
    }
    let input = jws.signing_input().as_bytes();
    if !named.any(|key| key.verify_signature(algorithm, input, jws.signature()).is_ok()) {
        return Err(IdTokenError::Signature);
    }
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let (Some(exp), Some(_)) = (seconds("exp"), seconds("iat")) else {
        return Err(IdTokenError::Unreadable { why: "iat and exp must be there".to_owned() });
    };
    let end = whole_secs(exp);
    if expected.now.plus_secs(-LEEWAY_SECS) >= UnixTime::from_secs(end) {
        return Err(IdTokenError::Expired { age_secs: expected.now.secs().saturating_sub(end) });
    }
    not_premature(claims, expected.now)?;
    Ok((jws, issuer))
}

/// From when on a token that has passed is refused.
pub(crate) fn end(claims: &Map<String, Value>) -> UnixTime {
    let exp = claims.get("exp").and_then(Value::as_f64).map_or(0, whole_secs);
    UnixTime::from_secs(exp).plus_secs(LEEWAY_SECS)
}

/// The token's issuer, where it is the expected one.
fn issuer(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<String, IdTokenError> {
    let found = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    let tenant = claims.get("tid").and_then(Value::as_str);
    match expected.issuer.resolve(tenant) {
        Some(issuer) if issuer == found => Ok(issuer),
        issuer => Err(IdTokenError::Issuer {
            expected: issuer.unwrap_or_else(|| expected.issuer.text().to_owned()),
            found: fit(found),
        }),
    }
}

fn algorithm(jws: &Jws<'_>) -> Result<&'static CoreJwsSigningAlgorithm, IdTokenError> {
    let found = jws.header().alg().unwrap_or("none");
    let known = ALGORITHMS.iter().find(|(name, _)| *name == found);
    known.map(|(_, algorithm)| algorithm).ok_or_else(|| IdTokenError::Algorithm { found: fit(found) })
}

fn verifier<'a>(
    issuer: &str,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'a>,
) -> Result<CoreIdTokenVerifier<'a>, IdTokenError> {
    let url = IssuerUrl::new(issuer.to_owned());
    let url = url.map_err(|_| IdTokenError::Unreadable { why: "iss must be a URL".to_owned() })?;
    let now = expected.now;
    // What has ended within the leeway has not ended yet.
    let earlier = instant(now.plus_secs(-LEEWAY_SECS));
    let verifier = CoreIdTokenVerifier::new_public_client(
        ClientId::new(expected.client_id.to_owned()),
        url,
        keys.clone(),
    );
    Ok(verifier
        .set_allowed_algs(ALGORITHMS.map(|(_, algorithm)| algorithm))
        .set_time_fn(move || earlier)
        // Other audiences beside this site are trusted where `azp` says that the token was issued to this site.
        .set_other_audience_verifier_fn(|_| true))
}

fn instant(time: UnixTime) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.millis()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Steps 4 and 5: a token for several audiences says which of them it was issued to.
fn authorized_party(claims: &Map<String, Value>, client_id: &str) -> Result<(), IdTokenError> {
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.len() > 1);
    let refuse = |found: &str| {
        Err(IdTokenError::AuthorizedParty { expected: client_id.to_owned(), found: fit(found) })
    };
    match claims.get("azp") {
        Some(Value::String(azp)) if azp == client_id => Ok(()),
        Some(Value::String(azp)) => refuse(azp),
        Some(_) => refuse("something that is no text"),
        None if several => refuse("none, with several audiences"),
        None => Ok(()),
    }
}

/// Stores keep it, logs show it.
fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT_BYTES).contains(&text.len()) && !text.contains(char::is_control)
}

fn audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), IdTokenError> {
    let ours = |audience: &Value| audience.as_str() == Some(client_id);
    let found = match claims.get("aud") {
        Some(Value::Array(several)) => several.iter().any(ours),
        Some(one) => ours(one),
        None => false,
    };
    if found { Ok(()) } else { Err(wrong_audience(claims, client_id)) }
}

fn wrong_audience(claims: &Map<String, Value>, client_id: &str) -> IdTokenError {
    let found = claims.get("aud").map_or_else(|| "none".to_owned(), Value::to_string);
    IdTokenError::Audience { expected: client_id.to_owned(), found: fit(&found) }
}

/// `iat` and `nbf` (RFC 7519 sections 4.1.5 and 4.1.6).
fn not_premature(claims: &Map<String, Value>, now: UnixTime) -> Result<(), IdTokenError> {
    for name in ["iat", "nbf"] {
        let Some(at) = claims.get(name) else { continue };
        let at = at
            .as_f64()
            .ok_or_else(|| IdTokenError::Unreadable { why: format!("{name} must be a number") })?;
        let at = UnixTime::from_secs(whole_secs(at));
        if at > now.plus_secs(LEEWAY_SECS) {
            return Err(IdTokenError::Premature { ahead_secs: at.secs_since(now) });
        }
    }
    Ok(())
}

/// A NumericDate may have a fraction (RFC 7519 section 2).
#[expect(clippy::cast_possible_truncation, reason = "rounded down, and beyond the range stays at its end")]
const fn whole_secs(numeric_date: f64) -> i64 {
    numeric_date.floor() as i64
}

fn typed(error: &ClaimsVerificationError, jws: &Jws<'_>, expected: &Expected<'_>) -> IdTokenError {
    let claims = jws.payload();
    match error {
        ClaimsVerificationError::Expired(_) => {
            let end = claims.get("exp").and_then(Value::as_f64).map_or(0, whole_secs);
            IdTokenError::Expired { age_secs: expected.now.secs().saturating_sub(end) }
        }
        ClaimsVerificationError::InvalidAudience(_) => wrong_audience(claims, expected.client_id),
        ClaimsVerificationError::InvalidIssuer(_) => IdTokenError::Issuer {
            expected: expected.issuer.text().to_owned(),
            found: fit(claims.get("iss").and_then(Value::as_str).unwrap_or_default()),
        },
        ClaimsVerificationError::InvalidNonce(_) => IdTokenError::Nonce,
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            no_key(jws)
        }
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::AmbiguousKeyId(_)) => {
            IdTokenError::Unreadable { why: "kid must tell which of the provider's keys it is".to_owned() }
        }
        ClaimsVerificationError::SignatureVerification(_) => IdTokenError::Signature,
        ClaimsVerificationError::Unsupported(why) => IdTokenError::Unreadable { why: fit(why) },
        other => IdTokenError::Unreadable { why: fit(&other.to_string()) },
    }
}

fn no_key(jws: &Jws<'_>) -> IdTokenError {
    IdTokenError::Key { kid: jws.header().kid().map(fit) }
}

fn named(kid: Option<&str>) -> String {
    kid.map_or_else(|| "for a token without kid".to_owned(), |kid| format!("named {kid}"))
}

fn unreadable(error: &impl ToString) -> IdTokenError {
    IdTokenError::Unreadable { why: error.to_string() }
}

impl Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
