//! `nostore session`: what is in a sealed session, and how one is made by hand.
//!
//! # Invariants
//!
//! - No message holds a secret, a token or a claim: they are on standard output alone, behind a warning.

use std::io::Read as _;
use std::path::Path;

use nostore_jose::Jwe;
use nostore_message::{Scheme, Secret, UnixTime};
use nostore_session::{
    Lifetimes, RefusedReason, SealNonce, SealedClaims, SealedCookie, SealedFormat, SealedSessions,
    SealingSecrets, SecretsError, authjs_order,
};
use nostore_web::{Clock as _, SystemClock};
use serde_json::{Map, Value};

use crate::args::{
    SealedIn, SessionArgs, SessionCommand, SessionOpenArgs, SessionSealArgs, SessionSecretArgs,
};
use crate::error::Failed;
use crate::terminal::{say, warn};

/// The lifetimes of whoever made a session are in it; no others count here.
const FOREVER_SECS: i64 = 100_000_000_000;

/// More is on nobody's standard input by intent.
const MOST_INPUT_OCTETS: u64 = 1 << 20;

/// Opens or seals one session.
///
/// # Errors
///
/// When a secret, a name, a token or claims are not as expected.
pub(crate) fn run(args: &SessionArgs) -> Result<(), Failed> {
    match &args.command {
        SessionCommand::Open(args) => open(args),
        SessionCommand::Seal(args) => seal(args),
    }
}

fn open(args: &SessionOpenArgs) -> Result<(), Failed> {
    let formats = args.format.map_or_else(
        || vec![SealedFormat::Nostore, SealedFormat::AuthJsV5, SealedFormat::AuthJsV4],
        |format| vec![format.format()],
    );
    let secrets = secrets(&args.secrets, SealedIn::Authjs)?;
    // Whatever is there already is to be read.
    let secrets = SealingSecrets::danger_of_any_length(secrets).map_err(|error| refused(&error))?;
    // One that seals is the main one; the site of this command reads every format under the one name.
    let mut sessions = configured(SealedFormat::Nostore, &args.secrets.cookie_name, &secrets, FOREVER_SECS)?;
    for format in formats.iter().filter(|format| **format != SealedFormat::Nostore) {
        let cookie = cookie(*format, &args.secrets.cookie_name)?;
        sessions = sessions.also_opens(*format, cookie, &secrets).map_err(|error| broken(&error))?;
    }
    let token = if args.token.is_empty() { input("the token")? } else { args.token.concat() };
    let token: String = token.split_whitespace().collect();
    let hint = "give the cookie's value, or those of all its chunks (NAME.0, NAME.1, …) in their order";
    if token.is_empty() {
        return Err(Failed::usage("expected a token, found none").hint(hint));
    }
    Jwe::parse(&token).map_err(|error| {
        Failed::new("expected a sealed session, found something else").because(&error).hint(hint)
    })?;
    let now = args.at.map_or_else(|| SystemClock.now(), UnixTime::from_secs);
    let opened = sessions.open_token(&token, now).map_err(|refused| not_opened(refused.reason(), now))?;
    if !formats.contains(&opened.format()) {
        return Err(not_opened(RefusedReason::DoesNotOpen, now));
    }
    warn("what is printed is the content of a session: keep it to yourself");
    let claims = serde_json::to_string_pretty(opened.claims()).map_err(|error| broken(&error))?;
    say(&claims);
    Ok(())
}

fn seal(args: &SessionSealArgs) -> Result<(), Failed> {
    let format = args.format.format();
    let secrets = secrets(&args.secrets, args.format)?;
    let secrets = if args.danger_short_secret {
        SealingSecrets::danger_of_any_length(secrets)
    } else {
        SealingSecrets::new(secrets)
    };
    let secrets = secrets.map_err(|error| match &error {
        SecretsError::TooShort { .. } => refused(&error).hint(
            "for a secret that Auth.js uses already, add `--danger-short-secret`; whoever has a cookie can then try secrets out",
        ),
        _ => refused(&error),
    })?;
    let sessions = configured(format, &args.secrets.cookie_name, &secrets, args.max_age)?;
    let claims = claims(&input("the claims")?)?;
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).map_err(|error| broken(&error))?;
    let sealed =
        sessions.seal_token(&SealedClaims::continued(claims), SystemClock.now(), SealNonce::new(octets));
    let token = sealed.map_err(|error| Failed::new("the claims cannot be sealed").because(&error))?;
    warn("what is printed signs its bearer in: keep it to yourself");
    say(&token);
    Ok(())
}

