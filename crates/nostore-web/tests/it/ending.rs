//! From any cookie state a navigation ends: a browser, a site and an identity service in one process, where a hop
//! takes no time, three seconds, or seven.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use nostore_message::{RequestHead, ResponseHead, Scheme, SetCookie, apply};
use nostore_session::Instance;
use nostore_web::{Begin, Clock as _, Routes, Sessions, SessionsBuilder, Why};
use serde_json::json;
use url::Url;

use crate::heads::{assert_field_set, head_of};
use crate::support::{Hand, Identity, NOW, config, forged, healthy, sign};

/// DESIGN section 5, statement 2.
const MAX_REDIRECTS: usize = 8;

/// With test keys a satellite has asked the primary site and the identity service, by five redirects, when it sends
/// somebody to the primary site's sign-in page. That has cookies of its own, so it counts anew; where it asks who is
/// there, it asks the identity service once more before it leads there, and cleans up what was broken.
const MAX_SATELLITE_REDIRECTS: usize = 11;

const SITE: &str = "http://localhost:8080";

/// A satellite of the site, whose cookies are its own.
const SATELLITE: &str = "http://127.0.0.1:8080";

/// A satellite on another port of the site's host: cookies know no ports.
const NEIGHBOUR: &str = "http://localhost:8090";

const BOTH: [Instance; 2] = [Instance::Development, Instance::Production];

/// A cookie, and when it expires (seconds since 1970).
#[derive(Clone, Debug)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    expires: Option<i64>,
}

/// A browser's cookies; longer paths are sent first (RFC 6265bis, "Retrieval Algorithm").
#[derive(Clone, Debug, Default)]
struct Jar(Vec<Cookie>);

