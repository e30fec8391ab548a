//! What every program here does: says its results, or why there are none.

use std::future::Future;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

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

/// Polls a future once. `None`: it would have to wait.
#[inline]
pub fn polled<F: Future>(future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
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
