//! The parameters that `--set` knows: how each is read and printed.

use super::cloudflare::EXTENSIONS;
use super::law::{
    Authorization, Law, Names, NetlifyVaryRule, RequestDirectives, SetCookieRule, Silence, SurrogateControl,
    VaryRule,
};
use crate::netlify_vary::Repeats;
use crate::targeted::Syntax;

const SECONDS: &str = "seconds, or a number with s, m, h, d or y";
const SILENCE: &str = "none, heuristic, seconds, or a number with s, m, h, d or y";
const COOKIES: &str = "none, all, or cookie names with commas between";
const HEADERS: &str = "none, or header names with commas between";
const SWITCH: &str = "yes or no";

/// One parameter.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) expected: &'static str,
    /// Sets it; nothing when the value does not fit.
    pub(super) set: fn(&mut Law, &str) -> Option<()>,
    pub(super) show: fn(&Law) -> String,
}

/// Finds the value that `text` names.
fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
}

/// Prints the word for a value.
fn print<T: Copy + PartialEq>(value: T, words: &[(&str, T)]) -> String {
    words.iter().find(|(_, known)| *known == value).map(|(word, _)| (*word).to_owned()).unwrap_or_default()
}

const SWITCHES: &[(&str, bool)] = &[("yes", true), ("no", false)];
const AUTHORIZATION: &[(&str, Authorization)] = &[
    ("rfc9111", Authorization::Rfc9111),
    ("ignored", Authorization::Ignored),
    ("never", Authorization::Never),
];
const CACHE_CONTROL: &[(&str, bool)] = &[("obeyed", true), ("ignored", false)];
const DIRECTIVES: &[(&str, RequestDirectives)] = &[
    ("ignored", RequestDirectives::Ignored),
    ("strict", RequestDirectives::Strict),
    ("all", RequestDirectives::All),
];
const NETLIFY_VARY: &[(&str, NetlifyVaryRule)] = &[
    ("ignored", NetlifyVaryRule::Ignored),
    ("union", NetlifyVaryRule::Honoured(Repeats::Union)),
    ("last-wins", NetlifyVaryRule::Honoured(Repeats::LastWins)),
];
const SET_COOKIE: &[(&str, SetCookieRule)] = &[
    ("kept", SetCookieRule::Kept),
    ("kept-if-forwarded", SetCookieRule::KeptIfForwarded),
    ("not-stored", SetCookieRule::NotStored),
    ("removed", SetCookieRule::Removed),
    ("removed-from-stored", SetCookieRule::RemovedFromStored),
    ("removed-with-stored", SetCookieRule::RemovedWithStored),
];
const SYNTAX: &[(&str, Syntax)] = &[("rfc9213", Syntax::Rfc9213), ("lenient", Syntax::Lenient)];
const SURROGATE: &[(&str, SurrogateControl)] = &[
    ("ignored", SurrogateControl::Ignored),
    ("silences", SurrogateControl::Silences),
    ("unlocks", SurrogateControl::Unlocks),
];
const VARY: &[(&str, VaryRule)] = &[
    ("honoured", VaryRule::Honoured),
    ("honoured-but-cookie", VaryRule::HonouredButCookie),
    ("ignored", VaryRule::OnlyAny),
];

