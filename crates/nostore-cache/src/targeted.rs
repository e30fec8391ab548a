//! Targeted cache-control fields (RFC 9213).
//!
//! A targeted field is a Dictionary of RFC 9651: one that is empty or does not parse counts as absent,
//! and one that is there silences `Cache-Control` and `Expires` for the caches it aims at.

use std::collections::BTreeMap;

use nostore_message::Fields;

use crate::control::{CacheControl, split_outside_quotes};

/// Every targeted field we know, with `Surrogate-Control`, which plays the same part.
pub const TARGETED_FIELDS: [&str; 5] = [
    "CDN-Cache-Control",
    "Netlify-CDN-Cache-Control",
    "Vercel-CDN-Cache-Control",
    "Cloudflare-CDN-Cache-Control",
    "Surrogate-Control",
];

/// How strictly a targeted field is read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Syntax {
    /// As `Cache-Control` is: upper case and junk do no harm.
    Lenient,
    /// As a Dictionary: the smallest error and the field counts as absent (RFC 9213 section 2.1).
    #[default]
    Rfc9213,
}

/// Reads the targeted field `name`. Nothing where it is absent, empty or, under
/// [`Syntax::Rfc9213`], malformed.
#[must_use]
pub fn targeted(fields: &Fields<'_>, name: &str, syntax: Syntax) -> Option<CacheControl> {
    let combined = fields.combined(name).filter(|value| !value.trim().is_empty())?;
    match syntax {
        Syntax::Lenient => Some(CacheControl::parse(fields.all(name))),
        Syntax::Rfc9213 => dictionary(&combined),
    }
}

/// Parses a Dictionary as far as directives need it (RFC 9651 section 4.2.2). Parameters are ignored;
/// inner lists, byte sequences and dates are no directive's value, and not looked into.
fn dictionary(text: &str) -> Option<CacheControl> {
    let mut members: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for member in split_outside_quotes(text, ',') {
        let member = member.trim_matches([' ', '\t']);
        let item = split_outside_quotes(member, ';').next()?.trim_end_matches(' ');
        let (key, value) = match item.split_once('=') {
            Some((key, value)) => (key, bare_item(value)?),
            None => (item, Some(String::new())),
        };
        if !is_key(key) {
            return None;
        }
        // Of a repeated key the last value counts.
        members.insert(key, value);
    }
    let mut control = CacheControl::default();
    for (key, value) in &members {
        // `?0` takes a directive back.
        if let Some(value) = value {
            control.add(key, Some(value.as_str()).filter(|value| !value.is_empty()));
        }
    }
    Some(control)
}

/// Reads a bare item: the outer nothing is a syntax error, the inner one is `?0`.
fn bare_item(text: &str) -> Option<Option<String>> {
    let first = text.chars().next()?;
    match first {
        '?' if text == "?0" => Some(None),
        '?' if text == "?1" => Some(Some(String::new())),
        '"' => {
            let inner = text.get(1..)?.strip_suffix('"')?;
            let plain = inner.chars().all(|c| matches!(c, ' '..='~') && c != '"' && c != '\\');
            plain.then(|| Some(inner.to_owned()))
        }
        '-' | '0'..='9' => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let numeric = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let sized = (1..=15).contains(&digits.len());
            (numeric && sized).then(|| Some(text.to_owned()))
        }
        'A'..='Z' | 'a'..='z' | '*' => {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c);
            text.chars().all(token).then(|| Some(text.to_owned()))
        }
        '(' => text.ends_with(')').then(|| Some(text.to_owned())),
        ':' => (text.len() > 1 && text.ends_with(':')).then(|| Some(text.to_owned())),
        '@' => (text.len() > 1).then(|| Some(text.to_owned())),
        _ => None,
    }
}

/// Tells whether `key` is a key of RFC 9651 section 3.1.2: lower case throughout.
fn is_key(key: &str) -> bool {
    let start = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'*';
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte);
    key.as_bytes().first().is_some_and(start) && key.bytes().all(rest)
}
