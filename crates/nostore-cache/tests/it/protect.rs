//! The field set, byte for byte.

use std::fmt::Write as _;

use nostore_cache::{FIELD_SET, NetlifyVary, Protection, protect};
use nostore_message::Sensitivity;

use crate::support::{edited, obedient, print, print_edits, profile, request, response, short, stored};

const SENSITIVE: Protection<'_> =
    Protection { sensitivity: Sensitivity::Personalized, netlify_vary: None, credentials: true };

fn protected(protection: &Protection<'_>, row: &str) -> String {
    let answer = response(row);
    let edits = protect(protection, &answer);
    print(&edited(answer.clone(), &edits))
}

#[test]
fn r3_4_the_field_set_byte_for_byte() {
    let expected = "= Cache-Control: no-store, no-cache, must-revalidate, max-age=0, private
= Pragma: no-cache
= Expires: 0
= CDN-Cache-Control: no-store
= Netlify-CDN-Cache-Control: no-store
= Vercel-CDN-Cache-Control: no-store
= Cloudflare-CDN-Cache-Control: no-store
= Surrogate-Control: no-store
= X-Accel-Expires: 0
= Vary: Cookie
";
    for status in [200, 301, 302, 303, 307, 308, 401, 403, 404, 500, 503] {
        for sensitivity in [Sensitivity::Personalized, Sensitivity::AuthFlow] {
            let text = status.to_string();
            let protection = Protection { sensitivity, ..SENSITIVE };
            assert_eq!(print_edits(&protect(&protection, &response(&text))), expected, "{status}");
        }
    }
    assert_eq!(FIELD_SET.len(), 9);
}

#[test]
fn r1_6_what_an_app_had_set_is_replaced() {
    let netlify_vary = NetlifyVary::cookies(["__session", "__client"]);
    let on_netlify = Protection { netlify_vary: Some(&netlify_vary), ..SENSITIVE };
    let rows = [
        "200 | Cache-Control: public, s-maxage=31536000",
        "200 | cache-control: max-age=1 | Cache-Control: s-maxage=2 | ETag: \"x\" | Last-Modified: x",
        "200 | Netlify-CDN-Cache-Control: s-maxage=60, durable | netlify-cdn-cache-control: public",
        "200 | CDN-Cache-Control: s-maxage=60 | Surrogate-Control: max-age=60 | X-Accel-Expires: @1795262400",
        "200 | Edge-Control: !no-store, max-age=1d | X-LiteSpeed-Cache-Control: public, max-age=60",
        "200 | Vary: Accept-Encoding",
        "200 | Vary: Accept | Vary: Accept-Language,",
        "200 | Vary: accept, COOKIE",
        "200 | Vary: *",
        "200 | Vary: ",
        "200 | Netlify-Vary: query | Netlify-Vary: cookie=theme",
        "307 | Location: /sign-in | Set-Cookie: a=1 | Set-Cookie: b=2",
    ];
    let mut table = String::new();
    for row in rows {
        writeln!(table, "{row}").unwrap();
        for (place, protection) in [("elsewhere", &SENSITIVE), ("on Netlify", &on_netlify)] {
            let answer = protected(protection, row);
            let rest: Vec<&str> = answer
                .split(" | ")
                .filter(|field| !FIELD_SET.iter().any(|(n, v)| *field == format!("{n}: {v}")))
                .collect();
            let whole = FIELD_SET.iter().all(|(name, value)| {
                answer.split(" | ").filter(|field| *field == format!("{name}: {value}")).count() == 1
            });
            assert!(whole, "{answer}");
            writeln!(table, "    {place:10} {}", rest.join(" | ")).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_11_protection_is_idempotent() {
    let netlify_vary = NetlifyVary::cookies(["a"]);
    for netlify_vary in [None, Some(&netlify_vary)] {
        let protection = Protection { netlify_vary, ..SENSITIVE };
        for row in
            ["200", "200 | vary: a | vary: b", "200 | netlify-vary: x", "307 | edge-control: max-age=1"]
        {
            let once = protected(&protection, row);
            assert_eq!(protected(&protection, &once), once, "{row}");
        }
    }
}

#[test]
fn r0_4_a_public_response_is_left_alone_and_silence_is_not_consent() {
    let netlify_vary = NetlifyVary::cookies(["a"]);
    // what the app said; what it becomes for a request with credentials
    let rows = [
        ("200", "200 | Cache-Control: private, no-cache"),
        ("200 | Cache-Control: must-revalidate", "200 | Cache-Control: private, no-cache"),
        ("200 | Cache-Control: public, s-maxage=60", "200 | Cache-Control: public, s-maxage=60"),
        ("200 | CDN-Cache-Control: max-age=60", "200 | CDN-Cache-Control: max-age=60"),
        ("200 | Cache-Control: no-store", "200 | Cache-Control: no-store"),
        ("200 | Expires: 0", "200 | Expires: 0"),
    ];
    for (row, expected) in rows {
        let with = Protection {
            sensitivity: Sensitivity::Public,
            netlify_vary: Some(&netlify_vary),
            credentials: true,
        };
        assert_eq!(protected(&with, row), expected);
        assert_eq!(protected(&with, expected), expected, "idempotent");
        let without = Protection { credentials: false, ..with };
        assert_eq!(protected(&without, row), row);
    }
}

#[test]
fn no_profile_stores_a_protected_response() {
    let rows = [
        "200",
        "200 | cache-control: public, s-maxage=60 | set-cookie: session=x",
        "307 | location: https://accounts.example/v1/client/handshake",
        "307 | location: /",
        "200 | netlify-cdn-cache-control: s-maxage=60",
        "200 | cdn-cache-control: s-maxage=60 | cache-control: max-age=60",
        "401",
        "404",
        "500",
        "503 | retry-after: 5",
    ];
    for name in obedient() {
        let profile = profile(name);
        for row in rows {
            let answer = response(&protected(&SENSITIVE, row)).fields.into_owned();
            let mut safe = response(row);
            safe.fields = answer;
            let outcome = short(&stored(&profile, &request("GET / | cookie: session=x"), &safe));
            assert!(!outcome.ends_with('s') || outcome == "status", "{name} stores {row}: {outcome}");
        }
    }
}
