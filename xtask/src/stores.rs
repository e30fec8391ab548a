//! The workspace of what needs a server: lints, tests with a real Redis, and the proof that outages cost nobody a token.

use std::process::Command;

use crate::proofs::{Row, grouped};
use crate::step;

/// The workspace.
const MANIFEST: &str = "stores/Cargo.toml";
/// Profile and folder are those of the other tests, so that what both workspaces need is built once.
const BUILD: [&str; 7] =
    ["--manifest-path", MANIFEST, "--profile", "ci", "--target-dir", "target", "--locked"];
/// How often everything is broken in a proof.
const ROUNDS: u64 = 3;

/// Checks that workspace and runs its tests, which start and stop their servers.
pub(crate) fn tests() -> Result<(), String> {
    step::cargo("stores format", &["fmt", "--manifest-path", MANIFEST, "--all", "--check"])?;
    let lints = [&["clippy", "--quiet", "--all-targets"][..], &BUILD, &["--", "-D", "warnings"]].concat();
    step::cargo("stores lints", &lints)?;
    let documentation = [&["doc", "--quiet", "--no-deps", "--lib"][..], &BUILD].concat();
    step::cargo_with("stores documentation", &documentation, &[("RUSTDOCFLAGS", "-D warnings")])?;
    step::cargo("stores tests", &[&["test", "--quiet"][..], &BUILD].concat())
}

/// Breaks Redis and the service again and again.
pub(crate) fn prove(_: &str) -> Result<Vec<Row>, String> {
    let mut command = Command::new("cargo");
    command.args(["test", "--quiet", "--package", "nostore-outage", "--test", "it"]).args(BUILD);
    command.args(["--", "--nocapture"]).env("NOSTORE_PROVE_ROUNDS", ROUNDS.to_string());
    let told = |line: &str| line.starts_with("outages: ");
    let done = step::watch("outages", command, |line| told(line) || line.contains(" fetches "))?;
    let last = done.text.lines().rfind(|line| told(line)).ok_or("outages: no test was run")?;
    let count = |of: &str| {
        let before = last.split_once(&format!(" {of}")).map(|(before, _)| before);
        before
            .and_then(|before| before.rsplit(' ').next()?.parse().ok())
            .ok_or(format!("outages: expected {of}"))
    };
    let (calls, fetches, waited): (u64, u64, u64) = (count("calls")?, count("fetches")?, count("waited")?);
    let expected = || done.text.lines().find(|line| line.starts_with("expected ")).unwrap_or(last);
    Ok(vec![Row {
        section: "Outages cost nobody a token",
        what: format!("{ROUNDS} rounds"),
        seed: "-".to_owned(),
        cases: format!("{} calls: {} fetches, {} waited", grouped(calls), grouped(fetches), grouped(waited)),
        seconds: done.seconds,
        found: (!done.succeeded).then(|| expected().to_owned()),
    }])
}
