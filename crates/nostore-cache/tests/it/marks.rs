//! What the platform adds to and takes off what it delivers.

use std::fmt::Write as _;

use nostore_cache::{Outcome, Pass, delivered, marks};

use crate::support::{print_edits, profile, profile_with, response};

#[test]
fn the_marks_of_each_platform() {
    let key = Some("https://shop.example/a\"b\u{e9}".to_owned());
    let outcomes = [
        ("hit", Outcome::Hit { status: 200, age_secs: 12, fresh_for_secs: 48, key: None }),
        ("hit with key", Outcome::Hit { status: 404, age_secs: 0, fresh_for_secs: 10, key }),
        ("miss, stored", Outcome::Miss { status: 200, varied: false, stored: Some(60), detail: None }),
        (
            "miss, refused",
            Outcome::Miss { status: 307, varied: true, stored: None, detail: Some("no-store") },
        ),
        ("miss, error", Outcome::Miss { status: 500, varied: false, stored: Some(10), detail: None }),
        ("stale", Outcome::Stale { status: 200, stored: Some(60), detail: None }),
        ("pass, method", Outcome::Pass { status: 200, reason: Pass::Method, detail: None }),
        ("pass, range", Outcome::Pass { status: 206, reason: Pass::Bypass, detail: Some("range") }),
        ("pass, request", Outcome::Pass { status: 200, reason: Pass::Request, detail: None }),
    ];
    let mut table = String::new();
    for name in ["rfc9111", "netlify", "cloudfront", "amplify"] {
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
