//! The response side alone, rule by rule.

use std::fmt::Write as _;

use nostore_cache::FIELD_SET;
use nostore_message::{Fields, RequestHead, ResponseHead, Scheme, apply};
use nostore_web::{CookieProtection, Marks};

const CACHEABLE: (&str, &str) = ("cache-control", "s-maxage=60");
const UNCACHEABLE: (&str, &str) = ("cache-control", "private");
const SETS_ID: (&str, &str) = ("set-cookie", "id=secret-of-alice; Path=/");
const SETS_THEME: (&str, &str) = ("set-cookie", "theme=dark");

/// What became of a response: untouched, the whole field set, or something in between.
fn outcome(
    request: (&str, &str, &[(&str, &str)]),
    marks: Marks,
    response: (u16, &[(&'static str, &'static str)]),
) -> String {
    let (method, target, fields) = request;
    let head = RequestHead {
        method: method.into(),
        scheme: Scheme::Http,
        authority: "shop.example".into(),
        target: target.into(),
        fields: fields.iter().copied().collect(),
    };
    let protection = CookieProtection::cookies(["id", "__Host-id"]).public("/").public("/assets/*");
    let response = ResponseHead { status: response.0, fields: response.1.iter().copied().collect() };
    let edits = protection.finish(&protection.observe(&head), marks, &response);
    if edits.is_empty() {
        return "untouched".to_owned();
    }
    let mut found: Fields<'_> = response.fields.clone();
    apply(&edits, &mut found);
    let protected = FIELD_SET.iter().all(|(name, value)| found.all(name).collect::<Vec<_>>() == [*value]);
    let cookies: Vec<&str> = found.all("set-cookie").map(|line| line.split('=').next().unwrap()).collect();
    let level = if protected { "protected" } else { found.first("cache-control").unwrap_or("?") };
    // Once more changes nothing more.
    let again = ResponseHead { status: response.status, fields: found.clone() };
    let mut twice = found.clone();
    apply(&protection.finish(&protection.observe(&head), marks, &again), &mut twice);
    let sorted = |fields: &Fields<'_>| {
        let mut lines: Vec<_> = fields.iter().map(|line| format!("{line:?}")).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&twice), sorted(&found));
    format!("{level}, cookies: {cookies:?}")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, row by row")]
