//! The primary key, and what the cache changes towards the origin.

use std::fmt::Write as _;

use nostore_cache::{Lookup, PrimaryKey, Selection, Variants, forwarded, invalidated, lookup};

use crate::support::{
    NOW, PROFILES, plan, print_edits, profile, profile_with, request, response, short, stored,
};

fn key(name: &str, asked: &str) -> PrimaryKey {
    match lookup(&profile_with(name), &request(asked)) {
        Lookup::Key(key) => key,
        Lookup::Bypass(bypass) => panic!("{asked}: {}", bypass.verdict),
    }
}

#[test]
fn which_requests_share_a_key() {
    let rows = [
        ("rfc9111", "GET /", "GET /", true),
        ("rfc9111", "GET /", "HEAD /", true),
        ("rfc9111", "GET /", "GET / | cookie: a=1", true),
        ("rfc9111", "GET /?a=1", "GET /?a=2", false),
        ("rfc9111", "GET /", "GET /?", false),
        ("rfc9111", "GET /a", "GET /A", false),
        ("cloudfront", "GET / | cookie: session=alice", "GET / | cookie: session=bob", true),
        ("cloudfront", "GET /?a=1", "GET /?a=2", false),
        ("cloudfront query-in-key=no", "GET /?a=1", "GET /?a=2", true),
        ("cloudfront/cookies-in-key", "GET / | cookie: a=1", "GET / | cookie: a=2", false),
        ("cloudfront/cookies-in-key", "GET / | cookie: a=1; b=2", "GET / | cookie: b=2; a=1", true),
        ("cloudfront/cookies-in-key", "GET / | cookie: a=1; b=2", "GET / | cookie: b=2 | cookie: a=1", true),
        ("cloudfront/cookies-in-key", "GET / | cookie: a=1", "GET / | cookie: A=1", false),
        ("cloudfront/cookies-in-key", "GET / | cookie: a=1", "GET /", false),
        ("cloudfront/cookies-in-key", "GET / | cookie: alice", "GET / | cookie: bob", false),
        ("cloudfront/cookies-in-key", "GET / | cookie: alice", "GET /", false),
        ("cloudfront/cookies-in-key", "GET / | cookie: ; ", "GET /", true),
        ("cloudfront cookies-in-key=a,b", "GET / | cookie: a=1; c=3", "GET / | cookie: c=4; a=1", true),
        ("cloudfront cookies-in-key=a,b", "GET / | cookie: a=1; b=3", "GET / | cookie: a=1; b=4", false),
        ("cloudfront", "GET / | authorization: x", "GET / | authorization: y", true),
        ("amplify", "GET / | authorization: x", "GET / | authorization: y", false),
        ("amplify", "GET / | accept: text/html", "GET / | accept: application/json", false),
        ("amplify", "GET / | cookie: session=alice", "GET / | cookie: session=bob", true),
        ("amplify/cookies-in-key", "GET / | cookie: session=alice", "GET / | cookie: session=bob", false),
        // Netlify: the query is kept apart one step later, because Netlify-Vary may say what counts.
        ("netlify", "GET /?a=1", "GET /?a=2", true),
        ("netlify", "GET / | cookie: a=1", "GET / | cookie: a=2", true),
    ];
    for (name, left, right, same) in rows {
        assert_eq!(key(name, left) == key(name, right), same, "{name}: {left} and {right}");
    }
    let mut shouting = request("GET /");
    shouting.authority = "SHOP.example:443".into();
    assert_eq!(lookup(&profile("rfc9111"), &shouting), Lookup::Key(key("rfc9111", "GET /")));
}

