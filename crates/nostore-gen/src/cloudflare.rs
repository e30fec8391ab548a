//! Cloudflare: one Cache Rule that sends requests past the cache.

use serde_json::json;

use crate::{File, Generated, PathPattern, Site, sentences};

pub(crate) fn generate(site: &Site) -> Generated {
    let rule = json!({
        "action": "set_cache_settings",
        "action_parameters": { "cache": false },
        "description": "Made by `nostore gen cloudflare`: past the cache with a session, and where sign-in lives. Must be the last Cache Rule.",
        "enabled": true,
        "expression": expression(site),
    });
    Generated {
        files: vec![File { path: "cloudflare-cache-rule.json", text: format!("{rule:#}\n") }],
        steps: sentences([
            "find the ruleset: GET /zones/$ZONE_ID/rulesets/phases/http_request_cache_settings/entrypoint",
            "add the rule as its last one: POST /zones/$ZONE_ID/rulesets/$RULESET_ID/rules with this file. (A PUT of the whole \
             ruleset would delete the others.)",
            "purge everything once: what is stored already stays otherwise",
        ]),
        protects: sentences([
            "requests with a session cookie, whole or in parts, or with Authorization: answered by the app, and never stored",
            "sign-in: its paths go past the cache for everybody, so no cookie of theirs is stored or taken off",
        ]),
        does_not: sentences([
            "a session that begins on another path: under a fixed Edge TTL Cloudflare takes Set-Cookie off what it stores, and \
             nobody is signed in; name the path with --auth-path",
            "a redirect to sign-in: under a fixed Edge TTL everyone who has no session is given the same one, state and all; it goes away \
             with the cookie",
            "a page that knows its visitor by something else than a cookie or Authorization",
            "a Worker that answers from the Cache API",
        ]),
    }
}

/// A rule of requests in Cloudflare's language. `contains` finds more than the cookie: too many requests go past the cache,
/// never too few.
fn expression(site: &Site) -> String {
    let cookies = site.session_cookies().map(|name| format!("(http.cookie contains \"{name}\")"));
    let authorization = "(any(http.request.headers.names[*] == \"authorization\"))".to_owned();
    let auth = site.auth().iter().flat_map(|pattern| {
        let itself = PathPattern { beneath: false, ..pattern.clone() };
        [path(&itself), path(pattern)]
    });
    let sessions: Vec<String> = cookies.chain([authorization]).collect();
    let public: Vec<String> = site.public().iter().map(path).collect();
    let sessions = if public.is_empty() {
        sessions.join(" or ")
    } else {
        // What an app may read as another path is nobody's public page.
        let plain =
            ["..", "%", ";", "\\\\"].map(|part| format!("(not http.request.uri.path contains \"{part}\")"));
        format!(
            "(({}) and not (({}) and {}))",
            sessions.join(" or "),
            public.join(" or "),
            plain.join(" and ")
        )
    };
    let mut rules = vec![sessions];
    for rule in auth {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules.join(" or ")
}

fn path(pattern: &PathPattern) -> String {
    if pattern.beneath {
        format!("(starts_with(http.request.uri.path, \"{}/\"))", pattern.path)
    } else {
        format!("(http.request.uri.path eq \"{}\")", pattern.path)
    }
}
