//! Installs what the tests need besides Rust, Node, Python and a C compiler.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::step;

/// The release of cargo-deny that reads `deny.toml`.
const CARGO_DENY: &str = "0.20.2";
/// Where the Express app of the end-to-end tests lives.
const EXPRESS: &str = "crates/nostore-cli/tests/express";

/// Installs everything that is missing.
pub(crate) fn everything() -> Result<(), String> {
    chromium()?;
    redis()?;
    cargo_deny()?;
    express()
}

fn cargo_deny() -> Result<(), String> {
    if step::output("cargo", &["deny", "--version"]).is_ok() {
        return Ok(());
    }
    step::cargo("cargo-deny", &["install", "--quiet", "--locked", "cargo-deny", "--version", CARGO_DENY])
}

fn chromium() -> Result<(), String> {
    if answers("chromium", "--version") && answers("chromedriver", "--version") {
        return Ok(());
    }
    debian("Chromium", "`chromium` and `chromedriver`", &["chromium", "chromium-driver", "fonts-dejavu-core"])
}

fn redis() -> Result<(), String> {
    if answers("redis-server", "--version") {
        return Ok(());
    }
    debian("Redis", "`redis-server`", &["redis-server"])
}

/// Installs packages of Debian, where that may be done.
fn debian(name: &str, programs: &str, packages: &[&str]) -> Result<(), String> {
    let root = step::output("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if !root || !answers("apt-get", "--version") {
        let packages = packages.join(" ");
        return Err(format!("expected {programs} in PATH; on Debian: apt-get install {packages}"));
    }
    let apt = |name: &str, arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        step::run(name, &mut command)
    };
    apt("package lists", &["update", "-q"])?;
    apt(name, &[&["install", "-q", "-y", "--no-install-recommends"], packages].concat())
}

fn express() -> Result<(), String> {
    if Path::new(EXPRESS).join("node_modules/express/package.json").exists() {
        return Ok(());
    }
    if !answers("npm", "--version") {
        return Err("expected `npm` in PATH: the tests put a small Express app behind `nostore dev`".into());
    }
    let arguments = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    step::run("Express", Command::new("npm").args(arguments).current_dir(EXPRESS))
}

fn answers(program: &str, flag: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(flag).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
