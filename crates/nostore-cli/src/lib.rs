//! The command `nostore` as a library: `dev`, `demo`, `edge`, `gen`, `guard`, `init`, `issuer`, `logs`, `session`, `secret`.
//!
//! # Scope
//!
//! Parses the command line, starts the programs (edge, issuer, sample site, an app of one's own)
//! and tells people and machines what happens.
//!
//! # Invariants
//!
//! - No `if` about the protocol or about caching: verdicts come from the laws, with their reasons.
//! - Nothing secret is printed but the development keys that `dev` and `issuer` made themselves, and what `session`
//!   and `secret` were asked for.

pub mod args;
mod config;
mod demo;
mod dev;
mod edge;
mod error;
mod generate;
mod guard;
mod init;
mod interrupt;
mod issuer;
mod logs;
mod ports;
mod report;
pub mod sample;
mod secret;
mod session;
pub mod stage;
mod terminal;
pub mod visitor;

use std::process::ExitCode;

use args::{Cli, Command};
pub use error::Failed;
pub use secret::Rotation;

/// Runs one command to its end.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    if let Command::Completions { shell } = cli.command {
        let mut command = <Cli as clap::CommandFactory>::command();
        clap_complete::generate(shell, &mut command, "nostore", &mut std::io::stdout());
        return ExitCode::SUCCESS;
    }
    if let Command::Session(args) = &cli.command {
        return ended(session::run(args));
    }
    if let Command::Secret(args) = &cli.command {
        return ended(secret::run(args));
    }
    if let Command::Init(args) = &cli.command {
        return ended(init::run(args));
    }
    let path = cli.config.as_deref();
    if let Command::Logs(args) = &cli.command {
        return logs::run(args, path).unwrap_or_else(|failed| failed.report());
    }
    if let Command::Gen(args) = &cli.command {
        return ended(generate::run(args, path));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failed::new("the asynchronous runtime did not start").because(&error).report(),
    };
    let how = runtime.block_on(async {
        match cli.command {
            Command::Dev(args) => dev::run(args, path).await,
            Command::Demo(args) => demo::run(&args).await,
            Command::Edge(args) => edge::run(&args, path).await,
            Command::Guard(args) => guard::run(&args, path).await,
            Command::Issuer(args) => issuer::run(args).await,
            Command::Completions { .. }
            | Command::Gen(_)
            | Command::Init(_)
            | Command::Logs(_)
            | Command::Secret(_)
            | Command::Session(_) => Ok(()),
        }
    });
    ended(how)
}

fn ended(how: Result<(), Failed>) -> ExitCode {
    match how {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(),
    }
}
