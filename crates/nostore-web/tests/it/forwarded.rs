//! Whose word counts about scheme, host and address of a request.

use std::net::IpAddr;

use nostore_message::{Fields, Origin, RequestHead, Scheme, Secret};
use nostore_session::Instance;
use nostore_web::{Begin, ForwardedField, Routes, Sessions, TrustedProxies};
use proptest::prelude::*;

use crate::support::config;

type Lines<'a> = &'a [(&'a str, &'a str)];

const PROXY: &str = "10.0.0.1";
const STRANGER: &str = "203.0.113.66";

fn request<'a>(lines: Lines<'a>) -> RequestHead<'a> {
    RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: "origin.example:3000".into(),
        target: "/orders".into(),
        fields: lines.iter().copied().collect::<Fields<'_>>(),
    }
}

/// What is read, as `scheme://authority address`.
fn read(proxies: &TrustedProxies, peer: Option<&str>, lines: Lines<'_>) -> String {
    let peer = peer.map(|peer| peer.parse::<IpAddr>().unwrap());
    let found = proxies.read(peer, &request(lines));
    let client = found.client.map_or_else(|| "?".to_owned(), |client| client.to_string());
    format!("{}://{} {client}", found.scheme, found.authority)
}

fn private() -> TrustedProxies {
    TrustedProxies::none().addresses(["10.0.0.0/8", "fd00::/8"]).unwrap()
}

const USUAL: Lines<'static> = &[
    ("x-forwarded-for", "198.51.100.7"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-proto", "https"),
];

const BELIEVED: &str = "https://shop.example 198.51.100.7";

#[test]
fn only_configured_peers_are_believed() {
    let none = TrustedProxies::none;
    let rows: &[(&str, TrustedProxies, Option<&str>, bool)] = &[
        ("nobody", none(), Some(PROXY), false),
        ("nobody, unknown peer", none(), None, false),
        ("the proxy", private(), Some(PROXY), true),
        ("the proxy, mapped", private(), Some("::ffff:10.0.0.1"), true),
        ("the proxy, IPv6", private(), Some("fd00::7"), true),
        ("stranger", private(), Some(STRANGER), false),
        ("unknown peer", private(), None, false),
        ("one hop", none().hops(1), None, true),
        ("no hop", none().hops(0), Some(PROXY), false),
        ("no hop, known", private().hops(0), Some(PROXY), false),
        ("hops and address", private().hops(1), Some(STRANGER), false),
        ("everyone", TrustedProxies::danger_everyone(), Some(STRANGER), true),
    ];
    for (name, proxies, peer, believed) in rows {
        let own = peer.map_or("?", |peer| peer.trim_start_matches("::ffff:"));
        let expected =
            if *believed { BELIEVED.to_owned() } else { format!("http://origin.example:3000 {own}") };
        assert_eq!(read(proxies, *peer, USUAL), expected, "{name}");
    }
}

#[test]
fn whoever_knows_the_secret_is_believed() {
    let secret = TrustedProxies::none().secret_field("X-Origin-Secret", Secret::new("hush")).unwrap();
    let rows: &[(&[&str], bool)] = &[
        (&["hush"], true),
        (&["guess", "hush"], true),
        (&["hush", "guess"], true),
        (&[], false),
        (&["husk"], false),
        (&["hus"], false),
        (&["hush hush"], false),
        (&["hu", "sh"], false),
        (&[""], false),
    ];
    for (values, believed) in rows {
        let lines = values.iter().map(|value| ("x-origin-secret", *value));
        let lines: Vec<_> = USUAL.iter().copied().chain(lines).collect();
        let expected = if *believed { BELIEVED } else { "http://origin.example:3000 203.0.113.66" };
        assert_eq!(read(&secret, Some(STRANGER), &lines), expected, "{values:?}");
    }
    // An address is as good.
    let either = private().secret_field("x-origin-secret", Secret::new("hush")).unwrap();
    assert_eq!(read(&either, Some(PROXY), USUAL), BELIEVED);
}