impl Jar {
    fn header(&self, path: &str, now: i64) -> String {
        let matches = |own: &str| {
            path == own || path.starts_with(own) && (own.ends_with('/') || path[own.len()..].starts_with('/'))
        };
        let alive = |cookie: &&Cookie| cookie.expires.is_none_or(|at| at > now);
        let mut sent: Vec<_> = self.0.iter().filter(|cookie| matches(&cookie.path)).filter(alive).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        sent.into_iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn store(&mut self, line: &str, path: &str, now: i64) {
        let cookie = SetCookie::parse(line);
        let folder =
            path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
        let own = cookie.attribute("path").filter(|own| own.starts_with('/')).unwrap_or(folder).to_owned();
        self.0.retain(|kept| *kept.name != *cookie.name || *kept.path != own);
        let gone = cookie.attribute("expires").is_some_and(|date| date.contains("1970"))
            || cookie.attribute("max-age").is_some_and(|age| age == "0");
        if !gone {
            let age = cookie.attribute("max-age").and_then(|age| age.parse::<i64>().ok());
            let expires = age.map(|age| now + age);
            let (name, value) = (cookie.name.into_owned(), cookie.value.into_owned());
            self.0.push(Cookie { name, value, path: own, expires });
        }
    }
}

/// The jar of each host.
#[derive(Clone, Debug, Default)]
struct Jars(BTreeMap<String, Jar>);

impl Jars {
    fn of(&mut self, url: &Url) -> &mut Jar {
        self.0.entry(url.host_str().unwrap().to_owned()).or_default()
    }
}

/// A site and its satellite, where it has one.
struct Sites(Vec<(&'static str, Sessions)>);

impl Sites {
    fn at(&self, url: &Url) -> Option<&Sessions> {
        let origin = url.origin().ascii_serialization();
        self.0.iter().find_map(|(own, sessions)| (*own == origin).then_some(sessions))
    }
}

/// An identity service that knows the browser, or does not; `honest` signs with the key that it publishes.
#[derive(Clone, Copy, Debug)]
struct Issuer {
    instance: Instance,
    session: bool,
    honest: bool,
    now: i64,
}

impl Issuer {
    fn session_token(self, offset: i64) -> String {
        let iss = match self.instance {
            Instance::Development => "https://127.0.0.1:8081",
            Instance::Production => "https://accounts.nostore.example",
        };
        let iat = self.now + offset;
        sign(
            json!({ "iss": iss, "sub": "user_alice", "sid": "sess_1", "iat": iat, "nbf": iat - 10, "exp": iat + 60 }),
        )
    }

    fn result(self, offset: i64) -> String {
        let suffix = config(self.instance).publishable_key().suffix().to_owned();
        let mut directives: Vec<String> = Vec::new();
        let gone = |name: &str| SetCookie::deletion(name.to_owned()).to_string();
        directives.extend(["__clerk_handshake", "__clerk_handshake_nonce"].map(gone));
        for end in [String::new(), format!("_{suffix}")] {
            if self.session {
                directives.push(format!("__client_uat{end}={}; Path=/", self.now + offset));
                directives.push(format!("__session{end}={}; Path=/", self.session_token(offset)));
            } else {
                directives.push(gone(&format!("__session{end}")));
                directives.push(format!("__client_uat{end}=0; Path=/"));
            }
            if self.instance == Instance::Development {
                directives.push(format!("__clerk_db_jwt{end}=dvb_1; Path=/"));
            }
        }
        let token = sign(json!({ "handshake": directives }));
        if self.honest { token } else { format!("{token}AA") }
    }

    /// Where it sends the browser; `None`: a page.
    fn visit(self, url: &Url, jars: &mut Jars) -> Option<String> {
        let back =
            url.query_pairs().find(|(name, _)| name == "redirect_url").map(|(_, back)| back.into_owned());
        let back = back.unwrap_or_else(|| SITE.to_owned());
        if url.path() == "/sign-in" {
            let mut next = url.clone();
            next.set_path("/v1/client/handshake");
            return self.session.then(|| next.into());
        }
        let mut back = Url::parse(&back).unwrap();
        match self.instance {
            Instance::Development => {
                back.query_pairs_mut().append_pair("__clerk_handshake", &self.result(0));
            }
            Instance::Production => {
                let jar = jars.of(&back);
                jar.store(&format!("__clerk_handshake={}; Path=/", self.result(0)), "/", self.now);
            }
        }
        Some(back.into())
    }
}

/// The site answers: status, where to, content.
async fn visit_site(
    sessions: &Sessions,
    url: &Url,
    jar: &mut Jar,
    now: i64,
) -> (u16, Option<String>, String) {
    let target = url.as_str()[url.origin().ascii_serialization().len()..].to_owned();
    let cookies = jar.header(url.path(), now);
    let head = RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: url.authority().into(),
        target: target.into(),
        fields: [("sec-fetch-dest", "document"), ("cookie", &*cookies)].into_iter().collect(),
    };
    let (status, fields, body) = match sessions.begin(head).await {
        Begin::Answer(answer) => (answer.status, head_of(&answer).fields, answer.body.into_owned()),
        Begin::Continue(exchange) => {
            let mut response = ResponseHead {
                status: 200,
                fields: [("cache-control", "s-maxage=60")].into_iter().collect(),
            };
            let auth = if url.path() == "/" { None } else { Some(exchange.auth(Why::here()).await) };
            let mut body = "page".to_owned();
            match auth {
                Some(Err(answer)) => {
                    response = head_of(&answer);
                    body = answer.body.into_owned();
                }
                Some(Ok(auth)) if url.path() == "/sign-in" => {
                    let back = url.query_pairs().find(|(name, _)| name == "redirect_url");
                    let back = back.map_or(String::new(), |(_, back)| back.into_owned());
                    let next = if auth.is_signed_in() {
                        exchange.safe_return_path(&back)
                    } else {
                        exchange.identity_sign_in_url(&back)
                    };
                    response.status = 303;
                    response.fields.append("location", next);
                }
                _ => {}
            }
            let edits = sessions.finish(&exchange, &response);
            apply(&edits, &mut response.fields);
            (response.status, response.fields.into_owned(), body)
        }
    };
    if (300..400).contains(&status) || status == 401 {
        assert_field_set(&fields);
    }
    for line in fields.all("set-cookie") {
        jar.store(line, url.path(), now);
    }
    (status, fields.first("location").map(str::to_owned), body)
}

/// Follows a navigation to its end, or gives up: the trace, and how it ended.
async fn navigate(
    (sites, clock, secs_per_hop): (&Sites, &Hand, i64),
    issuer: Issuer,
    target: &str,
    jars: &mut Jars,
) -> (Vec<String>, Option<(u16, String)>) {
    let mut url = Url::parse(SITE).unwrap().join(target).unwrap();
    let mut trace = Vec::new();
    while trace.len() <= 24 {
        let now = clock.now().secs();
        let issuer = Issuer { now, ..issuer };
        let (status, next, body) = if let Some(sessions) = sites.at(&url) {
            visit_site(sessions, &url, jars.of(&url), now).await
        } else {
            let next = issuer.visit(&url, jars);
            (if next.is_some() { 307 } else { 200 }, next, "sign in here".to_owned())
        };
        match next.filter(|_| (300..400).contains(&status)) {
            Some(next) => {
                url = url.join(&next).unwrap();
                clock.forward(secs_per_hop);
                trace.push(url.as_str().chars().take(90).collect());
            }
            None => return (trace, Some((status, body))),
        }
    }
    (trace, None)
}

/// A generator of our own, so that a failure names its seed (numbers of Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Cookies of known names with values that mean something, or nothing, at times on a path of their own.
fn any_jar(dice: &mut Dice, issuer: Issuer, hiding: bool) -> Jar {
    let suffix = config(issuer.instance).publishable_key().suffix().to_owned();
    let known = Issuer { session: true, honest: true, ..issuer };
    let values = [
        String::new(),
        "garbage".into(),
        "0".into(),
        "1".into(),
        "3".into(),
        "99999999999".into(),
        (NOW - 1_000).to_string(),
        NOW.to_string(),
        (NOW + 1_000).to_string(),
        "dvb_1".into(),
        format!("7.{NOW}"),
        known.session_token(0),
        known.session_token(-500),
        known.session_token(500),
        forged("elsewhere"),
        sign(json!({ "iss": "https://other.example", "sub": "user_eve", "iat": NOW, "exp": NOW + 60 })),
        known.result(0),
        known.result(-500),
        format!("{}AA", known.result(0)),
        Issuer { session: false, ..known }.result(0),
    ];
    let mut jar = Jar::default();
    for name in [
        "__session",
        "__client_uat",
        "__clerk_db_jwt",
        "__refresh",
        "__clerk_handshake",
        "__clerk_handshake_nonce",
        "__clerk_redirect_count",
        "__nostore_hops",
    ] {
        for end in [String::new(), format!("_{suffix}")] {
            for path in ["/", "/dashboard"] {
                if dice.roll(3) == 0 && (path == "/" || hiding) {
                    let value = values[dice.roll(values.len())].clone();
                    let (name, path) = (format!("{name}{end}"), path.to_owned());
                    jar.0.push(Cookie { name, value, path, expires: None });
                }
            }
        }
    }
    jar
}

fn site(identity: &Identity, instance: Instance, eager: bool, clock: &Hand) -> SessionsBuilder {
    let routes = Routes::new().protected("/dashboard");
    identity.sessions(instance).routes(routes).eager(eager).clock(clock.clone())
}

/// A site's satellite, asking of itself or when the URL says so.
fn satellite(identity: &Identity, instance: Instance, asks: bool, clock: &Hand) -> Sessions {
    let config = identity.config(instance).satellite(true).satellite_auto_sync(asks).domain("127.0.0.1:8080");
    let config = config.sign_in_url(&format!("{SITE}/sign-in")).unwrap();
    let builder = Sessions::builder(config).platform(None).dev(false).clock(clock.clone());
    builder.routes(Routes::new().protected("/dashboard")).build().unwrap()
}

/// What is rolled, for each kind of key and both ways of asking: the first hundred, or the seeds `first..end` that a
/// proof names.
#[expect(clippy::disallowed_methods, reason = "a test is where its program starts")]
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("NOSTORE_PROVE_SEEDS") else { return 0..100 };
    let (first, end) = text.split_once("..").unwrap();
    first.parse().unwrap()..end.parse().unwrap()
}

const TARGETS: [&str; 5] = ["/dashboard", "/dashboard?a=b", "/sign-in?redirect_url=/dashboard", "/who", "/"];

/// What a run of navigations varies.
#[derive(Clone, Copy)]
struct Run<'a> {
    honest: bool,
    /// Whether the site asks who is there before each page; or a satellite before each new visitor.
    asks: &'a [bool],
    secs_per_hop: i64,
    /// Where the navigations start, if not at the site.
    satellite: Option<&'static str>,
}