/// Every parameter, in the order of the alphabet.
pub(super) const ALL: &[Parameter] = &[
    Parameter {
        name: "accel-expires",
        expected: "obeyed or ignored",
        set: |law, text| word(text, CACHE_CONTROL).map(|value| law.accel_expires = value),
        show: |law| print(law.accel_expires, CACHE_CONTROL),
    },
    Parameter {
        name: "authorization",
        expected: "rfc9111, ignored or never",
        set: |law, text| word(text, AUTHORIZATION).map(|value| law.authorization = value),
        show: |law| print(law.authorization, AUTHORIZATION),
    },
    Parameter {
        name: "authorization-to-origin",
        expected: SWITCH,
        set: |law, text| word(text, SWITCHES).map(|value| law.authorization_to_origin = value),
        show: |law| print(law.authorization_to_origin, SWITCHES),
    },
    Parameter {
        name: "cache-control",
        expected: "obeyed or ignored",
        set: |law, text| word(text, CACHE_CONTROL).map(|value| law.cache_control = value),
        show: |law| print(law.cache_control, CACHE_CONTROL),
    },
    Parameter {
        name: "cookies-in-key",
        expected: COOKIES,
        set: |law, text| names(text).map(|value| law.cookies_in_key = value),
        show: |law| law.cookies_in_key.to_string(),
    },
    Parameter {
        name: "cookies-to-origin",
        expected: COOKIES,
        set: |law, text| names(text).map(|value| law.cookies_to_origin = value),
        show: |law| law.cookies_to_origin.to_string(),
    },
    Parameter {
        name: "default-lifetime",
        expected: SILENCE,
        set: |law, text| silence(text).map(|value| law.default_lifetime = value),
        show: |law| print_silence(law.default_lifetime),
    },
    Parameter {
        name: "error-beats-directives",
        expected: SWITCH,
        set: |law, text| word(text, SWITCHES).map(|value| law.error_beats_directives = value),
        show: |law| print(law.error_beats_directives, SWITCHES),
    },
    Parameter {
        name: "error-lifetime",
        expected: SECONDS,
        set: |law, text| seconds(text).map(|value| law.error_lifetime_secs = value),
        show: |law| law.error_lifetime_secs.to_string(),
    },
    Parameter {
        name: "extensions-only",
        expected: SWITCH,
        set: |law, text| {
            word(text, SWITCHES).map(|value| law.extensions = if value { EXTENSIONS } else { &[] })
        },
        show: |law| print(!law.extensions.is_empty(), SWITCHES),
    },
    Parameter {
        name: "headers-in-key",
        expected: HEADERS,
        set: |law, text| headers(text).map(|value| law.headers_in_key = value),
        show: |law| law.headers_in_key.to_string(),
    },
    Parameter {
        name: "heuristic-max",
        expected: SECONDS,
        set: |law, text| seconds(text).map(|value| law.heuristic_max_secs = value),
        show: |law| law.heuristic_max_secs.to_string(),
    },
    Parameter {
        name: "heuristic-percent",
        expected: "a number from 0 to 100",
        set: |law, text| percent(text).map(|value| law.heuristic_percent = value),
        show: |law| law.heuristic_percent.to_string(),
    },
    Parameter {
        name: "invalidates",
        expected: SWITCH,
        set: |law, text| word(text, SWITCHES).map(|value| law.invalidates = value),
        show: |law| print(law.invalidates, SWITCHES),
    },
    Parameter {
        name: "max-lifetime",
        expected: SECONDS,
        set: |law, text| seconds(text).map(|value| law.max_lifetime_secs = value),
        show: |law| law.max_lifetime_secs.to_string(),
    },
    Parameter {
        name: "min-lifetime",
        expected: SECONDS,
        set: |law, text| seconds(text).map(|value| law.min_lifetime_secs = value),
        show: |law| law.min_lifetime_secs.to_string(),
    },
    Parameter {
        name: "netlify-vary",
        expected: "ignored, union or last-wins",
        set: |law, text| word(text, NETLIFY_VARY).map(|value| law.netlify_vary = value),
        show: |law| print(law.netlify_vary, NETLIFY_VARY),
    },
    Parameter {
        name: "passed-with",
        expected: HEADERS,
        set: |law, text| headers(text).map(|value| law.passed_with = value),
        show: |law| law.passed_with.to_string(),
    },
    Parameter {
        name: "query-in-key",
        expected: SWITCH,
        set: |law, text| word(text, SWITCHES).map(|value| law.query_in_key = value),
        show: |law| print(law.query_in_key, SWITCHES),
    },
    Parameter {
        name: "redirect-lifetime",
        expected: SILENCE,
        set: |law, text| silence(text).map(|value| law.redirect_lifetime = value),
        show: |law| print_silence(law.redirect_lifetime),
    },
    Parameter {
        name: "request-directives",
        expected: "ignored, strict or all",
        set: |law, text| word(text, DIRECTIVES).map(|value| law.request_directives = value),
        show: |law| print(law.request_directives, DIRECTIVES),
    },
    Parameter {
        name: "set-cookie",
        expected: "kept, kept-if-forwarded, not-stored, removed, removed-from-stored or removed-with-stored",
        set: |law, text| word(text, SET_COOKIE).map(|value| law.set_cookie = value),
        show: |law| print(law.set_cookie, SET_COOKIE),
    },
    Parameter {
        name: "surrogate-control",
        expected: "ignored, silences or unlocks",
        set: |law, text| word(text, SURROGATE).map(|value| law.surrogate_control = value),
        show: |law| print(law.surrogate_control, SURROGATE),
    },
    Parameter {
        name: "targeted-syntax",
        expected: "rfc9213 or lenient",
        set: |law, text| word(text, SYNTAX).map(|value| law.targeted_syntax = value),
        show: |law| print(law.targeted_syntax, SYNTAX),
    },
    Parameter {
        name: "vary",
        expected: "honoured, honoured-but-cookie or ignored",
        set: |law, text| word(text, VARY).map(|value| law.vary = value),
        show: |law| print(law.vary, VARY),
    },
];

/// Reads seconds such as `60`, `24h` or `1y`.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let scale = match text.strip_prefix(digits)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "y" => 31_536_000,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Caches need not tell apart what lasts longer than 68 years (RFC 9111 section 1.2.2).
    digits.parse::<i64>().ok()?.checked_mul(scale).filter(|secs| *secs <= 1 << 31)
}

fn percent(text: &str) -> Option<i64> {
    seconds(text).filter(|value| *value <= 100)
}

fn silence(text: &str) -> Option<Silence> {
    match text {
        "none" => Some(Silence::Refuse),
        "heuristic" => Some(Silence::Heuristic),
        _ => seconds(text).map(|secs| if secs == 0 { Silence::Refuse } else { Silence::Fixed(secs) }),
    }
}

fn print_silence(silence: Silence) -> String {
    match silence {
        Silence::Fixed(secs) => secs.to_string(),
        Silence::Heuristic => "heuristic".to_owned(),
        Silence::Refuse => "none".to_owned(),
    }
}

fn names(text: &str) -> Option<Names> {
    match text {
        "none" => Some(Names::None),
        "all" => Some(Names::All),
        _ => listed(text, str::to_owned),
    }
}

fn headers(text: &str) -> Option<Names> {
    match text {
        "none" => Some(Names::None),
        "all" => None,
        _ => listed(text, str::to_ascii_lowercase),
    }
}

/// Reads names with commas between; an empty one is a mistake, and so is a space.
fn listed(text: &str, normal: fn(&str) -> String) -> Option<Names> {
    let names: Vec<String> = text.split(',').map(|name| normal(name.trim())).collect();
    let good = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    names.iter().all(good).then(|| Names::Listed(names.into_iter().collect()))
}
