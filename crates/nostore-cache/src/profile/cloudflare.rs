//! Cloudflare: by file extension, and with a Cache Rule that keeps everything.
//!
//! # Not covered
//!
//! `no-cache` and a lifetime of 0 are stored there and asked for anew each time; here they are not stored, which a visitor
//! cannot tell apart. A 404 or 410 whose author gave it less than three minutes is kept for three. The Vary setting of
//! Cache Rules, `Origin` in the key, and Origin Cache Control switched off (Enterprise).

use super::data::{fact, profile, rfc9111, row};
use super::law::{
    Authorization, Law, Mark, RequestDirectives, SetCookieRule, Silence, Sources, StatusClass, StatusRow,
    SurrogateControl, VaryRule, Words,
};
use super::{Confidence, Fact, Profile};
use crate::verdict::Rule;

const DEFAULTS: &str = "https://developers.cloudflare.com/cache/concepts/default-cache-behavior/";
const STATUS_CODES: &str = "https://developers.cloudflare.com/cache/how-to/configure-cache-status-code/";
const CONTROL: &str = "https://developers.cloudflare.com/cache/concepts/cache-control/";
const TARGETED: &str = "https://developers.cloudflare.com/cache/concepts/cdn-cache-control/";
const COOKIES: &str = "https://developers.cloudflare.com/cache/concepts/cache-behavior/";
const KEYS: &str = "https://developers.cloudflare.com/cache/how-to/cache-keys/";
const RULES: &str = "https://developers.cloudflare.com/cache/how-to/cache-rules/settings/";

const BY_EXTENSION: Rule = Rule::new("Cloudflare: Default cache behavior", DEFAULTS);
const BY_STATUS: Rule = Rule::new("Cloudflare: Cache by status code", STATUS_CODES);
const KEY: Rule = Rule::new("Cloudflare: Cache keys", KEYS);
const SET_COOKIE: Rule =
    Rule::new("Cloudflare: Interaction of Set-Cookie response header with Cache", COOKIES);
const EDGE_TTL: Rule = Rule::new("Cloudflare: Cache Rules settings, Edge TTL", RULES);

const HOURS_2: i64 = 7_200;
const MINUTES_20: i64 = 1_200;
const MINUTES_3: i64 = 180;

/// What Cloudflare keeps unless a rule says otherwise: the extension of the file, and `robots.txt` by its name.
pub(super) const EXTENSIONS: &[&str] = &[
    "7z",
    "apk",
    "avi",
    "avif",
    "bin",
    "bmp",
    "bz2",
    "class",
    "css",
    "csv",
    "dmg",
    "doc",
    "docx",
    "ejs",
    "eot",
    "eps",
    "exe",
    "flac",
    "gif",
    "gz",
    "ico",
    "iso",
    "jar",
    "jpeg",
    "jpg",
    "js",
    "mid",
    "midi",
    "mkv",
    "mp3",
    "mp4",
    "ogg",
    "otf",
    "pdf",
    "pict",
    "pls",
    "png",
    "ppt",
    "pptx",
    "ps",
    "rar",
    "robots.txt",
    "svg",
    "svgz",
    "swf",
    "tar",
    "tif",
    "tiff",
    "ttf",
    "webm",
    "webp",
    "woff",
    "woff2",
    "xls",
    "xlsx",
    "zip",
    "zst",
];

const STATUSES: &[StatusRow] = &[
    row(200, 200, StatusClass::Page),
    row(206, 206, StatusClass::Never),
    row(301, 301, StatusClass::Page),
    row(302, 303, StatusClass::Redirect),
    row(304, 304, StatusClass::Never),
    row(404, 404, StatusClass::Error),
    row(410, 410, StatusClass::Error),
    row(200, 599, StatusClass::Explicit),
];

/// A fixed Edge TTL does not ask for the status; that errors of the server are left out is our reading.
const EVERYTHING_STATUSES: &[StatusRow] =
    &[row(206, 206, StatusClass::Never), row(304, 304, StatusClass::Never), row(200, 499, StatusClass::Page)];

const REFUSED: Mark =
    Mark::Word { field: "CF-Cache-Status", hit: "HIT", stored: "MISS", refused: "BYPASS", passed: "DYNAMIC" };

pub(super) fn all() -> [Profile; 2] {
    [
        profile(
            "cloudflare",
            "Cloudflare without Cache Rules: files are kept by their extension, pages never",
            FACTS,
            plain(),
        ),
        profile(
            "cloudflare/cache-everything",
            "Cloudflare with a Cache Rule \"eligible for cache\" and an Edge TTL \"ignore cache-control header and use \
             this TTL\" of 2 hours: no field of the origin's counts",
            EVERYTHING_FACTS,
            everything(),
        ),
    ]
}

