//! Running and timing the steps of a chore.

use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::time::Instant;

/// Prints a line for people.
#[expect(clippy::print_stdout, reason = "a chore talks to whoever runs it")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Prints why a chore failed.
#[expect(clippy::print_stderr, reason = "a chore talks to whoever runs it")]
pub(crate) fn complain(text: &str) {
    eprintln!("xtask: {text}");
}

/// Runs cargo as the step `name`.
pub(crate) fn cargo(name: &str, arguments: &[&str]) -> Result<(), String> {
    cargo_with(name, arguments, &[])
}

/// Runs cargo as the step `name`, with environment variables.
pub(crate) fn cargo_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), String> {
    run(name, Command::new("cargo").args(arguments).envs(variables.iter().copied()))
}

/// Runs a command as the step `name`, and says how long it took.
pub(crate) fn run(name: &str, command: &mut Command) -> Result<(), String> {
    say(&format!("== {name}"));
    let start = Instant::now();
    let status = command.status().map_err(|error| {
        format!("{name}: `{}` did not start: {error}", command.get_program().to_string_lossy())
    })?;
    say(&format!("== {name}: {:.1} s", start.elapsed().as_secs_f64()));
    if status.success() { Ok(()) } else { Err(format!("{name} failed ({status})")) }
}

/// What became of a command that was watched.
pub(crate) struct Watched {
    pub(crate) succeeded: bool,
    /// What it printed, on both outputs.
    pub(crate) text: String,
    pub(crate) seconds: f64,
}

/// Runs a command as the step `name`, shows the lines of its output that `shows` picks, and keeps all of them.
pub(crate) fn watch(
    name: &str,
    mut command: Command,
    shows: impl Fn(&str) -> bool,
) -> Result<Watched, String> {
    say(&format!("== {name}"));
    let start = Instant::now();
    let failed = |error| format!("{name}: {error}");
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut child = command.spawn().map_err(|error| {
        format!("{name}: `{}` did not start: {error}", command.get_program().to_string_lossy())
    })?;
    // The command holds the end that is written to; what it has started must be the last to do so.
    drop(command);
    let mut text = String::new();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(failed)?;
        let line = String::from_utf8_lossy(&line);
        if shows(&line) {
            say(&line);
        }
        text.push_str(&line);
        text.push('\n');
    }
    let succeeded = child.wait().map_err(failed)?.success();
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("== {name}: {seconds:.1} s"));
    Ok(Watched { succeeded, text, seconds })
}

/// Returns what a command prints.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("`{program}` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