/// The handshake protocol, section 3.1: first part before a comma; empty or no host: the request's own.
#[test]
fn p3_1_public_url_row_by_row() {
    let rows: &[(Lines<'_>, &str)] = &[
        (&[], "http://origin.example:3000"),
        (&[("x-forwarded-host", "shop.example")], "http://shop.example"),
        (&[("x-forwarded-proto", "https")], "https://origin.example:3000"),
        (&[("x-forwarded-host", "a.example, b.example")], "http://a.example"),
        (&[("x-forwarded-host", "a.example"), ("x-forwarded-host", "b.example")], "http://a.example"),
        (&[("x-forwarded-proto", "https,http"), ("x-forwarded-host", "a.example")], "https://a.example"),
        (&[("x-forwarded-host", ""), ("x-forwarded-proto", "https")], "http://origin.example:3000"),
        (&[("x-forwarded-host", ", b.example")], "http://origin.example:3000"),
        (&[("x-forwarded-proto", ""), ("x-forwarded-host", "a.example")], "http://origin.example:3000"),
        (&[("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example:443")], "https://a.example"),
        (&[("x-forwarded-proto", "http"), ("x-forwarded-host", "a.example:443")], "http://a.example:443"),
        (&[("x-forwarded-proto", "HTTPS"), ("x-forwarded-host", "A.Example")], "https://a.example"),
        (&[("x-forwarded-host", "[2001:DB8::1]:8080")], "http://[2001:db8::1]:8080"),
        (&[("x-forwarded-host", "a=b")], "http://origin.example:3000"),
        (&[("x-forwarded-host", "a b")], "http://origin.example:3000"),
        (&[("x-forwarded-host", "a.example/admin")], "http://origin.example:3000"),
        (&[("x-forwarded-host", "a.example?x")], "http://origin.example:3000"),
        (&[("x-forwarded-host", "a.example#x")], "http://origin.example:3000"),
        (&[("x-forwarded-host", "user@a.example")], "http://origin.example:3000"),
        (&[("x-forwarded-host", "a.example\\b")], "http://origin.example:3000"),
        (&[("x-forwarded-host", "a.example:99999")], "http://origin.example:3000"),
        (&[("x-forwarded-proto", "ftp"), ("x-forwarded-host", "a.example")], "http://origin.example:3000"),
        (&[("x-forwarded-proto", "javascript")], "http://origin.example:3000"),
        (&[("x-forwarded-proto", "https://evil.example/?")], "http://origin.example:3000"),
        (&[("x-forwarded-proto", "https:evil.example")], "http://origin.example:3000"),
    ];
    for (lines, expected) in rows {
        let found = read(&TrustedProxies::danger_everyone(), None, lines);
        assert_eq!(found.split(' ').next(), Some(*expected), "{lines:?}");
    }
}

/// A proxy that appends leaves what a stranger wrote in front.
#[test]
fn what_strangers_wrote_in_front_does_not_count() {
    let lines: Lines<'_> = &[
        ("x-forwarded-for", "192.0.2.1, 198.51.100.7"),
        ("x-forwarded-host", "evil.example, shop.example"),
        ("x-forwarded-proto", "gopher, https"),
    ];
    let chain: Lines<'_> = &[
        ("x-forwarded-for", "192.0.2.1, 198.51.100.7, 10.2.2.2"),
        ("x-forwarded-host", "evil.example, shop.example, inner.example"),
        ("x-forwarded-proto", "https"),
    ];
    for (name, proxies, lines) in [
        ("one at an address", private(), lines),
        ("one hop", TrustedProxies::none().hops(1), lines),
        ("two at addresses", private(), chain),
        ("two hops", TrustedProxies::none().hops(2), chain),
        ("two hops at addresses", private().hops(2), chain),
    ] {
        assert_eq!(read(&proxies, Some(PROXY), lines), BELIEVED, "{name}");
    }
    // Fewer parts than proxies: all of them were written by proxies.
    assert_eq!(read(&TrustedProxies::none().hops(3), None, lines), "http://origin.example:3000 192.0.2.1");
    // All of them proxies: the one farthest out made the request.
    let inner: Lines<'_> = &[("x-forwarded-for", "10.3.3.3, 10.2.2.2")];
    assert_eq!(read(&private(), Some(PROXY), inner), "http://origin.example:3000 10.3.3.3");
    // An address that is none is nobody's.
    let hidden: Lines<'_> = &[("x-forwarded-for", "192.0.2.1, unknown")];
    assert_eq!(read(&private(), Some(PROXY), hidden), "http://origin.example:3000 ?");
}

