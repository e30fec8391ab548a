//! `nostore guard`: between an app and its cache.

mod settings;
mod teller;
mod watch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use nostore_guard::{Change, Guard, Record};
use nostore_proxy::Tls;
use nostore_web::{Clock as _, SystemClock};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::args::{DEFAULT_LISTEN, GuardArgs, SignInKind};
use crate::config;
use crate::dev::probe;
use crate::error::Failed;
use crate::interrupt::{Interrupt, Order};
use crate::ports;
use crate::report::Reporter;
use crate::sample::clock_time;
use settings::Settings;
use teller::Teller;
use watch::Watched;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Where the reason stands under a request.
const REASON_INDENT: usize = 10;

/// Runs until Ctrl-C.
///
/// # Errors
///
/// When something that was said is not as expected, or an address is taken.
pub(crate) async fn run(args: &GuardArgs, path: Option<&Path>) -> Result<(), Failed> {
    let mut interrupt = Interrupt::listen()?;
    let reporter = Arc::new(Reporter::new(args.json));
    let teller = Teller::start(&reporter);
    let settings = Settings::read(args, path)?;
    let mut watched = Watched::new(files(&settings, path));
    let mut config = settings.config(teller.sink(), false).await?;
    let (listener, address) = listener(&settings).await?;
    let tls = settings.tls(Some(address.ip()))?;
    config.tls.clone_from(&tls);
    let guard = Guard::new(&config)
        .map_err(|error| Failed::usage(format!("`--origin {}`", config.origin)).because(&error))?;
    let mut tasks = JoinSet::new();
    let control = match settings.control()? {
        None => None,
        Some(control) => {
            let (listener, address) = ports::listen(Some(control), DEFAULT_LISTEN, "--control").await?;
            let guard = Arc::clone(&guard);
            tasks.spawn(async move { guard.serve_control(listener, std::future::pending()).await });
            Some(address)
        }
    };
    tasks.spawn(sweep(Arc::clone(&guard)));
    announce(&settings, &config.origin, (address, control), tls.is_some(), &reporter);
    probe(&config.origin, &reporter).await;
    let running = Running {
        args,
        path,
        guard: &guard,
        places: [settings.listen()?, settings.control()?],
        tls: tls.as_ref(),
        reporter: &reporter,
        teller: &teller,
    };
    let ended = async {
        'running: loop {
            tokio::select! {
                order = interrupt.order() => match order {
                    Order::End => break,
                    Order::ReadAgain => {}
                },
                () = reporter.unread() => break,
                () = watched.changed() => {}
            }
            // Whoever wants it read once more while it is being read gets it from the beginning.
            loop {
                tokio::select! {
                    () = running.read_again(&mut watched) => break,
                    order = interrupt.order() => if order == Order::End { break 'running },
                }
            }
        }
    };
    guard.serve(listener, ended).await;
    tasks.shutdown().await;
    drop((guard, config));
    teller.finish().await;
    Ok(())
}

/// Removes ended sign-ins from the store once a day.
async fn sweep(guard: Arc<Guard>) {
    loop {
        tokio::time::sleep(Duration::from_secs(86_400)).await;
        // A store that gives no answer says so with the next request that asks it.
        let _later = guard.sweep().await;
    }
}

/// Listens, at the socket that was passed on if there is one.
async fn listener(settings: &Settings<'_>) -> Result<(TcpListener, SocketAddr), Failed> {
    let unusable = |error: std::io::Error| {
        Failed::new("the socket that was passed on (LISTEN_FDS) cannot be used").because(&error)
    };
    match listenfd::ListenFd::from_env().take_tcp_listener(0).map_err(unusable)? {
        None => ports::listen(settings.listen()?, DEFAULT_LISTEN, "--listen").await,
        Some(listener) => {
            listener.set_nonblocking(true).map_err(unusable)?;
            let listener = TcpListener::from_std(listener).map_err(unusable)?;
            let address = listener.local_addr().map_err(unusable)?;
            Ok((listener, address))
        }
    }
}

/// A guard that runs, and what it was started with.
struct Running<'a> {
    args: &'a GuardArgs,
    path: Option<&'a Path>,
    guard: &'a Guard,
    /// What was said of the sockets.
    places: [Option<SocketAddr>; 2],
    tls: Option<&'a Tls>,
    reporter: &'a Reporter,
    teller: &'a Teller,
}

