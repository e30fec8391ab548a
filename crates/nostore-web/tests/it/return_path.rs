//! Where a sign-in may return to.

use std::fmt::Write as _;

use nostore_message::{Origin, RequestHead, Scheme};
use nostore_web::safe_return_path;

fn request(authority: &'static str, target: &'static str) -> RequestHead<'static> {
    RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: authority.into(),
        target: target.into(),
        fields: nostore_message::Fields::new(),
    }
}

const TRICKS: &[&str] = &[
    "",
    "/",
    "/orders?page=2&q=a%20b#last",
    "orders",
    "?page=2",
    "#top",
    "http://shop.example/orders",
    "https://shop.example/orders",
    "HTTP://SHOP.EXAMPLE/orders",
    "http://shop.example",
    "http://shop.example:80/orders",
    "https://shop.example:443/orders",
    "http://shop.example:8080/orders",
    "http://shop.example./orders",
    "//shop.example/orders",
    // Tricks.
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\n/evil.example",
    "http:evil.example",
    "http:/evil.example",
    "http:///evil.example",
    "http:orders",
    "https:orders",
    "http://evil.example",
    "http://evil.example/http://shop.example/",
    "http://shop.example@evil.example/",
    "http://evil.example#@shop.example/",
    "http://evil.example?@shop.example/",
    "http://evil.example\\@shop.example/",
    "http://user@shop.example/",
    "http://user:word@shop.example/",
    "http://shop.example.evil.example/",
    "http://evilshop.example/",
    "http://shop.example%2eevil.example/",
    "http://shop%2eexample/orders",
    "http://[::1]/",
    "javascript:alert(1)",
    "JaVaScRiPt://shop.example/%0aalert(1)",
    "data:text/html,x",
    "ftp://shop.example/",
    "blob:http://shop.example/x",
    "/..//evil.example",
    "/.//evil.example",
    "/%2F/evil.example",
    "/%5Cevil.example",
    "http://shop.example//evil.example",
    "http://shop.example/\u{0}",
    "/\r\nset-cookie: a=b",
    "/caf\u{e9}",
    "//\u{ff0e}evil.example",
    "http://shop\u{3002}example/orders",
];

#[test]
fn only_the_own_origin_by_host() {
    let mut table = String::new();
    for trick in TRICKS {
        let path = safe_return_path(&request("shop.example", "/sign-in"), None, trick);
        assert!(path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\"), "{trick:?}");
        assert!(path.is_ascii() && !path.contains(char::is_control), "{trick:?}");
        writeln!(table, "{:50} {path}", format!("{trick:?}")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn only_the_own_origin_by_public_url() {
    let public = Origin::parse("https://shop.example").unwrap();
    let inner = request("10.0.0.7:3000", "/sign-in");
    let rows = [
        ("https://shop.example/orders", "/orders"),
        ("http://shop.example/orders", "/"),
        ("http://10.0.0.7:3000/orders", "/"),
        ("/orders", "/orders"),
        ("//evil.example", "/"),
    ];
    for (candidate, expected) in rows {
        assert_eq!(safe_return_path(&inner, Some(&public), candidate), expected, "{candidate}");
    }
}

#[test]
fn a_host_field_that_is_no_host_leads_home() {
    for authority in ["", "evil.example/x", "a b", "user@shop.example", "shop.example:0"] {
        assert_eq!(safe_return_path(&request(authority, "/"), None, "/orders"), "/", "{authority}");
    }
}

#[test]
fn return_urls_have_a_limit() {
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    for (length, kept) in [(4_095, true), (4_096, true), (4_097, false)] {
        let found = safe_return_path(&request("shop.example", "/"), None, &path(length));
        assert_eq!(found.len() == length, kept, "{length}");
    }
}
