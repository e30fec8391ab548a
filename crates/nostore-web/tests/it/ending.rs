//! From any cookie state a navigation ends: a browser, a site and an identity service in one process, no time passing.

use std::fmt::Write as _;

use nostore_message::{RequestHead, ResponseHead, Scheme, SetCookie, apply};
use nostore_session::Instance;
use nostore_web::{Begin, Routes, Sessions, Why};
use serde_json::json;
use url::Url;

use crate::heads::{assert_field_set, head_of};
use crate::support::{Identity, NOW, config, forged, healthy, sign};

/// DESIGN section 5, statement 2.
const MAX_REDIRECTS: usize = 8;

const SITE: &str = "http://localhost:8080";

const BOTH: [Instance; 2] = [Instance::Development, Instance::Production];

/// Name, value, path; longer paths are sent first (RFC 6265bis, "Retrieval Algorithm").
#[derive(Clone, Debug, Default)]
struct Jar(Vec<(String, String, String)>);

impl Jar {
    fn header(&self, path: &str) -> String {
        let matches = |own: &str| {
            path == own || path.starts_with(own) && (own.ends_with('/') || path[own.len()..].starts_with('/'))
        };
        let mut sent: Vec<_> = self.0.iter().filter(|(_, _, own)| matches(own)).collect();
        sent.sort_by_key(|(_, _, own)| std::cmp::Reverse(own.len()));
        sent.into_iter().map(|(name, value, _)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn store(&mut self, line: &str, path: &str) {
        let cookie = SetCookie::parse(line);
        let folder =
            path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
        let own = cookie.attribute("path").filter(|own| own.starts_with('/')).unwrap_or(folder).to_owned();
        self.0.retain(|(name, _, kept)| *name != *cookie.name || *kept != own);
        let gone = cookie.attribute("expires").is_some_and(|date| date.contains("1970"))
            || cookie.attribute("max-age").is_some_and(|age| age == "0");
        if !gone {
            self.0.push((cookie.name.into_owned(), cookie.value.into_owned(), own));
        }
    }
}

/// An identity service that knows the browser, or does not; `honest` signs with the key that it publishes.
#[derive(Clone, Copy, Debug)]
struct Issuer {
    instance: Instance,
    session: bool,
    honest: bool,
}

impl Issuer {
    fn session_token(self, offset: i64) -> String {
        let iss = match self.instance {
            Instance::Development => "https://127.0.0.1:8081",
            Instance::Production => "https://accounts.nostore.example",
        };
        let iat = NOW + offset;
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
                directives.push(format!("__client_uat{end}={}; Path=/", NOW + offset));
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
            Instance::Production => jar.store(&format!("__clerk_handshake={}; Path=/", self.result(0)), "/"),
        }
        Some(back.into())
    }
}

/// The site answers: status, where to, content.
async fn visit_site(sessions: &Sessions, url: &Url, jar: &mut Jar) -> (u16, Option<String>, String) {
    let target = url.as_str().strip_prefix(SITE).unwrap().to_owned();
    let cookies = jar.header(url.path());
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
            let mut body = "page";
            match auth {
                Some(Err(answer)) => {
                    response = head_of(&answer);
                    body = "";
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
            (response.status, response.fields.into_owned(), body.to_owned())
        }
    };
    if (300..400).contains(&status) || status == 401 {
        assert_field_set(&fields);
    }
    for line in fields.all("set-cookie") {
        jar.store(line, url.path());
    }
    (status, fields.first("location").map(str::to_owned), body)
}

/// Follows a navigation to its end, or gives up: the trace, and how it ended.
async fn navigate(
    sessions: &Sessions,
    issuer: Issuer,
    target: &str,
    jar: &mut Jar,
) -> (Vec<String>, Option<(u16, String)>) {
    let mut url = Url::parse(SITE).unwrap().join(target).unwrap();
    let mut trace = Vec::new();
    while trace.len() <= 24 {
        let (status, next, body) = if url.as_str().starts_with(SITE) {
            visit_site(sessions, &url, jar).await
        } else {
            let next = issuer.visit(&url, jar);
            (if next.is_some() { 307 } else { 200 }, next, "sign in here".to_owned())
        };
        match next.filter(|_| (300..400).contains(&status)) {
            Some(next) => {
                url = url.join(&next).unwrap();
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
    ] {
        for end in [String::new(), format!("_{suffix}")] {
            for path in ["/", "/dashboard"] {
                if dice.roll(3) == 0 && (path == "/" || hiding) {
                    jar.0.push((
                        format!("{name}{end}"),
                        values[dice.roll(values.len())].clone(),
                        path.to_owned(),
                    ));
                }
            }
        }
    }
    jar
}

fn site(identity: &Identity, instance: Instance, eager: bool) -> Sessions {
    let routes = Routes::new().protected("/dashboard");
    identity.sessions(instance).routes(routes).eager(eager).build().unwrap()
}

/// How often it is rolled, for each kind of key and both ways of asking.
const ROUNDS: u64 = 150;

const TARGETS: [&str; 5] = ["/dashboard", "/dashboard?a=b", "/sign-in?redirect_url=/dashboard", "/who", "/"];

/// Navigates from many cookie states; returns what went on for too long.
async fn endless(honest: bool, asks: &[bool]) -> String {
    let identity = Identity::start().await;
    identity
        .script(|target| if target == "/v1/jwks" { healthy(target) } else { Some((404, "{}".to_owned())) });
    let mut failures = String::new();
    for (seed, instance) in (0..ROUNDS).flat_map(|seed| BOTH.map(|instance| (seed, instance))) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let issuer = Issuer { instance, session: dice.roll(2) == 0, honest };
        // A wrong configuration is no cookie state: one fault at a time.
        let hiding = honest && seed % 3 == 0;
        let start = any_jar(&mut dice, issuer, hiding);
        for (eager, target) in asks.iter().flat_map(|eager| TARGETS.map(|target| (*eager, target))) {
            let sessions = site(&identity, instance, eager);
            let (trace, end) = navigate(&sessions, issuer, target, &mut start.clone()).await;
            // A cookie on a path of its own, which no deletion reaches, met only after a sign-in.
            let more = if hiding && target.starts_with("/sign-in") { 2 } else { 0 };
            if trace.len() > MAX_REDIRECTS + more || end.is_none_or(|(_, body)| body.is_empty()) {
                writeln!(failures, "seed {seed}, eager {eager}, {target}, {issuer:?}").unwrap();
                writeln!(failures, "  {start:?}\n  {trace:#?}").unwrap();
            }
        }
    }
    failures
}

#[tokio::test]
async fn r1_14_any_cookie_state_ends_within_eight_redirects_lazily() {
    assert_eq!(endless(true, &[false]).await, "");
}

#[tokio::test]
async fn r1_14_any_cookie_state_ends_within_eight_redirects_eagerly() {
    assert_eq!(endless(true, &[true]).await, "");
}

/// The keys of two instances mixed up: every result of a handshake is refused.
#[tokio::test]
async fn r1_14_mixed_up_keys_end_within_eight_redirects() {
    assert_eq!(endless(false, &[false, true]).await, "");
}
