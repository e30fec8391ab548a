//! `nostore edge`: the emulated CDN alone; and how it is purged.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anstyle::Style;
use nostore_edge::{Edge, EdgeConfig};
use nostore_web::SystemClock;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::args::{DEFAULT_LISTEN, EdgeArgs, EdgeCommand, PurgeArgs};
use crate::config::Config;
use crate::dev::{named, probe};
use crate::error::Failed;
use crate::interrupt::Interrupt;
use crate::ports;
use crate::report::{Reporter, operator_override};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How long an edge may take to answer an order.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most that is read of an answer, in bytes.
const MOST: u64 = 4_096;

/// Where a running edge takes orders.
pub(crate) struct Control {
    listener: TcpListener,
    address: SocketAddr,
}

impl Control {
    /// Listens, where an address was given.
    ///
    /// # Errors
    ///
    /// When it is taken.
    pub(crate) async fn listen(address: Option<SocketAddr>) -> Result<Option<Self>, Failed> {
        let Some(address) = address else { return Ok(None) };
        let (listener, address) = ports::listen(Some(address), DEFAULT_LISTEN, "--control").await?;
        Ok(Some(Self { listener, address }))
    }

    /// Takes orders for `edge` until what it returns is dropped, and says where.
    pub(crate) fn obey(self, edge: &Arc<Edge>, reporter: &Reporter) -> JoinSet<()> {
        let Self { listener, address } = self;
        let machine = json!({ "event": "control", "control": address.to_string() });
        let people = format!("  {DIM}nostore edge purge --control {address} forgets what is stored{DIM:#}\n");
        reporter.event(&machine, &people);
        let (edge, mut tasks) = (Arc::clone(edge), JoinSet::new());
        tasks.spawn(async move { edge.serve_control(listener, std::future::pending()).await });
        tasks
    }
}

/// Makes a running edge forget.
async fn purge(args: &PurgeArgs) -> Result<(), Failed> {
    let address = args.control;
    let mut target = String::from("/purge");
    if let Some(url) = &args.url {
        target.push('?');
        target
            .push_str(&url::form_urlencoded::Serializer::new(String::new()).append_pair("url", url).finish());
    }
    let request = format!(
        "POST {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(MOST).read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let silent = || {
        Failed::new(format!("expected a running edge at {address}, found nobody who answers")).hint(format!(
            "start it with `--control {address}`, or name the address that it was started with"
        ))
    };
    let answer = match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(silent().because(&error)),
        Err(_) => return Err(silent()),
    };
    let text = answer.split_once("\r\n\r\n").map_or("", |(_, text)| text.trim());
    if answer.starts_with("HTTP/1.1 200 ") && text.starts_with("purged ") {
        anstream::println!("{text}");
        return Ok(());
    }
    let found = text.chars().filter(|char| !char.is_control()).take(200).collect::<String>();
    Err(Failed::new(format!("the edge at {address} did not purge: {found}")))
}

/// Runs until Ctrl-C.
///
/// # Errors
///
/// When a flag is not as expected or the address is taken.
pub(crate) async fn run(args: &EdgeArgs, path: Option<&Path>) -> Result<(), Failed> {
    if let Some(EdgeCommand::Purge(args)) = &args.command {
        return purge(args).await;
    }
    let file = Config::read(path)?;
    let origin = args.origin.as_deref().or(file.app.as_deref());
    let origin = origin.ok_or_else(|| {
        Failed::usage("expected the address of an origin server, found none")
            .hint("name it with `--origin URL`, or as `app = \"URL\"` in nostore.toml")
    })?;
    let mut interrupt = Interrupt::listen()?;
    let mut profile = named(args.cdn.as_deref().or(file.cdn.as_deref()).unwrap_or("rfc9111"))?;
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
    let control = Control::listen(args.control).await?;
    let mut config = EdgeConfig::new(origin.to_owned(), profile.clone(), Arc::new(SystemClock));
    config.public_authority = Some(address.to_string());
    config.sink = Arc::new(move |record| told.request(&record));
    let edge =
        Edge::new(config).map_err(|error| Failed::usage(format!("`--origin {origin}`")).because(&error))?;
    let (override_for_machines, override_for_people) = operator_override(&profile, reporter.width());
    let machine = json!({
        "event": "started", "site": format!("http://{address}"), "app": origin, "profile": profile.name(),
        "operatorOverride": override_for_machines,
    });
    let people = format!(
        "\n{BOLD}nostore edge{BOLD:#}  http://{address} {DIM}→{DIM:#} {}\n  {DIM}behind {}: {}. Ctrl-C ends it{DIM:#}\n{override_for_people}",
        origin,
        profile.name(),
        profile.stands_for()
    );
    reporter.event(&machine, &people);
    let _orders = control.map(|control| control.obey(&edge, &reporter));
    probe(origin, &reporter).await;
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
