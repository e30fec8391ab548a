//! A response that is stored although its author forbade it: what the author said, why it does not count here, and
//! what does.

use nostore_message::{Fields, ResponseHead};

use crate::control::split_outside_quotes;
use crate::freshness::effective;
use crate::intent::forbidding_field;
use crate::overrides::beaten;
use crate::profile::{Law, Profile};
use crate::protect::SILENT_WITH_CREDENTIALS;
use crate::verdict::Verdict;

/// The directives that keep a response out of shared caches, or give it no lifetime.
const FORBIDDING: [&str; 6] = ["bypass-cache", "max-age", "no-cache", "no-store", "private", "s-maxage"];
/// The most characters of a value that is quoted.
const MOST_CHARS: usize = 60;

/// What was forbidden in vain.
pub(crate) struct Forbidden {
    /// The field and its words, such as `Cache-Control: private, no-store`.
    pub(crate) said: String,
    /// Why it does not count.
    pub(crate) why: String,
    /// What would.
    pub(crate) mend: String,
}

/// Finds out whether the author of `response` forbade storing it, which happens all the same as `verdict` says.
pub(crate) fn found(profile: &Profile, response: &ResponseHead<'_>, verdict: &Verdict) -> Option<Forbidden> {
    let name = forbidding_field(&response.fields)?;
    let law = &profile.law;
    let beaten = beaten(law, law.status_class(response.status));
    Some(Forbidden {
        said: said(&response.fields, name),
        why: match &beaten {
            Some(beaten) => format!("{}: {}", law.words.platform, beaten.why),
            None => ignored(law, &response.fields, name, verdict),
        },
        mend: match beaten {
            Some(beaten) => beaten.mend,
            None => obeyed(law, &response.fields),
        },
    })
}

/// Says what to send instead. Where the app was silent and [`crate::protect()`] spoke for it, anybody may be meant to
/// see the response.
fn obeyed(law: &Law, fields: &Fields<'_>) -> String {
    let words = &law.words;
    let refuse = format!("send {}, which {} obeys", words.refuse_with, words.platform);
    if fields.all("cache-control").eq([SILENT_WITH_CREDENTIALS]) {
        return format!("{refuse}, if it depends on the visitor, {} if not", words.allow_with);
    }
    refuse
}

/// Says why this cache does not go by the field `name`.
fn ignored(law: &Law, fields: &Fields<'_>, name: &str, verdict: &Verdict) -> String {
    let words = &law.words;
    let platform = words.platform;
    let spelt = spelling(name);
    let general = ["Cache-Control", "Expires"].contains(&name);
    match effective(law, fields).field {
        // `Expires` speaks beside a `Cache-Control` without a lifetime.
        Some(strongest)
            if strongest.eq_ignore_ascii_case(name) || (general && strongest == "Cache-Control") =>
        {
            format!("{platform}: {}", verdict.text())
        }
        Some(strongest) if general || is_listed(law.targeted, name) => {
            format!("{platform}: {strongest} outranks {spelt}")
        }
        _ if is_listed(law.targeted, name) => format!(
            "{platform} reads {spelt} as a structured field in lower case, and what does not parse counts as absent \
             (RFC 9213 section 2.1); {}",
            words.silence
        ),
        _ if general && law.cache_control => format!("{platform}: {}", verdict.text()),
        _ => format!("{spelt} does not count for {platform}; {}", words.silence),
    }
}

fn is_listed(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Prints the part of a field that forbids. What a directive of another kind holds is not shown.
fn said(fields: &Fields<'_>, name: &str) -> String {
    let value = fields.combined(name).unwrap_or_default();
    let directives: Vec<&str> = split_outside_quotes(&value, ',').map(str::trim).filter(forbids).collect();
    let shown = if directives.is_empty() { value.trim().to_owned() } else { directives.join(", ") };
    let cut: String = shown.chars().take(MOST_CHARS).collect();
    let more = if cut.len() < shown.len() { "..." } else { "" };
    format!("{}: {cut}{more}", spelling(name))
}

fn forbids(directive: &&str) -> bool {
    let name = directive.split(['=', ';']).next().unwrap_or_default().trim().trim_start_matches('!');
    FORBIDDING.contains(&&*name.to_ascii_lowercase())
}

/// Spells a field's name as documents do, however it came.
fn spelling(name: &str) -> String {
    let mut words = name.split('-').map(|word| {
        if word.eq_ignore_ascii_case("cdn") {
            return "CDN".to_owned();
        }
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect()
    });
    let first: String = words.next().unwrap_or_default();
    words.fold(first, |text, word| format!("{text}-{word}"))
}