/// Navigates from many cookie states; returns what went on for too long.
async fn endless(run: Run<'_>) -> String {
    let identity = Identity::start().await;
    identity
        .script(|target| if target == "/v1/jwks" { healthy(target) } else { Some((404, "{}".to_owned())) });
    let mut failures = String::new();
    for (seed, instance) in seeds().flat_map(|seed| BOTH.map(|instance| (seed, instance))) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let issuer = Issuer { instance, session: dice.roll(2) == 0, honest: run.honest, now: NOW };
        // A wrong configuration is no cookie state: one fault at a time.
        let hiding = run.honest && seed % 3 == 0;
        let mut start = Jars::default();
        let origins = [Some(SITE), run.satellite];
        for origin in origins.into_iter().flatten().map(|origin| Url::parse(origin).unwrap()) {
            *start.of(&origin) = any_jar(&mut dice, issuer, hiding);
        }
        for (asks, target) in run.asks.iter().flat_map(|asks| TARGETS.map(|target| (*asks, target))) {
            let clock = Hand::new();
            let eager = asks && run.satellite.is_none();
            let mut sites = vec![(SITE, site(&identity, instance, eager, &clock).build().unwrap())];
            sites.extend(run.satellite.map(|at| (at, satellite(&identity, instance, asks, &clock))));
            let world = (&Sites(sites), &clock, run.secs_per_hop);
            let target = format!("{}{target}", run.satellite.unwrap_or(SITE));
            let (trace, end) = navigate(world, issuer, &target, &mut start.clone()).await;
            let limit = match (instance, run.satellite) {
                (Instance::Development, Some(_)) => MAX_SATELLITE_REDIRECTS,
                _ => MAX_REDIRECTS,
            };
            if trace.len() > limit || end.is_none_or(|(_, body)| body.is_empty()) {
                writeln!(failures, "seed {seed}, asks {asks}, {target}, {issuer:?}").unwrap();
                for (host, Cookie { name, value, path, .. }) in
                    start.0.iter().flat_map(|(host, jar)| jar.0.iter().map(move |cookie| (host, cookie)))
                {
                    let value: String = value.chars().take(16).collect();
                    writeln!(failures, "  {host}: {name}={value} at {path}").unwrap();
                }
                writeln!(failures, "  {trace:#?}").unwrap();
            }
        }
    }
    failures
}

