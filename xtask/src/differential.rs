//! The differential run against the reference implementation of the handshake protocol.

use std::path::Path;
use std::process::Command;

use crate::step;

/// Where the reference is installed.
const REFERENCE: &str = "conformance/reference";
/// The workspace of the conformance tests.
const MANIFEST: &str = "conformance/Cargo.toml";

/// Builds both sides and compares them; `arguments` go to the runner (`--cases N --seed S`).
///
/// The profile and the folder are those of the tests, so that what both workspaces need is built once.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    install()?;
    let build = ["--manifest-path", MANIFEST, "--profile", "ci", "--target-dir", "target", "--locked"];
    step::cargo("differential workers", &[&["build", "--quiet", "--bins"][..], &build[..]].concat())?;
    let runner = Path::new("target/ci").join(format!("differential{}", std::env::consts::EXE_SUFFIX));
    step::run("differential", Command::new(runner).args(arguments))
}

/// Installs the reference, unless it is there.
pub(crate) fn install() -> Result<(), String> {
    let installed = Path::new(REFERENCE).join("node_modules/.package-lock.json");
    let lock = Path::new(REFERENCE).join("package-lock.json");
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    // npm writes the first file when it is done; a lockfile that is newer asks for other packages.
    if time(&installed).is_some_and(|at| time(&lock).is_some_and(|lock| lock <= at)) {
        return Ok(());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    step::run("the reference", Command::new("npm").args(arguments).current_dir(REFERENCE))
}
