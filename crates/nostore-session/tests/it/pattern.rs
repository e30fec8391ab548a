//! Path patterns and what a URL wants to be active (4.8).

use std::fmt::Write as _;

use nostore_session::{OrganizationSync, PathPattern, PatternError, SyncTarget};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::object;

/// Pattern, path, and what the reference implementation says: `no`, `yes`, or the parameters.
const ROWS: &[(&str, &str, &str)] = &[
    ("/orgs/:slug", "/orgs/acme", "slug=acme"),
    ("/orgs/:slug", "/ORGS/Acme", "slug=Acme"),
    ("/orgs/:slug", "/orgs/acme/", "slug=acme"),
    ("/orgs/:slug", "/orgs/acme//", "no"),
    ("/orgs/:slug", "/orgs/", "no"),
    ("/orgs/:slug", "/orgs/a/b", "no"),
    ("/orgs/:slug", "orgs/acme", "no"),
    ("/orgs/:slug", "/orgs/b%20x", "slug=b%20x"),
    ("/orgs/:slug", "/x/orgs/acme", "no"),
    ("/orgs/:slug", "/orgs/acme?", "slug=acme"),
    ("/orgs/:slug", "/orgs/acme#", "slug=acme"),
    ("/orgs/:id/(.*)", "/orgs/o1/", "0= id=o1"),
    ("/orgs/:id/(.*)", "/orgs/o1/a/b", "0=a/b id=o1"),
    ("/orgs/:id/(.*)", "/orgs/o1", "no"),
    ("/orgs/:slug/:page?", "/orgs/acme", "slug=acme"),
    ("/orgs/:slug/:page?", "/orgs/acme/x", "slug=acme page=x"),
    ("/orgs/:slug/:page?", "/orgs/acme/x/y", "no"),
    ("/files/:path*", "/files", "yes"),
    ("/files/:path*", "/files/a", "path=a"),
    ("/files/:path*", "/files/a/b/", "path=a|b"),
    ("/files/:path*", "/filesa", "no"),
    ("/files/:path+", "/files", "no"),
    ("/files/:path+", "/files/a/b", "path=a|b"),
    (r"/orgs/:id(org_\w+)", "/orgs/org_1", "id=org_1"),
    (r"/orgs/:id(org_\w+)", "/orgs/acme", "no"),
    (r"/orgs/:id(org_\w+)", "/orgs/ORG_x", "id=ORG_x"),
    (r"/orgs/:id(org_\w+)", "/orgs/org_", "no"),
    (r"/:a(x|y)/:id(\d{2,3})", "/x/12", "a=x id=12"),
    (r"/:a(x|y)/:id(\d{2,3})", "/y/1234", "no"),
    (r"/:a(x|y)/:id(\d{2,3})", "/z/12", "no"),
    (r"/:a(x|y)/:id(\d{2,3})", "/y/123", "a=y id=123"),
    ("/:id([^/]+?)-:slug", "/a-b-c", "id=a-b slug=c"),
    ("/:id([^/]+?)-:slug", "/-b", "no"),
    ("/:id([^/]+?)-:slug", "/a-", "no"),
    ("/:a-:b", "/a-b", "a=a b=b"),
    ("/:a-:b", "/a-b-c", "a=a-b b=c"),
    ("/:a-:b", "/-a-b", "a=-a b=b"),
    ("/:a-:b", "/a--b", "a=a- b=b"),
    ("/:a-foo-:b", "/x-foo-y", "a=x b=y"),
    ("/:a-foo-:b", "/x-foo-foo-y", "a=x b=foo-y"),
    ("/:a-foo-:b", "/x-foo--foo-y", "a=x-foo- b=y"),
    ("/:a-foo-:b", "/x-FOO-y", "a=x b=y"),
    ("/:file.:ext", "/a.js", "file=a ext=js"),
    ("/:file.:ext", "/a.b.js", "file=a.b ext=js"),
    ("/:file.:ext", "/a.", "no"),
    ("/{-:id}?", "/", "yes"),
    ("/{-:id}?", "/-a", "id=a"),
    ("/{-:id}?", "/a", "no"),
    ("/a{-b}*c", "/ac", "yes"),
    ("/a{-b}*c", "/a-bc", "yes"),
    ("/a{-b}*c", "/a-b-bc", "yes"),
    ("/a{-b}*c", "/a-b-c", "no"),
    ("/a{-b}+", "/a", "no"),
    ("/a{-b}+", "/a-b", "yes"),
    ("/o{/:slug-x}*", "/o", "yes"),
    ("/o{/:slug-x}*", "/o/a-x", "slug=a"),
    ("/o{/:slug-x}*", "/o/a-x/b-x", "slug=a-x/b"),
    ("/o{/:slug-x}*", "/o/a", "no"),
    ("(.*)", "", "0="),
    ("(.*)", "/", "0=/"),
    ("(.*)", "/a/b", "0=/a/b"),
    ("(.*)", "x", "0=x"),
    (r"/(\d+)?", "/", "yes"),
    (r"/(\d+)?", "/1", "0=1"),
    (r"/(\d+)?", "/a", "no"),
    (r"/a\:b", "/a:b", "yes"),
    (r"/a\:b", r"/a\:b", "no"),
    (r"/\(:id\)", "/(x)", "id=x"),
    (r"/\(:id\)", "/x", "no"),
    ("", "", "yes"),
    ("", "/", "yes"),
    ("", "//", "no"),
    ("", "a", "no"),
    ("/me", "/me", "yes"),
    ("/me", "/me/", "yes"),
    ("/me", "/ME", "yes"),
    ("/me", "/mee", "no"),
    ("/me", "/me//", "no"),
    ("/:id/:id", "/a/b", "id=b"),
    ("/:slug/x(.*)?", "/a/x", "slug=a"),
    ("/:slug/x(.*)?", "/a/xyz", "0=yz slug=a"),
    (r"/([a-c\d-]+)", "/ab-1", "0=ab-1"),
    (r"/([a-c\d-]+)", "/abd", "no"),
    (r"/([a-c\d-]+)", "/AB", "0=AB"),
    (r"/([^\W_]+)", "/a1", "0=a1"),
    (r"/([^\W_]+)", "/a_", "no"),
    ("/(a{2})", "/aa", "0=aa"),
    ("/(a{2})", "/a", "no"),
    ("/(a{x)", "/a{x", "0=a{x"),
    ("/(a{1,2}?)(.*)", "/aaa", "0=a 1=aa"),
    ("/(^a|b$)", "/a", "no"),
    ("/(^a|b$)", "/b", "0=b"),
    (r"/(\bfoo\b)(.*)", "/foo-x", "0=foo 1=-x"),
    (r"/(\bfoo\b)(.*)", "/foox", "no"),
    (r"/(\x41\u0062)", "/ab", "0=ab"),
    (r"/(\x41\u0062)", "/aB", "0=aB"),
    ("/([^])", "//", "0=/"),
    ("/([^])", "/a", "0=a"),
    ("/([^])", "/", "no"),
    ("/([])", "/a", "no"),
    ("/orgs/:slug((?!new)[^/]+)", "/orgs/acme", "slug=acme"),
    ("/orgs/:slug((?!new)[^/]+)", "/orgs/new", "no"),
    ("/orgs/:slug((?!new)[^/]+)", "/orgs/newer", "no"),
    ("/orgs/:slug((?!new)[^/]+)", "/orgs/a-new", "slug=a-new"),
    ("/orgs/:slug((?!new)[^/]+)", "/orgs/NEW", "no"),
    ("/((?!api|_next).*)", "/", "0="),
    ("/((?!api|_next).*)", "/x/api", "0=x/api"),
    ("/((?!api|_next).*)", "/api/x", "no"),
    ("/((?!api|_next).*)", "/_next", "no"),
    (r"/:slug((?=.*-)\w(?:(?!--).)*)", "/a-b", "slug=a-b"),
    (r"/:slug((?=.*-)\w(?:(?!--).)*)", "/ab", "no"),
    (r"/:slug((?=.*-)\w(?:(?!--).)*)", "/a--b", "no"),
    (r"/:slug((?=.*-)\w(?:(?!--).)*)", "/-a", "no"),
    ("/((?=(?!ab)a)..)", "/ac", "0=ac"),
    ("/((?=(?!ab)a)..)", "/ab", "no"),
    ("/((?=(?!ab)a)..)", "/bc", "no"),
    ("/.:id", "/.x", "id=x"),
    ("/.:id", "/x", "no"),
    ("/:slug.", "/a.", "slug=a"),
    ("/:slug.", "/a", "no"),
    ("/é/:id", "/é/x", "id=x"),
    ("/é/:id", "/%C3%A9/x", "no"),
];

