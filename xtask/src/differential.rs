//! The differential run against the reference implementation of the handshake protocol, and the tests against Auth.js
//! and OpenID Providers: a certified one and the bundled issuer.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::proofs::{Row, grouped};
use crate::step;

/// Where the reference is installed, Auth.js, and an OpenID Provider.
const INSTALLED: [(&str, &str); 3] = [
    ("the reference", "conformance/reference"),
    ("Auth.js", "conformance/authjs"),
    ("the OpenID Provider", "conformance/provider"),
];
/// The workspace of the conformance tests.
const MANIFEST: &str = "conformance/Cargo.toml";
/// How many cases make a proof.
const PROOF: u64 = 100_000;

/// Compares both sides; `arguments` go to the runner (`--cases N --seed S`).
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let runner = build()?;
    step::run("differential", Command::new(runner).args(arguments))
}

/// Runs the tests of that workspace: the worker, the kept cases, which need no reference, sealed sessions beside
/// Auth.js, and sign-ins at two OpenID Providers.
pub(crate) fn tests() -> Result<(), String> {
    let test = ["--manifest-path", MANIFEST, "--profile", "ci", "--target-dir", "target", "--locked"];
    step::cargo("conformance tests", &[&["test", "--quiet"][..], &test[..]].concat())
}

/// Compares many cases.
pub(crate) fn prove(seed: &str) -> Result<Vec<Row>, String> {
    let mut command = Command::new(build()?);
    command.args(["--cases", &PROOF.to_string(), "--seed", seed]);
    let done = step::watch("differential", command, |_| true)?;
    // The last line says how many differ.
    let last = done.text.lines().rfind(|line| line.contains(" from seed "));
    let told = last.and_then(|line| line.split_once(": ")).map_or("see the output", |(_, told)| told);
    Ok(vec![Row {
        section: "Decisions compared with the reference implementation",
        what: "decisions".to_owned(),
        seed: seed.to_owned(),
        cases: grouped(PROOF),
        seconds: done.seconds,
        found: (!done.succeeded).then(|| told.to_owned()),
    }])
}

/// Builds both sides and returns the runner.
///
/// The profile and the folder are those of the tests, so that what both workspaces need is built once.
fn build() -> Result<PathBuf, String> {
    install()?;
    let build = ["--manifest-path", MANIFEST, "--profile", "ci", "--target-dir", "target", "--locked"];
    step::cargo("differential workers", &[&["build", "--quiet", "--bins"][..], &build[..]].concat())?;
    Ok(Path::new("target/ci").join(format!("differential{}", std::env::consts::EXE_SUFFIX)))
}

/// Installs the reference, Auth.js and the OpenID Provider, unless they are there.
pub(crate) fn install() -> Result<(), String> {
    for (name, folder) in INSTALLED {
        let installed = Path::new(folder).join("node_modules/.package-lock.json");
        let lock = Path::new(folder).join("package-lock.json");
        let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        // npm writes the first file when it is done; a lockfile that is newer asks for other packages.
        if time(&installed).is_some_and(|at| time(&lock).is_some_and(|lock| lock <= at)) {
            continue;
        }
        let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
        step::run(name, Command::new("npm").args(arguments).current_dir(folder))?;
    }
    Ok(())
}
