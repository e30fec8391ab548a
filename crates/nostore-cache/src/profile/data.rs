//! The profiles, as `spec/profiles.md` describes them; those of nginx, Cloudflare, Vercel and Varnish are in files of their
//! own.

use super::law::{
    Authorization, Law, Mark, Names, NetlifyVaryRule, RequestDirectives, SetCookieRule, Silence, Sources,
    StatusClass, StatusRow, SurrogateControl, VaryRule, Words,
};
use super::{Confidence, Fact, Profile, cloudflare, nginx, varnish, vercel};
use crate::netlify_vary::Repeats;
use crate::targeted::Syntax;
use crate::verdict::{FRESHNESS, REUSE, Rule, STORING};

const DAY: i64 = 86_400;
const YEAR: i64 = 31_536_000;

const NETLIFY_DOCS: &str = "https://docs.netlify.com/build/caching/caching-overview/";
const NETLIFY_FORUM: &str = "https://answers.netlify.com/t/cache-handling-recommendation-for-authentication-handshake-redirects/143969";
const NETLIFY_CACHING: Rule = Rule::new("Netlify caching overview", NETLIFY_DOCS);
const NETLIFY_REPORTS: Rule = Rule::new("Netlify as its users report it", NETLIFY_FORUM);
const CLOUDFRONT_GUIDE: &str = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/";
const CLOUDFRONT_EXPIRATION: Rule = Rule::new(
    "CloudFront: Manage how long content stays in the cache",
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html",
);
const CLOUDFRONT_STATUSES: Rule = Rule::new(
    "CloudFront: How CloudFront processes HTTP 3xx, 4xx and 5xx status codes",
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html",
);
const CLOUDFRONT_COOKIES: Rule = Rule::new(
    "CloudFront: Cache content based on cookies",
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Cookies.html",
);
const CLOUDFRONT_KEY: Rule = Rule::new(
    "CloudFront: Understand the cache key",
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-the-cache-key.html",
);
const CLOUDFRONT_AUTHORIZATION: &str =
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/add-origin-custom-headers.html";
const CLOUDFRONT_CUSTOM_ORIGIN: &str = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html";
const AMPLIFY_KEY_DOCS: &str = "https://docs.aws.amazon.com/amplify/latest/userguide/cache-key-cookies.html";
const AMPLIFY_POLICY_DOCS: &str =
    "https://docs.aws.amazon.com/amplify/latest/userguide/cache-configuration-type.html";
const AMPLIFY_ISSUE: &str = "https://github.com/aws-amplify/amplify-hosting/issues/4100";
const AMPLIFY_KEY: Rule = Rule::new("Amplify Hosting: Manage cache key cookies", AMPLIFY_KEY_DOCS);
const AMPLIFY_POLICY: Rule =
    Rule::new("Amplify Hosting: How Amplify applies cache configuration", AMPLIFY_POLICY_DOCS);

pub(super) fn all() -> Vec<Profile> {
    let mut all = vec![
        profile("rfc9111", "RFC 9111 to the letter, a shared cache: lawful, not safe", RFC_FACTS, rfc9111()),
        profile(
            "netlify",
            "Netlify as sites reported it: server-rendered responses and redirects are stored and replayed unless a \
             targeted field forbids it",
            NETLIFY_FACTS,
            netlify(),
        ),
        profile(
            "netlify/documented",
            "Netlify as documented: functions and server rendering only opt in",
            NETLIFY_DOCUMENTED_FACTS,
            netlify_documented(),
        ),
        profile(
            "cloudfront",
            "CloudFront with a cache policy without cookies and an origin request policy that forwards them all",
            CLOUDFRONT_FACTS,
            cloudfront(),
        ),
        profile(
            "cloudfront/cookies-in-key",
            "CloudFront with a cache policy that includes all cookies",
            CLOUDFRONT_COOKIES_FACTS,
            in_key(cloudfront()),
        ),
        profile(
            "amplify",
            "Amplify Hosting's default for server rendering: cookies are forwarded, but not in the cache key",
            AMPLIFY_FACTS,
            amplify(),
        ),
        profile(
            "amplify/cookies-in-key",
            "Amplify Hosting with the cache configuration AMPLIFY_MANAGED",
            AMPLIFY_COOKIES_FACTS,
            in_key(amplify()),
        ),
    ];
    all.extend(nginx::all());
    all.extend(cloudflare::all());
    all.extend([vercel::one(), varnish::one()]);
    all
}

