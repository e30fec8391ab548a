//! Vercel: header rules in `vercel.json`.
//!
//! A function's own fields beat those of a rule, name by name. `Vercel-CDN-Cache-Control` beats every other field and is one
//! that no framework writes, so the rule counts although the function says `Cache-Control`.

use nostore_cache::FIELD_SET;
use serde_json::{Value, json};

use crate::{File, Generated, PathPattern, Site, sentences};

/// What Vercel and browsers go by.
const FIELDS: [&str; 3] = ["Cache-Control", "CDN-Cache-Control", "Vercel-CDN-Cache-Control"];

pub(crate) fn generate(site: &Site) -> Generated {
    let auth = site.auth().iter().map(|pattern| json!({ "source": source(pattern), "headers": headers() }));
    let sessions = site.cookie_forms(1).map(|name| {
        json!({ "source": "/:path*", "has": [{ "type": "cookie", "key": name }], "headers": headers() })
    });
    let authorization = json!({
        "source": "/:path*", "has": [{ "type": "header", "key": "authorization" }], "headers": headers(),
    });
    let rules: Vec<Value> = auth.chain(sessions).chain([authorization]).collect();
    let document = json!({ "$schema": "https://openapi.vercel.sh/vercel.json", "headers": rules });
    Generated {
        files: vec![File { path: "vercel.json", text: format!("{document:#}\n") }],
        steps: sentences([
            "add the rules to the headers of vercel.json, made by `nostore gen vercel` (JSON holds no comments); to change: the keys \
             are the session cookies in every form, the sources of the first rules the paths of sign-in",
            "deploy, and ask for a page twice with `curl -si -H 'Cookie: …'`: X-Vercel-Cache must not say HIT",
        ]),
        protects: sentences([
            "answers to whoever carries a session cookie, whole or in parts, or Authorization: Vercel-CDN-Cache-Control: no-store \
             beats what the function says in Cache-Control",
            "sign-in: nothing on its paths is kept",
        ]),
        does_not: does_not(site),
    }
}

fn does_not(site: &Site) -> Vec<String> {
    let mut found = sentences([
        "a function that sends Vercel-CDN-Cache-Control itself: its own field beats the rule",
        "a redirect to sign-in with s-maxage, given to whoever has no session: it is kept, and replayed to those who have one by then",
        "a hit: a copy made for whoever has no session is shown to those who have one, too. Vercel never stores Set-Cookie (documented), \
         so nobody is handed a session",
        "static files: they are kept for the life of a deployment",
    ]);
    if !site.public().is_empty() {
        found.push("--public has no part in this: rules cannot be taken back for a path".to_owned());
    }
    found
}

fn source(pattern: &PathPattern) -> String {
    if pattern.beneath { format!("{}/:path*", pattern.path) } else { pattern.path.clone() }
}

fn headers() -> Vec<Value> {
    let fields = FIELD_SET.iter().filter(|(name, _)| FIELDS.contains(name));
    fields.map(|(name, value)| json!({ "key": name, "value": value })).collect()
}
