//! Verification of tokens, in the protocol's order: form, category, key, type, algorithm,
//! signature, then the claims.

use std::sync::Arc;

use nostore_jose::{Jwk, JwkSet, Jws, JwsError};
use nostore_message::UnixTime;
use serde_json::{Map, Value};

use crate::context::{Context, Decoded, Token};
use crate::decision::is_field_text;
use crate::need::{Answer, KeysFailure, Need};
use crate::{Reason, Session, TokenType, http_date};

/// The longest token that is looked at, in bytes. Browsers keep cookies of about 4 KiB, and
/// common servers take field lines of 8 to 16 KiB.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest name of a key that is worth asking for.
const MAX_KID_BYTES: usize = 256;

const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";
const M2M_CATEGORY: &str = "cl_B7d4PD333AAA";
const IGNORED_CATEGORY: &str = "cl_I7d4PD111III";

/// What a machine's name starts with.
const MACHINE_PREFIX: &str = "mch_";

const CHECK_TOKEN: &str = "Make sure that this is a valid Clerk-generated JWT.";

/// Why a token was not accepted.
pub(crate) enum Refusal {
    /// Not known yet.
    Need(Need),
    /// By a rule of the protocol.
    Token(TokenError),
    /// The network failed: not the token's fault.
    Unreachable,
}

/// The rule that a token broke.
pub(crate) struct TokenError {
    pub(crate) reason: Reason,
    pub(crate) text: String,
    pub(crate) action: &'static str,
}

impl TokenError {
    pub(crate) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), action: "" }
    }

    const fn acting(mut self, action: &'static str) -> Self {
        self.action = action;
        self
    }

    /// Returns the text with what to do about it.
    pub(crate) fn full(&self) -> String {
        if self.action.is_empty() { self.text.clone() } else { format!("{} {}", self.text, self.action) }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

/// Parses a token that is not longer than [`MAX_TOKEN_BYTES`].
pub(crate) fn parse_sized(text: &str) -> Result<Jws<'_>, JwsError> {
    if text.len() > MAX_TOKEN_BYTES {
        return Err(JwsError::Parts { found: 0 });
    }
    Jws::parse(text)
}

/// Tells whether a token is of another kind than a session's: another category, or a machine's.
pub(crate) fn is_other_kind(token: &Token<'_>) -> bool {
    match &token.decoded {
        Decoded::Unverified(jws) => has_other_category(jws) || machine_kind(jws).is_some(),
        // Categories and types were looked at before the signature.
        Decoded::Known(session) => session.user_id().starts_with(MACHINE_PREFIX),
        Decoded::Malformed(_) => false,
    }
}

/// Tells which kind of machine a JWT is for: by its subject, else by its type (section 4.1 of the protocol).
pub(crate) fn machine_kind(jws: &Jws<'_>) -> Option<TokenType> {
    if jws.signature().is_empty() {
        return None;
    }
    let subject = jws.payload().get("sub").and_then(Value::as_str);
    if subject.is_some_and(|subject| subject.starts_with(MACHINE_PREFIX)) {
        return Some(TokenType::M2mToken);
    }
    let is_access_token = matches!(jws.header().typ(), Some("at+jwt" | "application/at+jwt"));
    is_access_token.then_some(TokenType::OauthToken)
}

/// Verifies a session token; clocks may differ by `skew_ms`.
pub(crate) fn verify_session(
    context: &Context<'_>,
    token: &Token<'_>,
    skew_ms: i64,
) -> Result<Arc<Session>, Refusal> {
    let session = match &token.decoded {
        Decoded::Known(session) => Arc::clone(session),
        Decoded::Malformed(error) => return Err(malformed(*error).into()),
        Decoded::Unverified(jws) => {
            if has_other_category(jws) {
                return Err(TokenError::new(Reason::TokenInvalid, "Invalid session token category.").into());
            }
            verify_signed(context, jws, &["JWT"])?;
            let sub = subject(jws.payload())?.to_owned();
            Arc::new(Session::new(sub, jws.shared_payload(), token.text))
        }
    };
    verify_claims(context, session.claims().raw())?;
    if !session.facts().times.is_some_and(|times| times.hold(context.now, skew_ms)) {
        verify_times(session.claims().raw(), context.now, skew_ms)?;
    }
    Ok(session)
}

/// Verifies a machine's token, the head of which may say one of `types`.
pub(crate) fn verify_machine(context: &Context<'_>, jws: &Jws<'_>, types: &[&str]) -> Result<(), Refusal> {
    verify_signed(context, jws, types)?;
    subject(jws.payload())?;
    verify_claims(context, jws.payload())?;
    Ok(verify_times(jws.payload(), context.now, context.config.skew_ms())?)
}