pub(super) const fn profile(
    name: &'static str,
    stands_for: &'static str,
    facts: &'static [Fact],
    law: Law,
) -> Profile {
    Profile { name, stands_for, facts, law, changed: Vec::new() }
}

pub(super) const fn fact(text: &'static str, confidence: Confidence, source: &'static str) -> Fact {
    Fact { text, confidence, source }
}

pub(super) const fn row(first: u16, last: u16, class: StatusClass) -> StatusRow {
    StatusRow { first, last, class }
}

/// 206 is partial and 304 has no content of its own: neither is ever stored as a response.
const RFC_STATUSES: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(203, 204, StatusClass::Page),
    row(206, 206, StatusClass::Never),
    row(300, 300, StatusClass::Page),
    row(301, 301, StatusClass::Redirect),
    row(304, 304, StatusClass::Never),
    row(308, 308, StatusClass::Redirect),
    row(404, 405, StatusClass::Page),
    row(410, 410, StatusClass::Page),
    row(414, 414, StatusClass::Page),
    row(501, 501, StatusClass::Page),
    row(200, 599, StatusClass::Explicit),
];

/// Pages and redirects by default; errors only where a targeted field gives them a lifetime.
const NETLIFY_STATUSES: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(206, 206, StatusClass::Never),
    row(301, 303, StatusClass::Redirect),
    row(304, 304, StatusClass::Never),
    row(307, 308, StatusClass::Redirect),
    row(200, 599, StatusClass::Explicit),
];

const CLOUDFRONT_STATUS_ROWS: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(203, 204, StatusClass::Page),
    row(300, 303, StatusClass::Redirect),
    row(307, 308, StatusClass::Redirect),
    row(400, 400, StatusClass::Explicit),
    row(403, 403, StatusClass::Explicit),
    row(404, 404, StatusClass::Error),
    row(405, 405, StatusClass::Explicit),
    row(412, 412, StatusClass::Explicit),
    row(414, 414, StatusClass::Error),
    row(415, 415, StatusClass::Explicit),
    row(500, 504, StatusClass::Error),
];

pub(super) fn rfc9111() -> Law {
    Law {
        accel_expires: false,
        authorization: Authorization::Rfc9111,
        authorization_to_origin: true,
        cache_control: true,
        consumed: &[],
        cookies_in_key: Names::None,
        cookies_to_origin: Names::All,
        default_lifetime: Silence::Heuristic,
        error_beats_directives: false,
        error_lifetime_secs: 0,
        extensions: &[],
        headers_in_key: Names::None,
        heuristic_max_secs: DAY,
        heuristic_percent: 10,
        invalidates: true,
        marks: &[Mark::CacheStatus("nostore")],
        max_lifetime_secs: 1 << 31,
        methods: &["GET", "HEAD"],
        min_lifetime_secs: 0,
        netlify_vary: NetlifyVaryRule::Ignored,
        passed_with: Names::None,
        query_in_key: true,
        redirect_lifetime: Silence::Heuristic,
        request_directives: RequestDirectives::Strict,
        set_cookie: SetCookieRule::Kept,
        sources: Sources {
            key: REUSE,
            lifetime: FRESHNESS,
            methods: STORING,
            set_cookie: Rule::new(
                "RFC 9111 section 7.3",
                "https://www.rfc-editor.org/rfc/rfc9111#section-7.3",
            ),
            statuses: STORING,
        },
        statuses: RFC_STATUSES,
        surrogate_control: SurrogateControl::Ignored,
        targeted: &[],
        targeted_syntax: Syntax::Rfc9213,
        vary: VaryRule::Honoured,
        words: Words {
            platform: "a shared cache (RFC 9111)",
            key: "a shared cache tells visitors apart only by the header fields that Vary names",
            set_cookie: "RFC 9111 section 7.3 lets a shared cache store Set-Cookie and replay it with every hit",
            silence: "RFC 9111 section 4.2.2 lets a cache guess a lifetime where none is given",
            minimum: "minimum lifetime",
            minimum_mend: "set the minimum lifetime to 0 in the cache's configuration (here min-lifetime=0)",
            allow_with: "Cache-Control: public, s-maxage=60",
            refuse_with: "Cache-Control: private, no-store",
            environment: &[],
        },
    }
}