impl Running<'_> {
    /// Goes by what flags, file and certificates say now, and tells whether that was possible.
    async fn read_again(&self, watched: &mut Watched) {
        match self.change().await {
            Ok(settings) => {
                watched.follow(files(&settings, self.path));
                said(self.reporter, "config-taken", "goes by the new configuration from now on", None);
            }
            Err(failed) => {
                let text = "the new configuration is refused, and everything else goes on as it was";
                said(self.reporter, "config-refused", text, Some(&failed));
            }
        }
    }

    async fn change(&self) -> Result<Settings<'_>, Failed> {
        let settings = Settings::read(self.args, self.path)?;
        // The certificate first: it may be about to run out, whatever else is wrong. One that was made at the start stays.
        let renewed = if settings.certificate()?.is_some() { settings.tls(None)? } else { None };
        match (self.tls, renewed) {
            (Some(tls), Some(renewed)) => tls.replace(&renewed),
            (None, Some(_)) => {
                return Err(Failed::usage("expected to go on without TLS, found a certificate")
                    .hint("start the guard anew to serve with one"));
            }
            (_, None) => {}
        }
        if [settings.listen()?, settings.control()?] != self.places {
            return Err(Failed::usage("expected to stay at the same addresses, found others to listen at")
                .hint("start the guard anew where `listen` or `control` changes"));
        }
        let config = settings.config(self.teller.sink(), true).await?;
        self.guard
            .change(&config)
            .map_err(|error| Failed::usage(format!("`{}`", config.origin)).because(&error))?;
        Ok(settings)
    }
}

/// Lists the files that the guard goes by.
fn files(settings: &Settings<'_>, path: Option<&Path>) -> Vec<PathBuf> {
    let certificate = settings.certificate().ok().flatten();
    let certificate = certificate.into_iter().flat_map(|(certificate, key)| [certificate, key]);
    std::iter::once(path.unwrap_or(Path::new(config::FILE))).chain(certificate).map(Path::to_owned).collect()
}

fn announce(
    settings: &Settings<'_>,
    origin: &str,
    (address, control): (SocketAddr, Option<SocketAddr>),
    secure: bool,
    reporter: &Reporter,
) {
    let scheme = if secure { "https" } else { "http" };
    let (site, cookies) = (format!("{scheme}://{address}"), settings.session_cookies());
    let how = settings.sign_in().map(|kind| match kind {
        SignInKind::Own => "own",
        SignInKind::Service => "service",
    });
    let machine = json!({
        "event": "started", "site": site, "app": origin, "sessionCookies": cookies,
        "reportOnly": settings.report_only(), "signIn": how, "control": control.map(|control| control.to_string()),
    });
    let what = match how {
        _ if settings.report_only() => "changes nothing, and says what it would",
        Some("own") => "guards, and signs visitors in with its own pages",
        Some(_) => "guards, and signs visitors in at the identity service",
        None => "guards",
    };
    let cookies =
        if cookies.is_empty() { String::new() } else { format!("; sessions: {}", cookies.join(", ")) };
    let control =
        control.map(|control| format!("\n  {DIM}health and metrics: http://{control}/metrics{DIM:#}"));
    let people = format!(
        "\n{BOLD}nostore guard{BOLD:#}  {site} {DIM}→{DIM:#} {origin}\n  {DIM}{what}{}. Ctrl-C ends it{DIM:#}{}\n",
        printable(&cookies),
        control.unwrap_or_default(),
    );
    reporter.event(&machine, &people);
}

fn said(reporter: &Reporter, event: &str, text: &str, failed: Option<&Failed>) {
    let why = failed.map(ToString::to_string);
    let machine = json!({ "event": event, "error": why });
    let time = clock_time(SystemClock.now());
    let style = if failed.is_some() { WARN } else { NOTE };
    let mut people = format!("{time}  {style}{text}{style:#}");
    if let Some(why) = why {
        let lines = why.lines().map(|line| format!("\n{:REASON_INDENT$}{}", "", printable(line)));
        people.extend(lines);
    }
    reporter.event(&machine, &people);
}

/// One line for people, and why below it where something was changed.
fn line(record: &Record, reporter: &Reporter) -> String {
    let change = match (record.change, record.report_only) {
        (Change::None, _) => "as it was".to_owned(),
        (Change::Failed, _) => "no answer".to_owned(),
        (Change::Answered, _) => "answered".to_owned(),
        (Change::Silent, false) => "kept private".to_owned(),
        (Change::Silent, true) => "would be kept private".to_owned(),
        (Change::Protected, false) => "protected".to_owned(),
        (Change::Protected, true) => "would be protected".to_owned(),
        (Change::CookiesDropped, false) => format!("lost {}", record.dropped.join(", ")),
        (Change::CookiesDropped, true) => format!("would lose {}", record.dropped.join(", ")),
    };
    let time = clock_time(SystemClock.now());
    let (method, status, path) = (&record.method, record.status, &record.path);
    let mut text = printable(&format!("{time}  {method:4} {status}  {path}  "));
    let style = if record.change == Change::None { DIM } else { NOTE };
    text += &format!("{style}{}{style:#}", printable(&change));
    if !record.why.is_empty() {
        let why = format!("{DIM}{}{DIM:#}", printable(&record.why));
        text += "\n";
        text += &reporter.width().wrapped(&" ".repeat(REASON_INDENT), &why, REASON_INDENT);
    }
    text
}

/// What others wrote, without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}
