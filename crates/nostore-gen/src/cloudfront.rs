//! Amazon CloudFront: a cache policy with the session in the key, one that keeps nothing, and an origin request policy.

use serde_json::{Value, json};

use crate::{File, Generated, Site, sentences};

/// The most parts of a session that are named: more are met where claims are many.
const MOST_PARTS: usize = 2;
/// The quota of cookies in one cache policy.
const MOST_COOKIES: usize = 10;
const YEAR: u64 = 31_536_000;

pub(crate) fn generate(site: &Site) -> Generated {
    let files = [
        ("cache-policy-pages.json", pages(site)),
        ("cache-policy-sign-in.json", sign_in()),
        ("origin-request-policy-sign-in.json", origin_request()),
    ];
    let files = files.map(|(path, value)| File { path, text: format!("{value:#}\n") });
    let paths: Vec<String> = site.auth().iter().map(crate::PathPattern::text).collect();
    Generated {
        files: files.into(),
        steps: vec![
            "aws cloudfront create-cache-policy --cache-policy-config file://cache-policy-pages.json".to_owned(),
            "aws cloudfront create-cache-policy --cache-policy-config file://cache-policy-sign-in.json".to_owned(),
            "aws cloudfront create-origin-request-policy --origin-request-policy-config file://origin-request-policy-sign-in.json"
                .to_owned(),
            format!(
                "give the behaviors of {} the policies nostore-sign-in, above all others, and the default behavior the cache policy \
                 nostore-pages without an origin request policy that forwards cookies",
                paths.join(", ")
            ),
            "invalidate /* once: what is stored already stays otherwise".to_owned(),
        ],
        protects: sentences([
            "pages of a visitor with a session: the session cookies are in the cache key, so a copy is for that session alone",
            "a session cookie that a cached page sets anew: it is replayed to the session that had it, and nobody else",
            "silence: Default TTL 0 keeps nothing whose app did not ask for it, and Minimum TTL 0 lets no-store count",
            "sign-in: its behaviors keep nothing, and the app gets every cookie there",
        ]),
        does_not: does_not(site),
    }
}

fn does_not(site: &Site) -> Vec<String> {
    let mut found = sentences([
        "a session that begins on another path, on a response that says s-maxage or max-age: it is stored for everyone who has no \
         session; give that path the sign-in policies with --auth-path",
        "a redirect to sign-in that says s-maxage or max-age: everyone who has no session is given the same one, state and all",
        "other cookies on pages: the app does not get them there. Add those that it needs to the cache policy, never to an origin \
         request policy alone",
        "other header fields on pages, such as Accept-Language or X-CSRF-Token: the app does not get them there, but for those that \
         CloudFront always forwards",
        "Authorization: CloudFront takes it off GET and HEAD on pages",
        "a cookie that a stamped page sets for whoever has no session, such as a csrf-token: it is stored, and everybody's then; \
         `nostore gen next` and `nostore guard` drop it",
        "a session in more than two parts: those behind do not reach the app, which then takes the session for a broken one; put all \
         cookies into the key instead (CookieBehavior all)",
        "errors: CloudFront keeps 404, 414 and 500 to 504 for 10 s whatever a policy says, also those of sign-in; set \
         ErrorCachingMinTTL to 0 for them",
    ]);
    if !site.public().is_empty() {
        found.push(
            "--public has no part in this: give such paths a behavior with the managed policy CachingOptimized, which forwards no \
             cookie and takes Set-Cookie off"
                .to_owned(),
        );
    }
    if names(site).is_none() {
        found.push(format!(
            "the quota of {MOST_COOKIES} cookies in a policy is too small for these names: all cookies are in the key, so visitors \
             with any cookie share nothing; name fewer with --session-cookie"
        ));
    }
    found
}

/// The cookies of the key, or nothing where they are too many. A part that is not in the key does not reach the app, which
/// then takes the session for a broken one: so two parts are named, or all cookies are.
fn names(site: &Site) -> Option<Vec<String>> {
    let names: Vec<String> = site.cookie_forms(MOST_PARTS).collect();
    (names.len() <= MOST_COOKIES).then_some(names)
}

fn pages(site: &Site) -> Value {
    let cookies = names(site).map_or_else(
        || json!({ "CookieBehavior": "all" }),
        |names| json!({ "CookieBehavior": "whitelist", "Cookies": { "Quantity": names.len(), "Items": names } }),
    );
    json!({
        "Name": "nostore-pages",
        "Comment": "Made by nostore gen cloudfront. Session cookies are in the key: change them with the app's.",
        "MinTTL": 0,
        "DefaultTTL": 0,
        "MaxTTL": YEAR,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": true,
            "EnableAcceptEncodingBrotli": true,
            "HeadersConfig": { "HeaderBehavior": "none" },
            "CookiesConfig": cookies,
            "QueryStringsConfig": { "QueryStringBehavior": "all" },
        },
    })
}

/// CloudFront refuses anything in the key where all lifetimes are 0: nothing is looked up then.
fn sign_in() -> Value {
    json!({
        "Name": "nostore-sign-in",
        "Comment": "Made by nostore gen cloudfront. Keeps nothing: for the paths of sign-in.",
        "MinTTL": 0,
        "DefaultTTL": 0,
        "MaxTTL": 0,
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": false,
            "EnableAcceptEncodingBrotli": false,
            "HeadersConfig": { "HeaderBehavior": "none" },
            "CookiesConfig": { "CookieBehavior": "none" },
            "QueryStringsConfig": { "QueryStringBehavior": "none" },
        },
    })
}

fn origin_request() -> Value {
    json!({
        "Name": "nostore-sign-in",
        "Comment": "Made by nostore gen cloudfront. Only with the cache policy nostore-sign-in: all cookies, none in a key.",
        "HeadersConfig": { "HeaderBehavior": "allExcept", "Headers": { "Quantity": 1, "Items": ["Host"] } },
        "CookiesConfig": { "CookieBehavior": "all" },
        "QueryStringsConfig": { "QueryStringBehavior": "all" },
    })
}
