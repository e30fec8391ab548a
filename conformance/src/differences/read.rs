//! What the known differences look at in a case.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::case::{Case, OneOrMany};

/// Longer tokens are none for us.
pub(super) const MAX_TOKEN_BYTES: usize = 16 * 1_024;

/// The categories that a session's token may have.
pub(super) const SESSIONS: [&str; 2] = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];

/// As lenient as the reference.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A part of a token, as the reference reads it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// A JSON object.
    Object(Map<String, Value>),
    /// Something that the reference reads and we do not: JSON of another kind, or text that is not UTF-8.
    Other,
    /// Nothing that either side reads.
    None,
}

pub(super) fn header<'c>(case: &'c Case, name: &str) -> Option<&'c str> {
    case.request
        .headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// The token in `Authorization`, by the protocol's section 3.3.
pub(super) fn header_token(case: &Case) -> Option<&str> {
    let mut words = header(case, "authorization")?.trim().split(' ');
    let first = words.next().filter(|word| !word.is_empty())?;
    match words.next().filter(|word| !word.is_empty()) {
        None => Some(first),
        Some(token) if first == "Bearer" => Some(token),
        Some(_) => None,
    }
}

/// A cookie's value, as both sides decode it.
pub(super) fn decoded(value: &str) -> String {
    if !value.contains('%') || has_broken_escape(value) {
        return value.to_owned();
    }
    percent_decode_str(value).decode_utf8().map_or_else(|_| value.to_owned(), std::borrow::Cow::into_owned)
}

fn has_broken_escape(value: &str) -> bool {
    value
        .split('%')
        .skip(1)
        .any(|rest| !rest.as_bytes().get(..2).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit)))
}

/// Whether tokens of any kind, or of one of several, are accepted.
pub(super) fn accepts_several(case: &Case) -> bool {
    match &case.options.accepts_token {
        Some(OneOrMany::One(kind)) => kind == "any",
        Some(OneOrMany::Many(_)) => true,
        None => false,
    }
}

/// The head and payload of a token with three parts.
pub(super) fn parts(token: &str) -> Option<(Part, Part)> {
    let parts: Vec<_> = token.split('.').collect();
    let [head, payload, _] = parts[..] else { return None };
    Some((part(head), part(payload)))
}

fn part(text: &str) -> Part {
    let Ok(bytes) = LENIENT.decode(text.trim_end_matches('=')) else { return Part::None };
    match (std::str::from_utf8(&bytes).is_ok(), serde_json::from_str(&String::from_utf8_lossy(&bytes))) {
        (true, Ok(Value::Object(map))) => Part::Object(map),
        (_, Ok(_)) => Part::Other,
        (_, Err(_)) => Part::None,
    }
}

/// Why a token that the reference can read is none for us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Strictness {
    /// JSON of another kind than an object, or not UTF-8.
    Form,
    /// Longer than [`MAX_TOKEN_BYTES`].
    Length,
    /// Padding.
    Padding,
}

/// Tells why we do not read a token that the reference reads.
pub(super) fn strictness(token: &str) -> Option<Strictness> {
    if token.len() > MAX_TOKEN_BYTES {
        return Some(Strictness::Length);
    }
    let (head, payload) = parts(token)?;
    let signature = token.rsplit('.').next().unwrap_or_default();
    if head == Part::None || payload == Part::None || LENIENT.decode(signature.trim_end_matches('=')).is_err()
    {
        None
    } else if head == Part::Other || payload == Part::Other {
        Some(Strictness::Form)
    } else {
        token.contains('=').then_some(Strictness::Padding)
    }
}
