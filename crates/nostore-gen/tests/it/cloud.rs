//! CloudFront and Cloudflare, emulated with the policies and the rule that were written for them.

use std::net::SocketAddr;

use nostore_gen::{Site, Target};

use crate::app::{Habits, app, no_rules};
use crate::edge::{Asks, edge, story};
use crate::shape::{CachePolicy, CacheRule, file};
use crate::text::site;
use crate::wire::{ask, field, get};

const STAMPED: Habits = Habits { stamped: true, renews: true };

/// The parameters of the emulated CloudFront that a cache policy comes to. `all` says that an origin request policy forwards
/// every cookie.
fn parameters(policy: &CachePolicy, all: bool) -> String {
    let cookies = &policy.parameters_in_cache_key_and_forwarded_to_origin.cookies_config;
    let names = cookies
        .cookies
        .as_ref()
        .map_or_else(|| cookies.cookie_behavior.clone(), |names| names.items.join(","));
    let forwarded = if all { "all" } else { &names };
    format!(
        "cloudfront cookies-in-key={names} cookies-to-origin={forwarded} min-lifetime={} default-lifetime={} \
         redirect-lifetime={} max-lifetime={}",
        policy.min_ttl, policy.default_ttl, policy.default_ttl, policy.max_ttl,
    )
}

/// A distribution with two kinds of behaviors.
struct Distribution {
    pages: SocketAddr,
    sign_in: SocketAddr,
    site: Site,
}

impl Distribution {
    async fn start(site: Site, origin: SocketAddr) -> Self {
        let policy =
            |path| -> CachePolicy { serde_json::from_str(&file(Target::CloudFront, &site, path)).unwrap() };
        let pages = edge(&parameters(&policy("cache-policy-pages.json"), false), origin).await;
        let sign_in = edge(&parameters(&policy("cache-policy-sign-in.json"), true), origin).await;
        Self { pages, sign_in, site }
    }
}

impl Asks for Distribution {
    async fn ask(&self, target: &str, lines: &str) -> String {
        let path = target.split('?').next().unwrap();
        let is_auth = self.site.auth().iter().any(|pattern| match pattern.beneath {
            true => path.strip_prefix(&*pattern.path).is_some_and(|rest| rest.starts_with('/')),
            false => path == pattern.path,
        });
        ask(if is_auth { self.sign_in } else { self.pages }, &get(target, lines)).await
    }
}

#[tokio::test]
async fn r3_7_cloudfront_with_its_policies_is_safe() {
    for habits in [STAMPED, Habits { stamped: false, renews: true }, Habits { stamped: false, renews: false }]
    {
        let origin = app(habits, no_rules()).await;
        let bare = story(&edge("cloudfront", origin).await).await;
        let harmed = bare.cookie_leaked && bare.page_leaked && bare.loops;
        assert!(harmed && bare.public_is_kept, "{habits:?}: {bare:?}");
        let many =
            Site::new(["__Secure-authjs.session-token", "a", "b"]).unwrap().auth_paths(["/login"]).unwrap();
        for (site, all_in_key) in [(site(), false), (many, true)] {
            let ending = story(&Distribution::start(site, origin).await).await;
            let harmed = ending.cookie_leaked || ending.page_leaked || ending.loops;
            assert!(!harmed && ending.public_is_kept, "{habits:?}: {ending:?}");
            // Only silence is mended; and with all cookies in the key the two strangers have nothing in common.
            assert_eq!(ending.redirect_shared, habits.stamped && !all_in_key, "{habits:?}: {ending:?}");
        }
    }
}

/// A session that begins on a stamped page elsewhere is what no policy mends, and the words say so.
#[tokio::test]
async fn cloudfront_without_the_path_of_sign_in_hands_a_new_session_on() {
    let site = Site::new(["__Secure-authjs.session-token"]).unwrap();
    let origin = app(STAMPED, no_rules()).await;
    let ending = story(&Distribution::start(site.clone(), origin).await).await;
    assert!(ending.cookie_leaked && !ending.page_leaked, "{ending:?}");
    let told = nostore_gen::generate(Target::CloudFront, &site).does_not;
    assert!(told.iter().any(|line| line.starts_with("a session that begins on another path")), "{told:?}");
}

/// Reads a rule of Cloudflare's as far as ours go.
struct Expression<'a> {
    rest: &'a str,
    path: &'a str,
    cookie: &'a str,
    authorization: bool,
}