fn r3_4_rules_row_by_row() {
    let none = Marks::default();
    let public = Marks { public: true, ..none };
    let lowered = Marks { lowered: true, ..none };
    let raised = Marks { raised: true, ..none };
    let id: &[(&str, &str)] = &[("cookie", "theme=dark; id=x")];
    let host: &[(&str, &str)] = &[("cookie", "__Host-id=x")];
    let bearer: &[(&str, &str)] = &[("authorization", "Bearer x")];
    let fresh: &[(&str, &str)] = &[];
    type Row<'a> = (
        &'a str,
        (&'a str, &'a str, &'a [(&'a str, &'a str)]),
        Marks,
        (u16, &'a [(&'static str, &'static str)]),
    );
    let rows: &[Row<'_>] = &[
        ("no cookie", ("GET", "/orders", fresh), none, (200, &[CACHEABLE])),
        ("another cookie", ("GET", "/orders", &[("cookie", "ID=x; idx=y")]), none, (200, &[CACHEABLE])),
        ("carries it", ("GET", "/orders", id), none, (200, &[CACHEABLE])),
        ("carries the other name", ("GET", "/orders", host), none, (200, &[CACHEABLE])),
        ("carries a part of it", ("GET", "/orders", &[("cookie", "id.0=x")]), none, (200, &[CACHEABLE])),
        ("carries a part, Auth0's", ("GET", "/orders", &[("cookie", "id__1=x")]), none, (200, &[CACHEABLE])),
        ("carries no part", ("GET", "/orders", &[("cookie", "id__=x; id_0=x")]), none, (200, &[CACHEABLE])),
        ("sets a part of it", ("GET", "/", fresh), none, (200, &[CACHEABLE, ("set-cookie", "id__0=x")])),
        ("carries it, silent", ("GET", "/orders", id), none, (200, &[])),
        ("carries it, 404", ("GET", "/missing", id), none, (404, &[CACHEABLE])),
        ("carries it, 500", ("GET", "/broken", id), none, (500, &[])),
        ("carries it, 304", ("GET", "/orders", id), none, (304, &[CACHEABLE])),
        ("authorization", ("GET", "/api", bearer), none, (200, &[CACHEABLE])),
        ("sets it", ("GET", "/login", fresh), none, (200, &[CACHEABLE, SETS_ID])),
        ("sets it, silent", ("POST", "/login", fresh), none, (303, &[("location", "/"), SETS_ID])),
        ("sets it and another", ("GET", "/login", fresh), none, (200, &[SETS_THEME, SETS_ID])),
        ("deletes it", ("POST", "/logout", fresh), none, (200, &[("set-cookie", "id=; Max-Age=0")])),
        ("sets another, cacheable", ("GET", "/shop", fresh), none, (200, &[CACHEABLE, SETS_THEME])),
        ("sets another, silent", ("GET", "/shop", fresh), none, (200, &[SETS_THEME])),
        ("sets another, private", ("GET", "/shop", fresh), none, (200, &[UNCACHEABLE, SETS_THEME])),
        ("bounce to login", ("GET", "/orders", fresh), none, (307, &[CACHEABLE, ("location", "/login")])),
        ("bounce, silent", ("GET", "/orders", fresh), none, (302, &[("location", "/login")])),
        ("401", ("GET", "/api", fresh), none, (401, &[CACHEABLE])),
        ("403", ("GET", "/api", fresh), none, (403, &[])),
        ("public, carries it", ("GET", "/", id), none, (200, &[CACHEABLE])),
        ("public, carries it, silent", ("GET", "/", id), none, (200, &[])),
        ("public below", ("GET", "/assets/logo.svg", id), none, (200, &[CACHEABLE])),
        ("public, climbing out", ("GET", "/assets/../orders", id), none, (200, &[CACHEABLE])),
        ("public, hidden climb", ("GET", "/assets/..%2forders", id), none, (200, &[CACHEABLE])),
        ("public, closing slash", ("GET", "/assets/", id), none, (200, &[CACHEABLE])),
        ("public by mark", ("GET", "/about", id), public, (200, &[CACHEABLE])),
        ("public, other spelling", ("GET", "//", id), none, (200, &[CACHEABLE])),
        (
            "public redirect",
            ("GET", "/assets/old", fresh),
            none,
            (301, &[CACHEABLE, ("location", "/assets/new")]),
        ),
        ("public, sets it", ("GET", "/", id), none, (200, &[CACHEABLE, SETS_THEME, SETS_ID])),
        ("public, sets it alone", ("GET", "/", id), none, (200, &[CACHEABLE, SETS_ID])),
        ("public, sets it, silent", ("GET", "/", id), none, (200, &[SETS_ID])),
        ("public, sets it, private", ("GET", "/", id), none, (200, &[UNCACHEABLE, SETS_ID])),
        ("public, sets it, POST", ("POST", "/", fresh), none, (200, &[CACHEABLE, SETS_ID])),
        ("public, sets it, 401", ("GET", "/", fresh), none, (401, &[CACHEABLE, SETS_ID])),
        ("public, 403", ("GET", "/", fresh), none, (403, &[CACHEABLE])),
        (
            "public, says sensitive",
            ("GET", "/", fresh),
            none,
            (200, &[CACHEABLE, SETS_ID, ("auth-sensitive", "?1")]),
        ),
        ("protected by hand", ("GET", "/", fresh), raised, (200, &[CACHEABLE, SETS_ID])),
        ("danger, carries it", ("GET", "/orders", id), lowered, (200, &[CACHEABLE])),
        ("danger, sets it", ("GET", "/orders", id), lowered, (200, &[CACHEABLE, SETS_ID])),
        ("danger, 401", ("GET", "/orders", id), lowered, (401, &[CACHEABLE])),
    ];
    let mut table = String::new();
    for (name, request, marks, response) in rows {
        writeln!(table, "{name:28}{}", outcome(*request, *marks, *response)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn it_says_why_in_words() {
    let protection = CookieProtection::cookies(["id"]).dev(true);
    let head = |fields: &[(&'static str, &'static str)]| RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: "shop.example".into(),
        target: "/orders".into(),
        fields: fields.iter().copied().collect(),
    };
    let why = |request: &RequestHead<'_>, status, fields: &[(&'static str, &'static str)]| {
        let response = ResponseHead { status, fields: fields.iter().copied().collect() };
        let mut found = response.fields.clone();
        apply(&protection.finish(&protection.observe(request), Marks::default(), &response), &mut found);
        found.first("nostore-why").unwrap_or("-").to_owned()
    };
    let found = [
        why(&head(&[("cookie", "id=x")]), 200, &[CACHEABLE]),
        why(&head(&[("authorization", "x")]), 200, &[CACHEABLE]),
        why(&head(&[]), 302, &[("location", "/login")]),
        why(&head(&[]), 200, &[SETS_ID]),
        why(&head(&[]), 403, &[UNCACHEABLE]),
        why(&head(&[]), 200, &[CACHEABLE, ("set-cookie", "caf\u{e9}\n=x")]),
        why(&head(&[]), 200, &[CACHEABLE]),
    ];
    insta::assert_snapshot!(found.join("\n"));
}
