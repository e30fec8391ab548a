//! `nostore logs` beside other programs that read access logs, by the time that they were on a core, threads included.
//!
//! They do other work than we do: one counts visitors and pages, the other makes an index to look at. All read the same
//! file, in turns, as often as there are rounds.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::step;

const LOG: &str = "target/bench-access.log";
const REPORT: &str = "target/bench-access.json";

/// Who reads the log: a name, the option that tells the version, and the command.
const READERS: [(&str, &str, &[&str]); 3] = [
    ("nostore logs", "--version", &["target/dist/nostore", "logs", LOG]),
    ("GoAccess", "--version", &["goaccess", LOG, "--log-format=COMBINED", "-o", REPORT, "--no-progress"]),
    ("lnav", "-V", &["lnav", "-n", "-q", LOG]),
];

/// Makes the log and has it read; `--rounds N` and `--sessions N` (seven lines each).
pub(super) fn run(arguments: &[String]) -> Result<(), String> {
    let rounds = number(arguments, "--rounds", 5)?.max(1);
    let sessions = number(arguments, "--sessions", 150_000)?;
    step::cargo("the command", &["build", "--quiet", "--profile", "dist", "--locked", "-p", "nostore-cli"])?;
    let lines = made(sessions)?;
    let (there, missing): (Vec<_>, Vec<_>) =
        READERS.into_iter().partition(|(_, asks, command)| step::output(command[0], &[asks]).is_ok());
    missing.iter().for_each(|(name, ..)| step::say(&format!("{name} is not installed, and is left out")));
    let mut seconds = vec![Vec::new(); there.len()];
    for _ in 0..rounds {
        for ((name, _, command), own) in there.iter().zip(&mut seconds) {
            own.push(on_cores(command).map_err(|why| format!("{name}: {why}"))?);
        }
    }
    for (at, (name, asks, command)) in there.iter().enumerate() {
        let version = step::output(command[0], &[asks])?;
        step::say(&row(
            &format!("{name} ({})", version.lines().next().unwrap_or_default().trim()),
            lines,
            &seconds,
            at,
        ));
    }
    Ok(())
}

/// Lines for each second on a core in the best and the worst round, and the median of the rounds' ratios to the first.
fn row(name: &str, lines: usize, seconds: &[Vec<f64>], at: usize) -> String {
    let rate = |seconds: f64| lines as f64 / seconds / 1e6;
    let mut own = seconds[at].clone();
    let mut ratios: Vec<f64> = own.iter().zip(&seconds[0]).map(|(own, first)| own / first).collect();
    own.sort_by(f64::total_cmp);
    ratios.sort_by(f64::total_cmp);
    let (best, worst, ratio) = (rate(own[0]), rate(own[own.len() - 1]), ratios[ratios.len() / 2]);
    format!("{name:40} {worst:6.3} to {best:6.3} million lines a second on a core; time {ratio:.2}")
}

fn number(arguments: &[String], name: &str, usual: usize) -> Result<usize, String> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else { return Ok(usual) };
    let number = arguments.get(at + 1).and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("expected a number behind `{name}`"))
}

/// Writes the log, and counts its lines.
fn made(sessions: usize) -> Result<usize, String> {
    let failed = |error| format!("{LOG}: {error}");
    std::fs::create_dir_all("target").map_err(failed)?;
    let example =
        ["run", "--quiet", "--release", "-p", "nostore-logs", "--features", "synth", "--example", "traffic"];
    let mut make = Command::new("cargo");
    make.args(example).args(["--", "combined", &sessions.to_string()]);
    step::run("the log", make.stdout(File::create(Path::new(LOG)).map_err(failed)?))?;
    let text = std::fs::read(LOG).map_err(failed)?;
    Ok(text.iter().filter(|octet| **octet == b'\n').count())
}

/// Seconds that a command and its threads were on cores, for itself and in the kernel.
fn on_cores(command: &[&str]) -> Result<f64, String> {
    // What the command says is not what the shell says of it. We answer 1 if something was found.
    let script = r#"TIMEFORMAT="%U %S"; time { "$@" > /dev/null 2>&1 < /dev/null; test $? -le 1; }"#;
    let mut shell = Command::new("bash");
    shell.args(["-c", script, "bash"]).args(command).env("LC_ALL", "C").stdout(Stdio::null());
    let output = shell.output().map_err(|error| format!("`bash` did not start: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    let seconds: Option<Vec<f64>> = told.split_whitespace().map(|part| part.parse().ok()).collect();
    match seconds {
        Some(seconds) if output.status.success() && seconds.len() == 2 => Ok(seconds[0] + seconds[1]),
        _ => Err(format!("failed ({}): {}", output.status, told.trim())),
    }
}
