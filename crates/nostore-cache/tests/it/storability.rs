//! Which responses each profile stores, and for how long.

use std::fmt::Write as _;

use nostore_cache::Storability;

use crate::support::{PROFILES, plan, print_edits, profile, profile_with, request, response, short, stored};

/// Prints one row per response and one column per profile.
fn table(asked: &str, responses: &[&str]) -> String {
    let mut table = String::new();
    for row in responses {
        writeln!(table, "{row}").unwrap();
        for name in PROFILES {
            let outcome = short(&stored(&profile(name), &request(asked), &response(row)));
            writeln!(table, "    {name:28}{outcome}").unwrap();
        }
    }
    table
}

#[test]
fn what_silence_gets_by_status() {
    let statuses = [
        200, 203, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 410, 412, 414, 415,
        416, 429, 451, 500, 501, 502, 503, 504, 599, 100, 999,
    ];
    let mut table = format!("{:8}", "");
    PROFILES.iter().for_each(|name| write!(table, "{name:29}").unwrap());
    for fields in ["", " | last-modified: Sat, 21 Nov 2026 10:00:00 GMT", " | cache-control: max-age=5"] {
        write!(table, "\n(silent){fields}\n").unwrap();
        for status in statuses {
            let text = format!("{status}{fields}");
            write!(table, "{status:<8}").unwrap();
            for name in PROFILES {
                let outcome = short(&stored(&profile(name), &request("GET /"), &response(&text)));
                write!(table, "{outcome:29}").unwrap();
            }
            table.push('\n');
        }
    }
    let trimmed: Vec<&str> = table.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(trimmed.join("\n"));
}

#[test]
fn what_the_author_says_about_a_page() {
    insta::assert_snapshot!(table(
        "GET /",
        &[
            "200 | Cache-Control: public, s-maxage=60",
            "200 | Cache-Control: public, s-maxage=60 | Set-Cookie: session=secret",
            "200 | Cache-Control: max-age=0, s-maxage=60",
            "200 | Cache-Control: s-maxage=0, max-age=60",
            "200 | Cache-Control: max-age=60",
            "200 | Cache-Control: public",
            "200 | Cache-Control: public | Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT",
            "200 | Cache-Control: no-store",
            "200 | Cache-Control: max-age=60, NO-STORE",
            "200 | Cache-Control: private, max-age=60",
            "200 | Cache-Control: no-cache, max-age=60",
            "200 | Cache-Control: no-cache=\"Set-Cookie\", max-age=60",
            "200 | Cache-Control: private=\"x-user\", max-age=60",
            "200 | Cache-Control: must-revalidate",
            "200 | Expires: Sat, 21 Nov 2026 12:00:30 GMT",
            "200 | Expires: Sat, 21 Nov 2026 12:00:30 GMT | Date: Sat, 21 Nov 2026 12:00:10 GMT",
            "200 | Expires: Sat, 21 Nov 2026 12:00:30 GMT | Cache-Control: max-age=7",
            "200 | Expires: 0",
            "200 | Expires: tomorrow",
            "200 | Pragma: no-cache",
            "200 | Vary: * | Cache-Control: max-age=60",
            "200 | Vary: Cookie | Cache-Control: max-age=60",
            "200 | Cache-Control: max-age=99999999999",
            "404 | Cache-Control: max-age=60",
            "500 | Cache-Control: no-store",
            "500 | Cache-Control: public",
            "307 | Location: /sign-in | Cache-Control: no-store",
            "307 | Location: /sign-in | Netlify-CDN-Cache-Control: no-store",
        ]
    ));
}

