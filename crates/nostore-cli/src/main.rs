//! The command `nostore`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    nostore_cli::run(nostore_cli::args::Cli::parse())
}
