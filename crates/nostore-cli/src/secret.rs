//! `nostore secret`: what a site seals its sessions with, made and rotated.
//!
//! # Invariants
//!
//! - No message holds a secret: what is printed is on standard output alone, behind a warning.
//! - A file is as it was or as it shall be, never in between, and keeps its mode. Nothing else in it is touched.
//!
//! # Not covered
//!
//! Owner and access lists of the file: it becomes this user's. Whoever runs the site starts it anew.

mod env_file;

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_message::Secret;
use nostore_session::{SealingSecrets, SecretsError};
use serde_json::json;

use crate::args::{SecretArgs, SecretCommand, SecretNewArgs, SecretRotateArgs};
use crate::error::Failed;
use crate::terminal::{say, warn};
pub(crate) use env_file::EnvFile;

/// The variable that a site reads.
pub(crate) const VARIABLE: &str = "NOSTORE_SECRET";
/// How many octets are drawn.
const OCTETS: usize = 48;

/// What becomes of the sessions that there are when a secret is rotated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rotation {
    /// All end: the old secrets go.
    EndSessions,
    /// They go on: the old secrets stay behind the new one.
    KeepSessions,
}

/// Makes or rotates secrets.
///
/// # Errors
///
/// When there is nothing to rotate, or the file cannot be read or written.
pub(crate) fn run(args: &SecretArgs) -> Result<(), Failed> {
    match &args.command {
        SecretCommand::New(args) => new(args),
        SecretCommand::Rotate(args) => rotate(args),
    }
}

/// Draws a secret.
///
/// # Errors
///
/// When the operating system gives no random octets.
pub(crate) fn draw() -> Result<Secret, Failed> {
    let mut octets = [0; OCTETS];
    getrandom::fill(&mut octets).map_err(|error| Failed::new("no secret could be drawn").because(&error))?;
    Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(octets)))
}

/// Puts a new secret in front of a list, or in its place.
///
/// # Errors
///
/// When there are too many by now, or none can be drawn.
pub(crate) fn rotated(list: &[Secret], rotation: Rotation) -> Result<Vec<Secret>, Failed> {
    let behind = if rotation == Rotation::KeepSessions { list } else { &[] };
    let all: Vec<Secret> = std::iter::once(draw()?).chain(behind.iter().cloned()).collect();
    match SealingSecrets::new(all.clone()) {
        Ok(_) => Ok(all),
        Err(error @ SecretsError::TooMany { .. }) => {
            Err(Failed::new("the secret was not rotated").because(&error).hint(
                "the last secrets of the list are the oldest: take out those that are older than a session lives (90 days)",
            ))
        }
        Err(error) => Err(Failed::new("the secret was not rotated").because(&error).hint(
            "`--end-sessions` makes a list of its own; a secret that is too short should not stay in any case",
        )),
    }
}

/// Reads a list of secrets.
pub(crate) fn list(text: &str) -> Vec<Secret> {
    text.split(',').map(str::trim).filter(|secret| !secret.is_empty()).map(Secret::new).collect()
}

/// Writes a list of secrets as a site reads it.
pub(crate) fn joined(list: &[Secret]) -> String {
    list.iter().map(Secret::expose).collect::<Vec<_>>().join(",")
}

fn new(args: &SecretNewArgs) -> Result<(), Failed> {
    let secret = draw()?;
    warn("what is printed signs anybody in who has it: keep it to yourself");
    say(&if args.json {
        json!({ "secret": secret.expose() }).to_string()
    } else {
        secret.expose().to_owned()
    });
    Ok(())
}

fn rotate(args: &SecretRotateArgs) -> Result<(), Failed> {
    let rotation = match (args.keep_sessions, args.end_sessions) {
        (true, _) => Rotation::KeepSessions,
        (_, true) => Rotation::EndSessions,
        (false, false) => return Err(undecided()),
    };
    match &args.file {
        Some(path) => rotate_file(path, rotation, args.json),
        None => rotate_environment(rotation, args.json),
    }
}

fn undecided() -> Failed {
    Failed::usage("expected `--keep-sessions` or `--end-sessions`, found neither").hint(
        "with `--keep-sessions` the old secrets still open what they sealed, and nobody notices. With `--end-sessions` only \
         the new one is left and everybody signs in again: the one thing that helps where somebody else has seen a secret, \
         or where a cache has handed out sessions",
    )
}

fn rotate_environment(rotation: Rotation, json: bool) -> Result<(), Failed> {
    #[expect(clippy::disallowed_methods, reason = "a program that starts here, and reads it once")]
    let found = list(&std::env::var(VARIABLE).unwrap_or_default());
    if found.is_empty() {
        return Err(Failed::usage(format!("expected secrets in {VARIABLE}, found none")).hint(
            "name the file that holds them with `--file .env`; the first secret of all is made by `nostore secret new`",
        ));
    }
    let all = rotated(&found, rotation)?;
    warn("what is printed signs anybody in who has it: keep it to yourself");
    let line = joined(&all);
    say(&if json {
        json!({ VARIABLE: line, "secrets": all.len(), "sessions": word(rotation) }).to_string()
    } else {
        format!("{VARIABLE}={line}")
    });
    Ok(())
}

fn rotate_file(path: &Path, rotation: Rotation, json: bool) -> Result<(), Failed> {
    let file = EnvFile::read(path)?;
    let found = file.value(VARIABLE)?.map(list).filter(|found| !found.is_empty());
    let Some(found) = found else {
        return Err(Failed::usage(format!("expected {VARIABLE}=… in {}, found none", path.display()))
            .hint("the first secret of all is made by `nostore secret new`"));
    };
    let all = rotated(&found, rotation)?;
    file.with(VARIABLE, &joined(&all))?.write()?;
    let count = all.len();
    let people = match rotation {
        Rotation::EndSessions => "the new secret is the only one: all sessions end".to_owned(),
        Rotation::KeepSessions => format!("the new secret is in front of {}: sessions go on", count - 1),
    };
    say(&if json {
        json!({ "file": path.display().to_string(), "secrets": count, "sessions": word(rotation) })
            .to_string()
    } else {
        format!("{}: {people}, once every process of the site has started anew", path.display())
    });
    Ok(())
}

const fn word(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::EndSessions => "end",
        Rotation::KeepSessions => "keep",
    }
}