#[test]
fn which_requests_go_past_the_cache() {
    let rows = [
        "GET /",
        "HEAD /",
        "POST /",
        "OPTIONS /",
        "get /",
        "GET / | range: bytes=0-",
        "GET / | cookie: a=\u{fffd}",
    ];
    let mut table = String::new();
    for asked in rows {
        write!(table, "{asked:28}").unwrap();
        for name in ["rfc9111", "netlify", "cloudfront"] {
            let outcome = match lookup(&profile(name), &request(asked)) {
                Lookup::Key(_) => "key",
                Lookup::Bypass(bypass) => bypass.verdict.code(),
            };
            write!(table, " {name}: {outcome:8}").unwrap();
        }
        table.push('\n');
    }
    let trimmed: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(trimmed.join("\n"), @"
    GET /                        rfc9111: key      netlify: key      cloudfront: key
    HEAD /                       rfc9111: key      netlify: method   cloudfront: key
    POST /                       rfc9111: method   netlify: method   cloudfront: method
    OPTIONS /                    rfc9111: method   netlify: method   cloudfront: method
    get /                        rfc9111: method   netlify: method   cloudfront: method
    GET / | range: bytes=0-      rfc9111: range    netlify: range    cloudfront: range
    GET / | cookie: a=�          rfc9111: not-text netlify: not-text cloudfront: not-text
    ");
}

#[test]
fn a_printed_key_holds_no_secret() {
    let asked = "GET /a?token=hush&x | cookie: session=hush | authorization: hush";
    for name in ["rfc9111", "amplify/cookies-in-key", "cloudfront/cookies-in-key", "netlify"] {
        let key = key(name, asked);
        let printed = format!("{key} {key:?}");
        assert!(!printed.contains("hush"), "{printed}");
    }
    let printed = key("amplify/cookies-in-key", asked).to_string();
    assert_eq!(printed, "https://shop.example/a?token=*&* authorization cookie:session");
}

#[test]
fn what_reaches_the_origin() {
    let asked = "GET / | cookie: a=1; b=2 | cookie: c=3 | authorization: Bearer x";
    let rows = [
        ("rfc9111", ""),
        ("netlify", ""),
        ("cloudfront", "- Authorization\n"),
        ("amplify", ""),
        ("cloudfront authorization-to-origin=yes", ""),
        ("amplify cookies-to-origin=none", "- Cookie\n"),
        ("amplify cookies-to-origin=a,c", "= Cookie: a=1; c=3\n"),
        ("amplify cookies-to-origin=z", "- Cookie\n"),
    ];
    for (name, expected) in rows {
        assert_eq!(print_edits(&forwarded(&profile_with(name), &request(asked))), expected, "{name}");
    }
    let nothing = request("GET /");
    assert_eq!(forwarded(&profile_with("cloudfront cookies-to-origin=none"), &nothing), []);
    let post = request("POST / | authorization: Bearer x");
    assert_eq!(forwarded(&profile("cloudfront"), &post), []);
}

#[test]
fn an_unsafe_request_invalidates_where_the_profile_says_so() {
    let rows = [
        ("rfc9111", "POST /", "200", true),
        ("rfc9111", "DELETE /", "303", true),
        ("rfc9111", "POST /", "400", false),
        ("rfc9111", "POST /", "500", false),
        ("rfc9111", "GET /", "200", false),
        ("rfc9111", "OPTIONS /", "200", false),
        ("cloudfront", "POST /", "200", false),
        ("netlify", "POST /", "200", false),
    ];
    for (name, asked, answer, expected) in rows {
        let found = invalidated(&profile(name), &request(asked), &response(answer));
        assert_eq!(found.is_some(), expected, "{name}: {asked} -> {answer}");
    }
    let removed = invalidated(&profile("rfc9111"), &request("POST /a"), &response("200"));
    assert_eq!(removed, Some(key("rfc9111", "GET /a")));
}

#[test]
fn r0_4_a_public_page_is_a_hit_for_every_visitor_under_every_profile() {
    let page = response("200 | cache-control: public, s-maxage=60");
    let passes = |name, asked| matches!(lookup(&profile(name), &request(asked)), Lookup::Bypass(_));
    let visitors = ["GET /", "GET / | cookie: session=alice", "GET / | cookie: session=bob; theme=dark"];
    for name in PROFILES {
        let profile = profile(name);
        for first in visitors {
            // Cloudflare keeps no pages, and Varnish asks the origin for whoever has a cookie.
            let expected = name == "cloudflare" || (name == "varnish" && first != "GET /");
            assert_eq!(passes(name, first), expected, "{name}: {first}");
            if expected {
                continue;
            }
            let asking = request(first);
            let mut variants = Variants::new();
            variants.insert(&profile, &asking, &plan(&profile, &asking, &page), (), NOW);
            for second in visitors.into_iter().filter(|second| !passes(name, second)) {
                let shares = first == second || !name.ends_with("cookies-in-key");
                let same_key = key(name, first) == key(name, second);
                let fresh = matches!(
                    variants.select(&profile, &request(second), NOW.plus_secs(59)),
                    Selection::Fresh { .. }
                );
                assert_eq!(same_key && fresh, shares, "{name}: {first} then {second}");
            }
        }
        // Where the operator ignores Cache-Control, it is the operator's lifetime.
        let lifetime = match name {
            "nginx/ignore-headers" => "600s",
            "cloudflare" => "extension",
            "cloudflare/cache-everything" => "7200s",
            _ => "60s",
        };
        assert_eq!(short(&stored(&profile, &request("GET /"), &page)), lifetime, "{name}");
    }
}