fn netlify_documented() -> Law {
    Law {
        authorization: Authorization::Ignored,
        consumed: &["Netlify-CDN-Cache-Control"],
        default_lifetime: Silence::Refuse,
        invalidates: false,
        marks: &[Mark::CacheStatus("\"Netlify Edge\""), Mark::Set("Server", "Netlify")],
        max_lifetime_secs: YEAR,
        methods: &["GET"],
        netlify_vary: NetlifyVaryRule::Honoured(Repeats::Union),
        redirect_lifetime: Silence::Refuse,
        request_directives: RequestDirectives::Ignored,
        sources: Sources {
            key: NETLIFY_CACHING,
            lifetime: NETLIFY_CACHING,
            methods: NETLIFY_CACHING,
            set_cookie: NETLIFY_REPORTS,
            statuses: NETLIFY_CACHING,
        },
        statuses: NETLIFY_STATUSES,
        targeted: &["Netlify-CDN-Cache-Control", "CDN-Cache-Control"],
        words: Words {
            platform: "Netlify",
            key: "Netlify's cache key holds no cookie unless Netlify-Vary names it in the first response cached for the URL",
            set_cookie: "Netlify replays a cached response together with its Set-Cookie (reported; not documented)",
            silence: "sites report that Netlify caches server-rendered responses that carry no CDN header",
            allow_with: "Netlify-CDN-Cache-Control: public, s-maxage=60",
            refuse_with: "Netlify-CDN-Cache-Control: no-store",
            environment: &[("NETLIFY", "true")],
            ..rfc9111().words
        },
        ..rfc9111()
    }
}

fn netlify() -> Law {
    let documented = netlify_documented();
    Law {
        cache_control: false,
        default_lifetime: Silence::Fixed(60),
        redirect_lifetime: Silence::Fixed(60),
        sources: Sources { lifetime: NETLIFY_REPORTS, statuses: NETLIFY_REPORTS, ..documented.sources },
        ..documented
    }
}

fn cloudfront() -> Law {
    Law {
        authorization: Authorization::Ignored,
        authorization_to_origin: false,
        default_lifetime: Silence::Fixed(DAY),
        error_lifetime_secs: 10,
        invalidates: false,
        marks: &[
            Mark::XCache("from cloudfront"),
            Mark::Append("Via", "1.1 nostore.cloudfront.net (CloudFront)"),
            Mark::Set("X-Amz-Cf-Pop", "NOSTORE1"),
            Mark::CacheStatus("nostore"),
        ],
        max_lifetime_secs: YEAR,
        redirect_lifetime: Silence::Fixed(DAY),
        request_directives: RequestDirectives::Ignored,
        set_cookie: SetCookieRule::KeptIfForwarded,
        sources: Sources {
            key: CLOUDFRONT_KEY,
            lifetime: CLOUDFRONT_EXPIRATION,
            methods: CLOUDFRONT_STATUSES,
            set_cookie: CLOUDFRONT_COOKIES,
            statuses: CLOUDFRONT_STATUSES,
        },
        statuses: CLOUDFRONT_STATUS_ROWS,
        vary: VaryRule::OnlyAny,
        words: Words {
            platform: "CloudFront",
            key: "this CloudFront cache policy has no cookies in the cache key, and CloudFront does not use Vary",
            set_cookie: "CloudFront stores Set-Cookie with the object and returns it with every hit",
            silence: "CloudFront keeps a response without a caching header for the Default TTL",
            allow_with: "Cache-Control: public, s-maxage=60",
            refuse_with: "Cache-Control: private, no-store",
            environment: &[],
            ..rfc9111().words
        },
        ..rfc9111()
    }
}

fn amplify() -> Law {
    let cloudfront = cloudfront();
    let in_key = ["accept", "authorization", "cloudfront-viewer-country"];
    Law {
        authorization_to_origin: true,
        default_lifetime: Silence::Refuse,
        headers_in_key: Names::Listed(in_key.iter().map(|name| (*name).to_owned()).collect()),
        redirect_lifetime: Silence::Refuse,
        sources: Sources { key: AMPLIFY_KEY, lifetime: AMPLIFY_POLICY, ..cloudfront.sources },
        words: Words {
            platform: "Amplify Hosting",
            key: "Amplify Hosting leaves cookies out of the cache key by default",
            set_cookie: "Amplify Hosting (CloudFront) stores Set-Cookie with the object and returns it with every hit",
            silence: "Amplify Hosting keeps a response without a caching header for the default TTL that was set",
            environment: &[("AWS_BRANCH", "main")],
            ..cloudfront.words
        },
        ..cloudfront
    }
}

