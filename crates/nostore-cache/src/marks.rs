//! What a cache removes from and adds to what it delivers: `Cache-Status` (RFC 9211), `Age` (RFC 9111
//! section 5.1) and the platform's own fields.

use nostore_message::{FieldEdit, ResponseHead};

use crate::profile::{Mark, Profile};

/// Why the origin was asked (the values of `fwd` in RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forward {
    /// The cache was told not to handle such requests.
    Bypass,
    /// The method is not answered from the cache.
    Method,
    /// Something fits, but the visitor's own directives ask for the origin.
    Request,
    /// What fits is stale.
    Stale,
    /// Nothing is stored for the URL.
    UriMiss,
    /// What is stored for the URL is for other request fields.
    VaryMiss,
}

impl Forward {
    /// Returns the token of RFC 9211.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
        }
    }
}

/// What the cache did with a request. `status` is that of the response delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Answered by the origin.
    Forwarded {
        /// The status code.
        status: u16,
        /// Why.
        forward: Forward,
        /// For how many seconds the answer was stored, if it was.
        stored: Option<i64>,
        /// The code of the verdict, such as `no-store`.
        detail: Option<&'static str>,
    },
    /// Answered from the cache.
    Hit {
        /// The status code.
        status: u16,
        /// The current age in seconds.
        age_secs: i64,
        /// For how many seconds more the response is fresh.
        fresh_for_secs: i64,
        /// The key, where it is to be shown.
        key: Option<String>,
    },
}

impl Outcome {
    const fn status(&self) -> u16 {
        match self {
            Self::Forwarded { status, .. } | Self::Hit { status, .. } => *status,
        }
    }
}

/// Lists what the platform removes from any response before the visitor gets it.
#[must_use]
pub fn delivered(profile: &Profile, response: &ResponseHead<'_>) -> Vec<FieldEdit> {
    let law = &profile.law;
    let consumed = law.consumed.iter().copied();
    let set_cookie = law.removes_set_cookie().then_some("Set-Cookie");
    consumed.chain(set_cookie).filter(|name| response.fields.contains(name)).map(FieldEdit::remove).collect()
}

/// Lists the fields that tell the visitor what the cache did.
#[must_use]
pub fn marks(profile: &Profile, outcome: &Outcome) -> Vec<FieldEdit> {
    let mut edits = Vec::new();
    if let Outcome::Hit { age_secs, .. } = outcome {
        edits.push(FieldEdit::set("Age", age_secs.to_string()));
    }
    for mark in profile.law.marks {
        edits.push(match *mark {
            Mark::Append(name, value) => FieldEdit::append(name, value),
            Mark::CacheStatus(member) => FieldEdit::append("Cache-Status", cache_status(member, outcome)),
            Mark::Set(name, value) => FieldEdit::set(name, value),
            Mark::Word { field, hit, stored, refused, passed } => {
                FieldEdit::set(field, word(outcome, [hit, stored, refused, passed]))
            }
            Mark::XCache(suffix) => FieldEdit::set("X-Cache", format!("{} {suffix}", x_cache(outcome))),
        });
    }
    edits
}

fn word(outcome: &Outcome, [hit, stored, refused, passed]: [&'static str; 4]) -> &'static str {
    match outcome {
        Outcome::Hit { .. } => hit,
        Outcome::Forwarded { stored: Some(_), .. } => stored,
        Outcome::Forwarded { forward: Forward::Bypass | Forward::Method, .. } => passed,
        Outcome::Forwarded { .. } => refused,
    }
}

fn x_cache(outcome: &Outcome) -> &'static str {
    match outcome {
        _ if outcome.status() >= 400 => "Error",
        Outcome::Hit { .. } => "Hit",
        Outcome::Forwarded { .. } => "Miss",
    }
}

/// Prints one member of `Cache-Status`.
fn cache_status(member: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Forwarded { forward, stored, detail, .. } => {
            let stored = stored.map(|secs| format!("; stored; ttl={secs}")).unwrap_or_default();
            let detail = detail.map(|code| format!("; detail={code}")).unwrap_or_default();
            format!("{member}; fwd={}{stored}{detail}", forward.code())
        }
        Outcome::Hit { fresh_for_secs, key, .. } => {
            let key = key.as_deref().map(|key| format!("; key={}", quoted(key))).unwrap_or_default();
            format!("{member}; hit; ttl={fresh_for_secs}{key}")
        }
    }
}

/// Prints a String of RFC 9651; what it cannot hold becomes `?`.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' '..='~' => out.push(character),
            _ => out.push('?'),
        }
    }
    out.push('"');
    out
}
