//! `nostore dev`: a site behind an emulated CDN, told line by line.

mod banner;
mod child;
mod folder;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nostore_cache::Profile;
use nostore_web::SystemClock;
use serde_json::json;
use tokio::net::TcpStream;

pub(crate) use folder::{file_names, named};

use crate::args::{DEFAULT_ISSUER_LISTEN, DEFAULT_LISTEN, DevArgs, SessionKind};
use crate::config::Config;
use crate::edge::Control;
use crate::error::Failed;
use crate::interrupt::Interrupt;
use crate::ports;
use crate::report::Reporter;
use crate::sample::{Incident, Module};
use crate::stage::{App, Stage, StageOptions, origin};
use child::App as Child;

/// How often it is looked whether the app behaves like a development server.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs until Ctrl-C, or until the app's command ends.
///
/// # Errors
///
/// When something does not start, or the app's command ends.
pub(crate) async fn run(mut args: DevArgs, path: Option<&Path>) -> Result<(), Failed> {
    let file = Config::read(path)?;
    if args.command.is_empty() && args.unprotected.is_none() && args.module.is_none() {
        args.app = args.app.or(file.app);
    }
    let incident = incident(&args)?;
    let mut interrupt = Interrupt::listen()?;
    let choice = folder::choose(args.cdn.as_deref(), file.cdn.as_deref(), Path::new("."))?;
    let reporter = Arc::new(Reporter::new(args.json));
    let edge = ports::listen(args.listen, DEFAULT_LISTEN, "--listen").await?;
    let issuer = ports::listen(args.issuer_listen, DEFAULT_ISSUER_LISTEN, "--issuer-listen").await?;
    let control = Control::listen(args.control).await?;
    let port = if args.command.is_empty() { None } else { Some(child::free_port().await?) };
    let app = match (&args.app, port) {
        (Some(url), _) => App::At(url.clone()),
        (None, Some(port)) => App::At(format!("http://localhost:{port}")),
        (None, None) => App::Sample(incident),
    };
    let (edge_told, issuer_told) = (Arc::clone(&reporter), Arc::clone(&reporter));
    let options = StageOptions {
        profile: choice.profile.clone(),
        keys: args.keys,
        sessions: args.sessions,
        app,
        edge: Some(edge),
        issuer: Some(issuer),
        data: Some(args.data.clone()),
        token_secs: args.token_lifetime,
        seed: args.seed.clone(),
        allowed: args.allow_origin.clone(),
        eager: false,
        protect_all: false,
        satellite: false,
        module: args.module.clone().or_else(|| Module::beside(&std::env::current_exe().ok()?)),
        clock: Arc::new(SystemClock),
        edge_sink: Arc::new(move |record| edge_told.request(&record)),
        issuer_sink: Arc::new(move |record| tell_issuer(&issuer_told, &record)),
    };
    let stage = Stage::start(options).await?;
    let _orders = control.map(|control| control.obey(stage.edge(), &reporter));
    let ended = attend(&stage, &args, port, &choice, &reporter, &mut interrupt).await;
    let summary = stage.edge().summary();
    stage.stop().await;
    if ended.is_ok() {
        reporter.summary(&summary);
    }
    ended
}

/// Takes the incident that was asked for, and refuses flags that would have no effect.
fn incident(args: &DevArgs) -> Result<Option<Incident>, Failed> {
    if args.sessions == SessionKind::Cookie {
        let idle = [
            (args.module.is_some(), "--module", "its pages have no session token to keep warm"),
            (args.token_lifetime.is_some(), "--token-lifetime", "there are no session tokens"),
        ];
        if let Some((_, flag, why)) = idle.iter().find(|(given, ..)| *given) {
            return Err(Failed::usage(format!("`{flag}` has no effect with `--sessions cookie`: {why}"))
                .hint(format!("leave one of the two out: `{flag}` is for `--sessions handshake`")));
        }
    }
    let Some(failure) = args.unprotected else { return Ok(None) };
    let incident = Incident::of(failure, args.sessions).ok_or_else(|| {
        Failed::usage("`--unprotected loop` does not happen with `--sessions cookie`: it needs the redirects of a handshake")
            .hint("with cookies of its own a site leaks: `--unprotected leak`")
    });
    incident.map(Some)
}