/// The parameters that took part, in the order of the rows above: numbers first.
fn said(pattern: &str, path: &str) -> String {
    let pattern = PathPattern::parse(pattern).unwrap();
    let Some(found) = pattern.find(path) else { return "no".to_owned() };
    let repeated = ["path"];
    let mut all = Vec::new();
    for name in ["0", "1", "id", "slug", "page", "path", "a", "b", "file", "ext"] {
        if let Some(text) = found.parameter(name) {
            let text = if repeated.contains(&name) { text.replace('/', "|") } else { text.to_owned() };
            all.push(format!("{name}={text}"));
        }
    }
    if all.is_empty() { "yes".to_owned() } else { all.join(" ") }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split(' ').collect();
    words.sort_unstable();
    words
}

#[test]
fn p4_8_patterns_match_as_the_reference_does() {
    for (pattern, path, expected) in ROWS {
        assert_eq!(sorted(&said(pattern, path)), sorted(expected), "{pattern} on {path:?}");
    }
}

#[test]
fn p4_8_invalid_pattern_texts_are_named() {
    let texts = [
        "/:",
        "/:a:b",
        "/(a",
        "/()",
        "/(?a)",
        "/(a(b))",
        "/(a(",
        "/{a",
        "/a}",
        "/*",
        ":a*",
        "/{:a",
        r"/a\",
        r"/(\",
        "/a?",
        "/(a**)",
        "/(+)",
        "/(^*)",
        "/({2})",
        "/([z-a])",
        "/([a)",
        "/(a{2,1})",
        r"/(\x4)",
        r"/(\u12)",
        "/:é",
        "/(?:a)",
        "/((?<=a)b)",
        "/((?=a)*b)",
        "/((?!a)",
        "/((?<n>a))",
        r"/(a\1)",
        r"/(\k)",
        r"/(\p)",
        "/(a{1001})",
        "/((?:(?:a{1000}){1000}){1000})",
        "/((?:(?:){1000}){1000})",
    ];
    let mut table = String::new();
    for text in texts {
        let error = PathPattern::parse(text).unwrap_err();
        writeln!(table, "{text:32} {:20} {error}", error.code()).unwrap();
    }
    let deep = format!("/({}a{})", "(?:".repeat(40), ")".repeat(40));
    assert!(matches!(PathPattern::parse(&deep), Err(PatternError::Unsupported { .. })));
    insta::assert_snapshot!(table);
}

