//! What the author of a response said about caching.
//!
//! Fields of every dialect are read, leniently: what any cache might take for a permission is one. A
//! targeted field outranks `Cache-Control`, so that `Cache-Control: no-store` beside
//! `CDN-Cache-Control: s-maxage=60` is still cacheable.

use nostore_message::{Fields, Intent, ResponseHead, UnixTime};

use crate::control::CacheControl;
use crate::date;
use crate::targeted::{Syntax, TARGETED_FIELDS, targeted};

/// 2020-01-01: an `Expires` before it lies in the past, even where no `Date` says what time it is.
const SURELY_PAST_SECS: i64 = 1_577_836_800;

/// What the names of targeted fields end with (RFC 9213 section 2.1), but for those that are older.
const DIALECT_ENDING: &str = "-cache-control";

/// Reads the author's intent.
///
/// Cacheable when any dialect gives a shared cache a lifetime above 0 or says `public`; else uncacheable
/// when any says `no-store`, `private`, `no-cache` or a lifetime of 0, or when `Expires` has passed; else
/// silent.
#[must_use]
pub fn author_intent(response: &ResponseHead<'_>) -> Intent {
    strongest(sayings(&response.fields).map(|(_, intent)| intent))
}

/// Returns the name of a field that keeps the response out of shared caches, `Cache-Control` before all others.
///
/// None where the author's intent as a whole is another, and where the response says `public`: `public, max-age=0`
/// asks for validation, and has nothing to hide.
pub(crate) fn forbidding_field<'s>(fields: &'s Fields<'_>) -> Option<&'s str> {
    let control = CacheControl::parse(fields.all("cache-control"));
    let open = control.public && !control.forbids_sharing();
    if open || strongest(sayings(fields).map(|(_, intent)| intent)) != Intent::Uncacheable {
        return None;
    }
    sayings(fields).find(|(_, intent)| *intent == Intent::Uncacheable).map(|(name, _)| name)
}

fn strongest(said: impl Iterator<Item = Intent>) -> Intent {
    said.fold(Intent::Silent, |strongest, intent| match (strongest, intent) {
        (Intent::Cacheable, _) | (_, Intent::Cacheable) => Intent::Cacheable,
        (Intent::Uncacheable, _) | (_, Intent::Uncacheable) => Intent::Uncacheable,
        (Intent::Silent, Intent::Silent) => Intent::Silent,
    })
}

/// Lists what each field says that a cache of some vendor might read.
fn sayings<'s>(fields: &'s Fields<'_>) -> impl Iterator<Item = (&'s str, Intent)> {
    let control = of_control(&CacheControl::parse(fields.all("cache-control")));
    // `Expires` speaks only where `Cache-Control` gives no lifetime.
    let expires = (control == Intent::Silent).then(|| ("Expires", of_expires(fields)));
    let dialects = dialect_fields(fields).flat_map(|name| {
        let strict = targeted(fields, name, Syntax::Rfc9213);
        let readings = [strict, Some(lenient(fields, name))].into_iter().flatten();
        readings.map(move |control| (name, of_control(&control)))
    });
    let others = [("X-Accel-Expires", of_accel(fields)), ("Edge-Control", of_edge_control(fields))];
    [("Cache-Control", control)].into_iter().chain(expires).chain(dialects).chain(others)
}

/// Lists the names of the targeted fields that are there, those of vendors we do not know included.
pub(crate) fn dialect_fields<'s>(fields: &'s Fields<'_>) -> impl Iterator<Item = &'s str> {
    fields.iter().map(|line| &*line.name).filter(|name| is_dialect_field(name))
}

/// Reads a targeted field without a grammar in the way. In `Surrogate-Control: max-age=60+30` the second
/// number is for how long the response may be served stale.
fn lenient(fields: &Fields<'_>, name: &str) -> CacheControl {
    let lines: Vec<String> = fields.all(name).map(|line| line.replace(['+', ';'], ",")).collect();
    CacheControl::parse(lines.iter().map(String::as_str))
}

fn is_dialect_field(name: &str) -> bool {
    let ending = name.len().checked_sub(DIALECT_ENDING.len()).and_then(|at| name.get(at..));
    ending.is_some_and(|ending| ending.eq_ignore_ascii_case(DIALECT_ENDING))
        || TARGETED_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn of_control(control: &CacheControl) -> Intent {
    if control.forbids_sharing() {
        return Intent::Uncacheable;
    }
    match control.shared_lifetime_secs() {
        Some(0) => Intent::Uncacheable,
        Some(_) => Intent::Cacheable,
        None if control.public => Intent::Cacheable,
        None => Intent::Silent,
    }
}

fn of_expires(fields: &Fields<'_>) -> Intent {
    let Some(expires) = fields.first("expires") else { return Intent::Silent };
    let date = fields.first("date").and_then(date::parse);
    match date::parse(expires) {
        Some(expires) => {
            let from = date.map_or(SURELY_PAST_SECS, UnixTime::secs);
            if expires.secs() > from { Intent::Cacheable } else { Intent::Uncacheable }
        }
        None => Intent::Uncacheable,
    }
}

/// Reads nginx's `X-Accel-Expires`: seconds, or `@` and a point in time; 0 is never.
fn of_accel(fields: &Fields<'_>) -> Intent {
    match fields.first("x-accel-expires").map(str::trim) {
        None | Some("" | "off") => Intent::Silent,
        Some("0" | "@0") => Intent::Uncacheable,
        Some(_) => Intent::Cacheable,
    }
}

/// Reads Akamai's `Edge-Control`, where a directive behind `!` is taken back.
fn of_edge_control(fields: &Fields<'_>) -> Intent {
    let words = || {
        fields
            .all("edge-control")
            .flat_map(|line| line.split(','))
            .map(|word| word.trim().to_ascii_lowercase())
    };
    let lifetime = |word: &str| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let digits = value.trim_end_matches(['s', 'm', 'h', 'd']);
        matches!(name, "max-age" | "cache-maxage" | "downstream-ttl")
            && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit))
    };
    if words().any(|word| word == "no-store" || word == "bypass-cache") {
        Intent::Uncacheable
    } else if words().any(|word| lifetime(&word)) {
        Intent::Cacheable
    } else {
        Intent::Silent
    }
}