/// Makes the site whose sessions these are. Whether it is on https is in the cookie's name or does not matter.
fn configured(
    format: SealedFormat,
    name: &str,
    secrets: &SealingSecrets,
    idle_secs: i64,
) -> Result<SealedSessions, Failed> {
    let lifetimes = Lifetimes::new(idle_secs, FOREVER_SECS, 0).map_err(|error| broken(&error))?;
    let sessions = SealedSessions::new(format, cookie(format, name)?, secrets);
    let sessions = sessions.map_err(|error| Failed::usage(format!("`--format {format}`")).because(&error))?;
    Ok(sessions.lifetimes(lifetimes))
}

fn cookie(format: SealedFormat, name: &str) -> Result<SealedCookie, Failed> {
    let named = SealedCookie::new(format, Scheme::Https).named(name);
    named.map_err(|error| Failed::usage(format!("`--cookie-name {name}`")).because(&error))
}

/// Gathers the secrets: those of the command line, else those of the environment.
fn secrets(args: &SessionSecretArgs, format: SealedIn) -> Result<Vec<Secret>, Failed> {
    let mut secrets: Vec<Secret> = args.secret.iter().map(Secret::new).collect();
    for file in &args.secret_file {
        secrets.extend(lines(file)?);
    }
    if secrets.is_empty() && args.secret_file.is_empty() {
        secrets = of_environment(format);
    }
    if secrets.is_empty() {
        return Err(Failed::usage("expected a secret, found none").hint(
            "give one by `--secret-file FILE` or `--secret SECRET`, or set NOSTORE_SECRET or AUTH_SECRET",
        ));
    }
    Ok(secrets)
}

/// The environment's secrets, those of the format first: the first one seals.
#[expect(clippy::disallowed_methods, reason = "a program that starts here, and reads it once")]
fn of_environment(format: SealedIn) -> Vec<Secret> {
    let read = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::new);
    let ours = read("NOSTORE_SECRET");
    let numbered = ["AUTH_SECRET_1", "AUTH_SECRET_2", "AUTH_SECRET_3"].map(read);
    let authjs = authjs_order(read("AUTH_SECRET"), numbered);
    match format {
        SealedIn::Nostore => ours.into_iter().chain(authjs).collect(),
        SealedIn::Authjs | SealedIn::AuthjsV4 => authjs.chain(ours).collect(),
    }
}

/// Reads a file with one secret a line.
fn lines(file: &Path) -> Result<Vec<Secret>, Failed> {
    let failed = |what: &str| {
        Failed::usage(format!("`--secret-file {}`: {what}", file.display()))
            .hint("a file of secrets is text, one secret a line, the first one seals")
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| failed("expected a file that this user may read").because(&error))?;
    let secrets: Vec<Secret> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Secret::new).collect();
    if secrets.is_empty() { Err(failed("expected a secret, found none")) } else { Ok(secrets) }
}

/// Reads claims: a JSON object. Never shows what it found.
fn claims(text: &str) -> Result<Map<String, Value>, Failed> {
    let expected = |found: &str| {
        Failed::new(format!("expected a JSON object with claims on standard input, found {found}"))
            .hint(r#"for example: echo '{"sub":"user_1"}' | nostore session seal …"#)
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(Value::Array(_)) => Err(expected("an array")),
        Ok(_) => Err(expected("a single value")),
        Err(_) if text.trim().is_empty() => Err(expected("nothing")),
        Err(error) => Err(expected(&format!("no JSON at line {}, column {}", error.line(), error.column()))),
    }
}

fn input(what: &str) -> Result<String, Failed> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MOST_INPUT_OCTETS).read_to_string(&mut text);
    read.map_err(|error| {
        Failed::new(format!("{what} could not be read from standard input")).because(&error)
    })?;
    Ok(text)
}

fn not_opened(reason: RefusedReason, now: UnixTime) -> Failed {
    let failed = Failed::new(format!("no session: {reason}"));
    match reason {
        RefusedReason::Expired { age_secs } | RefusedReason::LifetimeOver { age_secs } => {
            let before = now.secs().saturating_sub(age_secs).saturating_sub(1);
            failed.hint(format!("to see it all the same, open it as of a time before: `--at {before}`"))
        }
        RefusedReason::NotYet { ahead_secs } => {
            let begins = now.secs().saturating_add(ahead_secs);
            failed.hint(format!("to see it all the same, open it as of then: `--at {begins}`"))
        }
        _ => failed.hint(
            "the key depends on the secret, the format and the cookie's whole name (`__Secure-` included, chunk numbers not); check them, and that no chunk is missing",
        ),
    }
}

fn refused(error: &SecretsError) -> Failed {
    Failed::usage("the secrets cannot be used").because(error)
}

fn broken(error: &dyn std::error::Error) -> Failed {
    Failed::new("the session could not be worked on").because(error)
}
