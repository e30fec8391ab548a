//! The suite that every adapter passes, and what it makes of broken ones.

mod axum_site;
mod broken;
mod frames;
mod tower_site;

use std::collections::BTreeSet;

use nostore_behaviour::{cases, run};

use self::axum_site::Axum;
use self::broken::{Broken, Fault};
use self::tower_site::Tower;

#[test]
fn r0_5_axum_behaves() {
    let report = run(&Axum, &cases());
    assert!(report.failures.is_empty(), "{report}");
    assert!(report.ran >= 60, "{report}");
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let cases = cases();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
}

#[test]
fn r0_5_plain_tower_on_hyper_behaves() {
    let report = run(&Tower, &cases());
    assert!(report.failures.is_empty(), "{report}");
}

const MARKED: [&str; 2] = ["danger_mark_public after a read", "Netlify: a protected response too"];

#[test]
fn a_broken_adapter_turns_the_suite_red() {
    for (fault, caught) in Fault::ALL {
        // Whoever waits for a body that is being collected waits long: two such cases show it.
        let mut cases = cases();
        // The marks that handlers put on responses are the good layer's own.
        cases.retain(|case| !MARKED.contains(&case.name));
        if fault == Fault::CollectsBodies {
            cases.retain(|case| case.name.contains("piece by piece") || case.name == "Auth: Alice");
        }
        let report = run(&Broken(fault), &cases);
        let failed = report.failed();
        assert_eq!(failed.is_empty(), caught.is_empty(), "{fault:?}: {report}");
        for name in caught {
            assert!(failed.contains(name), "{fault:?}: {name} saw nothing, but {report}");
        }
    }
}
