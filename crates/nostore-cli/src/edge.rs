//! `nostore edge`: the emulated CDN alone.

use std::sync::Arc;

use anstyle::Style;
use nostore_edge::{Edge, EdgeConfig};
use nostore_web::SystemClock;
use serde_json::json;

use crate::args::{DEFAULT_LISTEN, EdgeArgs};
use crate::dev::{named, probe};
use crate::error::Failed;
use crate::interrupt::Interrupt;
use crate::ports;
use crate::report::Reporter;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Runs until Ctrl-C.
///
/// # Errors
///
/// When a flag is not as expected or the address is taken.
pub(crate) async fn run(args: &EdgeArgs) -> Result<(), Failed> {
    let mut interrupt = Interrupt::listen()?;
    let mut profile = named(&args.cdn)?;
    for setting in &args.set {
        let Some((name, value)) = setting.split_once('=') else {
            return Err(Failed::usage(format!("expected `--set NAME=VALUE`, found `--set {setting}`")));
        };
        profile
            .set(name, value)
            .map_err(|error| Failed::usage(format!("`--set {setting}`")).because(&error))?;
    }
    let reporter = Arc::new(Reporter::new(args.json));
    let told = Arc::clone(&reporter);
    let (listener, address) = ports::listen(args.listen, DEFAULT_LISTEN, "--listen").await?;
    let mut config = EdgeConfig::new(args.origin.clone(), profile.clone(), Arc::new(SystemClock));
    config.public_authority = Some(address.to_string());
    config.sink = Arc::new(move |record| told.request(&record));
    let edge = Edge::new(config)
        .map_err(|error| Failed::usage(format!("`--origin {}`", args.origin)).because(&error))?;
    let machine = json!({
        "event": "started", "site": format!("http://{address}"), "app": args.origin, "profile": profile.name(),
    });
    let people = format!(
        "\n{BOLD}nostore edge{BOLD:#}  http://{address} {DIM}→{DIM:#} {}\n  {DIM}behind {}: {}. Ctrl-C ends it{DIM:#}\n",
        args.origin,
        profile.name(),
        profile.stands_for()
    );
    reporter.event(&machine, &people);
    probe(&args.origin, &reporter).await;
    reporter.table_head();
    let ended = async {
        tokio::select! {
            () = interrupt.wait() => {}
            () = reporter.unread() => {}
        }
    };
    edge.serve(listener, ended).await;
    reporter.summary(&edge.summary());
    Ok(())
}
