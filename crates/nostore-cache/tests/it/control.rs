//! `Cache-Control`: case, repeats, quotes, junk.

use nostore_cache::{CacheControl, Qualified, Syntax, targeted};

use std::fmt::Write as _;

#[test]
fn cache_control_row_by_row() {
    let rows: [&[&str]; 27] = [
        &[""],
        &["public, s-maxage=60"],
        &["PUBLIC, S-MaxAge=60"],
        &["public", "s-maxage=60"],
        &["max-age=1, max-age=2"],
        &["max-age=\"60\""],
        &["max-age = 60"],
        &["max-age"],
        &["max-age=-1"],
        &["max-age=1.5"],
        &["max-age=abc"],
        &["max-age=2147483648"],
        &["max-age=99999999999999999999999"],
        &["no-cache"],
        &["no-cache=\"Set-Cookie, X-User\""],
        &["no-cache=\"set-cookie\", no-cache"],
        &["no-cache=\"\""],
        &["private=x-user", "private=\"x-name\""],
        &["private"],
        &["no-store"],
        &["no-store=\"x\""],
        &["unknown=\"a, no-store\""],
        &["unknown=\"a, no-store"],
        &["unknown=\"a\\\", no-store\", public"],
        &[",, ,public,,"],
        &["=, =x, @@@, \u{1f980}, must-revalidate"],
        &["max-stale, min-fresh=5, only-if-cached, stale-while-revalidate=7, stale-if-error=8, immutable"],
    ];
    let mut table = String::new();
    for lines in rows {
        let said = describe(&CacheControl::parse(lines.iter().copied()));
        writeln!(table, "{:50} {said}", lines.join(" \u{b6} ")).unwrap();
    }
    insta::assert_snapshot!(table);
}

/// Lists what is set, the lifetimes with their seconds.
pub(crate) fn describe(control: &CacheControl) -> String {
    let flags = [
        ("immutable", control.immutable),
        ("must-revalidate", control.must_revalidate),
        ("no-store", control.no_store),
        ("no-transform", control.no_transform),
        ("only-if-cached", control.only_if_cached),
        ("proxy-revalidate", control.proxy_revalidate),
        ("public", control.public),
    ];
    let lifetimes = [
        ("max-age", control.max_age),
        ("max-stale", control.max_stale),
        ("min-fresh", control.min_fresh),
        ("s-maxage", control.s_maxage),
        ("stale-if-error", control.stale_if_error),
        ("stale-while-revalidate", control.stale_while_revalidate),
    ];
    let qualified = [("no-cache", &control.no_cache), ("private", &control.private)];
    let flags = flags.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned());
    let lifetimes = lifetimes.iter().filter_map(|(name, secs)| Some(format!("{name}={}", (*secs)?)));
    let qualified = qualified.iter().filter_map(|(name, qualified)| match qualified {
        Qualified::Absent => None,
        Qualified::Fields(fields) => Some(format!("{name}={fields:?}")),
        Qualified::Whole => Some((*name).to_owned()),
    });
    flags.chain(lifetimes).chain(qualified).collect::<Vec<_>>().join(" ")
}

/// Work grows with the length of a field, not with its square: were it otherwise, this would run for hours.
#[test]
fn very_long_fields_are_read_once() {
    for piece in ["\\\"", "\"", "\"a\"", "a,", "\",", "x=\\\",", "no-cache=\"a,\","] {
        let line = piece.repeat(2_000_000 / piece.len());
        let control = CacheControl::parse([&*line, "no-store"]);
        assert!(control.no_store, "{piece}");
        let fields = [("cdn-cache-control", &*line)].into_iter().collect();
        let _ = targeted(&fields, "CDN-Cache-Control", Syntax::Rfc9213);
    }
    let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}")).collect();
    let line = format!("{}, no-store", keys.join(", "));
    let fields = [("cdn-cache-control", &*line)].into_iter().collect();
    assert!(targeted(&fields, "CDN-Cache-Control", Syntax::Rfc9213).is_some_and(|control| control.no_store));
}
