//! The generator: the same seed makes the same cases, and they are as diverse as they are meant to be.

use std::collections::BTreeSet;

use nostore_conformance::generate::Generator;

#[test]
fn a_seed_makes_the_same_cases_and_another_one_others() {
    let cases = |seed: u64| {
        let mut generator = Generator::new(seed).expect("keys");
        (0..200).map(|number| generator.case(number)).collect::<Vec<_>>()
    };
    let (one, again, other) = (cases(1), cases(1), cases(2));
    // Signatures with elliptic curves are random, so what is compared is all the rest.
    let outline = |cases: &[nostore_conformance::case::Case]| {
        cases.iter().map(|case| (case.request.method.clone(), case.options.clone())).collect::<Vec<_>>()
    };
    assert_eq!(outline(&one), outline(&again));
    assert_ne!(outline(&one), outline(&other));
}

#[test]
fn cases_are_diverse() {
    let mut generator = Generator::new(3).expect("keys");
    let (mut cookies, mut headers, mut options) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for number in 0..3_000 {
        let case = generator.case(number);
        for (name, value) in &case.request.headers {
            headers.insert(name.to_ascii_lowercase());
            if name == "cookie" {
                let names =
                    value.split("; ").filter_map(|pair| pair.split(['=', '_']).find(|part| !part.is_empty()));
                cookies.extend(names.map(str::to_owned));
            }
        }
        let set = serde_json::to_value(&case.options).expect("JSON");
        options.extend(set.as_object().expect("an object").keys().cloned());
    }
    for name in ["client", "clerk", "refresh", "session"] {
        assert!(cookies.contains(name), "{name} in {cookies:?}");
    }
    for name in
        ["authorization", "x-forwarded-host", "x-forwarded-proto", "origin", "referer", "accept", "host"]
    {
        assert!(headers.contains(name), "{name} in {headers:?}");
    }
    assert_eq!(options.len(), 15, "{options:?}");
}
