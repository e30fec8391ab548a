//! Which family of cookies counts: the plain ones or the suffixed ones.
//!
//! Several instances may share a domain; the suffix keeps their cookies apart, and older clients
//! write the plain family only. The first rule that applies decides.

use std::borrow::Cow;

use nostore_jose::Jws;
use nostore_message::UnixTime;
use serde_json::Value;

use crate::Config;
use crate::context::Family;

/// Tells whether the suffixed family counts. Empty cookies count as absent.
pub(crate) fn uses_suffixed(
    plain: &Family<'_>,
    suffixed: &Family<'_>,
    config: &Config,
    now: UnixTime,
) -> bool {
    let session = plain.session.as_deref();
    if let Some(token) = session {
        match belongs(token, config.publishable_key().frontend_api()) {
            Belongs::Unknown => return false,
            Belongs::Elsewhere => return true,
            Belongs::Here => {}
        }
    }
    if suffixed.uat.is_none() && suffixed.session.is_none() {
        return false;
    }
    let is_zero = |uat: &Option<Cow<'_, str>>| uat.as_deref() == Some("0");
    let (suffixed_zero, plain_zero) = (is_zero(&suffixed.uat), is_zero(&plain.uat));
    if !suffixed_zero && !plain_zero && issued_at(session) > issued_at(suffixed.session.as_deref()) {
        return false;
    }
    if suffixed_zero && !plain_zero {
        return false;
    }
    let development = !config.instance().is_production();
    if development && !suffixed_zero && plain_zero && has_expired(suffixed.session.as_deref(), now) {
        return false;
    }
    suffixed.uat.is_some()
}

enum Belongs {
    Elsewhere,
    Here,
    Unknown,
}

fn belongs(token: &str, frontend_api: &str) -> Belongs {
    let Ok(jws) = Jws::parse(token) else { return Belongs::Unknown };
    match jws.payload().get("iss") {
        None | Some(Value::Null | Value::Bool(false)) => Belongs::Unknown,
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => Belongs::Unknown,
        Some(Value::String(issuer)) if issuer.is_empty() => Belongs::Unknown,
        Some(Value::String(issuer)) if without_schemes(issuer) == frontend_api => Belongs::Here,
        Some(_) => Belongs::Elsewhere,
    }
}

/// Removes every `http://` and `https://`, in any case.
fn without_schemes(text: &str) -> String {
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
    kept
}

fn issued_at(token: Option<&str>) -> f64 {
    number(token, "iat").unwrap_or(0.0)
}

fn has_expired(token: Option<&str>, now: UnixTime) -> bool {
    number(token, "exp").is_some_and(|exp| exp <= seconds(now))
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
fn seconds(now: UnixTime) -> f64 {
    now.secs() as f64
}

fn number(token: Option<&str>, claim: &str) -> Option<f64> {
    Jws::parse(token?).ok()?.payload().get(claim)?.as_f64()
}
