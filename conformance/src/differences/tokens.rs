//! Tokens within a case: in its field lines and URL, and within the answers that lie in those.

use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use url::Url;

use super::Rewritten;
use super::read::{Part, decoded, parts};
use crate::backend::Reply;
use crate::case::Case;
use crate::token::{Mint, Signer};

static MINT: LazyLock<Option<Mutex<Mint>>> = LazyLock::new(|| Mint::new().ok().map(Mutex::new));

/// Where a token lies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// In a field line or a parameter.
    Request,
    /// In what a handshake or an answer brings.
    Result,
}

/// What a change makes of a token.
type Change<'c> = dyn FnMut(&str, Place) -> Option<String> + 'c;

/// Changes the tokens of a case; `None` where none changes. What stood in their place is put back.
pub(super) fn change(
    case: &Case,
    mut change: impl FnMut(&str, Place) -> Option<String>,
) -> Option<Rewritten> {
    let mut stands_for = Vec::new();
    let mut changed = case.clone();
    let mut swap = |text: &str| {
        let mut change = |token: &str, place: Place| {
            let new = change(token, place)?;
            if place == Place::Result {
                // Comes back in a cookie, as it is.
                stands_for.push((new.clone(), token.to_owned()));
            }
            Some(new)
        };
        let new = value(text, &mut change)?;
        let meant: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        stands_for.push((new.clone(), meant));
        Some(new)
    };
    for (name, line) in &mut changed.request.headers {
        if name.eq_ignore_ascii_case("authorization") {
            let words: Vec<_> =
                line.split(' ').map(|word| swap(word).unwrap_or_else(|| word.to_owned())).collect();
            *line = words.join(" ");
        } else if name.eq_ignore_ascii_case("cookie") {
            let pairs: Vec<_> = line
                .split(';')
                .map(|pair| {
                    let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
                    swap(&decoded(value.trim()))
                        .map_or_else(|| pair.to_owned(), |value| format!("{name}={value}"))
                })
                .collect();
            *line = pairs.join(";");
        }
    }
    let mut url = changed.request.url.clone();
    for (_, value) in Url::parse(&url).ok()?.query_pairs() {
        if let Some(new) = swap(&value) {
            let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            url = url.replace(&encoded, &new).replace(&*value, &new);
        }
    }
    changed.request.url = url;
    (changed != *case).then_some(Rewritten { case: changed, stands_for })
}

/// Changes a value that is a token, brings tokens, or is an answer.
fn value(text: &str, change: &mut Change<'_>) -> Option<String> {
    if let Some(mut reply) = Reply::decode(text) {
        reply.body = within(&reply.body, change)?;
        return Some(reply.encode());
    }
    if let Some(new) = change(text, Place::Request) {
        return Some(new);
    }
    let Some((Part::Object(_), Part::Object(mut payload))) = parts(text) else { return None };
    let directives = payload.get("handshake")?.to_string();
    let new = within(&directives, change)?;
    payload.insert("handshake".to_owned(), serde_json::from_str(&new).ok()?);
    resign(text, |_, own| *own = payload)
}

/// Changes the tokens in a longer text.
fn within(text: &str, change: &mut Change<'_>) -> Option<String> {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let mut changed = text.to_owned();
    for word in text.split(|letter| !inside(letter)).filter(|word| word.split('.').count() == 3) {
        if let Some(new) = change(word, Place::Result) {
            changed = changed.replace(word, &new);
        }
    }
    (changed != text).then_some(changed)
}

/// Makes a token anew with other content, signed by whoever has signed it; where that is none of the known, the
/// old signature stays, which is wrong before and after.
pub(super) fn resign(
    token: &str,
    edit: impl FnOnce(&mut Map<String, Value>, &mut Map<String, Value>),
) -> Option<String> {
    let (Part::Object(mut head), Part::Object(mut payload)) = parts(token)? else { return None };
    let mut mint = MINT.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
    let texts: Vec<_> = token.split('.').take(2).map(text).collect();
    let (old_head, old_payload) = (texts.first()?.clone()?, texts.get(1)?.clone()?);
    let signers = [Signer::A, Signer::B];
    let signer = signers.into_iter().find(|signer| mint.token(*signer, &old_head, &old_payload) == token);
    edit(&mut head, &mut payload);
    let (head, payload) = (Value::Object(head).to_string(), Value::Object(payload).to_string());
    let made = mint.token(signer.unwrap_or(Signer::A), &head, &payload);
    match signer {
        Some(_) => Some(made),
        None => Some(format!("{}.{}", made.rsplit_once('.')?.0, token.rsplit_once('.')?.1)),
    }
}

fn text(part: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
