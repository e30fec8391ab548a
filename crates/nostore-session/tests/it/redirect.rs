//! The URLs that visitors are sent to.

use std::fmt::Write as _;

use nostore_message::{RequestHead, Scheme, Secret};
use nostore_session::{Config, Instance, PublishableKey, sign_in_location};
use serde_json::json;
use url::Url;

use crate::kit::{
    BOTH, SESSION_CATEGORY, Tokens, brief, config, cookies, decide, page, publishable_key, request, sign,
    signer,
};

fn redirect_url(location: &str) -> String {
    let url = Url::parse(location).unwrap();
    let mut found = url.query_pairs().filter(|(name, _)| name == "redirect_url");
    let value = found.next().unwrap().1.into_owned();
    assert!(found.next().is_none());
    value
}

const TARGETS: &[&str] = &[
    "/",
    "/a",
    "/a?",
    "/a?b=c",
    "/?q=a+b%20c&y=*~()'!",
    "/?b&c=&&d=%zz",
    "/?d=%ff",
    "/%7Euser/%e4?x=%E4%BD%A0",
    "/a?x=1&x=2&x=1",
    "/a?__clerk_db_jwt=b&x=1&__dev_session=c",
    "/a?__clerk_db_jwt",
    "/a?x=1&__clerk_handshake=old&__clerk_handshake_nonce=&__clerk_help=old",
    "/a?__clerk%5Fhandshake=bad.bad.bad&x=1",
    "/a?__clerk_netlify_cache_bust=1700000000000&x=1",
    "/a?__clerk_synced=true&__clerk_hs_reason=x",
    "//evil.example/a",
    "/\\evil.example/a",
    "/a/../b/./c",
    "/a b?c d",
    "@evil.example/a",
    "*",
    "",
    "https://evil.example/a",
];

