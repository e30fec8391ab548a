//! `Netlify-Vary` and `Vary`: grammar, and what they keep apart.

use std::fmt::Write as _;

use nostore_cache::{Lookup, NetlifyVary, Profile, Repeats, Selection, Variants, Vary, lookup};

use crate::support::{NOW, plan, profile, profile_with, request, response};

#[test]
fn r0_8_netlify_vary_parses_and_prints_one_instruction() {
    let rows: [&[&str]; 16] = [
        &[""],
        &["cookie=a|b"],
        &["cookie=b|a|b"],
        &["cookie=a, cookie=b"],
        &["cookie=a,cookie=b"],
        &["cookie=a", "cookie=b"],
        &["cookie=A|a"],
        &["cookie= a | b "],
        &["cookie=__prerender_bypass:presence|a"],
        &["cookie"],
        &["query"],
        &["query=b|a, query=c"],
        &["query, query=a"],
        &["header=X-Beta|Cookie|If-Match|Accept-Language"],
        &["language=en|pt+es,country=us|pt+es"],
        &["junk, =x, cookie=, \u{1f980}=a|b, header=x-a"],
    ];
    let mut table = String::new();
    for lines in rows {
        let union = NetlifyVary::parse(lines.iter().copied());
        let last = NetlifyVary::parse_with(lines.iter().copied(), Repeats::LastWins);
        writeln!(table, "{:50} {union} / last wins: {last}", lines.join(" \u{b6} ")).unwrap();
        let printed = union.to_string();
        assert_eq!(NetlifyVary::parse([printed.as_str()]), union, "{lines:?}");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_2_both_spellings_are_the_same_set() {
    let piped = NetlifyVary::parse(["cookie=__client|__session"]);
    assert_eq!(piped, NetlifyVary::parse(["cookie=__client, cookie=__session"]));
    assert_eq!(piped, NetlifyVary::cookies(["__session", "__client", "__session"]));
    assert_eq!(piped.to_string(), "cookie=__client|__session");
    assert_eq!(
        NetlifyVary::cookies(["a|b", "c,d", "e=f", "g h", "", "i:presence", "ok"]).to_string(),
        "cookie=ok"
    );
    assert!(NetlifyVary::cookies([""; 0]).is_empty());
}

#[test]
fn vary_row_by_row() {
    let rows: [(&[&str], &str); 6] = [
        (&[], ""),
        (&["Accept-Encoding, COOKIE"], "accept-encoding cookie"),
        (&["a", "b, a"], "a b"),
        (&[", ,"], ""),
        (&["*"], "any"),
        (&["a, *"], "any a"),
    ];
    for (lines, expected) in rows {
        let vary = Vary::parse(lines.iter().copied());
        let any = vary.is_any().then_some("any");
        let read: Vec<&str> = any.into_iter().chain(vary.names()).collect();
        assert_eq!(read.join(" "), expected, "{lines:?}");
    }
}

/// Stores what each request got, then tells which of them another request is answered with.
fn answered(profile: &Profile, stored: &[(&str, &str)], asked: &str) -> String {
    let mut variants = Variants::new();
    for (asking, answer) in stored {
        let asking = request(asking);
        let plan = plan(profile, &asking, &response(answer));
        variants.insert(profile, &asking, &plan, *answer, NOW);
    }
    match variants.select(profile, &request(asked), NOW) {
        Selection::Fresh { payload, .. } => {
            stored.iter().position(|row| row.1 == *payload).unwrap().to_string()
        }
        Selection::Stale { verdict, .. } | Selection::None { verdict, .. } => verdict.code().to_owned(),
    }
}

const CACHED: &str = "200 | Netlify-CDN-Cache-Control: s-maxage=60 | Netlify-Vary: ";

#[test]
fn one_entry_per_combination_of_the_instructed_values() {
    let netlify = profile("netlify");
    // the instruction; what the stored request looked like; what is asked; whether it is a hit
    let rows = [
        ("cookie=a|b", "GET / | cookie: a=1; b=2", "GET / | cookie: b=2; a=1", true),
        ("cookie=a|b", "GET / | cookie: a=1; b=2", "GET / | cookie: a=1; b=3", false),
        ("cookie=a|b", "GET / | cookie: a=1; b=2", "GET / | cookie: a=1", false),
        ("cookie=a|b", "GET /", "GET / | cookie: c=9", true),
        ("cookie=a|b", "GET / | cookie: a=", "GET /", false),
        ("cookie=a", "GET / | cookie: A=1", "GET /", true),
        ("cookie=a:presence", "GET / | cookie: a=1", "GET / | cookie: a=2", true),
        ("cookie=a:presence", "GET / | cookie: a=1", "GET /", false),
        ("cookie=a", "GET /?x=1", "GET /?x=2", false),
        ("cookie=a", "GET /?x=1", "GET /?x=1", true),
        ("query", "GET /?x=1&y=2", "GET /?y=2&x=1", true),
        ("query", "GET /?x=1", "GET /?X=1", false),
        ("query=x", "GET /?x=1&utm=a", "GET /?utm=b&x=1", true),
        ("query=x", "GET /?x=1", "GET /?x=2", false),
        ("query=x", "GET /", "GET /?utm=b", true),
        ("header=X-Beta", "GET / | x-beta: 1", "GET / | x-beta: 1", true),
        ("header=X-Beta", "GET / | x-beta: 1", "GET /", false),
        ("header=User-Agent", "GET / | user-agent: a", "GET / | user-agent: b", true),
        ("language=en|de", "GET / | accept-language: de-AT, en;q=0.5", "GET / | accept-language: de", true),
        (
            "language=en|de",
            "GET / | accept-language: de",
            "GET / | accept-language: de;q=0.2, en;q=0.7",
            false,
        ),
        ("language=en|es+pt", "GET / | accept-language: es", "GET / | accept-language: pt-BR", true),
        ("language=en", "GET / | accept-language: fr", "GET /", true),
        ("country=us", "GET /", "GET /", true),
    ];
    for (instruction, asking, asked, hit) in rows {
        let answer = format!("{CACHED}{instruction}");
        let outcome = answered(&netlify, &[(asking, &answer)], asked);
        assert_eq!(outcome == "0", hit, "{instruction}: {asking} then {asked}: {outcome}");
    }
}

#[test]
fn the_first_stored_instruction_wins_until_nothing_fresh_is_left() {
    let netlify = profile("netlify");
    let plain = "200 | CDN-Cache-Control: max-age=60";
    let varied = format!("{CACHED}cookie=a");
    // Stored without an instruction first: the later one is ignored, and everyone shares.
    let stored = [("GET / | cookie: a=1", plain), ("GET / | cookie: a=2", varied.as_str())];
    assert_eq!(answered(&netlify, &stored, "GET / | cookie: a=1"), "1");
    // The other way round it keeps counting.
    let stored = [("GET / | cookie: a=1", varied.as_str()), ("GET / | cookie: a=2", plain)];
    assert_eq!(answered(&netlify, &stored, "GET / | cookie: a=1"), "0");
    assert_eq!(answered(&netlify, &stored, "GET / | cookie: a=2"), "1");
    assert_eq!(answered(&netlify, &stored, "GET /"), "vary-miss");

    let asking = request("GET / | cookie: a=1");
    let mut variants = Variants::new();
    variants.insert(&netlify, &asking, &plan(&netlify, &asking, &response(plain)), 0, NOW);
    let later = NOW.plus_secs(60);
    let mut replaced = plan(&netlify, &asking, &response(&varied));
    replaced.response_time = later;
    variants.insert(&netlify, &asking, &replaced, 1, later);
    let other = variants.select(&netlify, &request("GET / | cookie: a=2"), later);
    assert!(matches!(other, Selection::None { .. }), "{other:?}");
    assert_eq!(variants.len(), 1);
}

#[test]
fn vary_and_netlify_vary_both_apply_and_rfc_variants_live_together() {
    let both = "200 | CDN-Cache-Control: max-age=60 | Vary: Cookie | Netlify-Vary: header=x-beta";
    let stored = [("GET / | cookie: a=1 | x-beta: 1", both)];
    let netlify = profile("netlify");
    assert_eq!(answered(&netlify, &stored, "GET / | cookie: a=1 | x-beta: 1"), "0");
    assert_eq!(answered(&netlify, &stored, "GET / | cookie: a=2 | x-beta: 1"), "vary-miss");
    assert_eq!(answered(&netlify, &stored, "GET / | cookie: a=1"), "vary-miss");

    let rfc = profile("rfc9111");
    let english = "200 | Cache-Control: max-age=60 | Vary: Accept-Language | x: en";
    let german = "200 | Cache-Control: max-age=60 | Vary: Accept-Language | x: de";
    let plain = "200 | Cache-Control: max-age=60";
    let two = [("GET / | accept-language: en", english), ("GET / | accept-language: de", german)];
    assert_eq!(answered(&rfc, &two, "GET / | accept-language: en"), "0");
    assert_eq!(answered(&rfc, &two, "GET / | Accept-Language: de"), "1");
    assert_eq!(answered(&rfc, &two, "GET / | accept-language: EN"), "vary-miss");
    assert_eq!(answered(&rfc, &two, "GET /"), "vary-miss");
    // Of several that match, the last to come answers.
    let three = [two[0], two[1], ("GET /", plain)];
    assert_eq!(answered(&rfc, &three, "GET / | accept-language: en"), "2");
    assert_eq!(answered(&rfc, &[], "GET /"), "uri-miss");

    let cloudfront = profile("cloudfront");
    assert_eq!(answered(&cloudfront, &two, "GET / | accept-language: fr"), "1");
    let ignored = profile_with("rfc9111 vary=ignored");
    assert_eq!(answered(&ignored, &two, "GET /"), "1");
}

#[test]
fn the_oldest_of_too_many_goes() {
    let rfc = profile("rfc9111");
    let answer = response("200 | Cache-Control: max-age=60 | Vary: x");
    let mut variants = Variants::new();
    for number in 0..=256 {
        let text = format!("GET / | x: {number}");
        let asking = request(&text);
        variants.insert(&rfc, &asking, &plan(&rfc, &asking, &answer), number, NOW);
    }
    assert_eq!((variants.len(), variants.values().next()), (256, Some(&1)));
    variants.retain_fresh(NOW.plus_secs(59));
    assert_eq!(variants.len(), 256);
    variants.retain_fresh(NOW.plus_secs(60));
    assert!(variants.is_empty());
}

#[test]
fn last_wins_is_a_switch() {
    let last = profile_with("netlify netlify-vary=last-wins");
    let answer = format!("{CACHED}cookie=a,cookie=b");
    let stored = [("GET / | cookie: a=1; b=1", answer.as_str())];
    assert_eq!(answered(&last, &stored, "GET / | cookie: a=2; b=1"), "0");
    assert_eq!(answered(&profile("netlify"), &stored, "GET / | cookie: a=2; b=1"), "vary-miss");
    assert!(matches!(lookup(&last, &request("GET /")), Lookup::Key(_)));
}
