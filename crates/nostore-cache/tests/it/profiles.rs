//! The profiles as data: what they say, and what can be set.

use std::fmt::Write as _;

use nostore_cache::{Confidence, Profile};

use crate::support::{PROFILES, profile};

#[test]
fn the_profiles_and_their_parameters() {
    let all = Profile::all();
    assert_eq!(all.iter().map(Profile::name).collect::<Vec<_>>(), PROFILES);
    let mut table = String::new();
    for profile in &all {
        writeln!(table, "{profile}: {}", profile.stands_for()).unwrap();
        for (name, value, changed) in profile.parameters() {
            assert!(!changed && !value.is_empty(), "{profile} {name}");
            writeln!(table, "    {name}={value}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_fact_has_a_source() {
    for profile in Profile::all() {
        assert!(profile.facts().len() >= 5, "{profile}");
        for fact in profile.facts() {
            assert!(fact.source.starts_with("https://"), "{fact:?}");
            assert!(!fact.text.is_empty() && !fact.text.ends_with('.'), "{fact:?}");
        }
        let rfc = profile.facts().iter().all(|fact| fact.confidence == Confidence::Rfc);
        assert_eq!(rfc, profile.name() == "rfc9111");
    }
}

#[test]
fn what_was_set_is_shown_and_mistakes_are_explained() {
    let mut changed = profile("cloudfront");
    changed.set("min-lifetime", "1m").unwrap();
    changed.set("cookies-in-key", "b, a").unwrap();
    assert_eq!(changed.to_string(), "cloudfront cookies-in-key=a,b min-lifetime=60");

    let mut table = String::new();
    let rows = [
        ("min-lifetme", "60"),
        ("colour", "red"),
        ("min-lifetime", "soon"),
        ("min-lifetime", "-1"),
        ("min-lifetime", ""),
        ("min-lifetime", "99999999999999999999"),
        ("min-lifetime", "9223372036854775807y"),
        ("min-lifetime", "1w"),
        ("default-lifetime", "maybe"),
        ("cookies-in-key", "a,,b"),
        ("cookies-to-origin", ""),
        ("headers-in-key", "all"),
        ("heuristic-percent", "101"),
        ("vary", "yes"),
        ("netlify-vary", "first"),
    ];
    for (name, value) in rows {
        let before = changed.clone();
        let error = changed.set(name, value).unwrap_err();
        assert_eq!(changed, before, "{name}={value} changed something");
        writeln!(table, "{}: {error}", error.code()).unwrap();
    }
    for name in
        ["netlfy", "Netlify", "cloudfornt", "cloudfront/cookie-in-key", "vercell", "squid", "", "\u{1f980}"]
    {
        let error = Profile::named(name).unwrap_err();
        assert_eq!(error.known, PROFILES);
        writeln!(table, "{}: {error}", error.code()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_parameter_can_be_set_to_what_it_shows() {
    for profile in Profile::all() {
        for (name, value, _) in profile.parameters() {
            let mut again = profile.clone();
            again.set(name, &value).unwrap();
            let shown = again.parameters().into_iter().find(|row| row.0 == name).unwrap();
            assert_eq!((shown.1, shown.2), (value, true), "{profile} {name}");
        }
    }
}
