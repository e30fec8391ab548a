//! Unmodified SDKs of the handshake protocol against our identity service, beside our middleware.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step;

/// Where the SDKs and the tests are.
const FOLDER: &str = "conformance/sdk";

/// Builds the programs, installs the SDKs where they are missing, and runs the tests.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    install()?;
    // As the tests build them: with other features everything below would be built once more.
    let build = ["build", "--quiet", "--workspace", "--bins", "--examples", "--profile", "ci", "--locked"];
    step::cargo("programs", &build)?;
    let mut tests = Command::new("npm");
    tests.args(["test", "--silent", "--"]).args(arguments).current_dir(FOLDER);
    tests.env("NOSTORE", built("nostore")?).env("NOSTORE_WHOAMI", built("examples/whoami")?);
    step::run("sdk", &mut tests)
}

/// Installs the SDKs, unless they are there.
pub(crate) fn install() -> Result<(), String> {
    let installed = Path::new(FOLDER).join("node_modules/.package-lock.json");
    let lock = Path::new(FOLDER).join("package-lock.json");
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    // npm writes the first file when it is done; a lockfile that is newer asks for other packages.
    if time(&installed).is_some_and(|at| time(&lock).is_some_and(|lock| lock <= at)) {
        return Ok(());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--omit=optional", "--loglevel=error"];
    step::run("the SDKs", Command::new("npm").args(arguments).current_dir(FOLDER))
}

/// Returns the full path of a program: the tests run in a folder of their own.
fn built(name: &str) -> Result<PathBuf, String> {
    let path = Path::new("target/ci").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    path.canonicalize().map_err(|error| format!("expected the program {}: {error}", path.display()))
}
