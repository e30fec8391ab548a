//! nginx: what `X-Accel-Expires` says, and what is left where the operator ignores every other field.
//!
//! The first table was compared with nginx 1.22.1 itself, but for the values that are empty or too large and two
//! lines without a 0; where the two differ a row says so.

use std::fmt::Write as _;

use nostore_cache::{FIELD_SET, hazards};

use crate::support::{NOW, plan, profile, profile_with, request, response, short, stored};

const NAMES: [&str; 3] = ["nginx", "nginx/ignore-headers", "nginx/ignore-headers accel-expires=ignored"];

#[test]
fn what_nginx_stores() {
    let (past, future) = (NOW.secs() - 1, NOW.secs() + 60);
    let (past, future) =
        (format!("200 | X-Accel-Expires: @{past}"), format!("200 | X-Accel-Expires: @{future}"));
    let rows = [
        "200",
        "301",
        "302",
        "307",
        "404",
        "200 | Cache-Control: public, s-maxage=60",
        "307 | Cache-Control: s-maxage=60",
        "404 | Cache-Control: s-maxage=60",
        "200 | Cache-Control: no-store",
        "200 | Cache-Control: private, max-age=60",
        "200 | Expires: 0",
        "200 | Set-Cookie: session=x",
        "200 | Cache-Control: s-maxage=60 | Set-Cookie: session=x",
        "200 | X-Accel-Expires: 0",
        "200 | X-Accel-Expires: 0 | Cache-Control: s-maxage=60",
        "200 | Cache-Control: s-maxage=60 | X-Accel-Expires: 0",
        "200 | X-Accel-Expires: 60 | Cache-Control: no-store",
        // nginx 1.22.1 does not store this one under `nginx`: the order of the lines counts there.
        "200 | Cache-Control: no-store | X-Accel-Expires: 60",
        "307 | X-Accel-Expires: 60",
        "404 | X-Accel-Expires: 60",
        "200 | X-Accel-Expires: off",
        "200 | X-Accel-Expires: ",
        "200 | X-Accel-Expires: -1",
        "200 | X-Accel-Expires: 99999999999999999999",
        "200 | X-Accel-Expires: @0",
        &past,
        &future,
        "200 | X-Accel-Expires: 0 | X-Accel-Expires: 60",
        "200 | X-Accel-Expires: 60 | X-Accel-Expires: 0",
        "200 | X-Accel-Expires: 60 | X-Accel-Expires: 30",
        "200 | X-Accel-Expires: 60 | Vary: *",
    ];
    let mut table = String::new();
    for row in rows {
        writeln!(table, "{row}").unwrap();
        for name in NAMES {
            let outcome = short(&stored(&profile_with(name), &request("GET /"), &response(row)));
            writeln!(table, "    {name:44}{outcome}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// Of the field set, that one field keeps a response out, and no other does.
#[test]
fn r1_6_without_one_field_of_the_set() {
    let mut table = String::new();
    for (removed, _) in FIELD_SET.iter().chain([&("(none)", "")]) {
        let kept = FIELD_SET.iter().filter(|(name, _)| name != removed);
        let set: String = kept.map(|(name, value)| format!(" | {name}: {value}")).collect();
        write!(table, "without {removed:32}").unwrap();
        for name in NAMES {
            let answer = format!("200{set} | Vary: Cookie | Set-Cookie: session=x");
            let outcome = short(&stored(&profile_with(name), &request("GET /"), &response(&answer)));
            write!(table, " {outcome:14}").unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    for status in [200, 302, 307, 401, 404, 500] {
        let answer = format!("{status} | X-Accel-Expires: 0 | Set-Cookie: session=x");
        let outcome = short(&stored(&profile("nginx/ignore-headers"), &request("GET /"), &response(&answer)));
        assert_eq!(outcome, "zero-lifetime", "{status}: alone it is enough");
    }
}

#[test]
fn what_an_operator_reads() {
    let rows = [
        ("nginx/ignore-headers", "200 | Cache-Control: private, no-store"),
        ("nginx/ignore-headers", "200 | Cache-Control: s-maxage=60 | Set-Cookie: session=hush"),
        ("nginx/ignore-headers", "302 | Location: /sign-in?next=hush | Cache-Control: no-store"),
        ("nginx/ignore-headers accel-expires=ignored", "200 | X-Accel-Expires: 0 | Cache-Control: no-store"),
    ];
    let mut table = String::new();
    for (name, answer) in rows {
        let (profile, asked, answered) =
            (profile_with(name), request("GET /account | cookie: session=hush"), response(answer));
        let plan = plan(&profile, &asked, &answered);
        writeln!(table, "{name}: {answer}\n{}", plan.verdict).unwrap();
        for hazard in hazards(&profile, &asked, &answered, &plan) {
            writeln!(
                table,
                "  {}\n    {}\n    {}\n    {}",
                hazard.code, hazard.what, hazard.why, hazard.mend
            )
            .unwrap();
        }
    }
    assert!(!table.replace("=hush", "").contains("hush"));
    insta::assert_snapshot!(table);
}

#[test]
fn what_the_operator_overrides_is_named_whether_or_not_a_response_suffers() {
    let others = [
        "cloudfront",
        "cloudfront min-lifetime=60",
        "cloudfront error-beats-directives=yes",
        "netlify",
        "cloudflare",
        "cloudflare/cache-everything",
        "cloudflare/cache-everything min-lifetime=0",
        "varnish min-lifetime=120",
    ];
    let mut table = String::new();
    for name in NAMES.iter().chain(&others) {
        match profile_with(name).operator_override() {
            None => writeln!(table, "{name}: nothing").unwrap(),
            Some(found) => {
                let whom = if found.is_total { "every field" } else { "most fields" };
                writeln!(table, "{name}: beats {whom}\n  {}\n  {}", found.what, found.mend).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}
