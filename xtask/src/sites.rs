//! The apps of `conformance/sites`: real frameworks with other people's sign-ins, for the tests of the command.
//!
//! # Invariants
//!
//! - Installed from one lockfile, and built where something that they are made of is newer than what was built.
//! - Only the npm registry is asked, and only for what is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::step;

/// Where they are.
const FOLDER: &str = "conformance/sites";
/// Those that run from what a build makes of them.
const BUILT: [&str; 3] = ["next", "next-wrapped", "auth0"];

/// Installs what they are written with, unless it is there.
pub(crate) fn install() -> Result<(), String> {
    let lock = Path::new(FOLDER).join("package-lock.json");
    // npm writes this file when it is done; a lockfile that is newer asks for other packages.
    let installed = modified(&Path::new(FOLDER).join("node_modules/.package-lock.json"));
    if installed.is_some_and(|at| modified(&lock).is_some_and(|lock| lock <= at)) {
        return Ok(());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    step::run("sites", Command::new("npm").args(arguments).current_dir(FOLDER))
}

/// Builds each that is not built yet, or was written anew since.
pub(crate) fn build() -> Result<(), String> {
    for name in BUILT {
        let site = Path::new(FOLDER).join(name);
        let built = modified(&site.join(".next/BUILD_ID"));
        let mut newest = modified(&Path::new(FOLDER).join("package-lock.json"));
        for path in sources(&site)? {
            newest = newest.max(modified(&path));
        }
        if built.is_some_and(|built| newest.is_some_and(|newest| newest <= built)) {
            continue;
        }
        let mut command = Command::new("npm");
        command.args(["run", "build", "--silent"]).env("NEXT_TELEMETRY_DISABLED", "1").current_dir(&site);
        let done = step::watch(&format!("site {name}, built"), command, |_| false)?;
        if !done.succeeded {
            return Err(format!(
                "{}: expected `npm run build` to succeed, found\n{}",
                site.display(),
                done.text
            ));
        }
    }
    Ok(())
}

/// Lists the files that a site is made of.
fn sources(site: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut found, mut folders) = (Vec::new(), vec![site.to_owned()]);
    while let Some(folder) = folders.pop() {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_made = path.file_name().is_some_and(|name| name == "node_modules" || name == ".next");
            match path.is_dir() {
                true if is_made => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    Ok(found)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}
