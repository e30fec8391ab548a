//! What `nostore dev` says when all is up: what runs where, the keys, how to sign in.

use anstyle::{AnsiColor, Style};
use serde_json::json;

use super::folder::Choice;
use crate::args::{DevArgs, Failure, Keys};
use crate::report::Reporter;
use crate::sample::Incident;
use crate::stage::Stage;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// Tells people and machines.
pub(super) fn started(stage: &Stage, args: &DevArgs, choice: &Choice, reporter: &Reporter) {
    let issuer = stage.issuer();
    let incident = args.unprotected.map(Incident::of);
    let does_not_show = incident.and_then(|incident| incident.does_not_show(&choice.profile));
    let machine = json!({
        "event": "started",
        "site": stage.site(),
        "issuer": issuer.origin().to_string(),
        "app": stage.app(),
        "profile": choice.profile.name(),
        "profileReason": choice.reason,
        "publishableKey": issuer.publishable_key(),
        "secretKey": issuer.secret_key().expose(),
        "jwksUrl": issuer.jwks_url(),
        "doesNotShow": does_not_show,
    });
    let rows = [
        ("site", format!("{BOLD}{}{BOLD:#}", stage.site())),
        ("behind", format!("{}  {DIM}({}){DIM:#}", choice.profile.name(), choice.reason)),
        ("", format!("{DIM}{}{DIM:#}", choice.profile.stands_for())),
        ("app", app(stage, args)),
        ("identity", format!("{}  {DIM}{}{DIM:#}", issuer.origin(), kind(args.keys))),
        ("keys", format!("{}  {}", issuer.publishable_key(), issuer.secret_key().expose())),
        ("", format!("{}  {DIM}data in {}{DIM:#}", issuer.jwks_url(), args.data.display())),
        ("try it", try_it(stage, args)),
        ("", format!("{DIM}Ctrl-C ends all of it{DIM:#}")),
    ];
    let mut people = format!("\n{BOLD}nostore dev{BOLD:#}\n\n");
    for (name, value) in rows {
        people += &reporter.width().wrapped(&format!("  {BOLD}{name:9}{BOLD:#} "), &value, 12);
        people.push('\n');
    }
    if let Some(text) = does_not_show {
        people += &format!("\n{}\n", reporter.width().wrapped(&format!("{WARN}  !{WARN:#} "), &text, 4));
    }
    reporter.event(&machine, &people);
}

fn app(stage: &Stage, args: &DevArgs) -> String {
    let address = format!("{DIM}on {}{DIM:#}", stage.app());
    if let Some(url) = &args.app {
        return url.clone();
    }
    if !args.command.is_empty() {
        return format!("`{}` {address}", args.command.join(" "));
    }
    match args.unprotected {
        None => format!("the sample site, protected, {address}"),
        Some(Failure::Leak) => format!("the sample site, {WARN}unprotected: leak{WARN:#}, {address}"),
        Some(Failure::Loop) => format!("the sample site, {WARN}unprotected: loop{WARN:#}, {address}"),
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
    match args.unprotected {
        None => format!("open {site}/dashboard and be Alice, without a password; in a second browser be Bob"),
        Some(Failure::Leak) => {
            format!("open {site}/dashboard and be Alice; then open it in a second browser")
        }
        Some(Failure::Loop) => format!("open {site}/dashboard and try to be Alice"),
    }
}