/// The site alone, with an honest identity service and hops that take no time.
const PLAIN: Run<'static> = Run { honest: true, asks: &[false, true], secs_per_hop: 0, satellite: None };

#[tokio::test]
async fn r1_14_any_cookie_state_ends_within_eight_redirects_lazily() {
    assert_eq!(endless(Run { asks: &[false], ..PLAIN }).await, "");
}

#[tokio::test]
async fn r1_14_any_cookie_state_ends_within_eight_redirects_eagerly() {
    assert_eq!(endless(Run { asks: &[true], ..PLAIN }).await, "");
}

/// The protocol's counter is gone after two seconds.
#[tokio::test]
async fn r1_14_hops_of_three_seconds_end_within_eight_redirects() {
    assert_eq!(endless(Run { secs_per_hop: 3, ..PLAIN }).await, "");
}

#[tokio::test]
async fn r1_14_hops_of_seven_seconds_end_within_eight_redirects() {
    assert_eq!(endless(Run { secs_per_hop: 7, ..PLAIN }).await, "");
}

/// The keys of two instances mixed up: every result of a handshake is refused.
#[tokio::test]
async fn r1_14_mixed_up_keys_end_within_eight_redirects() {
    assert_eq!(endless(Run { honest: false, ..PLAIN }).await, "");
    assert_eq!(endless(Run { honest: false, secs_per_hop: 3, ..PLAIN }).await, "");
}

#[tokio::test]
async fn r1_14_navigations_at_a_satellite_end() {
    for satellite in [SATELLITE, NEIGHBOUR].map(Some) {
        assert_eq!(endless(Run { satellite, ..PLAIN }).await, "");
        assert_eq!(endless(Run { satellite, secs_per_hop: 3, ..PLAIN }).await, "");
    }
}
