//! Which family of cookies counts: the plain ones or the suffixed ones.
//!
//! Several instances may share a domain; the suffix keeps their cookies apart, and older clients
//! write the plain family only. The first rule that applies decides.

use std::borrow::Cow;

use nostore_message::UnixTime;
use serde_json::{Map, Value};

use crate::Config;
use crate::context::Token;
use crate::jar::Jar;
use crate::token::coerced;

/// Tells whether the suffixed family counts. Empty cookies count as absent.
pub(crate) fn uses_suffixed(
    jar: &Jar<'_>,
    plain: Option<&Token<'_>>,
    suffixed: Option<&Token<'_>>,
    config: &Config,
    now: UnixTime,
) -> bool {
    if let Some(token) = plain {
        match belongs(token.claims(), config) {
            Belongs::Unknown => return false,
            Belongs::Elsewhere => return true,
            Belongs::Here => {}
        }
    }
    if jar.suffixed.uat.is_none() && suffixed.is_none() {
        return false;
    }
    // What decodes to `0`.
    let is_zero = |uat: Option<&str>| matches!(uat, Some("0" | "%30"));
    let (suffixed_zero, plain_zero) = (is_zero(jar.suffixed.uat), is_zero(jar.plain.uat));
    if !suffixed_zero && !plain_zero && issued_at(plain) > issued_at(suffixed) {
        return false;
    }
    if suffixed_zero && !plain_zero {
        return false;
    }
    let development = !config.instance().is_production();
    if development && !suffixed_zero && plain_zero && has_expired(suffixed, now) {
        return false;
    }
    jar.suffixed.uat.is_some()
}

enum Belongs {
    Elsewhere,
    Here,
    Unknown,
}

fn belongs(claims: Option<&Map<String, Value>>, config: &Config) -> Belongs {
    match claims.and_then(|claims| claims.get("iss")) {
        None | Some(Value::Null | Value::Bool(false)) => Belongs::Unknown,
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => Belongs::Unknown,
        Some(Value::String(issuer)) if issuer.is_empty() => Belongs::Unknown,
        Some(Value::String(issuer)) if config.is_own_frontend_api(&without_schemes(issuer)) => Belongs::Here,
        Some(_) => Belongs::Elsewhere,
    }
}

/// Removes every `http://` and `https://`, in any case.
fn without_schemes(text: &str) -> Cow<'_, str> {
    // An issuer has one scheme, and in front.
    let bare = text.strip_prefix("https://").unwrap_or(text);
    if !bare.contains('/') || !bare.contains("//") {
        return Cow::Borrowed(bare);
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let scheme = ["https://", "http://"]
            .iter()
            .find(|scheme| rest.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)));
        let step = scheme.map_or(letter.len_utf8(), |scheme| scheme.len());
        if scheme.is_none() {
            kept.push(letter);
        }
        rest = rest.get(step..).unwrap_or_default();
    }
    Cow::Owned(kept)
}

fn issued_at(token: Option<&Token<'_>>) -> f64 {
    token.and_then(Token::issued_at).unwrap_or(0.0)
}

fn has_expired(token: Option<&Token<'_>>, now: UnixTime) -> bool {
    let exp = token.and_then(Token::claims).and_then(|claims| claims.get("exp"));
    exp.map(coerced).is_some_and(|exp| exp <= seconds(now))
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
fn seconds(now: UnixTime) -> f64 {
    now.secs() as f64
}
