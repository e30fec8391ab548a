//! Running and timing the steps of a chore.

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

/// Returns what a command prints.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("`{program}` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
