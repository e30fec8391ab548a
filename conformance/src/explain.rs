//! Tells a case in words that a person can read: tokens and answers opened.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::backend::Reply;
use crate::case::{Case, Outcome};

/// How much of a part that cannot be opened is shown.
const MAX_SHOWN: usize = 40;

/// Tells a case.
#[must_use]
pub fn case(case: &Case) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "  {} {}   (now {})", case.request.method, opened(&case.request.url), case.now);
    for (name, value) in &case.request.headers {
        if name == "cookie" {
            for pair in value.split("; ") {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let _ = writeln!(text, "  cookie {name} = {}", opened(value));
            }
        } else {
            let _ = writeln!(text, "  {name}: {}", opened(value));
        }
    }
    let options = serde_json::to_string(&case.options).unwrap_or_default();
    let _ = writeln!(text, "  options {options}");
    text
}

/// Tells an outcome.
#[must_use]
pub fn outcome(outcome: &Outcome) -> String {
    let mut text = format!("{} {}", outcome.status, outcome.reason.as_deref().unwrap_or("-"));
    let _ = write!(text, " [{}]", outcome.token_type.as_deref().unwrap_or("-"));
    for part in [&outcome.message, &outcome.error].into_iter().flatten() {
        let _ = write!(text, " \"{}\"", part.lines().next().unwrap_or_default());
    }
    for (name, value) in &outcome.headers {
        if !name.starts_with("x-clerk-auth-") {
            let _ = write!(text, "\n      {name}: {}", opened(value));
        }
    }
    if let Some(claims) = &outcome.claims {
        let _ = write!(text, "\n      claims {claims}");
    }
    text
}

/// Opens the tokens and answers in a text.
fn opened(text: &str) -> String {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let mut told = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|letter| !inside(letter)).unwrap_or(rest.len());
        if end == 0 {
            let width = rest.chars().next().map_or(1, char::len_utf8);
            told += &rest[..width];
            rest = &rest[width..];
        } else {
            told += &word(&rest[..end]);
            rest = &rest[end..];
        }
    }
    told
}

fn word(word: &str) -> String {
    if word.len() < MAX_SHOWN {
        return word.to_owned();
    }
    let bare = ["mt_", "oat_", "ak_"].iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word);
    if let Some(reply) = Reply::decode(bare) {
        return format!("<answer {} {} {}>", reply.status, reply.content_type, opened(&reply.body));
    }
    let part = |text: &str| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        String::from_utf8(bytes).ok()
    };
    let parts: Vec<_> = word.split('.').collect();
    if let [header, payload, signature] = parts[..]
        && let (Some(header), Some(payload)) = (part(header), part(payload))
    {
        let payload = if payload.contains("handshake") { opened(&payload) } else { payload };
        return format!("<{header} {payload} {}>", signature.get(..6).unwrap_or(signature));
    }
    format!("{}…", word.get(..MAX_SHOWN).unwrap_or(word))
}
