//! Every chore of this repository, so that people and machines run the same thing.

mod bench;
mod browser;
mod checklist;
mod differential;
mod fuzz;
mod install;
mod locks;
mod proofs;
mod requirements;
mod sdk;
mod shots;
mod signin;
mod sites;
mod step;
mod stores;
mod tidy;
mod tokens;

use std::process::{Command, ExitCode};

/// Runs the tests of the workspace. Lints, tests and the other workspaces share the profile, so that C code is built once.
const TESTS: [&str; 4] = ["test", "--workspace", "--profile", "ci"];

const HELP: &str = "\
Usage: cargo xtask <chore>

  test           everything: formatting, lints, tidiness, requirements, documentation, all tests.
                 First installs what that needs (Chromium, Redis, nginx, Varnish, Caddy, Envoy, Express, Next.js, cargo-deny,
                 SDKs); then only loopback is used.
  install        only the installing, and the building of real sites
  tidy           structure: headers, sizes, the laws' bans, the direction of dependencies
  locks          makes the lockfiles of the other workspaces anew, of the libraries' own releases
  requirements   each line of docs/requirements.md with its tests; fails on a due line without one
  checklist      each row of docs/protocol-checklist.md or docs/token-checklist.md with its tests
                 (protocol [--list], tokens [--list]); fails on one without
  deny           bans, licences and sources by deny.toml
  prove          the long proofs, or those that are named; each writes its figures into docs/proofs.md
                 (decisions, navigations, tokens, tabs, outages, kills, fuzzing)
  differential   cases from a seed, decided by us and by the reference implementation (--cases N --seed S)
  fuzz           the decision and every parser behind it, with coverage (--seconds N --seed N --target NAME)
  schedules      the token client under few interruptions of few threads (loom)
  servers        SDKs, the reference, a certified OpenID Provider, Redis and DynamoDB: a part of test
  browser        the module of a page into target/browser; fails above its budget, and says what it is made of (--json)
  bench          one decision, side by side with what else there is (--json --rounds N); `bench proxies`: what
                 the guard costs a request; `bench logs`: how fast access logs are read (--rounds N --sessions N)
  sdk            unmodified SDKs of the protocol against our identity service, beside our middleware
  shots          the pictures in docs/img, made in Chromium
  cold           times a first build of the command in an empty target folder and lists what it is made of";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let chore = arguments.first().map_or("help", String::as_str);
    let done = match chore {
        "test" => test(),
        "install" => install::everything().and_then(|()| sites::build()),
        "tidy" => tidy::check(),
        "locks" => locks::mend(),
        "requirements" => requirements::check(true),
        "checklist" => checklist::run(&arguments[1..]),
        "deny" => deny(),
        "sdk" => sdk::run(&arguments[1..]),
        "shots" => shots::make(),
        "cold" => cold(),
        "prove" => proofs::run(&arguments[1..]),
        "differential" => differential::run(&arguments[1..]),
        "fuzz" => fuzz::run(&arguments[1..]),
        "schedules" => tokens::schedules(),
        "servers" => servers(),
        "bench" => bench::run(&arguments[1..]),
        "browser" => browser::run(&arguments[1..]),
        "help" | "--help" | "-h" => {
            step::say(HELP);
            Ok(())
        }
        other => Err(format!("expected a chore, found `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            step::complain(&why);
            ExitCode::FAILURE
        }
    }
}

/// Runs everything that must hold.
fn test() -> Result<(), String> {
    install::everything()?;
    sdk::install()?;
    differential::install()?;
    // What is built here waits for its reads much of the time, and so do linkers.
    let (checked, built) = std::thread::scope(|scope| {
        let built = scope.spawn(sites::build);
        (checks(), built.join())
    });
    checked?;
    built.map_err(|_| "sites: the thread that built them panicked")??;
    side_by_side()
}

/// Checks all that can be without running the tests, and builds those.
fn checks() -> Result<(), String> {
    step::cargo("format", &["fmt", "--all", "--check"])?;
    locks::check()?;
    tidy::check()?;
    requirements::check(false)?;
    checklist::protocol(false)?;
    checklist::run(&["tokens".to_owned()])?;
    browser::run(&[])?;
    step::cargo(
        "lints",
        &["clippy", "--quiet", "--workspace", "--all-targets", "--profile", "ci", "--", "-D", "warnings"],
    )?;
    deny()?;
    for law in ["nostore-jose", "nostore-session"] {
        let arguments = ["check", "--quiet", "--package", law, "--no-default-features", "--profile", "ci"];
        step::cargo(&format!("{law} without crypto"), &arguments)?;
    }
    step::cargo_with(
        "documentation",
        &["doc", "--quiet", "--workspace", "--no-deps", "--profile", "ci"],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    tokens::schedules()?;
    step::cargo("test programs", &[&TESTS[..], &["--no-run"]].concat())
}

/// Runs the tests, which wait for browsers and clocks much of the time, beside what needs other servers.
fn side_by_side() -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let mut servers = Command::new(own);
    servers.arg("servers");
    let (tests, servers) = std::thread::scope(|scope| {
        let servers = scope.spawn(|| step::watch("servers, beside the tests", servers, |_| false));
        (step::cargo("tests", &[&TESTS[..], &["--no-fail-fast"]].concat()), servers.join())
    });
    let servers = servers.map_err(|_| "servers: the thread that watched them panicked")??;
    step::say(servers.text.trim_end());
    tests?;
    if servers.succeeded { Ok(()) } else { Err("servers failed".to_owned()) }
}

/// Runs what needs servers that others wrote, and the comparison with the reference implementation.
fn servers() -> Result<(), String> {
    sdk::run(&[])?;
    differential::tests()?;
    stores::tests()?;
    differential::run(&["--cases", "10000", "--seed", "1"].map(str::to_owned))
}

/// Checks bans, licences and sources, of the stores as well: people build on them.
fn deny() -> Result<(), String> {
    for manifest in ["Cargo.toml", "stores/Cargo.toml"] {
        let check = ["check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
        let whose = ["deny", "--manifest-path", manifest, "--config", "deny.toml", "--log-level", "error"];
        step::cargo("deny", &[&whose[..], &check].concat())?;
    }
    Ok(())
}

/// Times a first build and prints what it is made of.
fn cold() -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("nostore-cold-{}", std::process::id()));
    let text = folder.display().to_string();
    let built = step::cargo("cold build", &["build", "--release", "--timings", "--target-dir", &text]);
    // The folder is in the way of nothing but the disk.
    let _ = std::fs::remove_dir_all(&folder);
    built?;
    let tree =
        ["tree", "--package", "nostore-cli", "--edges", "normal,build", "--prefix", "none", "--no-dedupe"];
    let packages = step::output("cargo", &tree)?;
    let mut packages: Vec<&str> = packages.lines().filter_map(|line| line.split(" (").next()).collect();
    packages.sort_unstable();
    packages.dedup();
    step::say(&format!("{} packages: {}", packages.len(), packages.join(", ")));
    Ok(())
}