#[test]
fn rfc_7239_row_by_row() {
    let rows: &[(Lines<'_>, &str)] = &[
        (
            &[("forwarded", "for=198.51.100.7;host=shop.example;proto=https")],
            "https://shop.example 198.51.100.7",
        ),
        (
            &[("forwarded", "for=\"[2001:db8::9]:4711\";host=\"shop.example:8443\";proto=https")],
            "https://shop.example:8443 2001:db8::9",
        ),
        (
            &[("forwarded", "host=evil.example;for=192.0.2.1"), ("forwarded", "for=198.51.100.7")],
            "http://origin.example:3000 198.51.100.7",
        ),
        (
            &[("forwarded", "host=shop.example;for=198.51.100.7, for=10.2.2.2;proto=https")],
            "https://shop.example 198.51.100.7",
        ),
        (&[("forwarded", "for=unknown;host=shop.example")], "http://shop.example ?"),
        (&[("forwarded", "host=\"shop.example")], "http://origin.example:3000 ?"),
        (&[("forwarded", "host=a;host=b")], "http://origin.example:3000 ?"),
        (&[("forwarded", "")], "http://origin.example:3000 ?"),
        // One family per request: what a proxy does not speak, it passes on.
        (
            &[
                ("forwarded", "host=evil.example;for=192.0.2.1;proto=https"),
                ("x-forwarded-for", "198.51.100.7"),
            ],
            "http://origin.example:3000 198.51.100.7",
        ),
    ];
    for (lines, expected) in rows {
        assert_eq!(read(&private(), Some(PROXY), lines), *expected, "{lines:?}");
    }
}

#[test]
fn fields_that_the_proxy_does_not_set_never_count() {
    let lines: Lines<'_> = &[
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "host=other.example;for=192.0.2.1;proto=https"),
    ];
    use ForwardedField::{Forwarded, XForwardedFor, XForwardedProto};
    let rows: &[(&[ForwardedField], &str)] = &[
        (&[XForwardedFor, XForwardedProto], "https://origin.example:3000 198.51.100.7"),
        (&[XForwardedFor], "http://origin.example:3000 198.51.100.7"),
        (&[Forwarded], "https://other.example 192.0.2.1"),
        (&[], "http://origin.example:3000 ?"),
    ];
    for (only, expected) in rows {
        assert_eq!(read(&private().only(only.iter().copied()), Some(PROXY), lines), *expected, "{only:?}");
    }
}

#[test]
fn settings_that_are_refused() {
    let error = |result: Result<TrustedProxies, nostore_web::ProxyError>| {
        let error = result.unwrap_err();
        format!("{}: {error}", error.code())
    };
    let secret = |name: &str, value: &str| TrustedProxies::none().secret_field(name, Secret::new(value));
    let found = [
        error(TrustedProxies::none().addresses(["10.0.0.0/8", "10.0.0.0/33"])),
        error(secret("", "hush")),
        error(secret("x y", "hush")),
        error(secret("Cookie", "hush")),
        error(secret("x-origin-secret", " ")),
    ];
    assert!(found.iter().all(|text| !text.contains("hush")));
    insta::assert_snapshot!(found.join("\n"));
    assert!(!format!("{:?}", secret("x", "hush")).contains("hush"));
}

fn site(builder: impl FnOnce(nostore_web::SessionsBuilder) -> nostore_web::SessionsBuilder) -> Sessions {
    let sessions = Sessions::builder(config(Instance::Production)).platform(None).dev(false);
    builder(sessions).routes(Routes::new().protected("/orders")).build().unwrap()
}

async fn sign_in_location(sessions: &Sessions, peer: &str, lines: Lines<'_>) -> String {
    let lines = [lines, &[("accept", "text/html")]].concat();
    let Begin::Answer(answer) = sessions.begin_from(request(&lines), peer.parse().ok()).await else {
        panic!("expected an answer")
    };
    answer.location().unwrap().to_owned()
}

#[tokio::test]
async fn a_strangers_host_reaches_no_location() {
    let own = "/sign-in?redirect_url=http%3A%2F%2Forigin.example%3A3000%2Forders";
    let public = "/sign-in?redirect_url=https%3A%2F%2Fshop.example%2Forders";
    let told = Origin::parse("https://told.example").unwrap();
    let outranked = "/sign-in?redirect_url=https%3A%2F%2Ftold.example%2Forders";
    for (sessions, peer, expected) in [
        (site(|site| site), PROXY, own),
        (site(|site| site.trusted_proxies(private())), STRANGER, own),
        (site(|site| site.trusted_proxies(private())), "", own),
        (site(|site| site.trusted_proxies(private())), PROXY, public),
        (site(|site| site.trusted_proxies(private()).public_url(told.clone())), PROXY, outranked),
        (site(|site| site.trusted_proxies(private()).public_url(told)), STRANGER, outranked),
    ] {
        assert_eq!(sign_in_location(&sessions, peer, USUAL).await, expected, "{peer}");
    }
}

