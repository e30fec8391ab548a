//! What `nostore dev` says when all is up: what runs where, the keys, how to sign in.

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::folder::Choice;
use crate::args::{DevArgs, Failure, Keys, SessionKind};
use crate::report::{Reporter, operator_override};
use crate::sample::Incident;
use crate::stage::{ADMIN, OwnSite, Stage};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// Tells people and machines.
pub(super) fn started(stage: &Stage, args: &DevArgs, choice: &Choice, reporter: &Reporter) {
    let issuer = stage.issuer();
    let incident = args.unprotected.and_then(|failure| Incident::of(failure, args.sessions));
    let does_not_show = incident.and_then(|incident| incident.does_not_show(&choice.profile));
    let (override_for_machines, override_for_people) = operator_override(&choice.profile, reporter.width());
    let files = stage.own().and_then(|own| own.files.as_ref());
    let machine = json!({
        "event": "started",
        "site": stage.site(),
        "issuer": issuer.origin().to_string(),
        "app": stage.app(),
        "profile": choice.profile.name(),
        "profileReason": choice.reason,
        "sessions": if stage.own().is_some() { "cookie" } else { "handshake" },
        "publishableKey": issuer.publishable_key(),
        "secretKey": issuer.secret_key().expose(),
        "jwksUrl": issuer.jwks_url(),
        "events": files.map(|(events, _)| events),
        "secrets": files.map(|(_, secrets)| secrets),
        "doesNotShow": does_not_show,
        "operatorOverride": override_for_machines,
        "stamp": incident.and_then(|incident| incident.stamp(&choice.profile)),
    });
    let mut rows = vec![
        ("site", format!("{BOLD}{}{BOLD:#}", stage.site())),
        ("behind", format!("{}  {DIM}({}){DIM:#}", choice.profile.name(), choice.reason)),
        ("", format!("{DIM}{}{DIM:#}", choice.profile.stands_for())),
        ("app", app(stage, args)),
        ("identity", format!("{}  {DIM}{}{DIM:#}", issuer.origin(), kind(args.keys))),
    ];
    rows.extend(match stage.own() {
        Some(own) => own_rows(own, args),
        None => vec![
            ("keys", format!("{}  {}", issuer.publishable_key(), issuer.secret_key().expose())),
            ("", format!("{}  {DIM}data in {}{DIM:#}", issuer.jwks_url(), args.data.display())),
        ],
    });
    rows.push(("try it", try_it(stage, args)));
    rows.push(("", format!("{DIM}Ctrl-C ends all of it{DIM:#}")));
    let mut people = format!("\n{BOLD}nostore dev{BOLD:#}\n\n");
    for (name, value) in rows {
        people += &reporter.width().wrapped(&format!("  {BOLD}{name:9}{BOLD:#} "), &value, 12);
        people.push('\n');
    }
    if let Some(stamp) = incident.and_then(|incident| incident.stamp(&choice.profile)) {
        let text = format!(
            "{} keeps no page that says nothing about caching: the page says {stamp}, as frameworks stamp on what they take for static.",
            choice.profile.name()
        );
        people += &format!("\n{}\n", reporter.width().wrapped("    ", &text, 4));
    }
    if let Some(text) = does_not_show {
        people += &format!("\n{}\n", reporter.width().wrapped(&format!("{WARN}  !{WARN:#} "), &text, 4));
    }
    if !override_for_people.is_empty() {
        people += &format!("\n{override_for_people}");
    }
    reporter.event(&machine, &people);
}

/// What is different with a sign-in of the site's own.
fn own_rows(own: &OwnSite, args: &DevArgs) -> Vec<(&'static str, String)> {
    let mut rows =
        vec![("admin", format!("{BOLD}{ADMIN}{BOLD:#}  {DIM}says at /admin/users who else may in{DIM:#}"))];
    if let Some((events, secrets)) = &own.files {
        rows.push(("events", events.clone()));
        rows.push(("secrets", format!("{secrets}  {DIM}for this user alone{DIM:#}")));
    }
    let names: Vec<&str> = own.variables.iter().map(|(name, _)| *name).collect();
    if !args.command.is_empty() {
        rows.push(("told", format!("{}  {DIM}in its environment{DIM:#}", names.join(" "))));
    } else if args.app.is_some() {
        let shown = |(name, value): &(&str, String)| {
            let secret = name.ends_with("SECRET");
            if secret { format!("{name}=(see secrets)") } else { format!("{name}={value}") }
        };
        rows.push(("to tell", own.variables.iter().map(shown).collect::<Vec<_>>().join(" ")));
    }
    rows
}

fn app(stage: &Stage, args: &DevArgs) -> String {
    let address = format!("{DIM}on {}{DIM:#}", stage.app());
    if let Some(url) = &args.app {
        return url.clone();
    }
    if !args.command.is_empty() {
        return format!("`{}` {address}", args.command.join(" "));
    }
    let site = match args.sessions {
        SessionKind::Cookie => "the sample site with a sign-in of its own",
        SessionKind::Handshake => "the sample site",
    };
    match args.unprotected {
        None => format!("{site}, protected, {address}"),
        Some(Failure::Leak) => format!("{site}, {WARN}unprotected: leak{WARN:#}, {address}"),
        Some(Failure::Loop) => format!("{site}, {WARN}unprotected: loop{WARN:#}, {address}"),
    }
}

const fn kind(keys: Keys) -> &'static str {
    match keys {
        Keys::Live => "a production instance: on the site's own host",
        Keys::Test => "a development instance: on another site, as in real life",
    }
}

fn try_it(stage: &Stage, args: &DevArgs) -> String {
    let site = stage.site();
    if args.app.is_some() || !args.command.is_empty() {
        return format!("open {site} and use your app; sign in and out, in two browsers");
    }
    match (args.unprotected, args.sessions) {
        (None, SessionKind::Cookie) => format!(
            "open {site}/admin/users, be Alice (no password), add somebody, and be that one in a second browser"
        ),
        (None, SessionKind::Handshake) => {
            format!("open {site}/dashboard and be Alice, without a password; in a second browser be Bob")
        }
        (Some(Failure::Leak), SessionKind::Cookie) => {
            format!(
                "open {site}/admin/users and be Alice; then open it in a second browser, sign out, and look again"
            )
        }
        (Some(Failure::Leak), SessionKind::Handshake) => {
            format!("open {site}/dashboard and be Alice; then open it in a second browser")
        }
        (Some(Failure::Loop), _) => format!("open {site}/dashboard and try to be Alice"),
    }
}