#[test]
fn what_the_request_says() {
    let rows = [
        ("GET /", "200 | Cache-Control: max-age=60"),
        ("HEAD /", "200 | Cache-Control: max-age=60"),
        ("POST /", "200 | Cache-Control: max-age=60"),
        ("get /", "200 | Cache-Control: max-age=60"),
        ("GET / | range: bytes=0-1", "200 | Cache-Control: max-age=60"),
        ("GET / | cache-control: no-store", "200 | Cache-Control: max-age=60"),
        ("GET / | cache-control: no-cache", "200 | Cache-Control: max-age=60"),
        ("GET / | authorization: Bearer x", "200 | Cache-Control: max-age=60"),
        ("GET / | authorization: Bearer x", "200 | Cache-Control: max-age=60, public"),
        ("GET / | authorization: Bearer x", "200 | Cache-Control: max-age=60, must-revalidate"),
        ("GET / | authorization: Bearer x", "200 | Cache-Control: s-maxage=60"),
        ("GET / | cookie: session=1", "200 | Cache-Control: max-age=60"),
    ];
    let mut table = String::new();
    for (asked, answer) in rows {
        writeln!(table, "{asked} -> {answer}").unwrap();
        for name in PROFILES {
            let outcome = short(&stored(&profile(name), &request(asked), &response(answer)));
            writeln!(table, "    {name:28}{outcome}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_an_operator_can_set() {
    let rows = [
        ("cloudfront min-lifetime=60", "200 | Cache-Control: no-store", "60s"),
        ("cloudfront min-lifetime=60", "200 | Cache-Control: no-store, max-age=600", "60s"),
        ("cloudfront min-lifetime=60", "200 | Cache-Control: private", "60s"),
        ("cloudfront min-lifetime=60", "200 | Cache-Control: max-age=0", "60s"),
        ("cloudfront min-lifetime=60", "200 | Cache-Control: max-age=59", "60s"),
        ("cloudfront min-lifetime=60", "200 | Cache-Control: max-age=60", "60s"),
        ("cloudfront min-lifetime=60", "200 | Cache-Control: max-age=61", "61s"),
        ("cloudfront min-lifetime=60", "200", "86400s"),
        ("cloudfront min-lifetime=60", "200 | Vary: *", "86400s"),
        ("cloudfront min-lifetime=60", "401", "status"),
        ("cloudfront min-lifetime=60", "403", "silent"),
        ("cloudfront min-lifetime=60", "307 | Cache-Control: no-store", "60s"),
        ("amplify min-lifetime=2", "200", "2s"),
        ("amplify min-lifetime=2", "200 | Cache-Control: no-store", "2s"),
        ("amplify default-lifetime=24h", "200", "86400s"),
        ("amplify default-lifetime=24h", "307", "silent"),
        ("amplify redirect-lifetime=1m", "307", "60s"),
        ("cloudfront default-lifetime=0", "200", "silent"),
        ("cloudfront max-lifetime=10", "200", "10s"),
        ("cloudfront max-lifetime=10", "200 | Cache-Control: max-age=11", "10s"),
        ("cloudfront max-lifetime=10", "200 | Cache-Control: max-age=9", "9s"),
        ("cloudfront error-lifetime=0", "500", "silent"),
        ("cloudfront error-lifetime=0", "500 | Cache-Control: max-age=3", "3s"),
        ("cloudfront", "500 | Cache-Control: max-age=9", "10s"),
        ("cloudfront", "500 | Cache-Control: max-age=10", "10s"),
        ("cloudfront", "500 | Cache-Control: max-age=11", "11s"),
        ("cloudfront error-beats-directives=yes", "500 | Cache-Control: no-store", "10s"),
        ("cloudfront error-beats-directives=yes", "200 | Cache-Control: no-store", "no-store"),
        ("cloudfront set-cookie=not-stored", "200 | Set-Cookie: a=1", "set-cookie"),
        ("rfc9111 default-lifetime=60", "200", "60s"),
        ("rfc9111 heuristic-percent=50", "200 | Last-Modified: Sat, 21 Nov 2026 11:58:20 GMT", "50s"),
        ("rfc9111 heuristic-max=5", "200 | Last-Modified: Sat, 21 Nov 2026 11:50:00 GMT", "5s"),
        ("rfc9111 authorization=ignored", "200 | Cache-Control: max-age=5", "5s"),
    ];
    for (name, row, expected) in rows {
        assert_eq!(
            short(&stored(&profile_with(name), &request("GET /"), &response(row))),
            expected,
            "{name}: {row}"
        );
    }
}

#[test]
fn what_the_stored_copy_loses() {
    let date = "date: Sat, 21 Nov 2026 12:00:00 GMT";
    let rows = [
        ("cloudfront", format!("200 | set-cookie: a=1 | {date}"), true),
        ("cloudfront cookies-to-origin=none", format!("200 | set-cookie: a=1 | {date}"), false),
        ("cloudfront set-cookie=removed-from-stored", format!("200 | set-cookie: a=1 | {date}"), false),
        (
            "rfc9111",
            format!("200 | set-cookie: a=1 | cache-control: max-age=9, no-cache=\"set-cookie\" | {date}"),
            false,
        ),
        ("rfc9111", format!("200 | x-user: a | cache-control: max-age=9, private=\"x-user\" | {date}"), true),
        ("rfc9111", "200 | cache-control: max-age=9".to_owned(), true),
    ];
    let mut table = String::new();
    for (name, row, keeps_set_cookie) in rows {
        let profile = profile_with(name);
        let answer = response(&row);
        let plan = plan(&profile, &request("GET /"), &answer);
        assert_eq!(plan.keeps_set_cookie(), keeps_set_cookie, "{name}: {row}");
        writeln!(table, "{name}: {row}").unwrap();
        writeln!(
            table,
            "stored copy:\n{}visitor:\n{}",
            print_edits(plan.edits()),
            print_edits(plan.visitor_edits())
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_verdict_names_its_reason_and_its_rule() {
    let rows = [
        ("rfc9111", "GET /", "200 | cache-control: public, s-maxage=60"),
        ("rfc9111", "GET /", "200 | last-modified: Sat, 21 Nov 2026 10:00:00 GMT"),
        ("rfc9111", "GET /", "200"),
        ("rfc9111", "GET /", "307 | location: /x"),
        ("rfc9111", "GET /", "200 | cache-control: max-age=60 | age: 60"),
        ("rfc9111", "GET / | authorization: Basic x", "200 | cache-control: max-age=60"),
        ("rfc9111", "GET /", "200 | cache-control: max-age=60 | vary: *"),
        ("netlify", "GET /", "307 | location: /x"),
        ("netlify", "GET /", "307 | netlify-cdn-cache-control: no-store"),
        ("netlify/documented", "GET /", "200"),
        ("netlify", "POST /", "200"),
        ("cloudfront", "GET /", "307 | location: /x"),
        ("cloudfront", "GET /", "401"),
        ("cloudfront", "GET /", "404"),
        ("amplify", "GET /", "200 | cache-control: max-age=0"),
        ("amplify", "GET /", "200"),
    ];
    let mut table = String::new();
    for (name, asked, answer) in rows {
        let verdict = match stored(&profile(name), &request(asked), &response(answer)) {
            Storability::Store(plan) => plan.verdict,
            Storability::Refuse(verdict) => verdict,
        };
        assert!(verdict.rule().source.starts_with("https://"), "{verdict:?}");
        writeln!(
            table,
            "{name}: {asked} -> {answer}\n    {}: {verdict} [{}]",
            verdict.code(),
            verdict.rule()
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}
