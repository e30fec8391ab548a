//! Fuzzing with coverage: libFuzzer's engine over the targets in `fuzz/`, on a stable toolchain.
//!
//! What is instrumented is said by compiler flags alone, so neither cargo-fuzz nor a nightly toolchain is needed;
//! there is no address sanitizer, because there is no unsafe code of ours to watch.

use std::path::Path;
use std::process::Command;

use crate::proofs::{Row, grouped};
use crate::step;

const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS: [&str; 8] =
    ["authenticate", "tokens", "urls_and_cookies", "answers", "sealed", "provider", "returning", "logs"];
const USAGE: &str = "expected --seconds N, --seed N or --target NAME";

/// The passes that count edges and comparisons for the engine.
const COVERAGE: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// How long a target is run for a proof.
const PROOF_SECONDS: &str = "120";

struct Options {
    seconds: String,
    seed: String,
    targets: Vec<String>,
}

/// Builds the targets and runs each for `--seconds N` (20) with `--seed N` (1).
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let found: Vec<_> = rows(&options(arguments)?)?.into_iter().filter_map(|row| row.found).collect();
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// Runs every target for longer.
pub(crate) fn prove(seed: &str) -> Result<Vec<Row>, String> {
    let targets = TARGETS.map(str::to_owned).to_vec();
    rows(&Options { seconds: PROOF_SECONDS.to_owned(), seed: seed.to_owned(), targets })
}

fn rows(options: &Options) -> Result<Vec<Row>, String> {
    let host = step::output("rustc", &["--print", "host-tuple"])?;
    let host = host.trim();
    // With a target of its own, build scripts and macros stay without instruments.
    let build = ["build", "--quiet", "--release", "--locked", "--manifest-path", MANIFEST, "--target", host];
    step::cargo_with("fuzz targets", &build, &[("RUSTFLAGS", COVERAGE)])?;
    let programs = Path::new("fuzz/target").join(host).join("release");
    options.targets.iter().map(|target| fuzz(target, &programs.join(target), options)).collect()
}

/// Runs a target. It begins with the inputs that are kept and with those that earlier runs have found.
fn fuzz(target: &str, program: &Path, options: &Options) -> Result<Row, String> {
    let kept = Path::new("fuzz/corpus").join(target);
    let corpus = Path::new("fuzz/target/corpus").join(target);
    let artifacts = Path::new("fuzz/target/artifacts").join(target);
    for folder in [&kept, &corpus, &artifacts] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command
        .args([corpus, kept])
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-seed={}", options.seed))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args([
            "-max_len=2048",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
            "-print_funcs=0",
        ]);
    let done = step::watch(&format!("fuzz {target}"), command, is_worth_a_look)?;
    let text = &done.text;
    let input =
        text.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, input)| input);
    if let Some(input) = input {
        step::say(&format!("replay it: {} {input}", program.display()));
    }
    let executions = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let executions = executions.and_then(|count| count.trim().parse().ok()).map_or("?".to_owned(), grouped);
    let [edges, features] = ["cov: ", "ft: "].map(|name| last_count(text, name));
    Ok(Row {
        section: "Fuzzing `authenticate`",
        what: format!("`{target}`"),
        seed: options.seed.clone(),
        cases: format!("{executions} (cov {edges}, ft {features})"),
        seconds: done.seconds,
        found: (!done.succeeded).then(|| format!("{}, {}", why(text), input.unwrap_or("without an input"))),
    })
}

/// Leaves out what the engine says about each input that it keeps, and the dictionary that it recommends.
fn is_worth_a_look(line: &str) -> bool {
    let every = ["#", "\"", "INFO: ", "WARNING: ", "stat::"].iter().any(|start| line.starts_with(start));
    !every || ["INITED", "pulse", "DONE", "executed_units"].iter().any(|word| line.contains(word))
}

/// Reads what the engine has counted last (`cov:` edges, `ft:` features).
fn last_count(text: &str, name: &str) -> String {
    let last = text.lines().rfind(|line| line.starts_with('#') && line.contains(name));
    let count = last.and_then(|line| line.split_once(name)?.1.split(' ').next()?.parse().ok());
    count.map_or("?".to_owned(), grouped)
}

/// What the program has died of.
fn why(text: &str) -> &str {
    let mut lines = text.lines().skip_while(|line| !line.contains("panicked at "));
    let error = || text.lines().find(|line| line.contains("ERROR: libFuzzer"));
    lines.nth(1).or_else(error).unwrap_or("failed")
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options { seconds: "20".to_owned(), seed: "1".to_owned(), targets: Vec::new() };
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--target" && TARGETS.contains(&value.as_str()) => {
                options.targets.push(value.clone());
            }
            [name, value] if value.parse::<u32>().is_ok() && name == "--seconds" => {
                options.seconds.clone_from(value);
            }
            [name, value] if value.parse::<u32>().is_ok() && name == "--seed" => {
                options.seed.clone_from(value);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    if options.targets.is_empty() {
        options.targets = TARGETS.map(str::to_owned).to_vec();
    }
    Ok(options)
}
