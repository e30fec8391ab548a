//! What the platform adds to and takes off what it delivers.

use std::fmt::Write as _;

use nostore_cache::{Forward, Outcome, delivered, marks};

use crate::support::{print_edits, profile, profile_with, response};

#[test]
fn the_marks_of_each_platform() {
    let key = Some("https://shop.example/a\"b\u{e9}".to_owned());
    let forwarded = |status, forward, stored, detail| Outcome::Forwarded { status, forward, stored, detail };
    let outcomes = [
        ("hit", Outcome::Hit { status: 200, age_secs: 12, fresh_for_secs: 48, key: None }),
        ("hit with key", Outcome::Hit { status: 404, age_secs: 0, fresh_for_secs: 10, key }),
        ("miss, stored", forwarded(200, Forward::UriMiss, Some(60), None)),
        ("miss, refused", forwarded(307, Forward::VaryMiss, None, Some("no-store"))),
        ("miss, error", forwarded(500, Forward::UriMiss, Some(10), None)),
        ("stale", forwarded(200, Forward::Stale, Some(60), None)),
        ("pass, method", forwarded(200, Forward::Method, None, None)),
        ("pass, range", forwarded(206, Forward::Bypass, None, Some("range"))),
        ("pass, request", forwarded(200, Forward::Request, None, None)),
        ("request, stored", forwarded(200, Forward::Request, Some(60), None)),
    ];
    let mut table = String::new();
    for name in ["rfc9111", "netlify", "cloudfront", "amplify", "cloudflare", "vercel", "varnish"] {
        for (outcome_name, outcome) in &outcomes {
            writeln!(table, "{name}, {outcome_name}").unwrap();
            for line in print_edits(&marks(&profile(name), outcome)).lines() {
                writeln!(table, "    {line}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_the_visitor_does_not_get() {
    let answer = "200 | Netlify-CDN-Cache-Control: s-maxage=60 | CDN-Cache-Control: max-age=5 | Set-Cookie: a=1 | Netlify-Vary: query";
    let rows = [
        ("rfc9111", ""),
        ("netlify", "- Netlify-CDN-Cache-Control\n"),
        ("netlify/documented", "- Netlify-CDN-Cache-Control\n"),
        ("cloudfront", ""),
        ("cloudfront cookies-to-origin=none", "- Set-Cookie\n"),
        ("amplify set-cookie=removed", "- Set-Cookie\n"),
        ("amplify set-cookie=removed-from-stored", ""),
    ];
    for (name, expected) in rows {
        assert_eq!(print_edits(&delivered(&profile_with(name), &response(answer))), expected, "{name}");
    }
    assert_eq!(delivered(&profile("netlify"), &response("200")), []);
}
