//! Fuzzing with coverage: libFuzzer's engine over the targets in `fuzz/`, on a stable toolchain.
//!
//! What is instrumented is said by compiler flags alone, so neither cargo-fuzz nor a nightly toolchain is needed;
//! there is no address sanitizer, because there is no unsafe code of ours to watch.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step;

const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS: [&str; 4] = ["authenticate", "tokens", "urls_and_cookies", "answers"];
const USAGE: &str = "expected --seconds N, --seed N or --target NAME";

/// The passes that count edges and comparisons for the engine.
const COVERAGE: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

struct Options {
    seconds: String,
    seed: String,
    targets: Vec<String>,
}

/// Builds the targets and runs each for `--seconds N` (20) with `--seed N` (1).
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = options(arguments)?;
    let host = step::output("rustc", &["--print", "host-tuple"])?;
    let host = host.trim();
    // With a target of its own, build scripts and macros stay without instruments.
    let build = ["build", "--quiet", "--release", "--locked", "--manifest-path", MANIFEST, "--target", host];
    step::cargo_with("fuzz targets", &build, &[("RUSTFLAGS", COVERAGE)])?;
    let folder = Path::new("fuzz/target").join(host).join("release");
    for target in &options.targets {
        let corpus = Path::new("fuzz/target/corpus").join(target);
        let artifacts = Path::new("fuzz/target/artifacts").join(target);
        for folder in [&corpus, &artifacts] {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fuzz(target, &folder.join(target), &corpus, &artifacts, &options)?;
    }
    Ok(())
}

fn fuzz(
    target: &str,
    program: &PathBuf,
    corpus: &Path,
    artifacts: &Path,
    options: &Options,
) -> Result<(), String> {
    let mut command = Command::new(program);
    command
        .arg(corpus)
        .arg(format!("-max_total_time={}", options.seconds))
        .arg(format!("-seed={}", options.seed))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(["-max_len=2048", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"]);
    step::run(&format!("fuzz {target}"), &mut command)
        .map_err(|error| format!("{error}; the input is in {}", artifacts.display()))
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
