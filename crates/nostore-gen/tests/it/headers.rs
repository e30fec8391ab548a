//! Platforms that go by rules for headers: Amplify Hosting and Vercel, emulated with what was written for them.

use std::sync::Arc;

use nostore_gen::Target;

use crate::app::{Field, Habits, Rules, app, no_rules, target};
use crate::edge::{edge, story};
use crate::shape::{Header, VercelJson, VercelRule, custom_http, file};
use crate::text::site;
use crate::wire::field;

const STAMPED: Habits = Habits { stamped: true, renews: true };

fn set(fields: &mut Vec<Field>, header: &Header) {
    fields.retain(|(name, _)| !name.eq_ignore_ascii_case(&header.key));
    fields.push((header.key.clone(), header.value.clone()));
}

/// Amplify's globs: `**` is any number of segments, `*` anything in one.
fn glob(pattern: &str, path: &str) -> bool {
    match pattern.split_once("/**/*") {
        Some((prefix, "")) => path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')),
        _ => pattern == path,
    }
}

/// What happens where two patterns match: Amplify does not say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    All,
    First,
    Last,
}

fn amplify(reading: Reading) -> Rules {
    let rules = custom_http(&file(Target::Amplify, &site(), "customHttp.yml"));
    Arc::new(move |head, fields| {
        let path = target(head).split('?').next().unwrap();
        let matching: Vec<_> = rules.iter().filter(|(pattern, _)| glob(pattern, path)).collect();
        match reading {
            Reading::Last => matching.iter().flat_map(|rule| &rule.1).for_each(|header| set(fields, header)),
            Reading::First => {
                matching.iter().take(1).flat_map(|rule| &rule.1).for_each(|header| set(fields, header));
            }
            Reading::All => {
                for header in matching.iter().flat_map(|rule| &rule.1) {
                    fields.push((header.key.clone(), header.value.clone()));
                }
            }
        }
    })
}

#[tokio::test]
async fn r3_7_amplify_is_safe_in_every_reading_and_keeps_public_pages_in_one() {
    let bare = story(&edge("amplify", app(STAMPED, no_rules()).await).await).await;
    assert!(bare.cookie_leaked && bare.page_leaked && bare.loops && bare.public_is_kept, "{bare:?}");
    for reading in [Reading::Last, Reading::First, Reading::All] {
        let ending = story(&edge("amplify", app(STAMPED, amplify(reading)).await).await).await;
        assert!(ending.is_safe(), "{reading:?}: {ending:?}");
        assert_eq!(ending.public_is_kept, reading == Reading::Last, "{reading:?}: {ending:?}");
    }
}

/// Whether a rule of `vercel.json` is for this request.
fn applies(rule: &VercelRule, head: &str) -> bool {
    let path = target(head).split('?').next().unwrap();
    let is_there = match rule.source.split_once("/:path*") {
        Some((prefix, "")) => {
            path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        }
        _ => rule.source == path,
    };
    let cookies = field(head, "cookie").unwrap_or_default();
    let has = |kind: &str, key: &str| match kind {
        "cookie" => cookies.split("; ").any(|pair| pair.split('=').next() == Some(key)),
        _ => field(head, key).is_some(),
    };
    is_there && rule.has.iter().all(|condition| has(&condition.kind, &condition.key))
}

/// Vercel's rules: what the function says itself stays.
fn vercel() -> Rules {
    let document: VercelJson = serde_json::from_str(&file(Target::Vercel, &site(), "vercel.json")).unwrap();
    Arc::new(move |head, fields| {
        let said: Vec<String> = fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        for header in
            document.headers.iter().filter(|rule| applies(rule, head)).flat_map(|rule| &rule.headers)
        {
            if !said.contains(&header.key.to_ascii_lowercase()) {
                set(fields, header);
            }
        }
    })
}

/// Vercel stores no Set-Cookie, so the app of this incident sets none. What no rule can mend is the redirect.
#[tokio::test]
async fn r3_7_vercel_keeps_no_page_of_a_session() {
    let habits = Habits { stamped: true, renews: false };
    let bare = story(&edge("vercel", app(habits, no_rules()).await).await).await;
    assert!(bare.page_leaked && bare.loops && bare.public_is_kept, "{bare:?}");
    let ending = story(&edge("vercel", app(habits, vercel()).await).await).await;
    assert!(!ending.page_leaked && !ending.cookie_leaked && ending.public_is_kept, "{ending:?}");
    assert!(ending.loops, "the words about redirects in `does_not` are out of date");
    let told = nostore_gen::generate(Target::Vercel, &site()).does_not;
    assert!(told.iter().any(|line| line.contains("redirect to sign-in")), "{told:?}");
}
