//! Who is asking, told to the app, and to other proxies.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use nostore_guard::{GuardConfig, Identity};
use nostore_jose::{JwkSet, Jws, verify};
use nostore_message::{FieldEdit, Intent, Origin, Secret};
use nostore_session::Session;
use nostore_web::{
    CookieProtection, Found, Refused, Routes, Sessions, SignOut, SiteFuture, SiteSessions, TrustedProxies,
    Unavailable, Visit,
};
use serde_json::{Value, json};

use crate::bench::{Bench, bench};
use crate::wire::{answering, field, split};

/// What a browser sends that loads a page.
pub(crate) const PAGE: &str = "sec-fetch-dest: document\r\nsec-fetch-mode: navigate\r\naccept: text/html\r\n";

/// Sessions whose cookie names the visitor.
#[derive(Debug)]
struct Named;

impl SiteSessions for Named {
    fn cookie_names(&self) -> Vec<String> {
        vec!["who".to_owned()]
    }

    fn find_now(&self, visit: Visit<'_>) -> Option<Result<Found, Unavailable>> {
        let cookies = visit.head.cookies();
        let Some(who) = cookies.raw("who").filter(|who| *who != "gone") else {
            return Some(Ok(Found::default()));
        };
        let claims =
            json!({ "sub": who.replace("%20", " "), "email": format!("{who}@example.com"), "role": "admin" });
        let Value::Object(claims) = claims else { unreachable!() };
        Some(Ok(Found { session: Session::of_site(claims).map(Arc::new), ..Found::default() }))
    }

    fn find<'a>(&'a self, visit: Visit<'a>) -> SiteFuture<'a, Result<Found, Unavailable>> {
        Box::pin(async move { self.find_now(visit).unwrap() })
    }

    fn renew(&self, _: Visit<'_>, _: Intent) -> Vec<FieldEdit> {
        Vec::new()
    }

    fn sign_out<'a>(&'a self, _: Visit<'a>) -> SiteFuture<'a, (SignOut, Vec<FieldEdit>)> {
        Box::pin(async { (SignOut::NoSession, Vec::new()) })
    }

    fn sign_in_location(&self, visit: Visit<'_>) -> String {
        format!("/auth/sign-in?callbackUrl={}", visit.head.target)
    }

    fn sign_in_path(&self) -> &str {
        "/auth/sign-in"
    }

