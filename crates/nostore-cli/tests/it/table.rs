//! Under which profiles the reference implementation's own fields are enough, found by running the site.

use std::fmt::Write as _;

use nostore_cache::Profile;
use nostore_cli::args::Keys;
use nostore_cli::sample::Incident;
use nostore_cli::stage::{Stage, StageOptions};
use nostore_cli::visitor::Visitor;

use crate::site::PROFILES;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference-fields.md");
const ALICE: &str = "alice@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_the_documentation_is_what_the_code_does() {
    let mut table = String::from(
        "| profile | silent pages, test key | silent pages, live key | stamped pages, test key | stamped pages, live key |\n\
         |---|---|---|---|---|\n",
    );
    for name in PROFILES {
        write!(table, "| `{name}` |").unwrap();
        for incident in [Incident::ReferenceFields, Incident::Leak] {
            for keys in [Keys::Test, Keys::Live] {
                let outcome = outcome(name, keys, Some(incident)).await;
                write!(table, " {outcome} |").unwrap();
            }
        }
        table.push('\n');
    }
    println!("{table}");
    let page = std::fs::read_to_string(PAGE).unwrap();
    assert!(page.contains(&table), "docs/reference-fields.md should hold this table:\n{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_2_r3_4_protected_every_profile_is_enough() {
    for name in PROFILES {
        for keys in [Keys::Test, Keys::Live] {
            assert_eq!(outcome(name, keys, None).await, "enough", "{name}, {keys:?}");
        }
    }
}

/// Alice signs in and visits the dashboard twice; somebody else opens it; Alice signs out.
async fn outcome(profile: &str, keys: Keys, incident: Option<Incident>) -> &'static str {
    let stage =
        Stage::start(StageOptions::sample(Profile::named(profile).unwrap(), keys, incident)).await.unwrap();
    let outcome = story(&stage).await;
    stage.stop().await;
    outcome
}

async fn story(stage: &Stage) -> &'static str {
    let dashboard = stage.url("/dashboard").unwrap();
    let mut alice = Visitor::new();
    let page = alice.open(&dashboard).await.unwrap();
    if page.looped {
        return "loop";
    }
    let page = alice.sign_in(&page, ALICE).await.unwrap();
    if page.looped {
        return "loop";
    }
    if page.who() != Some(ALICE) {
        return "swallowed login";
    }
    if alice.open(&dashboard).await.unwrap().who() != Some(ALICE) {
        return "swallowed login";
    }
    let other = Visitor::new().open(&dashboard).await.unwrap();
    if other.who() == Some(ALICE) {
        return "leak";
    }
    alice.submit(&stage.url("/sign-out").unwrap(), &[]).await.unwrap();
    if alice.open(&dashboard).await.unwrap().who() == Some(ALICE) {
        return "sign-out undone";
    }
    "enough"
}
