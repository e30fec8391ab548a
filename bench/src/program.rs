//! What every program here does: says its results, or why there are none.

use std::process::ExitCode;

use crate::world::Broken;

/// Runs a program.
pub fn finish(run: impl FnOnce() -> Result<(), Broken>) -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Prints a result.
#[expect(clippy::print_stdout, reason = "the output of a program")]
pub fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the complaint of a program")]
fn complain(text: &str) {
    eprintln!("{text}");
}
