//! Heads written as one line of text, and the instants that the tables speak of.

use nostore_cache::{Profile, Storability, StorePlan, storability};
use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead, Scheme, UnixTime, apply};

/// 2026-11-21T12:00:00Z, which is when every table begins.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_795_262_400);

/// The profiles of this edition.
pub(crate) const PROFILES: [&str; 13] = [
    "rfc9111",
    "netlify",
    "netlify/documented",
    "cloudfront",
    "cloudfront/cookies-in-key",
    "amplify",
    "amplify/cookies-in-key",
    "nginx",
    "nginx/ignore-headers",
    "cloudflare",
    "cloudflare/cache-everything",
    "vercel",
    "varnish",
];

/// The profiles whose operator lets some field of the origin's keep a response out. For the others no safety is claimed.
pub(crate) fn obedient() -> impl Iterator<Item = &'static str> {
    let total = |name: &&str| profile(name).operator_override().is_some_and(|found| found.is_total);
    PROFILES.into_iter().filter(move |name| !total(name))
}

pub(crate) fn profile(name: &str) -> Profile {
    Profile::named(name).unwrap()
}

/// Finds a profile and sets parameters: `cloudfront min-lifetime=60`.
pub(crate) fn profile_with(text: &str) -> Profile {
    let mut words = text.split(' ');
    let mut profile = profile(words.next().unwrap());
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        profile.set(name, value).unwrap();
    }
    profile
}

/// Reads `GET /path | name: value | name: value`.
pub(crate) fn request(text: &str) -> RequestHead<'_> {
    let (line, fields) = head(text);
    let (method, target) = line.split_once(' ').unwrap();
    RequestHead {
        method: method.into(),
        scheme: Scheme::Https,
        authority: "shop.example".into(),
        target: target.into(),
        fields,
    }
}

/// Reads `200 | name: value | name: value`.
pub(crate) fn response(text: &str) -> ResponseHead<'_> {
    let (status, fields) = head(text);
    ResponseHead { status: status.parse().unwrap(), fields }
}

fn head(text: &str) -> (&str, Fields<'_>) {
    let mut parts = text.split(" | ");
    let line = parts.next().unwrap().trim();
    (line, parts.map(|field| field.split_once(':').unwrap()).collect())
}

/// Prints a response in the form that [`response`] reads.
pub(crate) fn print(response: &ResponseHead<'_>) -> String {
    let mut text = response.status.to_string();
    for line in &response.fields {
        text.push_str(&format!(" | {}: {}", line.name, line.value));
    }
    text
}

pub(crate) fn edited<'a>(mut response: ResponseHead<'a>, edits: &'a [FieldEdit]) -> ResponseHead<'a> {
    apply(edits, &mut response.fields);
    response
}

/// What a profile does with a response that came at [`NOW`] without delay.
pub(crate) fn stored(
    profile: &Profile,
    request: &RequestHead<'_>,
    response: &ResponseHead<'_>,
) -> Storability {
    storability(profile, request, response, NOW, NOW)
}

/// The plan for a response that is stored.
pub(crate) fn plan(profile: &Profile, request: &RequestHead<'_>, response: &ResponseHead<'_>) -> StorePlan {
    match stored(profile, request, response) {
        Storability::Store(plan) => plan,
        Storability::Refuse(verdict) => panic!("{profile} refuses {}: {verdict}", print(response)),
    }
}

/// `60s` or the code of the refusal.
pub(crate) fn short(storability: &Storability) -> String {
    match storability {
        Storability::Store(plan) => format!("{}s", plan.lifetime_secs),
        Storability::Refuse(verdict) => verdict.code().to_owned(),
    }
}

pub(crate) fn print_edits(edits: &[FieldEdit]) -> String {
    let line = |edit: &FieldEdit| match edit {
        FieldEdit::Append { name, value } => format!("+ {name}: {value}\n"),
        FieldEdit::Remove { name } => format!("- {name}\n"),
        FieldEdit::Set { name, value } => format!("= {name}: {value}\n"),
    };
    edits.iter().map(line).collect()
}