/// Tells whether a machine's token is of a category that is none of its.
pub(crate) fn has_category_beside_m2m(jws: &Jws<'_>) -> bool {
    category(jws).is_some_and(|category| category != M2M_CATEGORY)
}

/// Returns the category.
fn category<'j>(jws: &'j Jws<'_>) -> Option<&'j Value> {
    jws.header().parameters().get("cat")
}

/// Turns a claim into a number as JavaScript does where it compares: what is none is not a number, and a list is
/// the text of what it holds.
pub(crate) fn coerced(claim: &Value) -> f64 {
    match claim {
        Value::Null | Value::Bool(false) => 0.0,
        Value::Bool(true) => 1.0,
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if text.trim().is_empty() => 0.0,
        Value::String(text) => text.trim().parse().unwrap_or(f64::NAN),
        Value::Array(list) => match list.as_slice() {
            [] => 0.0,
            // The text `true` or `false`.
            [Value::Bool(_)] => f64::NAN,
            [one] => coerced(one),
            _ => f64::NAN,
        },
        Value::Object(_) => f64::NAN,
    }
}

/// Verifies a handshake token and returns its directives. Such a token does not expire.
pub(crate) fn verify_handshake(context: &Context<'_>, text: &str) -> Result<Vec<String>, Refusal> {
    let jws = parse_sized(text).map_err(malformed)?;
    let key = key(context, &jws)?;
    verify_head(context, &jws, &["JWT"])?;
    if has_other_category(&jws) {
        return Err(TokenError::new(Reason::TokenInvalid, "Invalid handshake token category.").into());
    }
    verify_signature(&jws, key, "Handshake signature is invalid.")?;
    let list = jws.payload().get("handshake").and_then(Value::as_array);
    directives(list.map_or(&[], Vec::as_slice)).ok_or_else(|| {
        TokenError::new(Reason::UnexpectedError, "A handshake's directives are texts that a field can hold.")
            .into()
    })
}

/// Reads directives. One that no field can hold spoils them all.
pub(crate) fn directives(list: &[Value]) -> Option<Vec<String>> {
    let text =
        |value: &Value| value.as_str().map(str::trim).filter(|text| is_field_text(text)).map(str::to_owned);
    list.iter().map(text).collect()
}

/// Finds the key, then checks head and signature.
fn verify_signed(context: &Context<'_>, jws: &Jws<'_>, types: &[&str]) -> Result<(), Refusal> {
    let key = key(context, jws)?;
    verify_head(context, jws, types)?;
    Ok(verify_signature(jws, key, "JWT signature is invalid.")?)
}

pub(crate) fn malformed(error: JwsError) -> TokenError {
    let text = match error {
        JwsError::Parts { .. } => "Invalid JWT form. A JWT consists of three parts separated by dots.",
        _ => "Invalid JWT form. The header, payload, or signature could not be decoded.",
    };
    TokenError::new(Reason::TokenInvalid, text)
}

fn has_other_category(jws: &Jws<'_>) -> bool {
    category(jws).is_some_and(|category| category != SESSION_CATEGORY && category != IGNORED_CATEGORY)
}

/// Finds the key by its name, where no key is configured: in what was fetched for this decision, then in the snapshot. An
/// unknown name is asked for once.
fn key<'c>(context: &Context<'c>, jws: &Jws<'_>) -> Result<&'c Jwk, Refusal> {
    let mismatch = |kid: &str| {
        let text = format!("The JWK Set has no key with the kid \"{}\" of the token.", kid.escape_default());
        Refusal::from(TokenError::new(Reason::JwkKidMismatch, text))
    };
    if let Some(key) = context.config.local_key() {
        return Ok(key);
    }
    if context.config.secret_key().is_empty() {
        let text = "Failed to resolve JWK during verification.";
        return Err(TokenError::new(Reason::JwkFailedToResolve, text).into());
    }
    let kid = jws.header().kid().filter(|kid| kid.len() <= MAX_KID_BYTES);
    let fetched = context.facts.answers.iter().rev().filter_map(Answer::jwk_set).map(|set| &**set);
    let mut sets = fetched.chain(context.facts.keys).peekable();
    match kid {
        Some(kid) => {
            let unusable = |set: &JwkSet| set.aside().iter().any(|aside| aside.kid.as_deref() == Some(kid));
            let found =
                sets.find_map(|set| set.find(kid).map(Ok).or_else(|| unusable(set).then_some(Err(()))));
            match found {
                Some(Ok(key)) => return Ok(key),
                Some(Err(())) => return Err(unusable_key(context, jws).into()),
                None => {}
            }
        }
        // No set has a key without a name for it; where there is none, that is what is said.
        None if sets.peek().is_none() => {}
        None if sets.all(JwkSet::is_empty) => return Err(no_usable_key().into()),
        None => return Err(mismatch("")),
    }
    let asked = context.facts.answers.iter().find_map(|answer| match answer {
        Answer::JwkSet { kid: asked, result } if asked.as_deref() == kid => Some(result),
        _ => None,
    });
    let failed = |text: &str| TokenError::new(Reason::JwkRemoteFailedToLoad, text);
    Err(match asked {
        None => Refusal::Need(Need::JwkSet { kid: kid.map(str::to_owned) }),
        Some(Ok(set)) if set.is_empty() => no_usable_key().into(),
        Some(Ok(_)) => mismatch(kid.unwrap_or_default()),
        Some(Err(KeysFailure::NotLoaded { status })) => {
            failed(&format!("Error loading the JWK Set: the answer had the status {status}.")).into()
        }
        Some(Err(KeysFailure::SecretKey)) => {
            let text = "The identity service refused the secret key.";
            TokenError::new(Reason::SecretKeyInvalid, text).into()
        }
        Some(Err(KeysFailure::NotJson { .. } | KeysFailure::Unreachable)) => Refusal::Unreachable,
    })
}