/// Starts the app where there is a command, says that all is up, and waits for the end.
async fn attend(
    stage: &Stage,
    args: &DevArgs,
    port: Option<u16>,
    choice: &folder::Choice,
    reporter: &Reporter,
    interrupt: &mut Interrupt,
) -> Result<(), Failed> {
    let Some(port) = port else {
        banner::started(stage, args, choice, reporter);
        if let Some(url) = &args.app {
            probe(url, reporter).await;
        }
        reporter.table_head();
        return watch(stage, reporter, interrupt, std::future::pending()).await;
    };
    let mut child = Child::start(&args.command, &variables(stage, &choice.profile, port))?;
    let listening = tokio::select! {
        listening = child.listening(port, reporter) => listening,
        () = interrupt.wait() => { child.stop().await; return Ok(()); }
    };
    if let Err(failed) = listening {
        child.stop().await;
        return Err(failed);
    }
    banner::started(stage, args, choice, reporter);
    reporter.table_head();
    let ended = watch(stage, reporter, interrupt, child.ends()).await;
    child.stop().await;
    ended
}

/// Waits for Ctrl-C, or for the app to end.
async fn watch(
    stage: &Stage,
    reporter: &Reporter,
    interrupt: &mut Interrupt,
    app_ends: impl Future<Output = Failed>,
) -> Result<(), Failed> {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut app_ends = std::pin::pin!(app_ends);
    loop {
        tokio::select! {
            failed = &mut app_ends => return Err(failed),
            () = interrupt.wait() => return Ok(()),
            () = reporter.unread() => return Ok(()),
            _ = look.tick() => reporter.development_server(&stage.edge().summary()),
        }
    }
}

/// What the app's command finds in its environment.
fn variables(stage: &Stage, profile: &Profile, port: u16) -> Vec<(String, String)> {
    let issuer = stage.issuer();
    let told = [("PORT", port.to_string()), ("NOSTORE_DEV", "1".to_owned())];
    let handshake = [
        ("NOSTORE_PUBLIC_URL", stage.site().to_owned()),
        ("NOSTORE_PUBLISHABLE_KEY", issuer.publishable_key().to_owned()),
        ("NOSTORE_SECRET_KEY", issuer.secret_key().expose().to_owned()),
        ("NOSTORE_API_URL", issuer.origin().to_string()),
    ];
    let handshake = handshake.into_iter().filter(|_| stage.own().is_none());
    let own = stage.own().into_iter().flat_map(|own| own.variables.clone());
    // What the platform itself would tell an app.
    let platform = profile.environment().iter().map(|(name, value)| (*name, (*value).to_owned()));
    let all = told.into_iter().chain(handshake).chain(own).chain(platform);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Says when nothing listens at the app's URL yet; the edge answers 502 until something does.
pub(crate) async fn probe(url: &str, reporter: &Reporter) {
    let Ok(origin) = origin(url) else { return };
    let host = origin.host().trim_start_matches('[').trim_end_matches(']');
    if TcpStream::connect((host, origin.port())).await.is_err() {
        let text = format!(
            "nothing answers at {url} yet: start your app, or correct its address. Until then visitors get a 502"
        );
        reporter.note(&json!({ "event": "app-unreachable", "text": text }), &text);
    }
}

fn tell_issuer(reporter: &Reporter, record: &nostore_issuer::Record) {
    reporter.event_for_machines(&json!({
        "event": "issuer", "at": record.at.millis(), "method": record.method, "path": record.path, "status": record.status,
    }));
}
