//! nginx's `proxy_cache`, plain and with `proxy_ignore_headers`.
//!
//! # Not covered
//!
//! `no-cache`, `no-store` and `private` count for nginx wherever they stand in `Cache-Control`, as parts of other words
//! too; here they are directives. `stale-while-revalidate` and `proxy_cache_use_stale`. Its key names the upstream, not
//! the site that was asked for: two sites on one upstream share their copies there, and not here.

use super::data::{fact, profile, rfc9111, row};
use super::law::{
    Authorization, Law, RequestDirectives, SetCookieRule, Silence, Sources, StatusClass, StatusRow, Words,
};
use super::{Confidence, Fact, Profile};
use crate::verdict::Rule;

const DOCS: &str = "https://nginx.org/en/docs/http/ngx_http_proxy_module.html";
const VALID: Rule = Rule::new("nginx: proxy_cache_valid", DOCS);
const METHODS: Rule = Rule::new("nginx: proxy_cache_methods", DOCS);
const KEY: Rule = Rule::new("nginx: proxy_cache_key", DOCS);
const IGNORED: Rule = Rule::new("nginx: proxy_ignore_headers", DOCS);
const SOURCE: &str = "https://github.com/nginx/nginx/blob/3f6f782/src/http/ngx_http_upstream.c";
const TESTS: &str = "https://github.com/http-tests/cache-tests/tree/b55b8bd/results";

/// What `proxy_cache_valid 200 302 10m` gives, in seconds.
const VALID_SECS: i64 = 600;

pub(super) fn all() -> [Profile; 2] {
    [
        profile("nginx", "nginx with proxy_cache and without proxy_cache_valid", PLAIN_FACTS, plain()),
        profile(
            "nginx/ignore-headers",
            "nginx with proxy_ignore_headers Cache-Control Expires Set-Cookie and proxy_cache_valid 200 302 10m: of \
             the origin's fields only X-Accel-Expires still counts",
            IGNORING_FACTS,
            ignoring(),
        ),
    ]
}

/// Any status with a lifetime of its own is stored.
const PLAIN_STATUSES: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(206, 206, StatusClass::Never),
    row(301, 303, StatusClass::Redirect),
    row(304, 304, StatusClass::Never),
    row(307, 308, StatusClass::Redirect),
    row(200, 599, StatusClass::Explicit),
];

/// `proxy_cache_valid 200 302`; the others still take a lifetime from X-Accel-Expires.
const IGNORING_STATUSES: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(206, 206, StatusClass::Never),
    row(302, 302, StatusClass::Redirect),
    row(304, 304, StatusClass::Never),
    row(200, 599, StatusClass::Explicit),
];

fn plain() -> Law {
    let rfc = rfc9111();
    Law {
        accel_expires: true,
        authorization: Authorization::Ignored,
        consumed: &["X-Accel-Expires"],
        default_lifetime: Silence::Refuse,
        invalidates: false,
        redirect_lifetime: Silence::Refuse,
        request_directives: RequestDirectives::Ignored,
        set_cookie: SetCookieRule::NotStored,
        sources: Sources {
            key: KEY,
            lifetime: VALID,
            methods: METHODS,
            set_cookie: IGNORED,
            statuses: VALID,
        },
        statuses: PLAIN_STATUSES,
        words: Words {
            platform: "nginx",
            key: "nginx's cache key holds no cookie, and a response without Vary: Cookie is everybody's",
            set_cookie: "nginx stores Set-Cookie with the response only where proxy_ignore_headers names it",
            silence: "nginx keeps a response without a lifetime for as long as proxy_cache_valid says",
            allow_with: "Cache-Control: public, s-maxage=60",
            refuse_with: "Cache-Control: private, no-store",
            environment: &[],
            ..rfc.words
        },
        ..rfc
    }
}

fn ignoring() -> Law {
    let plain = plain();
    Law {
        cache_control: false,
        default_lifetime: Silence::Fixed(VALID_SECS),
        redirect_lifetime: Silence::Fixed(VALID_SECS),
        set_cookie: SetCookieRule::Kept,
        sources: Sources { lifetime: IGNORED, ..plain.sources },
        statuses: IGNORING_STATUSES,
        words: Words {
            set_cookie: "with proxy_ignore_headers Set-Cookie nginx stores the cookie with the response and replays it with \
                         every hit",
            silence: "proxy_ignore_headers takes Cache-Control, Expires and Set-Cookie from the origin, and \
                      proxy_cache_valid keeps every 200 and 302",
            allow_with: "X-Accel-Expires: 60",
            refuse_with: "X-Accel-Expires: 0",
            ..plain.words
        },
        ..plain
    }
}

const COMMON: [Fact; 5] = [
    fact(
        "X-Accel-Expires beats Cache-Control and Expires: 0 is never stored, seconds or @ and a time are the lifetime",
        Confidence::Documented,
        DOCS,
    ),
    fact(
        "what is neither 0 nor seconds nor @ and a time in X-Accel-Expires counts as absent",
        Confidence::Documented,
        SOURCE,
    ),
    fact("X-Accel-Expires does not reach the visitor", Confidence::Documented, DOCS),
    fact(
        "cookies and Authorization are forwarded and not in the key; an authorised response is reused",
        Confidence::Measured,
        TESTS,
    ),
    fact("Vary selects among stored responses, and * is not stored", Confidence::Documented, SOURCE),
];

const PLAIN_FACTS: &[Fact] = &[
    COMMON[0],
    COMMON[1],
    COMMON[2],
    COMMON[3],
    COMMON[4],
    fact(
        "nothing is stored without a lifetime where proxy_cache_valid gives none",
        Confidence::Documented,
        DOCS,
    ),
    fact("with a lifetime any status is stored", Confidence::Measured, TESTS),
    fact("a response with Set-Cookie is not stored", Confidence::Documented, DOCS),
    fact("the Cache-Control of a visitor is ignored", Confidence::Measured, TESTS),
];

const IGNORING_FACTS: &[Fact] = &[
    COMMON[0],
    COMMON[1],
    COMMON[2],
    COMMON[3],
    COMMON[4],
    fact(
        "proxy_ignore_headers takes Cache-Control, Expires and Set-Cookie from the origin; X-Accel-Expires stays unless \
         it is named, too",
        Confidence::Documented,
        DOCS,
    ),
    fact("proxy_cache_valid 200 302 10m keeps 200 and 302 for 10 minutes", Confidence::Documented, DOCS),
    fact("Set-Cookie is stored and replayed with every hit", Confidence::Measured, DOCS),
];
