//! Varnish with its `builtin.vcl`.
//!
//! # Not covered
//!
//! `no-cache`, `no-store` and `private` count for Varnish wherever they stand in `Cache-Control`; here they are directives.
//! Grace, hit-for-miss, and VCL of one's own.

use super::data::{fact, profile, rfc9111, row};
use super::law::{
    Authorization, Law, Mark, Names, RequestDirectives, SetCookieRule, Silence, Sources, StatusClass,
    StatusRow, SurrogateControl, Words,
};
use super::{Confidence, Fact, Profile};
use crate::verdict::Rule;

const BUILTIN: &str = "https://github.com/varnishcache/varnish-cache/blob/27d2ce1/bin/varnishd/builtin.vcl";
const RFC2616: &str =
    "https://github.com/varnishcache/varnish-cache/blob/27d2ce1/bin/varnishd/cache/cache_rfc2616.c";
const TESTS: &str = "https://github.com/http-tests/cache-tests/tree/b55b8bd/results";

const RECV: Rule = Rule::new("Varnish: builtin.vcl, vcl_recv", BUILTIN);
const RESPONSE: Rule = Rule::new("Varnish: builtin.vcl, vcl_backend_response", BUILTIN);
const LIFETIME: Rule = Rule::new("Varnish: how the lifetime is found", RFC2616);

/// The parameter `default_ttl`, in seconds.
const DEFAULT_TTL: i64 = 120;

const STATUSES: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(203, 204, StatusClass::Page),
    row(300, 301, StatusClass::Page),
    row(302, 302, StatusClass::Explicit),
    row(307, 307, StatusClass::Explicit),
    row(404, 404, StatusClass::Page),
    row(410, 410, StatusClass::Page),
    row(414, 414, StatusClass::Page),
];

pub(super) fn one() -> Profile {
    profile(
        "varnish",
        "Varnish with builtin.vcl: a request with a cookie goes past the cache, a silent page is kept for 120 s",
        FACTS,
        law(),
    )
}

fn law() -> Law {
    let rfc = rfc9111();
    let passed = ["authorization", "cookie"];
    Law {
        // It never comes to that: such a request goes past the cache.
        authorization: Authorization::Never,
        default_lifetime: Silence::Fixed(DEFAULT_TTL),
        invalidates: false,
        marks: &[
            Mark::Word { field: "X-Varnish", hit: "5 2", stored: "2", refused: "2", passed: "2" },
            Mark::Append("Via", "1.1 nostore (Varnish/7.1)"),
            Mark::CacheStatus("nostore"),
        ],
        passed_with: Names::Listed(passed.iter().map(|name| (*name).to_owned()).collect()),
        redirect_lifetime: Silence::Refuse,
        request_directives: RequestDirectives::Ignored,
        set_cookie: SetCookieRule::NotStored,
        sources: Sources {
            key: RECV,
            lifetime: LIFETIME,
            methods: RECV,
            set_cookie: RESPONSE,
            statuses: LIFETIME,
        },
        statuses: STATUSES,
        surrogate_control: SurrogateControl::Unlocks,
        words: Words {
            platform: "Varnish",
            key: "builtin.vcl keeps requests with cookies past the cache; of those without, all share one copy",
            set_cookie: "builtin.vcl does not keep a response with Set-Cookie",
            silence: "Varnish keeps a response without a lifetime for default_ttl, 120 s",
            minimum: "lifetime set in VCL (beresp.ttl)",
            minimum_mend: "set beresp.ttl only where the response is nobody's own (here min-lifetime=0)",
            ..rfc.words
        },
        ..rfc
    }
}

const FACTS: &[Fact] = &[
    fact("a request with Cookie or Authorization goes past the cache", Confidence::Documented, BUILTIN),
    fact("a response with Set-Cookie or with Vary: * is not kept", Confidence::Documented, BUILTIN),
    fact(
        "no-cache, no-store and private in Cache-Control keep a response out, unless there is a Surrogate-Control; no-store in \
         that does",
        Confidence::Documented,
        BUILTIN,
    ),
    fact(
        "200, 203, 204, 300, 301, 404, 410 and 414 are kept, for 120 s without a lifetime",
        Confidence::Documented,
        RFC2616,
    ),
    fact("302 and 307 are kept with a lifetime, 303 and 308 never", Confidence::Measured, TESTS),
    fact("Vary selects among stored responses", Confidence::Measured, TESTS),
];
