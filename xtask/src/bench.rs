//! The measurements.

use std::path::Path;
use std::process::Command;

use crate::step;

const MANIFEST: &str = "bench/Cargo.toml";
const REFERENCE: &str = "bench/reference";

/// Installs what is compared with and measures; `arguments` go to the program (`--json`, `--rounds N`).
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if !Path::new(REFERENCE).join("node_modules/.package-lock.json").exists() {
        let install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
        step::run("what is compared with", Command::new("npm").args(install).current_dir(REFERENCE))?;
    }
    let run = [
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--bin",
        "authenticate",
        "--",
    ];
    let arguments: Vec<&str> = run.into_iter().chain(arguments.iter().map(String::as_str)).collect();
    step::cargo("measurements", &arguments)
}