fn in_key(law: Law) -> Law {
    let key = "all cookies are in the cache key, so only visitors with the very same cookies share a copy, and all \
               visitors without cookies do";
    Law { cookies_in_key: Names::All, words: Words { key, ..law.words }, ..law }
}

const RFC_FACTS: &[Fact] = &[
    fact(
        "final responses to GET are stored when they carry a lifetime, public, or a heuristically cacheable status",
        Confidence::Rfc,
        STORING.source,
    ),
    fact(
        "a silent 200, 301 or 308 is fresh for a tenth of the time since Last-Modified, at most a day",
        Confidence::Rfc,
        "https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2",
    ),
    fact(
        "302, 303 and 307 need a lifetime of their own",
        Confidence::Rfc,
        "https://www.rfc-editor.org/rfc/rfc9110#section-15.1",
    ),
    fact(
        "Set-Cookie does not keep a response from being stored",
        Confidence::Rfc,
        "https://www.rfc-editor.org/rfc/rfc9111#section-7.3",
    ),
    fact(
        "Vary selects among stored responses",
        Confidence::Rfc,
        "https://www.rfc-editor.org/rfc/rfc9111#section-4.1",
    ),
    fact(
        "of a request's directives only no-store and no-cache count; the others are preferences",
        Confidence::Rfc,
        "https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1",
    ),
];

const NETLIFY_KEY_FACTS: [Fact; 5] = [
    fact("Netlify-CDN-Cache-Control beats CDN-Cache-Control", Confidence::Documented, NETLIFY_DOCS),
    fact(
        "Netlify-CDN-Cache-Control does not reach the visitor",
        Confidence::Inferred,
        "https://github.com/netlify/context-and-tools",
    ),
    fact("only GET is cached", Confidence::Documented, "https://github.com/netlify/context-and-tools"),
    fact(
        "Vary and Netlify-Vary both apply, and the Netlify-Vary of the first response cached for a URL wins",
        Confidence::Documented,
        NETLIFY_DOCS,
    ),
    fact(
        "Set-Cookie is replayed with a cached response",
        Confidence::Reported,
        "https://github.com/clerk/javascript/pull/4745",
    ),
];

const NETLIFY_FACTS: &[Fact] = &[
    NETLIFY_KEY_FACTS[0],
    NETLIFY_KEY_FACTS[1],
    NETLIFY_KEY_FACTS[2],
    NETLIFY_KEY_FACTS[3],
    NETLIFY_KEY_FACTS[4],
    fact(
        "a redirect that server rendering answers without a CDN header is replayed",
        Confidence::Reported,
        NETLIFY_FORUM,
    ),
    fact("Cache-Control: no-store alone did not help the reporters", Confidence::Reported, NETLIFY_FORUM),
    fact("a silent response is kept for 60 s", Confidence::Inferred, NETLIFY_FORUM),
    fact(
        "401, 403, 404 and 5xx are kept only with a lifetime: no report names them",
        Confidence::Inferred,
        NETLIFY_FORUM,
    ),
];

const NETLIFY_DOCUMENTED_FACTS: &[Fact] = &[
    NETLIFY_KEY_FACTS[0],
    NETLIFY_KEY_FACTS[1],
    NETLIFY_KEY_FACTS[2],
    NETLIFY_KEY_FACTS[3],
    NETLIFY_KEY_FACTS[4],
    fact("Cache-Control counts where neither targeted field is there", Confidence::Documented, NETLIFY_DOCS),
    fact(
        "functions and server-rendered responses are not cached unless they opt in",
        Confidence::Documented,
        NETLIFY_DOCS,
    ),
];

/// One answer on the web says that the Error Caching Minimum TTL beats `no-store`; the guide does not. The
/// parameter `error-beats-directives` has that reading.
const ERROR_FACT: Fact = fact(
    "no-store, no-cache and private keep errors out too (one report: they are kept for the Error Caching Minimum TTL)",
    Confidence::Inferred,
    CLOUDFRONT_STATUSES.source,
);

