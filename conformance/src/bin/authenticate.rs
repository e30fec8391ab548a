//! Reads one JSON case per line and writes one JSON result per line, in order, through the real driver.

use std::io::{BufRead as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use nostore_conformance::case::Outcome;
use nostore_conformance::worker::Worker;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut worker = runtime.block_on(async { Worker::new() })?;
    let mut output = std::io::stdout().lock();
    let mut line = Vec::new();
    let mut input = std::io::stdin().lock();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        let outcome = decide(&runtime, &mut worker, text.trim());
        serde_json::to_writer(&mut output, &outcome)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
}

/// Decides a case. A panic is a defect of ours, but ends no more than this case.
fn decide(runtime: &Runtime, worker: &mut Worker, line: &str) -> Outcome {
    let decided = catch_unwind(AssertUnwindSafe(|| runtime.block_on(worker.decide_line(line))));
    decided.unwrap_or_else(|_| {
        let case: Value = serde_json::from_str(line).unwrap_or_default();
        Outcome::failed(case["id"].clone(), "a panic: please report this case")
    })
}
