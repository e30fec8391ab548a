//! From any cookie state a navigation ends: a browser, a site and an identity service in one process, where a hop
//! takes no time, three seconds, or seven.

use std::fmt::Write as _;
use std::ops::Range;

use nostore_message::{RequestHead, ResponseHead, Scheme, SetCookie, apply};
use nostore_session::Instance;
use nostore_web::{Begin, Clock as _, Routes, Sessions, Why};
use serde_json::json;
use url::Url;

use crate::heads::{assert_field_set, head_of};
use crate::support::{Hand, Identity, NOW, config, forged, healthy, sign};

/// DESIGN section 5, statement 2.
const MAX_REDIRECTS: usize = 8;

const SITE: &str = "http://localhost:8080";

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
    fn visit(self, url: &Url, jar: &mut Jar) -> Option<String> {
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
    let target = url.as_str().strip_prefix(SITE).unwrap().to_owned();
    let cookies = jar.header(url.path(), now);
    let head = RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: "localhost:8080".into(),
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
    (sessions, clock, secs_per_hop): (&Sessions, &Hand, i64),
    issuer: Issuer,
    target: &str,
    jar: &mut Jar,
) -> (Vec<String>, Option<(u16, String)>) {
    let mut url = Url::parse(SITE).unwrap().join(target).unwrap();
    let mut trace = Vec::new();
    while trace.len() <= 24 {
        let now = clock.now().secs();
        let issuer = Issuer { now, ..issuer };
        let (status, next, body) = if url.as_str().starts_with(SITE) {
            visit_site(sessions, &url, jar, now).await
        } else {
            let next = issuer.visit(&url, jar);
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

fn site(identity: &Identity, instance: Instance, eager: bool, clock: &Hand) -> Sessions {
    let routes = Routes::new().protected("/dashboard");
    identity.sessions(instance).routes(routes).eager(eager).clock(clock.clone()).build().unwrap()
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

/// Navigates from many cookie states; returns what went on for too long.
async fn endless(honest: bool, asks: &[bool], secs_per_hop: i64) -> String {
    let identity = Identity::start().await;
    identity
        .script(|target| if target == "/v1/jwks" { healthy(target) } else { Some((404, "{}".to_owned())) });
    let mut failures = String::new();
    for (seed, instance) in seeds().flat_map(|seed| BOTH.map(|instance| (seed, instance))) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let issuer = Issuer { instance, session: dice.roll(2) == 0, honest, now: NOW };
        // A wrong configuration is no cookie state: one fault at a time.
        let hiding = honest && seed % 3 == 0;
        let start = any_jar(&mut dice, issuer, hiding);
        for (eager, target) in asks.iter().flat_map(|eager| TARGETS.map(|target| (*eager, target))) {
            let clock = Hand::new();
            let sessions = site(&identity, instance, eager, &clock);
            let world = (&sessions, &clock, secs_per_hop);
            let (trace, end) = navigate(world, issuer, target, &mut start.clone()).await;
            if trace.len() > MAX_REDIRECTS || end.is_none_or(|(_, body)| body.is_empty()) {
                writeln!(failures, "seed {seed}, eager {eager}, {target}, {issuer:?}").unwrap();
                for Cookie { name, value, path, .. } in &start.0 {
                    let value: String = value.chars().take(16).collect();
                    writeln!(failures, "  {name}={value} at {path}").unwrap();
                }
                writeln!(failures, "  {trace:#?}").unwrap();
            }
        }
    }
    failures
}

#[tokio::test]
async fn r1_14_any_cookie_state_ends_within_eight_redirects_lazily() {
    assert_eq!(endless(true, &[false], 0).await, "");
}

#[tokio::test]
async fn r1_14_any_cookie_state_ends_within_eight_redirects_eagerly() {
    assert_eq!(endless(true, &[true], 0).await, "");
}

/// The protocol's counter is gone after two seconds.
#[tokio::test]
async fn r1_14_hops_of_three_seconds_end_within_eight_redirects() {
    assert_eq!(endless(true, &[false, true], 3).await, "");
}

#[tokio::test]
async fn r1_14_hops_of_seven_seconds_end_within_eight_redirects() {
    assert_eq!(endless(true, &[false, true], 7).await, "");
}

/// The keys of two instances mixed up: every result of a handshake is refused.
#[tokio::test]
async fn r1_14_mixed_up_keys_end_within_eight_redirects() {
    assert_eq!(endless(false, &[false, true], 0).await, "");
    assert_eq!(endless(false, &[false, true], 3).await, "");
}