fn no_usable_key() -> TokenError {
    TokenError::new(Reason::JwkRemoteFailedToLoad, "The JWK Set has no usable key.")
}

/// Says that the key of that name is of no use: but of a token that would be refused with any key, that.
fn unusable_key(context: &Context<'_>, jws: &Jws<'_>) -> TokenError {
    let text = "Error verifying JWT signature. The key of that name cannot be used.";
    let unusable = TokenError::new(Reason::TokenVerificationFailed, text).acting(CHECK_TOKEN);
    verify_head(context, jws, &["JWT"]).err().unwrap_or(unusable)
}

/// Checks `typ`, which may be absent where only the usual one is expected, and `alg`.
fn verify_head(context: &Context<'_>, jws: &Jws<'_>, types: &[&str]) -> Result<(), TokenError> {
    match jws.header().parameters().get("typ") {
        None if types == ["JWT"] => {}
        Some(Value::String(typ)) if types.contains(&typ.as_str()) => {}
        other => {
            let found = other.map_or_else(|| "undefined".to_owned(), Value::to_string);
            let text = format!("Invalid JWT type {found}. Expected \"{}\".", types.join(", "));
            return Err(TokenError::new(Reason::TokenInvalid, text).acting(CHECK_TOKEN));
        }
    }
    let algorithms = context.config.algorithms();
    if !jws.header().algorithm().is_some_and(|algorithm| algorithms.contains(&algorithm)) {
        let alg =
            jws.header().parameters().get("alg").map_or_else(|| "undefined".to_owned(), Value::to_string);
        let supported = algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(",");
        let text = format!("Invalid JWT algorithm {alg}. Supported: {supported}.");
        return Err(TokenError::new(Reason::TokenInvalidAlgorithm, text).acting(CHECK_TOKEN));
    }
    Ok(())
}

#[cfg(feature = "native")]
fn verify_signature(jws: &Jws<'_>, key: &Jwk, mismatch: &str) -> Result<(), TokenError> {
    use nostore_jose::VerifyError;

    nostore_jose::verify(jws, key).map_err(|error| match error {
        VerifyError::Signature => TokenError::new(Reason::TokenInvalidSignature, mismatch),
        other => {
            let text = format!("Error verifying JWT signature. {other}.");
            TokenError::new(Reason::TokenVerificationFailed, text).acting(CHECK_TOKEN)
        }
    })
}

#[cfg(not(feature = "native"))]
fn verify_signature(_jws: &Jws<'_>, _key: &Jwk, _mismatch: &str) -> Result<(), TokenError> {
    let text = "Error verifying JWT signature. This build has no cryptography.";
    Err(TokenError::new(Reason::TokenVerificationFailed, text))
}

/// Returns the subject, which must be there.
fn subject(claims: &Map<String, Value>) -> Result<&str, TokenError> {
    let sub = claims.get("sub");
    sub.and_then(Value::as_str).filter(|sub| !sub.is_empty()).ok_or_else(|| {
        let found = sub.map_or_else(|| "undefined".to_owned(), Value::to_string);
        let text = format!("Subject claim (sub) is required and must be a string. Received {found}.");
        TokenError::new(Reason::TokenVerificationFailed, text).acting(CHECK_TOKEN)
    })
}