/// The cases of the handshake suite in which a proxy stands in front of the site.
#[tokio::test]
async fn forwarded_hosts_are_returned_to_row_by_row() {
    const PORT: Lines<'static> = &[("x-forwarded-host", "shop.example:3213"), ("x-forwarded-proto", "https")];
    let page: Lines<'_> = &[("sec-fetch-dest", "document"), ("cookie", "__clerk_db_jwt=b; __client_uat=1")];
    let rows = [
        ("p9_2_redirect_url_3", Instance::Development, USUAL, "https%3A%2F%2Fshop.example%2Forders"),
        ("p9_2_redirect_url_4", Instance::Production, USUAL, "https%3A%2F%2Fshop.example%2Forders"),
        ("p9_2_redirect_url_5", Instance::Development, PORT, "https%3A%2F%2Fshop.example%3A3213%2Forders"),
        ("p9_2_redirect_url_6", Instance::Production, PORT, "https%3A%2F%2Fshop.example%3A3213%2Forders"),
    ];
    for (id, instance, lines, back) in rows {
        let sessions = Sessions::builder(config(instance)).platform(None).dev(false);
        let sessions = sessions.trusted_proxies(TrustedProxies::danger_everyone());
        let sessions = sessions.routes(Routes::new().protected("/orders")).build().unwrap();
        let lines = [lines, page].concat();
        let Begin::Answer(answer) = sessions.begin(request(&lines)).await else { panic!("{id}: no answer") };
        let location = answer.location().unwrap();
        assert!(location.contains(&format!("/v1/client/handshake?redirect_url={back}&")), "{id}: {location}");
        assert!(location.contains("&__clerk_hs_reason=client-uat-but-no-session-token&"), "{id}: {location}");
    }
}

/// A refresh tells the identity service the request's fields: the secret must not be among them.
#[tokio::test]
async fn the_shared_secret_goes_no_further() {
    let proxies = TrustedProxies::none().secret_field("x-origin-secret", Secret::new("hush")).unwrap();
    let sessions = Sessions::builder(config(Instance::Production)).platform(None).dev(false);
    let sessions = sessions.trusted_proxies(proxies).build().unwrap();
    let lines = [USUAL, &[("X-Origin-Secret", "hush"), ("x-other", "1")]].concat();
    let Begin::Continue(exchange) = sessions.begin(request(&lines)).await else { panic!("expected to pass") };
    assert!(!exchange.head().fields.contains("x-origin-secret"));
    assert!(exchange.head().fields.contains("x-other"));
    assert_eq!(exchange.head().authority, "shop.example");
    assert_eq!(exchange.client_address(), Some("198.51.100.7".parse().unwrap()));
}

proptest! {
    /// Any text gives an answer, and never one from a peer that is not trusted.
    #[test]
    fn reading_is_total(
        name in prop::sample::select(vec!["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]),
        values in prop::collection::vec("[ -~]{0,40}|(for|host|proto)=\"?[a-z0-9.:\\[\\],;\\\\]{0,20}\"?[,;]?", 0..4),
        hops in 0_usize..4,
    ) {
        let lines: Vec<_> = values.iter().map(|value| (name, value.as_str())).collect();
        let head = request(&lines);
        for proxies in [TrustedProxies::none().hops(hops), private(), TrustedProxies::danger_everyone()] {
            let found = proxies.read(PROXY.parse().ok(), &head);
            let origin = Origin::parse(&format!("{}://{}", found.scheme, found.authority));
            prop_assert!(!found.authority.is_empty() && !found.authority.contains(['/', '?', '#', '@', '\\']));
            prop_assert!(origin.is_ok(), "{found:?}");
        }
        let stranger = private().read(STRANGER.parse().ok(), &head);
        prop_assert_eq!(stranger.authority, "origin.example:3000");
        prop_assert_eq!(stranger.client, STRANGER.parse().ok());
    }
}
