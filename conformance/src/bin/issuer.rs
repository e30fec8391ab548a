//! The bundled issuer as an OpenID Provider in a process of its own, for the tests of the relying party.
//!
//! Started and told as `provider/server.mjs` is, which says how; `accessSeconds` is not for it, its access tokens live
//! as long as they do. It keeps what it knows in `folder`, and is killed (`die PATH`) at the worst moment: what was
//! asked for has happened and is on disk, and nobody hears of it.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nostore_issuer::core::{Mode, RelyingParty};
use nostore_issuer::{Record, Server, ServerConfig};
use nostore_message::{Clock as _, Origin, Secret};
use nostore_web::SystemClock;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a logout token may take to come: the issuer lets nobody wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Deserialize)]
struct Options {
    port: u16,
    client: Registered,
    folder: PathBuf,
}

/// A client, in the words of OpenID Connect Dynamic Client Registration 1.0 section 2.
#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: String,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
}

/// The issuer, once it listens.
struct Running {
    origin: String,
    secret_key: Secret,
    /// How far its clock is ahead, in seconds.
    ahead: Arc<AtomicI64>,
    /// The path that ends it.
    deadly: Arc<Mutex<Option<String>>>,
    logouts: UnboundedReceiver<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<()> {
    let options = std::env::args().nth(1).ok_or("expected options as JSON, found none")?;
    let options = serde_json::from_str(&options)?;
    let runtime = Runtime::new()?;
    let mut running = runtime.block_on(Running::start(options))?;
    say(&json!({ "origin": running.origin }))?;
    for line in std::io::stdin().lines() {
        let told = runtime.block_on(running.obey(&line?))?;
        say(&json!({ "told": told }))?;
    }
    Ok(())
}

fn say(line: &Value) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

impl Running {
    async fn start(options: Options) -> Fallible<Self> {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let hears = TcpListener::bind("127.0.0.1:0").await?;
        let client = party(options.client, &format!("http://{}/", hears.local_addr()?));
        let (heard, logouts) = unbounded_channel();
        tokio::spawn(hear(hears, heard));

        let (ahead, deadly) = (Arc::new(AtomicI64::new(0)), Arc::new(Mutex::new(None)));
        let clock = Arc::clone(&ahead);
        let clock = move || SystemClock.now().plus_secs(clock.load(Ordering::Relaxed));
        let parsed = Origin::parse(&origin)?;
        let mut config = ServerConfig::new(Mode::Test, parsed, Vec::new(), Arc::new(clock));
        config.data_dir = Some(options.folder);
        config.relying_parties = vec![client];
        let ends = Arc::clone(&deadly);
        config.records = Some(Arc::new(move |record| end_at(&ends, &record)));
        let server = tokio::task::spawn_blocking(|| Server::open(config)).await??;
        let secret_key = server.secret_key().clone();
        tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
        Ok(Self { origin, secret_key, ahead, deadly, logouts })
    }

    /// Does what a line says; returns what it tells.
    async fn obey(&mut self, line: &str) -> Fallible<Vec<String>> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("die", path) => {
                *self.deadly.lock().map_err(|_| "poisoned")? = Some(path.to_owned());
            }
            ("later", secs) => {
                self.ahead.fetch_add(secs.parse()?, Ordering::Relaxed);
            }
            ("logouts", _) => {
                let first = tokio::time::timeout(PATIENCE, self.logouts.recv()).await.ok().flatten();
                let more = std::iter::from_fn(|| self.logouts.try_recv().ok());
                return Ok(first.into_iter().chain(more).collect());
            }
            ("rotate", _) => self.rotate().await?,
            _ => return Err(format!("expected a command, found {line:?}").into()),
        }
        Ok(Vec::new())
    }

    /// Rotates as an operator does: by its Backend API.
    async fn rotate(&self) -> Fallible<()> {
        let request = Request::post(format!("{}/v1/instance/rotate_key", self.origin))
            .header("authorization", format!("Bearer {}", self.secret_key.expose()))
            .body(Full::<Bytes>::default())?;
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        if answer.status().is_success() { Ok(()) } else { Err(answer.status().as_str().into()) }
    }
}

fn party(client: Registered, logouts: &str) -> RelyingParty {
    let party = RelyingParty::new(client.client_id)
        .with_secret(Secret::new(client.client_secret))
        .with_backchannel_logout_uri(logouts);
    let party = client.redirect_uris.into_iter().fold(party, RelyingParty::with_redirect_uri);
    client.post_logout_redirect_uris.into_iter().fold(party, RelyingParty::with_post_logout_redirect_uri)
}

fn end_at(deadly: &Mutex<Option<String>>, record: &Record) {
    if deadly.lock().is_ok_and(|deadly| deadly.as_ref() == Some(&record.path)) {
        std::process::exit(0);
    }
}

/// Is the client where it hears of logouts.
async fn hear(listener: TcpListener, heard: UnboundedSender<String>) {
    while let Ok((stream, _)) = listener.accept().await {
        let heard = heard.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let heard = heard.clone();
            async move {
                let body = request.into_body().collect().await?.to_bytes();
                let mut form = form_urlencoded::parse(&body);
                let token = form.find(|(name, _)| name == "logout_token");
                // Nobody listens any more when the process ends.
                let _ended = token.map(|(_, token)| heard.send(token.into_owned()));
                Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::default()))
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
