//! The token client beyond its tests: every schedule of a few threads, and many more histories.

use std::process::Command;

use crate::proofs::{Row, grouped};
use crate::step;

/// In a folder of their own, so that nothing is built anew for them.
const FOLDER: &str = "target/loom";

/// A thread is interrupted so many times at most, where there is not time for every schedule.
const INTERRUPTIONS: &str = "3";

/// How long tabs are watched.
const MINUTES: u64 = 10;

/// How many histories a proof takes.
const HISTORIES: u64 = 100_000;

const PACKAGE: [&str; 6] = ["test", "--quiet", "--package", "nostore-token", "--profile", "ci"];

/// Looks at the schedules of few interruptions.
pub(crate) fn schedules() -> Result<(), String> {
    step::run("schedules", loom().env("LOOM_MAX_PREEMPTIONS", INTERRUPTIONS))
}

/// Looks at every schedule, and at many histories.
pub(crate) fn prove(_: &str) -> Result<Vec<Row>, String> {
    let every = tested("every schedule", "8 scenes", "-", loom())?;
    let mut command = Command::new("cargo");
    command
        .args(PACKAGE)
        .args(["--test", "it", "--", "histories::"])
        .env("NOSTORE_PROVE_HISTORIES", HISTORIES.to_string());
    let histories = tested("histories", &grouped(HISTORIES), "random", command)?;
    Ok(vec![every, histories])
}

/// Watches tabs in Chromium for real minutes.
pub(crate) fn prove_tabs(_: &str) -> Result<Vec<Row>, String> {
    let mut command = Command::new("cargo");
    command
        .args(["test", "--quiet", "--package", "nostore-cli", "--profile", "ci", "--test", "it", "--"])
        .args(["browser::r2_11_r2_12", "--nocapture"])
        .env("NOSTORE_PROVE_MINUTES", MINUTES.to_string());
    let told = |line: &str| line.contains(" fetches in ");
    let done = step::watch("tabs", command, told)?;
    let fetches: Vec<&str> = done.text.lines().filter(|line| told(line)).collect();
    if fetches.is_empty() {
        return Err("tabs: no test was run".to_owned());
    }
    Ok(vec![Row {
        section: "Tabs in Chromium",
        what: "three tabs, two users".to_owned(),
        seed: "-".to_owned(),
        cases: fetches.join("; "),
        seconds: done.seconds,
        found: (!done.succeeded).then(|| "see the output".to_owned()),
    }])
}

fn loom() -> Command {
    let mut command = Command::new("cargo");
    command
        .args(PACKAGE)
        .args(["--lib", "--no-default-features", "--target-dir", FOLDER, "--", "loom::"])
        .env("RUSTFLAGS", "--cfg loom");
    command
}

fn tested(what: &str, cases: &str, seed: &str, command: Command) -> Result<Row, String> {
    let done = step::watch(what, command, |_| true)?;
    if !done.text.contains("test result: ") {
        return Err(format!("{what}: no test was run"));
    }
    Ok(Row {
        section: "A token is always there",
        what: what.to_owned(),
        seed: seed.to_owned(),
        cases: cases.to_owned(),
        seconds: done.seconds,
        found: (!done.succeeded).then(|| "see the output".to_owned()),
    })
}
