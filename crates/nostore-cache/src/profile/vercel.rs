//! Vercel's CDN cache in front of functions.
//!
//! # Not covered
//!
//! Static files, which are kept for the life of a deployment; Incremental Static Regeneration; `stale-while-revalidate`.
//! A `max-age` without `s-maxage` in `Cache-Control` is for browsers there; here it counts, so that what would be unsafe
//! with one word more is seen.

use super::data::{fact, profile, rfc9111, row};
use super::law::{
    Authorization, Law, Mark, RequestDirectives, SetCookieRule, Silence, Sources, StatusClass, StatusRow,
    VaryRule, Words,
};
use super::{Confidence, Fact, Profile};
use crate::verdict::Rule;

const CACHE: &str = "https://vercel.com/docs/cdn-cache";
const CONTROL: &str = "https://vercel.com/docs/caching/cache-control-headers";
const VARY: &str = "https://vercel.com/changelog/vary-cookie-responses-no-longer-cached";

const CRITERIA: Rule = Rule::new("Vercel: Cacheable response criteria", CACHE);
const LIFETIME: Rule = Rule::new("Vercel: Cache-Control headers", CONTROL);

const YEAR: i64 = 31_536_000;

const STATUSES: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(301, 302, StatusClass::Redirect),
    row(307, 308, StatusClass::Redirect),
    row(404, 404, StatusClass::Explicit),
];

pub(super) fn one() -> Profile {
    profile(
        "vercel",
        "Vercel: responses of functions are kept when they say so, and never with Set-Cookie",
        FACTS,
        law(),
    )
}

fn law() -> Law {
    Law {
        authorization: Authorization::Never,
        consumed: &["Vercel-CDN-Cache-Control"],
        default_lifetime: Silence::Refuse,
        invalidates: false,
        marks: &[
            Mark::Word {
                field: "X-Vercel-Cache",
                hit: "HIT",
                stored: "MISS",
                refused: "MISS",
                passed: "MISS",
            },
            Mark::Set("Server", "Vercel"),
            Mark::CacheStatus("nostore"),
        ],
        max_lifetime_secs: YEAR,
        redirect_lifetime: Silence::Refuse,
        request_directives: RequestDirectives::Ignored,
        set_cookie: SetCookieRule::NotStored,
        sources: Sources {
            key: Rule::new("Vercel: responses with Vary: Cookie", VARY),
            lifetime: LIFETIME,
            methods: CRITERIA,
            set_cookie: CRITERIA,
            statuses: CRITERIA,
        },
        statuses: STATUSES,
        targeted: &["Vercel-CDN-Cache-Control", "CDN-Cache-Control"],
        vary: VaryRule::HonouredButCookie,
        words: Words {
            platform: "Vercel",
            key: "Vercel's cache key holds no cookie",
            set_cookie: "Vercel does not cache a response with Set-Cookie",
            silence: "Vercel does not cache a function's response without a lifetime",
            allow_with: "Vercel-CDN-Cache-Control: s-maxage=60",
            refuse_with: "Vercel-CDN-Cache-Control: no-store",
            environment: &[("VERCEL", "1")],
            ..rfc9111().words
        },
        ..rfc9111()
    }
}

const FACTS: &[Fact] = &[
    fact(
        "200, 301, 302, 307, 308 and 404 are cached with a lifetime; a function's response without one is not",
        Confidence::Documented,
        CACHE,
    ),
    fact("a response with Set-Cookie is not cached", Confidence::Documented, CACHE),
    fact(
        "a request with Authorization or Range is not answered into the cache",
        Confidence::Documented,
        CACHE,
    ),
    fact(
        "Vercel-CDN-Cache-Control beats CDN-Cache-Control, which beats Cache-Control",
        Confidence::Documented,
        CONTROL,
    ),
    fact("cookies are forwarded and not in the cache key", Confidence::Documented, CACHE),
    fact("a response with Vary: Cookie is not cached", Confidence::Documented, VARY),
    fact(
        "max-age in Cache-Control is for browsers; that it counts here is the worse reading",
        Confidence::Inferred,
        CONTROL,
    ),
];