impl Expression<'_> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.rest.strip_prefix(word);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn text(&mut self) -> String {
        assert!(self.take("\""), "{}", self.rest);
        let (text, rest) = self.rest.split_once('"').unwrap();
        self.rest = rest;
        text.to_owned()
    }

    fn any(&mut self) -> bool {
        let mut value = self.all();
        while self.take(" or ") {
            value |= self.all();
        }
        value
    }

    fn all(&mut self) -> bool {
        let mut value = self.one();
        while self.take(" and ") {
            value &= self.one();
        }
        value
    }

    fn one(&mut self) -> bool {
        if self.take("not ") {
            return !self.one();
        }
        if self.take("any(http.request.headers.names[*] == \"authorization\")") {
            return self.authorization;
        }
        if self.take("(") {
            let value = self.any();
            assert!(self.take(")"), "{}", self.rest);
            return value;
        }
        if self.take("http.cookie contains ") {
            let text = self.text();
            return self.cookie.contains(&text);
        }
        if self.take("http.request.uri.path eq ") {
            let text = self.text();
            return self.path == text;
        }
        if self.take("http.request.uri.path contains ") {
            let text = self.text().replace("\\\\", "\\");
            return self.path.contains(&text);
        }
        assert!(self.take("starts_with(http.request.uri.path, "), "{}", self.rest);
        let text = self.text();
        let value = self.path.starts_with(&text);
        assert!(self.take(")"), "{}", self.rest);
        value
    }
}

/// Cloudflare with a rule that keeps everything, and ours behind it.
struct Zone {
    cache: SocketAddr,
    /// The same, past the cache.
    past: SocketAddr,
    expression: String,
}

impl Zone {
    fn bypasses(&self, target: &str, lines: &str) -> bool {
        let request = get(target, lines);
        let mut expression = Expression {
            rest: &self.expression,
            path: target.split('?').next().unwrap(),
            cookie: field(&request, "cookie").unwrap_or_default(),
            authorization: field(&request, "authorization").is_some(),
        };
        let value = expression.any();
        assert_eq!(expression.rest, "", "{}", self.expression);
        value
    }
}

impl Asks for Zone {
    async fn ask(&self, target: &str, lines: &str) -> String {
        let whom = if self.bypasses(target, lines) { self.past } else { self.cache };
        ask(whom, &get(target, lines)).await
    }
}

#[tokio::test]
async fn r3_7_cloudflare_that_keeps_everything_is_safe_with_the_rule() {
    let origin = app(STAMPED, no_rules()).await;
    let bare = story(&edge("cloudflare/cache-everything", origin).await).await;
    assert!(bare.page_leaked && bare.loops && bare.public_is_kept, "{bare:?}");
    let text = file(Target::Cloudflare, &site(), "cloudflare-cache-rule.json");
    let rule: CacheRule = serde_json::from_str(&text).unwrap();
    let cache = edge("cloudflare/cache-everything", origin).await;
    let past = edge("cloudflare/cache-everything passed-with=host", origin).await;
    let zone = Zone { cache, past, expression: rule.expression };
    let ending = story(&zone).await;
    let harmed = ending.cookie_leaked || ending.page_leaked || ending.loops;
    assert!(!harmed && ending.public_is_kept, "{ending:?}");
    assert!(ending.redirect_shared, "the words about redirects in `does_not` are out of date");
    let session = "cookie: a=1; authjs.session-token=x\r\n";
    let rows = [
        ("/", "", false),
        ("/", "cookie: theme=dark\r\n", false),
        ("/", session, true),
        ("/", "authorization: Basic x\r\n", true),
        ("/about", session, false),
        ("/about/", session, true),
        ("/assets/a.js", session, false),
        ("/assets", session, true),
        ("/api/auth", "", true),
        ("/api/auth/session", "", true),
        ("/api/authors", "", false),
        ("/login", "", true),
        ("/login/more", "", false),
    ];
    for (target, lines, expected) in rows {
        assert_eq!(zone.bypasses(target, lines), expected, "{target} {lines:?}: {}", zone.expression);
    }
    let signed_in = zone.ask("/login", "").await;
    assert!(signed_in.contains("secret-of-alice"), "a sign-in keeps its cookie: {signed_in}");
}