const CLOUDFRONT_COMMON: [Fact; 7] = [
    fact(
        "s-maxage beats max-age, max-age beats Expires",
        Confidence::Documented,
        CLOUDFRONT_EXPIRATION.source,
    ),
    fact(
        "Minimum TTL 0, Default TTL 24 h, Maximum TTL 1 year; a redirect is kept like a page",
        Confidence::Documented,
        CLOUDFRONT_EXPIRATION.source,
    ),
    fact(
        "with a Minimum TTL of 0 no-store, no-cache and private are respected; above 0 they are kept for the Minimum TTL",
        Confidence::Documented,
        CLOUDFRONT_EXPIRATION.source,
    ),
    fact(
        "404, 414, 500 to 504 are kept for 10 s at least; 400, 403, 405, 412, 415 with max-age or s-maxage; 401 never",
        Confidence::Documented,
        CLOUDFRONT_STATUSES.source,
    ),
    fact("Vary is not used for the cache key", Confidence::Documented, CLOUDFRONT_CUSTOM_ORIGIN),
    fact("Cache-Control and Pragma of the visitor are ignored", Confidence::Documented, CLOUDFRONT_GUIDE),
    ERROR_FACT,
];

const CLOUDFRONT_FACTS: &[Fact] = &[
    CLOUDFRONT_COMMON[0],
    CLOUDFRONT_COMMON[1],
    CLOUDFRONT_COMMON[2],
    CLOUDFRONT_COMMON[3],
    CLOUDFRONT_COMMON[4],
    CLOUDFRONT_COMMON[5],
    CLOUDFRONT_COMMON[6],
    fact(
        "Authorization is removed from GET and HEAD before the origin",
        Confidence::Documented,
        CLOUDFRONT_AUTHORIZATION,
    ),
    fact(
        "cookies forwarded by an origin request policy alone are not in the key; Set-Cookie is stored and returned with \
         every hit",
        Confidence::Inferred,
        CLOUDFRONT_COOKIES.source,
    ),
];

const CLOUDFRONT_COOKIES_FACTS: &[Fact] = &[
    CLOUDFRONT_COMMON[0],
    CLOUDFRONT_COMMON[1],
    CLOUDFRONT_COMMON[2],
    CLOUDFRONT_COMMON[3],
    CLOUDFRONT_COMMON[4],
    CLOUDFRONT_COMMON[5],
    CLOUDFRONT_COMMON[6],
    fact(
        "Authorization is removed from GET and HEAD before the origin",
        Confidence::Documented,
        CLOUDFRONT_AUTHORIZATION,
    ),
    fact(
        "all cookies are forwarded and in the cache key, sorted by name",
        Confidence::Documented,
        CLOUDFRONT_COOKIES.source,
    ),
];

const AMPLIFY_FACTS: &[Fact] = &[
    CLOUDFRONT_COMMON[0],
    fact("Minimum TTL 0, Default TTL 0, Maximum TTL 1 year", Confidence::Documented, AMPLIFY_POLICY_DOCS),
    fact(
        "Accept, Authorization, CloudFront-Viewer-Country, Host and the query are in the cache key",
        Confidence::Documented,
        AMPLIFY_POLICY_DOCS,
    ),
    fact("cookies are left out of the cache key by default", Confidence::Documented, AMPLIFY_KEY_DOCS),
    fact("a stored Set-Cookie is replayed to everyone", Confidence::Reported, AMPLIFY_ISSUE),
    fact("errors are kept as CloudFront keeps them", Confidence::Inferred, CLOUDFRONT_STATUSES.source),
];

const AMPLIFY_COOKIES_FACTS: &[Fact] = &[
    CLOUDFRONT_COMMON[0],
    fact("Minimum TTL 0, Default TTL 0, Maximum TTL 1 year", Confidence::Documented, AMPLIFY_POLICY_DOCS),
    fact(
        "Accept, Authorization, CloudFront-Viewer-Country, Host, the query and all cookies are in the cache key",
        Confidence::Documented,
        AMPLIFY_POLICY_DOCS,
    ),
    fact("a stored Set-Cookie is replayed to the same cookies", Confidence::Inferred, AMPLIFY_ISSUE),
    fact("errors are kept as CloudFront keeps them", Confidence::Inferred, CLOUDFRONT_STATUSES.source),
];