#[test]
fn p4_8_order_p4_8_no_parameter_row_by_row() {
    let sync = OrganizationSync::new(
        [
            "/orgs/:slug",
            "/orgs/:slug/(.*)",
            "/o/:id",
            "/both/:slug/:id",
            "/none/:name",
            "/none/x",
            "/list/:slug(.*)",
        ],
        ["/me", "/me/(.*)", "/none/(.*)", "/orgs/:any"],
    )
    .unwrap();
    let rows = [
        ("/orgs/acme", Some(SyncTarget::OrganizationSlug("acme"))),
        ("/ORGS/Acme/", Some(SyncTarget::OrganizationSlug("Acme"))),
        ("/orgs/b%20x/settings", Some(SyncTarget::OrganizationSlug("b%20x"))),
        ("/o/org_1", Some(SyncTarget::OrganizationId("org_1"))),
        ("/both/acme/org_1", Some(SyncTarget::OrganizationId("org_1"))),
        // A match with neither parameter says nothing, so that the personal account is asked.
        ("/none/x", Some(SyncTarget::PersonalAccount)),
        ("/list/", None),
        ("/me", Some(SyncTarget::PersonalAccount)),
        ("/me/x/y", Some(SyncTarget::PersonalAccount)),
        ("/", None),
        ("", None),
    ];
    for (path, expected) in rows {
        assert_eq!(sync.target(path), expected, "{path:?}");
    }
}

