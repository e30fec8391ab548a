//! The measurements.

mod logs;

use std::path::Path;
use std::process::Command;

use crate::step;

const MANIFEST: &str = "bench/Cargo.toml";
const REFERENCE: &str = "bench/reference";

/// The programs; without a name, the first.
const PROGRAMS: [&str; 4] = ["authenticate", "protected", "sealed", "tokens"];

/// Installs what is compared with and measures; `arguments` go to the program (`--json`, `--rounds N`), the first of them may
/// name it. `proxies` has a workspace of its own; `logs` is measured beside what is installed.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if arguments.first().is_some_and(|first| first == "proxies") {
        return proxies(&arguments[1..]);
    }
    if arguments.first().is_some_and(|first| first == "logs") {
        return logs::run(&arguments[1..]);
    }
    let named = arguments.first().and_then(|first| PROGRAMS.into_iter().find(|program| program == first));
    let arguments = if named.is_some() { &arguments[1..] } else { arguments };
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
        named.unwrap_or(PROGRAMS[0]),
        "--",
    ];
    let arguments: Vec<&str> = run.into_iter().chain(arguments.iter().map(String::as_str)).collect();
    step::cargo("measurements", &arguments)
}

/// What the guard costs a request, beside a pass-through and nginx.
fn proxies(arguments: &[String]) -> Result<(), String> {
    step::cargo("the command", &["build", "--quiet", "--profile", "dist", "--locked", "-p", "nostore-cli"])?;
    let run =
        ["run", "--quiet", "--release", "--locked", "--manifest-path", "bench/proxies/Cargo.toml", "--"];
    let arguments: Vec<&str> =
        run.into_iter().chain(["target/dist/nostore"]).chain(arguments.iter().map(String::as_str)).collect();
    step::cargo("measurements", &arguments)
}
