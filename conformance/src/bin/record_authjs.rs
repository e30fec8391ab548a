//! Has Auth.js set sessions from a seed, and prints them as JSON lines: `golden/authjs.jsonl`.

use std::io::Write as _;
use std::process::ExitCode;

use nostore_conformance::authjs::record;

/// How many sessions are kept.
const CASES: usize = 36;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let written = record(1, CASES).and_then(|recorded| {
        recorded.iter().try_for_each(|case| {
            let line = serde_json::to_string(case).map_err(|error| error.to_string())?;
            writeln!(out, "{line}").map_err(|error| error.to_string())
        })
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(std::io::stderr().lock(), "{error}");
            ExitCode::FAILURE
        }
    }
}
