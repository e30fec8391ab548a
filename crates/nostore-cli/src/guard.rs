//! `nostore guard`: between an app and its cache.

use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use nostore_guard::{Change, Guard, GuardConfig, Record};
use nostore_web::{Clock as _, CookieProtection, Routes, SystemClock, TrustedProxies};
use serde_json::json;

use crate::args::{DEFAULT_LISTEN, GuardArgs};
use crate::dev::probe;
use crate::error::Failed;
use crate::interrupt::Interrupt;
use crate::ports;
use crate::report::Reporter;
use crate::sample::clock_time;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// Where the reason stands under a request.
const REASON_INDENT: usize = 10;

/// Runs until Ctrl-C.
///
/// # Errors
///
/// When a flag is not as expected or the address is taken.
pub(crate) async fn run(args: &GuardArgs) -> Result<(), Failed> {
    let mut interrupt = Interrupt::listen()?;
    let mut config = GuardConfig::new(args.origin.clone(), protection(args)?);
    config.report_only = args.report_only;
    config.trusted = TrustedProxies::none()
        .addresses(&args.trusted_proxies)
        .map_err(|error| Failed::usage("`--trusted-proxy`").because(&error))?;
    let reporter = Arc::new(Reporter::new(args.json));
    let told = Arc::clone(&reporter);
    config.sink = Arc::new(move |record| told.event(&record.to_json(), &line(&record, &told)));
    let guard = Guard::new(config)
        .map_err(|error| Failed::usage(format!("`--origin {}`", args.origin)).because(&error))?;
    let (listener, address) = ports::listen(args.listen, DEFAULT_LISTEN, "--listen").await?;
    let machine = json!({
        "event": "started", "site": format!("http://{address}"), "app": args.origin,
        "sessionCookies": args.session_cookies, "reportOnly": args.report_only,
    });
    let what = if args.report_only { "changes nothing, and says what it would" } else { "guards" };
    let people = format!(
        "\n{BOLD}nostore guard{BOLD:#}  http://{address} {DIM}→{DIM:#} {}\n  {DIM}{what}; sessions: {}. Ctrl-C ends it{DIM:#}\n",
        args.origin,
        args.session_cookies.join(", "),
    );
    reporter.event(&machine, &people);
    probe(&args.origin, &reporter).await;
    let ended = async {
        tokio::select! {
            () = interrupt.wait() => {}
            () = reporter.unread() => {}
        }
    };
    guard.serve(listener, ended).await;
    Ok(())
}

fn protection(args: &GuardArgs) -> Result<CookieProtection, Failed> {
    let is_pattern = |pattern: &&String| Routes::new().public((*pattern).clone()).check("/").is_ok();
    if let Some(pattern) = args.public.iter().find(|pattern| !is_pattern(pattern)) {
        let found = format!("expected `--public` with a path such as `/` or `/assets/*`, found `{pattern}`");
        return Err(Failed::usage(found));
    }
    let protection = CookieProtection::cookies(args.session_cookies.iter().map(String::as_str));
    let protection =
        args.public.iter().fold(protection, |protection, pattern| protection.public(pattern.clone()));
    Ok(protection.drop_strays(true).unless_public(args.unless_public))
}

/// One line for people, and why below it where something was changed.
fn line(record: &Record, reporter: &Reporter) -> String {
    let change = match (record.change, record.report_only) {
        (Change::None, _) => "as it was".to_owned(),
        (Change::Failed, _) => "no answer".to_owned(),
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