fn plain() -> Law {
    let rfc = rfc9111();
    Law {
        consumed: &["Cloudflare-CDN-Cache-Control"],
        default_lifetime: Silence::Fixed(HOURS_2),
        error_lifetime_secs: MINUTES_3,
        extensions: EXTENSIONS,
        invalidates: false,
        marks: &[REFUSED, Mark::Set("Server", "cloudflare"), Mark::CacheStatus("nostore")],
        redirect_lifetime: Silence::Fixed(MINUTES_20),
        request_directives: RequestDirectives::Ignored,
        set_cookie: SetCookieRule::NotStored,
        sources: Sources {
            key: KEY,
            lifetime: BY_STATUS,
            methods: BY_EXTENSION,
            set_cookie: SET_COOKIE,
            statuses: BY_STATUS,
        },
        statuses: STATUSES,
        surrogate_control: SurrogateControl::Silences,
        targeted: &["Cloudflare-CDN-Cache-Control", "CDN-Cache-Control"],
        vary: VaryRule::OnlyAny,
        words: Words {
            platform: "Cloudflare",
            key: "Cloudflare's cache key holds no cookie, and Cloudflare does not go by Vary",
            set_cookie: "Cloudflare does not cache a response with Set-Cookie",
            silence: "Cloudflare keeps a file with a known extension for 2 hours when its origin says nothing",
            minimum: "Edge TTL",
            minimum_mend: "set the Edge TTL of the Cache Rule to \"Use cache-control header if present, bypass cache if not\" \
                           (here min-lifetime=0), or bypass the cache for requests with a session cookie",
            allow_with: "Cloudflare-CDN-Cache-Control: max-age=60",
            refuse_with: "Cloudflare-CDN-Cache-Control: no-store",
            environment: &[],
        },
        ..rfc
    }
}

fn everything() -> Law {
    let plain = plain();
    Law {
        authorization: Authorization::Ignored,
        error_lifetime_secs: 0,
        extensions: &[],
        max_lifetime_secs: HOURS_2,
        min_lifetime_secs: HOURS_2,
        redirect_lifetime: Silence::Fixed(HOURS_2),
        set_cookie: SetCookieRule::RemovedWithStored,
        sources: Sources { lifetime: EDGE_TTL, methods: EDGE_TTL, statuses: EDGE_TTL, ..plain.sources },
        statuses: EVERYTHING_STATUSES,
        words: Words {
            set_cookie: "under a fixed Edge TTL Cloudflare caches the response and takes Set-Cookie off it",
            silence: "the Edge TTL of the Cache Rule keeps every response, whatever its origin says",
            ..plain.words
        },
        ..plain
    }
}

const PRECEDENCE: Fact = fact(
    "Cloudflare-CDN-Cache-Control beats CDN-Cache-Control, which beats Cache-Control; where Surrogate-Control is, even an \
     empty one, Cache-Control does not count",
    Confidence::Documented,
    TARGETED,
);
const NO_COOKIES: Fact = fact("cookies are forwarded and not in the cache key", Confidence::Documented, KEYS);

const FACTS: &[Fact] = &[
    fact(
        "files are kept by extension, never by type: HTML and JSON are not",
        Confidence::Documented,
        DEFAULTS,
    ),
    fact(
        "without a lifetime 200, 206 and 301 are kept for 2 hours, 302 and 303 for 20 minutes, 404 and 410 for 3 minutes, \
         others not",
        Confidence::Documented,
        STATUS_CODES,
    ),
    PRECEDENCE,
    NO_COOKIES,
    fact("a response with Set-Cookie is not cached and keeps it", Confidence::Documented, COOKIES),
    fact(
        "a response to a request with Authorization is cached only with must-revalidate, public or s-maxage",
        Confidence::Documented,
        CONTROL,
    ),
    fact("Vary does not count, but for Accept-Encoding", Confidence::Documented, CONTROL),
];

const EVERYTHING_FACTS: &[Fact] = &[
    fact("an Edge TTL that ignores cache-control beats what the origin says", Confidence::Documented, RULES),
    fact(
        "Set-Cookie is taken off what is cached, for the first visitor too; what is not cached keeps it",
        Confidence::Documented,
        COOKIES,
    ),
    fact("no-store and private do not keep a response out", Confidence::Documented, COOKIES),
    NO_COOKIES,
    fact("errors of the server are not kept for the Edge TTL", Confidence::Inferred, RULES),
];