#[test]
fn p4_8_invalid_pattern_is_refused_when_configured() {
    assert!(OrganizationSync::new(["/ok", "/:"], []).is_err());
    assert!(OrganizationSync::new([], ["/(a"]).is_err());
    assert_eq!(OrganizationSync::new([], []).unwrap().target("/"), None);
}

#[test]
fn p4_8_slug_p4_8_id_p4_8_personal_activation_is_needed_elsewhere() {
    let first = object(json!({"org_id": "org_1", "org_slug": "acme"}));
    let second = object(json!({"v": 2, "o": {"id": "org_1", "slg": "acme"}, "org_id": "org_2"}));
    let nobody = object(json!({}));
    let odd = object(json!({"org_id": 7, "org_slug": ["acme"]}));
    let blank = object(json!({"org_id": "", "org_slug": ""}));
    let targets = [
        SyncTarget::OrganizationId("org_1"),
        SyncTarget::OrganizationId("org_2"),
        SyncTarget::OrganizationSlug("acme"),
        SyncTarget::OrganizationSlug("Acme"),
        SyncTarget::PersonalAccount,
    ];
    let active = |claims| targets.map(|target| target.is_active(claims));
    assert_eq!(active(&first), [true, false, true, false, false]);
    assert_eq!(active(&second), [true, false, true, false, false]);
    assert_eq!(active(&nobody), [false, false, false, false, true]);
    assert_eq!(active(&odd), [false; 5]);
    assert_eq!(active(&blank), [false, false, false, false, true]);
    assert_eq!(targets.map(SyncTarget::parameter), ["org_1", "org_2", "acme", "Acme", ""]);
}

/// A backtracking matcher needs more steps here than there are atoms in the world.
#[test]
fn p4_8_bounded_no_path_takes_long() {
    let patterns = [
        "/((?:a+)+)b",
        "/((?:a|a)*)b",
        "/((?:(?:a*)*)*)b",
        "/(.*)(.*)(.*)(.*)(.*)(.*)x",
        "/((?:a?){40})(a{40})b",
        "/((?:(?!.*b)(?=(?:a*)*)a)+)b",
    ];
    let path = format!("/{}", "a".repeat(4_000));
    for pattern in patterns {
        assert_eq!(PathPattern::parse(pattern).unwrap().find(&path), None, "{pattern}");
    }
}

proptest! {
    #[test]
    fn p4_8_patterns_any_text_is_one_or_an_error(
        pattern in r"[/a:(){}?*+\\.\[\]^$|0-9,-é ]{0,24}", paths in prop::collection::vec("[/a:b.0é -]{0,12}", 4),
    ) {
        if let Ok(pattern) = PathPattern::parse(&pattern) {
            for path in &paths {
                let found = pattern.find(path);
                let text = found.as_ref().and_then(|found| found.parameter("a"));
                prop_assert!(text.is_none_or(|text| path.contains(text)));
            }
        }
    }

    #[test]
    fn p4_8_patterns_plain_text_matches_itself_alone(text in "(/[a-z0-9_~-]{1,8}){1,4}", other in "(/[a-z0-9_~-]{1,8}){1,4}") {
        let pattern = PathPattern::parse(&text).unwrap();
        prop_assert!(pattern.find(&text).is_some());
        prop_assert!(pattern.find(&text.to_uppercase()).is_some());
        let with_slash = text.clone() + "/";
        prop_assert!(pattern.find(&with_slash).is_some());
        prop_assert_eq!(pattern.find(&other).is_some(), other == text);
    }
}
