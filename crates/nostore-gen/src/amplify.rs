//! AWS Amplify Hosting: `customHttp.yml`.
//!
//! Every pattern gets the same fields, so that it does not matter which of two matching patterns wins: Amplify does not
//! document that. Only public paths depend on it, and if the other one wins they lose caching, not safety.

use nostore_cache::FIELD_SET;

use crate::{File, Generated, PathPattern, Site, sentences};

/// What is kept out whatever the site is: the sign-in of most frameworks, their API, and everything.
const ALWAYS: [&str; 3] = ["/api/auth/**/*", "/api/**/*", "/**/*"];
/// What Amplify, CloudFront beneath it, and browsers go by.
const FIELDS: [&str; 4] = ["Cache-Control", "Pragma", "Expires", "CDN-Cache-Control"];
/// What a public path gets.
const PUBLIC: &str = "public, max-age=0, s-maxage=300";

pub(crate) fn generate(site: &Site) -> Generated {
    let mut text = String::from(
        "# Made by `nostore gen amplify`: keeps everything out of Amplify's cache that may be somebody's own.\n\
         # Put this file into the root of the repository, next to package.json.\n\
         # To change: the patterns of public paths at the end, and their lifetime (s-maxage, in seconds).\n\
         customHeaders:\n",
    );
    let mut patterns: Vec<String> = site.auth().iter().map(glob).collect();
    patterns.extend(ALWAYS.map(str::to_owned));
    patterns.push("/".to_owned());
    let mut known: Vec<String> = Vec::new();
    for pattern in patterns {
        if !known.contains(&pattern) {
            let fields = FIELD_SET.iter().filter(|(name, _)| FIELDS.contains(name));
            rule(&mut text, &pattern, fields.copied());
            known.push(pattern);
        }
    }
    for pattern in site.public() {
        rule(&mut text, &glob(pattern), [("Cache-Control", PUBLIC), ("CDN-Cache-Control", PUBLIC)]);
    }
    Generated {
        files: vec![File { path: "customHttp.yml", text }],
        steps: sentences([
            "commit customHttp.yml and deploy; the console's Custom headers must be empty, or they take its place",
            "ask for a page twice with `curl -si`: Cache-Control must hold no-store, and X-Cache must not say Hit",
            "invalidate what is stored already: a new deployment does",
        ]),
        protects: sentences([
            "every path but the public ones: no response is kept by Amplify's CDN or a browser, whatever a framework stamped on it",
        ]),
        does_not: does_not(site),
    }
}

fn does_not(site: &Site) -> Vec<String> {
    let mut found = sentences([
        "that Amplify puts these fields on server-rendered responses before its cache decides is documented nowhere: try it",
        "the caching of pages is lost, static ones included: where that costs too much, use `nostore gen next` or `nostore guard`",
    ]);
    if !site.public().is_empty() {
        found.push(
            "public paths: which of two matching patterns wins is not documented; if /**/* does, they are merely not kept"
                .to_owned(),
        );
        found.push(
            "Set-Cookie on a public path: a header rule takes no cookie away, so name only paths where nothing sets one"
                .to_owned(),
        );
    }
    found
}

fn glob(pattern: &PathPattern) -> String {
    if pattern.beneath { format!("{}/**/*", pattern.path) } else { pattern.path.clone() }
}

fn rule<'a>(text: &mut String, pattern: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) {
    text.push_str(&format!("  - pattern: '{pattern}'\n    headers:\n"));
    for (name, value) in fields {
        text.push_str(&format!("      - key: '{name}'\n        value: '{value}'\n"));
    }
}