/// Checks audience and authorized party.
fn verify_claims(context: &Context<'_>, claims: &Map<String, Value>) -> Result<(), TokenError> {
    let audiences = context.config.audiences();
    if let Some(audience) = claims.get("aud").filter(|_| !audiences.is_empty()) {
        if !has_audience(audience, audiences) {
            let list = audiences.join(",");
            let text = format!("Invalid JWT audience claim (aud) {audience}. Expected one of \"{list}\".");
            return Err(TokenError::new(Reason::TokenVerificationFailed, text).acting(CHECK_TOKEN));
        }
    }
    let parties = context.config.parties();
    if parties.is_empty() {
        return Ok(());
    }
    let party = claims.get("azp").and_then(Value::as_str).unwrap_or_default();
    if !parties.iter().any(|allowed| allowed == party) || party.is_empty() {
        let found = claims.get("azp").map_or_else(|| "undefined".to_owned(), Value::to_string);
        let list = parties.join(",");
        let text = format!("Invalid JWT Authorized party claim (azp) {found}. Expected \"{list}\".");
        return Err(TokenError::new(Reason::TokenInvalidAuthorizedParties, text));
    }
    Ok(())
}

/// A text must be among the audiences, a list of texts must meet them; other types say nothing,
/// and neither does an empty one.
fn has_audience(claim: &Value, audiences: &[String]) -> bool {
    let wanted = |text: &str| audiences.iter().any(|audience| audience == text);
    match claim {
        Value::String(text) => text.is_empty() || wanted(text),
        Value::Array(list) if list.is_empty() || !list.iter().all(Value::is_string) => true,
        Value::Array(list) => list.iter().filter_map(Value::as_str).any(wanted),
        _ => true,
    }
}

/// The times of claims that are as they should be, in whole seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    exp: f64,
    /// The later of `nbf` and `iat`, where there is one.
    from: Option<f64>,
}

impl Times {
    pub(crate) fn read(claims: &Map<String, Value>) -> Option<Self> {
        let exp = number(claims, "exp", "").ok()??;
        let (nbf, iat) = (number(claims, "nbf", "").ok()?, number(claims, "iat", "").ok()?);
        Some(Self { exp, from: nbf.into_iter().chain(iat).reduce(f64::max) })
    }

    /// Tells whether [`verify_times`] would find nothing wrong.
    fn hold(self, now: UnixTime, skew_ms: i64) -> bool {
        let (earliest, latest) = (now.millis().saturating_sub(skew_ms), now.millis().saturating_add(skew_ms));
        self.exp * 1_000.0 > millis(earliest) && self.from.is_none_or(|from| from * 1_000.0 <= millis(latest))
    }
}

/// Checks `exp` (required), `nbf` and `iat` (RFC 7519 section 4.1), in whole seconds.
fn verify_times(claims: &Map<String, Value>, now: UnixTime, skew_ms: i64) -> Result<(), TokenError> {
    let exp = number(claims, "exp", "expiry date")?;
    let Some(exp) = exp else {
        let text = "Invalid JWT expiry date claim (exp) undefined. Expected number.";
        return Err(TokenError::new(Reason::TokenVerificationFailed, text).acting(CHECK_TOKEN));
    };
    let today = || http_date::format(millis(now.millis()) / 1_000.0);
    if exp * 1_000.0 <= millis(now.millis().saturating_sub(skew_ms)) {
        let (date, today) = (http_date::format(exp), today());
        let text = format!("JWT is expired. Expiry date: {date}, Current date: {today}.");
        return Err(TokenError::new(Reason::TokenExpired, text));
    }
    let latest = millis(now.millis().saturating_add(skew_ms));
    if let Some(nbf) = number(claims, "nbf", "not before date")?.filter(|nbf| nbf * 1_000.0 > latest) {
        let (date, today) = (http_date::format(nbf), today());
        let text = format!(
            "JWT cannot be used prior to not before date claim (nbf). Not before date: {date}; Current date: {today};"
        );
        return Err(TokenError::new(Reason::TokenNotActiveYet, text));
    }
    if let Some(iat) = number(claims, "iat", "issued at date")?.filter(|iat| iat * 1_000.0 > latest) {
        let (date, today) = (http_date::format(iat), today());
        let text = format!(
            "JWT issued at date claim (iat) is in the future. Issued at date: {date}; Current date: {today};"
        );
        return Err(TokenError::new(Reason::TokenIatInTheFuture, text));
    }
    Ok(())
}

fn number(claims: &Map<String, Value>, name: &str, meaning: &str) -> Result<Option<f64>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    // Whole seconds, as a date has them.
    value.as_f64().map(|secs| Some(secs.trunc())).ok_or_else(|| {
        let text = format!("Invalid JWT {meaning} claim ({name}) {value}. Expected number.");
        TokenError::new(Reason::TokenVerificationFailed, text).acting(CHECK_TOKEN)
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
fn millis(value: i64) -> f64 {
    value as f64
}