#[test]
fn r1_10_r1_12_redirect_urls_row_by_row() {
    let config = config(Instance::Production);
    let mut table = String::new();
    for target in TARGETS {
        let decision = decide(&page(target, "__client_uat=1"), &config);
        let location = decision.location().unwrap();
        let back = redirect_url(location);
        writeln!(table, "{target:80} {back}").unwrap();
        assert!(back.starts_with("http://localhost:8080/"), "{back}");
        assert!(
            location.starts_with("http://localhost:8081/v1/client/handshake?redirect_url="),
            "{location}"
        );
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_the_location_byte_for_byte() {
    let (config, tokens) = (config(Instance::Development), Tokens::new(Instance::Development));
    let line = tokens.fill(&cookies(&config, "uat=1 session=<EXPIRED> browser=b%20%26"));
    let decision = decide(&page("/?q=a+b%20c&y=*~()'!", &line), &config);
    let expected = "http://127.0.0.1:8081/v1/client/handshake\
        ?redirect_url=http%3A%2F%2Flocalhost%3A8080%2F%3Fq%3Da%2Bb%2Bc%26y%3D*%257E%2528%2529%2527%2521\
        &__clerk_api_version=2026-05-12&suffixed_cookies=true\
        &__clerk_hs_reason=session-token-expired-refresh-non-eligible-no-refresh-cookie&format=nonce\
        &__session=<EXPIRED>&__clerk_db_jwt=b+%26";
    assert_eq!(decision.location().unwrap(), tokens.fill(expected));
}

#[test]
fn r1_9_r1_10_no_redirect_adds_or_removes_the_cache_bust_parameter() {
    for instance in BOTH {
        let (config, tokens) = (config(instance), Tokens::new(instance));
        let line = cookies(&config, "uat=1 browser=b");
        for (target, kept) in [("/a?x=1", false), ("/a?__clerk_netlify_cache_bust=17&x=1", true)] {
            let decision = decide(&page(target, &line), &config);
            let location = decision.location().unwrap();
            assert_eq!(redirect_url(location).contains("__clerk_netlify_cache_bust=17"), kept, "{location}");
            // Not as a parameter of the handshake itself either.
            let own = Url::parse(location).unwrap();
            assert!(own.query_pairs().all(|(name, _)| name != "__clerk_netlify_cache_bust"));
        }
        // Nor does it change who somebody is.
        let line = tokens.fill(&cookies(&config, "uat=1 session=<GOOD> browser=b"));
        let decision = decide(&page("/a?__clerk_netlify_cache_bust=17", &line), &config);
        assert_eq!(brief(&decision), "signed-in user_1");
    }
}

#[test]
fn r1_9_r1_10_the_clean_url_keeps_the_cache_bust_parameter() {
    let config = config(Instance::Development);
    let tokens = Tokens::new(Instance::Development);
    let head = json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    let directive = format!("__session={}", tokens.text("GOOD"));
    let token = sign(signer('a'), head, json!({"handshake": [directive]}));
    let rows = [
        ("/a?x=1&__clerk_handshake=<T>", "http://localhost:8080/a?x=1"),
        ("/a?__clerk_handshake=<T>", "http://localhost:8080/a"),
        (
            "/a?__clerk_netlify_cache_bust=17&__clerk_handshake=<T>&__clerk_db_jwt=b&__clerk_help=1",
            "http://localhost:8080/a?__clerk_netlify_cache_bust=17",
        ),
        ("/a?__clerk_handshake=<T>&__clerk_handshake=again&y=~", "http://localhost:8080/a?y=%7E"),
        ("/a?__dev_session=d&__clerk_handshake=<T>", "http://localhost:8080/a?__dev_session=d"),
        ("//evil.example/?__clerk_handshake=<T>", "http://localhost:8080//evil.example/"),
    ];
    for (target, expected) in rows {
        let decision = decide(&page(&target.replace("<T>", &token), "x=1"), &config);
        assert_eq!(decision.location(), Some(expected), "{target}");
        assert_eq!(brief(&decision), "signed-in user_1 (redirect)");
    }
}

#[test]
fn r1_12_where_the_identity_service_is() {
    let plain = |instance, host: &str| {
        let key = PublishableKey::parse(&PublishableKey::encode(instance, host)).unwrap();
        Config::new(key, Secret::new("sk_hush"))
    };
    let live = || Config::new(publishable_key(Instance::Production), Secret::new("sk_hush"));
    let rows = [
        ("key", live()),
        ("key with a port", plain(Instance::Production, "127.0.0.1:4000")),
        ("key with a scheme", plain(Instance::Production, "http://127.0.0.1:8081")),
        ("proxy", live().proxy_url("https://p.example/clerk//").unwrap()),
        ("proxy, upper case", live().proxy_url("HTTPS://P.example").unwrap()),
        ("proxy on the site", live().proxy_url("/__clerk").unwrap()),
        ("proxy on the site, slash", live().proxy_url("/").unwrap()),
        ("API elsewhere", live().api_url("http://api.example/").unwrap()),
    ];
    let mut table = String::new();
    for (name, config) in rows {
        let decision = decide(&page("/", "__client_uat=1"), &config);
        let location = decision.location().unwrap().split('?').next().unwrap().to_owned();
        writeln!(table, "{name:26} {location:56} API {}", config.api_base()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn settings_that_are_no_urls_are_refused() {
    let live = || Config::new(publishable_key(Instance::Production), Secret::new("sk_hush"));
    let mut table = String::new();
    for text in
        ["", "localhost:8081", "//evil.example", "/\\evil.example", "ftp://a.example", "http://", "x y"]
    {
        for error in [
            live().proxy_url(text).unwrap_err(),
            live().api_url(text).unwrap_err(),
            live().sign_in_url(text).unwrap_err(),
        ] {
            writeln!(table, "{}: {error}", error.code()).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn without_a_usable_authority_nobody_is_redirected() {
    let config = config(Instance::Production);
    for authority in ["", "evil.example@localhost", "a b", "localhost:99999", "localhost/x", "[::1"] {
        let head = RequestHead { authority: authority.into(), ..page("/a", "__client_uat=1") };
        let decision = decide(&head, &config);
        assert_eq!(brief(&decision), "signed-out client-uat-but-no-session-token", "{authority:?}");
        assert_eq!(sign_in_location(&head, &config, "/"), None);
    }
    let https = RequestHead {
        scheme: Scheme::Https,
        authority: "App.Example:443".into(),
        ..page("/a", "__client_uat=1")
    };
    assert_eq!(redirect_url(decide(&https, &config).location().unwrap()), "https://app.example/a");
}

#[test]
fn r1_10_sign_in_links_bring_the_visitor_back() {
    let rows = [
        ("/dashboard", "browser=b"),
        ("/dashboard?x=1&y=~", "browser=b"),
        ("/a?__clerk_netlify_cache_bust=17&x=1&__clerk_handshake=t&__clerk_db_jwt=b", "browser=b"),
        ("http://localhost:8080/a", "x=1"),
        ("https://evil.example/a", "x=1"),
        ("//evil.example/a", "x=1"),
        ("/\\evil.example/a", "x=1"),
        ("javascript:alert(1)", "x=1"),
        ("", "x=1"),
    ];
    let mut table = String::new();
    for (back, text) in rows {
        for instance in BOTH {
            let config = config(instance);
            let head = request("GET", "/here?z=1", &[("cookie", &cookies(&config, text))]);
            writeln!(table, "{back:76} {}", sign_in_location(&head, &config, back).unwrap()).unwrap();
        }
    }
    let own = config(Instance::Development).sign_in_url("/sign-in").unwrap();
    let head = request("GET", "/here", &[("cookie", "__clerk_db_jwt=b")]);
    writeln!(table, "{:76} {}", "own page", sign_in_location(&head, &own, "/a").unwrap()).unwrap();
    insta::assert_snapshot!(table);
}
