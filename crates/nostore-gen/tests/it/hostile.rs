//! Names and paths that mean something else to a configuration language.

use std::fmt::Write as _;

use nostore_gen::{PathPattern, Site, Target, generate};

/// Every letter of a cookie's name that some language takes for its own.
pub(crate) const HOSTILE: &str = "a.b*c+d$1|e^f`g'h#i%41~!&j";

#[test]
fn what_a_site_may_say() {
    let mut table = String::new();
    for name in [
        "sid",
        "__Host-sid",
        "sid.0",
        "sid.x",
        "a.b.12",
        "",
        "__Secure-",
        "a b",
        "a;b",
        "a=b",
        "a\"b",
        "a\\b",
        "a\nb",
        "é",
    ] {
        let names =
            Site::new([name]).map(|site| site.session_cookies().map(str::to_owned).collect::<Vec<_>>());
        match names {
            Ok(names) => writeln!(table, "{name:?}: {names:?}").unwrap(),
            Err(error) => writeln!(table, "{name:?}: {error}").unwrap(),
        }
    }
    let long = "x".repeat(129);
    assert!(Site::new([long.as_str()]).is_err() && Site::new([&long[1..]]).is_ok());
    writeln!(table, "{}", Site::new([]).unwrap_err()).unwrap();
    let twice = Site::new(["sid", "__Secure-sid", "sid.1"]).unwrap();
    assert_eq!(twice.session_cookies().collect::<Vec<_>>(), ["sid"], "one cookie in three forms");
    for path in [
        "/",
        "/*",
        "/a",
        "/a/*",
        "/a/b.c_~-/*",
        "",
        "*",
        "a",
        "/a*",
        "/a/*/b",
        "/a/**",
        "//a",
        "/a/../b",
        "/a/.",
        "/a b",
        "/a?b",
        "/%61",
        "/a{1}",
        "/a\"",
        "/ä",
    ] {
        match PathPattern::parse(path) {
            Ok(pattern) => writeln!(table, "{path:?}: {}", pattern.text()).unwrap(),
            Err(error) => writeln!(table, "{path:?}: {error}").unwrap(),
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r3_7_a_hostile_name_stays_a_name() {
    let site = Site::new([HOSTILE, "sid"]).unwrap().auth_paths(["/a.b/*"]).unwrap();
    let mut table = String::new();
    for target in Target::ALL {
        for file in generate(target, &site).files {
            for line in file.text.lines().filter(|line| line.contains("j") && line.contains("41")) {
                writeln!(table, "{target}, {}: {}", file.path, line.trim()).unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}
