//! What Cloudflare, Vercel and Varnish store: by extension, by the fields of a request, by `Surrogate-Control`.

use std::fmt::Write as _;

use nostore_cache::{FIELD_SET, Lookup, hazards, lookup};

use crate::support::{plan, print_edits, profile, profile_with, request, response, short, stored};

#[test]
fn which_requests_go_past_the_cache() {
    let rows = [
        ("cloudflare", "GET /"),
        ("cloudflare", "GET /index.html"),
        ("cloudflare", "GET /app.js"),
        ("cloudflare", "GET /app.JS?v=1"),
        ("cloudflare", "GET /app.js/"),
        ("cloudflare", "GET /.js"),
        ("cloudflare", "GET /js"),
        ("cloudflare", "GET /account/x.css | cookie: session=alice"),
        ("cloudflare", "GET /robots.txt"),
        ("cloudflare", "GET /other.txt"),
        ("cloudflare extensions-only=no", "GET /"),
        ("cloudflare/cache-everything", "GET /"),
        ("cloudflare/cache-everything extensions-only=yes", "GET /"),
        ("cloudflare/cache-everything passed-with=cookie", "GET / | cookie: session=alice"),
        ("vercel", "GET / | cookie: session=alice"),
        ("varnish", "GET /"),
        ("varnish", "GET / | cookie: theme=dark"),
        ("varnish", "GET / | authorization: Basic x"),
        ("varnish passed-with=authorization", "GET / | cookie: theme=dark"),
    ];
    let mut table = String::new();
    for (name, asked) in rows {
        let (profile, asked_head) = (profile_with(name), request(asked));
        let page = response("200 | cache-control: public, s-maxage=60");
        let outcome = match lookup(&profile, &asked_head) {
            Lookup::Key(key) => format!("{key}: {}", short(&stored(&profile, &asked_head, &page))),
            Lookup::Bypass(bypass) => {
                assert_eq!(
                    short(&stored(&profile, &asked_head, &page)),
                    bypass.verdict.code(),
                    "{name}: {asked}"
                );
                format!("past the cache: {} [{}]", bypass.verdict, bypass.verdict.rule())
            }
        };
        writeln!(table, "{name}: {asked}\n    {outcome}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_their_fields_say() {
    let answers = [
        "200 | Cache-Control: s-maxage=60",
        "200 | Cache-Control: s-maxage=60 | Set-Cookie: session=x",
        "200 | Cache-Control: s-maxage=60 | Vary: Cookie",
        "200 | Cache-Control: s-maxage=60 | Vary: Accept",
        "200 | Cache-Control: s-maxage=60 | Vary: *",
        "200 | Cache-Control: no-store | CDN-Cache-Control: max-age=60",
        "200 | Cache-Control: max-age=60 | CDN-Cache-Control: no-store",
        "200 | CDN-Cache-Control: no-store | Cloudflare-CDN-Cache-Control: max-age=60",
        "200 | CDN-Cache-Control: no-store | Vercel-CDN-Cache-Control: s-maxage=60",
        "200 | Cache-Control: no-store | Surrogate-Control: ",
        "200 | Cache-Control: private, max-age=60 | Surrogate-Control: content=\"ESI/1.0\"",
        "200 | Cache-Control: private, max-age=0 | Surrogate-Control: content=\"ESI/1.0\"",
        "200 | Cache-Control: max-age=60 | Surrogate-Control: no-store",
        "200 | Cache-Control: max-age=60 | Surrogate-Control: max-age=5",
        "302 | Location: /sign-in",
        "302 | Location: /sign-in | Cache-Control: max-age=60",
        "303 | Location: /sign-in | Cache-Control: max-age=60",
        "307 | Location: /sign-in | Cache-Control: max-age=60",
        "308 | Location: /sign-in | Cache-Control: max-age=60",
        "404",
        "500 | Cache-Control: max-age=60",
    ];
    let mut table = String::new();
    for answer in answers {
        writeln!(table, "{answer}").unwrap();
        for name in ["cloudflare", "cloudflare/cache-everything", "vercel", "varnish"] {
            let outcome = short(&stored(&profile(name), &request("GET /app.js"), &response(answer)));
            writeln!(table, "    {name:30}{outcome}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// Under a fixed Edge TTL the first visitor loses the cookie as well; what is not stored keeps it.
#[test]
fn a_fixed_edge_ttl_swallows_cookies_and_keeps_bodies() {
    let profile = profile("cloudflare/cache-everything");
    let set = FIELD_SET.map(|(name, value)| format!(" | {name}: {value}")).concat();
    let answer = format!("200{set} | Date: Sat, 21 Nov 2026 12:00:00 GMT | Set-Cookie: session=hush");
    let (asked, answered) = (request("GET /account | cookie: session=hush"), response(&answer));
    let found = plan(&profile, &asked, &answered);
    assert_eq!((found.lifetime_secs, found.keeps_set_cookie()), (7_200, false));
    assert_eq!(print_edits(found.visitor_edits()), "- Cloudflare-CDN-Cache-Control\n- Set-Cookie\n");
    let posted = nostore_cache::delivered(&profile, &answered);
    assert_eq!(
        print_edits(&posted),
        "- Cloudflare-CDN-Cache-Control\n",
        "a sign-in by POST keeps its cookie"
    );
    let mut text = format!("{}\n", found.verdict);
    for hazard in hazards(&profile, &asked, &answered, &found) {
        writeln!(text, "{}\n  {}\n  {}\n  {}", hazard.code, hazard.what, hazard.why, hazard.mend).unwrap();
    }
    insta::assert_snapshot!(text);
}