    fn sent_to_sign_in(&self, _: Visit<'_>) {}

    fn refused(&self, _: Visit<'_>, _: Refused) {}
}

fn identity(secret: &str) -> Identity {
    let site = Origin::parse("https://site.example").unwrap();
    let public = Routes::new().public("/about");
    let trusted = TrustedProxies::none().addresses(["127.0.0.1"]).unwrap();
    let sessions = Sessions::of_site(Arc::new(Named))
        .platform(None)
        .dev(false)
        .routes(public.clone().protected("/admin/*"))
        .trusted_proxies(trusted)
        .public_url(site.clone())
        .build()
        .unwrap();
    Identity::service(sessions, &site, &Secret::new(secret), public).unwrap()
}

pub(crate) fn signing_in(config: &mut GuardConfig) {
    config.identity = Some(identity("a secret of the test"));
    config.protection = CookieProtection::cookies(["who"]).public("/about").drop_strays(true);
    config.trusted = TrustedProxies::none().addresses(["127.0.0.1"]).unwrap();
}

/// An app that says who it is told is asking, and lets everything be cached.
pub(crate) async fn app() -> SocketAddr {
    answering(|head| {
        let ours = |line: &&str| {
            let name = line.split(':').next().unwrap().to_ascii_lowercase();
            name.starts_with("nostore")
        };
        let told: String = head.lines().filter(ours).fold(String::new(), |told, line| {
            let (name, value) = line.split_once(": ").unwrap();
            told + &name.to_ascii_lowercase() + ": " + value + "\n"
        });
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: {}\r\n\r\n{told}",
            told.len()
        )
    })
    .await
}

/// Says what an app or a proxy was told, without what differs each time.
pub(crate) fn told(answer: &str) -> String {
    let mut lines: Vec<String> = split(answer)
        .1
        .lines()
        .map(|line| {
            if line.starts_with("nostore-assertion") {
                "nostore-assertion: …".to_owned()
            } else {
                line.to_owned()
            }
        })
        .collect();
    lines.sort();
    lines.join("; ")
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn the_app_is_told_who_is_asking_and_by_nobody_else() {
    let mut bench = bench(app().await, signing_in).await;
    let forged =
        "nostore-user: mallory\r\nNostore_User: mallory\r\nNostore.User: mallory\r\nnostore-assertion: x\r\n";
    let nominated = "cookie: who=alice\r\nconnection: nostore-user, nostore-role, nostore-assertion\r\n";
    let rows = [
        ("nobody", "/", ""),
        ("nobody, who says to be somebody", "/", forged),
        ("alice", "/", "cookie: who=alice\r\n"),
        ("alice, who says to be somebody else", "/", &format!("cookie: who=alice\r\n{forged}")),
        ("alice, who asks for less to be said of her", "/", nominated),
        ("a protected page in other letters, nobody", "/ADMIN/users", PAGE),
        ("a protected page with parameters, nobody", "/admin;x=1/users", PAGE),
        ("a protected page behind parameters, nobody", "/x/..;/admin/users", PAGE),
        ("a protected page behind hidden parameters, nobody", "/x/..%3b/admin/users", PAGE),
        ("a name that no field takes", "/", "cookie: who=an%20other\r\n"),
        ("a session that is over", "/", "cookie: who=gone\r\n"),
        ("a page that is the same for all", "/about", "cookie: who=alice\r\n"),
        ("the same, with a claim", "/about", forged),
        ("a protected page, alice", "/admin/users", "cookie: who=alice\r\n"),
        ("a protected page, nobody", "/admin/users", PAGE),
        ("the same by a script", "/admin/users", ""),
        ("a path that only looks otherwise", "/x/../admin/users", PAGE),
    ];
    let mut text = String::new();
    for (name, target, lines) in rows {
        let (answer, record) = bench.get(target, lines).await;
        let cache = field(&answer, "cache-control").unwrap_or("silent");
        let to = field(&answer, "location").map(|to| format!(" to {to}")).unwrap_or_default();
        writeln!(
            text,
            "{name}: {}{to}, {cache}, {} ({}); {}",
            status(&answer),
            record.change.code(),
            record.sensitivity.code(),
            if record.change.code() == "answered" { String::new() } else { told(&answer) },
        )
        .unwrap();
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn what_the_app_is_told_is_signed_by_a_key_that_it_can_ask_for() {
    let mut bench = bench(app().await, signing_in).await;
    let (answer, _) = bench.get("/", "cookie: who=alice\r\n").await;
    let assertion =
        split(&answer).1.lines().find_map(|line| line.strip_prefix("nostore-assertion: ")).unwrap();
    let (keys, _) = bench.get("/auth/keys", "").await;
    assert_eq!(field(&keys, "content-type"), Some("application/jwk-set+json"));
    let keys = JwkSet::parse(split(&keys).1.as_bytes()).unwrap();
    let jws = Jws::parse(assertion).unwrap();
    verify(&jws, keys.find(jws.header().kid().unwrap()).unwrap()).unwrap();
    let claims = jws.payload();
    for (name, expected) in [
        ("sub", "alice"),
        ("email", "alice@example.com"),
        ("role", "admin"),
        ("aud", "https://site.example"),
        ("iss", "https://site.example"),
    ] {
        assert_eq!(claims[name], expected, "{claims:?}");
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    // Another guard with the same secret signs alike, one with another secret does not.
    assert_eq!(identity("a secret of the test").keys(), identity("a secret of the test").keys());
    let other = identity("another secret").keys();
    let other = JwkSet::parse(other.as_bytes()).unwrap();
    assert!(verify(&jws, &other.keys()[0]).is_err());
}

/// Asks as another proxy does.
async fn verified(bench: &mut Bench, target: &str, lines: &str) -> String {
    let (answer, _) = bench.get(target, lines).await;
    let said = |name: &str| field(&answer, name).filter(|value| !value.is_empty());
    let says = |name: &str| said(name).map(|value| format!(", {name}: {value}")).unwrap_or_default();
    let signed = if said("nostore-assertion").is_some() { ", signed" } else { "" };
    // A proxy that copies what is there leaves nothing of a visitor's own: all four are.
    for name in ["nostore-user", "nostore-email", "nostore-role", "nostore-assertion"] {
        assert_eq!(field(&answer, name).is_some(), status(&answer) == "200", "{answer}");
    }
    assert_eq!(field(&answer, "x-accel-expires"), Some("0"), "{answer}");
    format!("{}{}{}{signed}", status(&answer), says("location"), says("nostore-user"))
}

/// What other proxies ask, and what visitors add to it.
fn questions() -> Vec<(&'static str, &'static str, String)> {
    let alice = "cookie: who=alice\r\n";
    vec![
        ("nginx, alice", "/auth/verify", format!("x-original-uri: /admin/x?y=1\r\n{alice}{PAGE}")),
        ("nginx, nobody", "/auth/verify", format!("x-original-uri: /admin/x?y=1\r\n{PAGE}")),
        ("nginx, an open page, nobody", "/auth/verify", "x-original-uri: /\r\n".to_owned()),
        ("nginx, an open page, alice", "/auth/verify", format!("x-original-uri: /\r\n{alice}")),
        ("nginx, the same for all", "/auth/verify", format!("x-original-uri: /about\r\n{alice}")),
        (
            "ingress, alice",
            "/auth/verify",
            format!("x-original-url: https://site.example/admin/x\r\n{alice}"),
        ),
        ("ingress, the site alone", "/auth/verify", "x-original-url: https://site.example\r\n".to_owned()),
        (
            "Traefik, alice",
            "/auth/verify",
            format!("x-forwarded-uri: /admin/x\r\nx-forwarded-method: GET\r\n{alice}"),
        ),
        (
            "Traefik, nobody",
            "/auth/verify",
            format!("x-forwarded-uri: /admin/x\r\nx-forwarded-method: GET\r\n{PAGE}"),
        ),
        (
            "Traefik, nobody, a form",
            "/auth/verify",
            "x-forwarded-uri: /admin/x\r\nx-forwarded-method: POST\r\n".to_owned(),
        ),
        (
            "Traefik, a form of another site",
            "/auth/verify",
            format!(
                "x-forwarded-uri: /\r\nx-forwarded-method: POST\r\nsec-fetch-site: cross-site\r\n{alice}"
            ),
        ),
        ("Envoy, alice", "/auth/verify/admin/x", alice.to_owned()),
        ("Envoy, nobody", "/auth/verify/admin/x?y", PAGE.to_owned()),
        ("Envoy, the first page", "/auth/verify/", PAGE.to_owned()),
        ("who asks for nothing", "/auth/verify", alice.to_owned()),
        (
            "a visitor's word beside nginx's",
            "/auth/verify",
            "x-original-uri: /admin/x\r\nx-forwarded-uri: /\r\n".to_owned(),
        ),
        (
            "a visitor's word before nginx's",
            "/auth/verify",
            "x-original-uri: /\r\nx-original-uri: /admin/x\r\n".to_owned(),
        ),
        ("a visitor's word behind Envoy", "/auth/verify/admin/x", "x-original-uri: /\r\n".to_owned()),
        (
            "two methods",
            "/auth/verify",
            "x-forwarded-uri: /\r\nx-forwarded-method: GET\r\nx-original-method: POST\r\n".to_owned(),
        ),
        ("not a path", "/auth/verify", "x-original-uri: admin\r\n".to_owned()),
        ("an empty one", "/auth/verify", "x-original-uri:\r\n".to_owned()),
        ("bytes that no path has", "/auth/verify", "x-original-uri: /ad\u{fc}min\r\n".to_owned()),
    ]
}

#[tokio::test]
async fn other_proxies_ask_whether_a_request_may_pass() {
    let mut bench = bench(app().await, signing_in).await;
    let fragment = ("a fragment", "/auth/verify", format!("x-original-uri: /admin#\r\n{PAGE}"));
    let letters = ("other letters", "/auth/verify", format!("x-original-uri: /Admin/x\r\n{PAGE}"));
    let rows = questions().into_iter().chain([fragment, letters]);
    let mut text = String::new();
    for (name, target, lines) in rows {
        writeln!(text, "{name}: {}", verified(&mut bench, target, &lines).await).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn nobody_but_a_trusted_proxy_is_told_whether_a_request_may_pass() {
    let untrusting = |config: &mut GuardConfig| {
        signing_in(config);
        config.trusted = TrustedProxies::none().addresses(["192.0.2.1"]).unwrap();
    };
    let mut bench = bench(app().await, untrusting).await;
    assert_eq!(
        verified(&mut bench, "/auth/verify", "x-original-uri: /\r\ncookie: who=alice\r\n").await,
        "403"
    );
}
