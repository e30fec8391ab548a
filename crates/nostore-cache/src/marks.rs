//! What a cache removes from and adds to what it delivers: `Cache-Status` (RFC 9211), `Age` (RFC 9111
//! section 5.1) and the platform's own fields.

use nostore_message::{FieldEdit, ResponseHead};

use crate::profile::{Mark, Profile};

/// Why a request went past the cache (the values of `fwd` in RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pass {
    /// The cache was told not to handle such requests.
    Bypass,
    /// The method is not answered from the cache.
    Method,
    /// The visitor's own directives asked for the origin.
    Request,
}

/// What the cache did with a request. `status` is that of the response delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
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
    /// Nothing was stored that fits.
    Miss {
        /// The status code.
        status: u16,
        /// Whether something is stored for the URL, but for other request fields.
        varied: bool,
        /// For how many seconds the answer was stored, if it was.
        stored: Option<i64>,
        /// The code of the verdict, such as `no-store`.
        detail: Option<&'static str>,
    },
    /// The request went past the cache.
    Pass {
        /// The status code.
        status: u16,
        /// Why.
        reason: Pass,
        /// The code of the verdict, such as `range`.
        detail: Option<&'static str>,
    },
    /// What was stored was stale, so the origin answered.
    Stale {
        /// The status code.
        status: u16,
        /// For how many seconds the new answer was stored, if it was.
        stored: Option<i64>,
        /// The code of the verdict, such as `no-store`.
        detail: Option<&'static str>,
    },
}

impl Outcome {
    const fn status(&self) -> u16 {
        match self {
            Self::Hit { status, .. }
            | Self::Miss { status, .. }
            | Self::Pass { status, .. }
            | Self::Stale { status, .. } => *status,
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
            Mark::XCache(suffix) => FieldEdit::set("X-Cache", format!("{} {suffix}", x_cache(outcome))),
        });
    }
    edits
}

fn x_cache(outcome: &Outcome) -> &'static str {
    match outcome {
        _ if outcome.status() >= 400 => "Error",
        Outcome::Hit { .. } => "Hit",
        Outcome::Miss { .. } | Outcome::Pass { .. } | Outcome::Stale { .. } => "Miss",
    }
}

/// Prints one member of `Cache-Status`.
fn cache_status(member: &str, outcome: &Outcome) -> String {
    let forwarded = |reason: &str, stored: &Option<i64>, detail: &Option<&str>| {
        let stored = stored.map(|secs| format!("; stored; ttl={secs}")).unwrap_or_default();
        let detail = detail.map(|code| format!("; detail={code}")).unwrap_or_default();
        format!("{member}; fwd={reason}{stored}{detail}")
    };
    match outcome {
        Outcome::Hit { fresh_for_secs, key, .. } => {
            let key = key.as_deref().map(|key| format!("; key={}", quoted(key))).unwrap_or_default();
            format!("{member}; hit; ttl={fresh_for_secs}{key}")
        }
        Outcome::Miss { varied, stored, detail, .. } => {
            forwarded(if *varied { "vary-miss" } else { "uri-miss" }, stored, detail)
        }
        Outcome::Pass { reason, detail, .. } => {
            let reason = match reason {
                Pass::Bypass => "bypass",
                Pass::Method => "method",
                Pass::Request => "request",
            };
            forwarded(reason, &None, detail)
        }
        Outcome::Stale { stored, detail, .. } => forwarded("stale", stored, detail),
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
