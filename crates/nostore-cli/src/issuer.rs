//! `nostore issuer`: the identity service alone.

use std::io::Write as _;
use std::sync::Arc;

use anstyle::Style;
use nostore_web::{Clock as _, SystemClock};

use crate::args::{DEFAULT_ISSUER_LISTEN, IssuerArgs, IssuerCommand, RotateKeyArgs};
use crate::error::Failed;
use crate::interrupt::Interrupt;
use crate::ports;
use crate::sample::clock_time;
use crate::stage::{IssuerOptions, open_issuer};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
/// Sites that may ask for sign-ins without being named.
const SITES: [&str; 4] =
    ["http://localhost:8080", "http://127.0.0.1:8080", "http://localhost:3000", "http://127.0.0.1:3000"];

/// Runs until Ctrl-C.
///
/// # Errors
///
/// When its data cannot be read or kept, or the address is taken.
pub(crate) async fn run(args: IssuerArgs) -> Result<(), Failed> {
    if let Some(IssuerCommand::RotateKey(args)) = args.command {
        return rotate_key(args).await;
    }
    let mut interrupt = Interrupt::listen()?;
    let (listener, address) = ports::listen(args.listen, DEFAULT_ISSUER_LISTEN, "--listen").await?;
    let mut allowed: Vec<String> = SITES.map(str::to_owned).to_vec();
    allowed.extend(args.allow_origin);
    let issuer = open_issuer(IssuerOptions {
        keys: args.keys,
        address,
        data: Some(args.data.clone()),
        relying_parties: Vec::new(),
        allowed: allowed.clone(),
        token_secs: args.token_lifetime,
        seed: args.seed,
        sink: Arc::new(|record| tell(&record)),
        clock: Arc::new(SystemClock),
    })
    .await?;
    say(&format!("\n{BOLD}nostore issuer{BOLD:#}  {}", issuer.origin()));
    say(&format!("  {BOLD}keys{BOLD:#}   {}  {}", issuer.publishable_key(), issuer.secret_key().expose()));
    say(&format!("         {}  {DIM}data in {}{DIM:#}", issuer.jwks_url(), args.data.display()));
    say(&format!("  {BOLD}sites{BOLD:#}  {}  {DIM}(more with --allow-origin){DIM:#}", allowed.join(" ")));
    say(&format!("  {DIM}Ctrl-C ends it{DIM:#}\n"));
    issuer.serve(listener, interrupt.wait()).await;
    Ok(())
}

/// Makes a new signing key.
async fn rotate_key(args: RotateKeyArgs) -> Result<(), Failed> {
    let now = SystemClock.now();
    // It makes a key and opens a database, which is not for an asynchronous thread.
    let rotated =
        tokio::task::spawn_blocking(move || nostore_issuer::rotate_key(args.data, now, args.keep)).await;
    let failed =
        |error: &dyn std::error::Error| Failed::new("the signing key was not rotated").because(error);
    let rotated = rotated.map_err(|error| failed(&error))?.map_err(|error| {
        let in_use = error.code() == "data-dir-in-use";
        let hint = "a running service rotates when it is asked to, at its own address and with its own secret key: \
                    curl -X POST -H 'Authorization: Bearer SECRET_KEY' \
                    http://127.0.0.1:8081/v1/instance/rotate_key";
        if in_use { failed(&error).hint(hint) } else { failed(&error) }
    })?;
    say(&format!("{BOLD}{}{BOLD:#} signs from now on", rotated.kid));
    let secs = rotated.published_until.secs_since(now);
    say(&format!("{} stays published for {secs} seconds more", rotated.previous));
    Ok(())
}

fn tell(record: &nostore_issuer::Record) {
    let client = record.client.as_deref().unwrap_or("–");
    let (time, method, status, path) = (clock_time(record.at), &record.method, record.status, &record.path);
    say(&format!("{time}  {method:6} {status:3}  {path:32}  {client}  {DIM}{}{DIM:#}", record.note));
}

fn say(line: &str) {
    // A reader that went away (`| head`) has seen enough.
    let _ = writeln!(anstream::stdout().lock(), "{line}");
}
