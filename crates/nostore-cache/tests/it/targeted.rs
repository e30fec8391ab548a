//! Targeted fields: the Dictionary of RFC 9213, and which field counts.

use std::fmt::Write as _;

use nostore_cache::{Syntax, targeted};

use crate::control::describe;
use crate::support::{profile, profile_with, request, response, short, stored};

#[test]
fn a_targeted_field_is_a_dictionary() {
    let rows = [
        "200",
        "200 | CDN-Cache-Control: ",
        "200 | CDN-Cache-Control: max-age=60",
        "200 | cdn-cache-control: max-age=60, must-revalidate",
        "200 | CDN-Cache-Control: max-age=60 | CDN-Cache-Control: no-store",
        "200 | CDN-Cache-Control: max-age=60;x=1, no-store;y=\"a,b\"",
        "200 | CDN-Cache-Control: max-age=60, max-age=70",
        "200 | CDN-Cache-Control: no-store=?0, max-age=60",
        "200 | CDN-Cache-Control: no-store=?1",
        "200 | CDN-Cache-Control: no-cache=\"set-cookie\"",
        "200 | CDN-Cache-Control: unknown=(a b), other=:YQ==:, no-store",
        "200 | CDN-Cache-Control: max-age=token",
        "200 | CDN-Cache-Control: max-age=-1",
        "200 | CDN-Cache-Control: Max-Age=60",
        "200 | CDN-Cache-Control: max-age=60,",
        "200 | CDN-Cache-Control: max-age =60",
        "200 | CDN-Cache-Control: max-age=60, @junk",
        "200 | CDN-Cache-Control: max-age=1234567890123456",
        "200 | CDN-Cache-Control: a=\"unterminated, no-store",
    ];
    let mut table = String::new();
    for row in rows {
        let response = response(row);
        let read = |syntax| match targeted(&response.fields, "CDN-Cache-Control", syntax) {
            Some(control) => format!("[{}]", describe(&control)),
            None => "absent".to_owned(),
        };
        writeln!(table, "{row}\n    {} / lenient {}", read(Syntax::Rfc9213), read(Syntax::Lenient)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_strongest_field_that_is_there_decides() {
    let rows = [
        ("netlify", "200 | Cache-Control: no-store", "60s"),
        ("netlify", "200 | CDN-Cache-Control: no-store", "no-store"),
        ("netlify", "200 | Netlify-CDN-Cache-Control: no-store", "no-store"),
        ("netlify", "200 | Netlify-CDN-Cache-Control: s-maxage=5 | CDN-Cache-Control: no-store", "5s"),
        ("netlify", "200 | Netlify-CDN-Cache-Control: private | CDN-Cache-Control: max-age=5", "private"),
        ("netlify", "200 | Netlify-CDN-Cache-Control: No-Store", "60s"),
        ("netlify targeted-syntax=lenient", "200 | Netlify-CDN-Cache-Control: No-Store", "no-store"),
        ("netlify cache-control=obeyed", "200 | Cache-Control: no-store", "no-store"),
        ("netlify/documented", "200 | Cache-Control: public, max-age=7", "7s"),
        ("netlify/documented", "200 | Cache-Control: no-store | CDN-Cache-Control: max-age=5", "5s"),
        (
            "netlify/documented",
            "200 | CDN-Cache-Control: must-revalidate | Cache-Control: max-age=5",
            "silent",
        ),
        ("netlify/documented", "200 | CDN-Cache-Control: max-age=5 | Expires: 0", "5s"),
        ("cloudfront", "200 | CDN-Cache-Control: max-age=5 | Cache-Control: no-store", "no-store"),
        ("rfc9111", "200 | CDN-Cache-Control: no-store | Cache-Control: max-age=5", "5s"),
    ];
    let page = request("GET /");
    for (name, row, expected) in rows {
        assert_eq!(short(&stored(&profile_with(name), &page, &response(row))), expected, "{name}: {row}");
    }
    assert_eq!(profile("netlify").name(), "netlify");
}
