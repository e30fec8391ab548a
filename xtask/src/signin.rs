//! The proof of a site's own sign-in: killed again and again, it loses nothing that it confirmed.

use std::process::Command;

use crate::proofs::{Row, grouped};
use crate::step;

/// How often the site is killed.
const KILLS: u64 = 500;

/// Kills a site at random points of sign-ins, changes of the list and rotations.
pub(crate) fn prove(_: &str) -> Result<Vec<Row>, String> {
    let mut command = Command::new("cargo");
    command
        .args(["test", "--quiet", "--package", "nostore-signin", "--profile", "ci", "--test", "site", "--"])
        .args(["killed::", "--nocapture"])
        .env("NOSTORE_PROVE_ROUNDS", KILLS.to_string());
    let told = |line: &str| line.contains("kills: ");
    let done = step::watch("kills", command, told)?;
    let acts = done.text.lines().find(|line| told(line)).and_then(|line| line.split_once("rounds, "));
    let acts = acts.and_then(|(_, acts)| acts.split(' ').next());
    let found = || done.text.lines().find(|line| line.contains(": a confirmed") || line.contains(": p"));
    Ok(vec![Row {
        section: "A killed site loses nothing",
        what: format!("{} kills", grouped(KILLS)),
        seed: "24301".to_owned(),
        cases: acts.map_or_else(|| "-".to_owned(), |acts| format!("{acts} confirmed acts")),
        seconds: done.seconds,
        found: (!done.succeeded || acts.is_none()).then(|| found().unwrap_or("see the output").to_owned()),
    }])
}
