//! The shell: opens the data directory, listens, and lets the core decide.
//!
//! One thread of its own owns core and database, so that requests are decided one after the other
//! and no SQLite call blocks an asynchronous thread.
//!
//! # Not covered
//!
//! TLS: the service is for loopback, or stands behind something that speaks it.

mod connection;
mod data_dir;
mod engine;
mod error;
mod notices;
mod open;
mod rotate;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nostore_message::{Clock, Origin, Secret, UnixTime};

use crate::core::{Change, Issuer, Mode, RelyingParty, Settings};
use engine::Engine;
use open::{first, open_dir, sow};

pub use data_dir::DataDirError;
pub use error::OpenError;
pub use rotate::{Rotated, rotate_key};

/// Is told of every request that was answered. Called on an asynchronous thread: it must not block.
pub type RecordSink = Arc<dyn Fn(Record) + Send + Sync>;

/// One answered request. Holds no token, no secret and no query.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// When the answer was ready.
    pub at: UnixTime,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status code.
    pub status: u16,
    /// Who asked: the address of who is signed in, or the browser's identifier (`client_…`).
    pub client: Option<String>,
    /// What happened, in a few words.
    pub note: String,
    /// How long it took.
    pub duration: Duration,
}

/// How to start the service.
#[derive(Clone)]
pub struct ServerConfig {
    /// Where keys, users and sessions are kept; `None` keeps them in memory only.
    pub data_dir: Option<PathBuf>,
    /// Which kind of instance to play.
    pub mode: Mode,
    /// The origin under which browsers reach the service. A test key needs a host with a dot, such as
    /// `http://127.0.0.1:8081`.
    pub origin: Origin,
    /// The origins of the sites that session tokens may be handed to.
    pub allowed_origins: Vec<Origin>,
    /// How long a session token is valid, in seconds: at least 1.
    pub token_secs: i64,
    /// A file with users, organizations, machines, relying parties and sessions, applied at every start.
    pub seed: Option<PathBuf>,
    /// Sites that sign people in by OpenID Connect, registered at every start.
    pub relying_parties: Vec<RelyingParty>,
    /// Tells the wall time.
    pub clock: Arc<dyn Clock>,
    /// Is told of every request.
    pub records: Option<RecordSink>,
}

impl ServerConfig {
    /// Starts a configuration: kept in memory, tokens of 60 seconds.
    #[must_use]
    pub fn new(mode: Mode, origin: Origin, allowed_origins: Vec<Origin>, clock: Arc<dyn Clock>) -> Self {
        let (data_dir, seed, records) = (None, None, None);
        let (token_secs, relying_parties) = (60, Vec::new());
        Self { data_dir, mode, origin, allowed_origins, token_secs, seed, relying_parties, clock, records }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("data_dir", &self.data_dir)
            .field("mode", &self.mode)
            .field("origin", &self.origin)
            .field("allowed_origins", &self.allowed_origins)
            .field("token_secs", &self.token_secs)
            .field("seed", &self.seed)
            .field("relying_parties", &self.relying_parties)
            .finish_non_exhaustive()
    }
}

/// The identity service, ready to serve. Dropping it closes the database.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    records: Recorder,
    settings: Settings,
    publishable_key: String,
    secret_key: Secret,
}

impl Server {
    /// Opens the data directory, makes what is missing (directory, keys, Alice and Bob) and restores
    /// the rest. Blocks for about a second on a first start: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]: one sentence that says what was expected, what was found and how to mend it.
    pub fn open(config: ServerConfig) -> Result<Self, OpenError> {
        let settings = Settings {
            mode: config.mode,
            origin: config.origin,
            allowed_origins: config.allowed_origins,
            token_secs: config.token_secs.max(1),
        };
        let now = config.clock.now();
        let (mut issuer, mut kept) = match config.data_dir {
            None => (first(settings, now)?, None),
            Some(path) => {
                let (issuer, store, dir) = open_dir(settings, path, now)?;
                (issuer, Some((store, dir)))
            }
        };
        let mut take = |issuer: &mut Issuer, changes: Vec<Change>| {
            if let Some((store, dir)) = &mut kept {
                store.keep(&changes).map_err(|error| dir.unusable(error))?;
            }
            issuer.apply(&changes);
            Ok::<_, OpenError>(())
        };
        if let Some(path) = config.seed {
            let changes = sow(&issuer, path, now)?;
            take(&mut issuer, changes)?;
        }
        let changes = issuer.register(&config.relying_parties)?;
        take(&mut issuer, changes)?;
        let settings = issuer.settings().clone();
        let publishable_key = issuer.publishable_key().to_owned();
        let secret_key = issuer.secret_key().clone();
        let engine = Engine::start(issuer, kept, Arc::clone(&config.clock))
            .map_err(|error| OpenError::System { what: "a thread", found: error.to_string() })?;
        let records = Recorder { clock: config.clock, sink: config.records };
        Ok(Self { engine, records, settings, publishable_key, secret_key })
    }

    /// Returns the publishable key, `pk_test_…` or `pk_live_…`.
    #[must_use]
    pub fn publishable_key(&self) -> &str {
        &self.publishable_key
    }

    /// Returns the secret key, `sk_test_…` or `sk_live_…`.
    #[must_use]
    pub const fn secret_key(&self) -> &Secret {
        &self.secret_key
    }

    /// Returns the address of the public JWK Set.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.settings.origin)
    }

    /// Returns the address of the sign-in page.
    #[must_use]
    pub fn sign_in_url(&self) -> String {
        format!("{}/sign-in", self.settings.origin)
    }

    /// Returns the issuer identifier of the OpenID Provider: what its sites are configured with.
    #[must_use]
    pub fn oidc_issuer(&self) -> String {
        self.settings.origin.to_string()
    }

    /// Returns the origin under which browsers reach the service.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.settings.origin
    }

    /// Returns the kind of instance that is played.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.settings.mode
    }

    /// Answers the connections of `listener` until `shutdown` is done; then those under way get two
    /// seconds.
    pub async fn serve(&self, listener: tokio::net::TcpListener, shutdown: impl Future<Output = ()>) {
        connection::serve(&self.engine.handle(), &self.records, &self.settings, listener, shutdown).await;
    }
}

/// Tells the record sink.
#[derive(Clone)]
struct Recorder {
    clock: Arc<dyn Clock>,
    sink: Option<RecordSink>,
}

impl Recorder {
    fn record(&self, record: impl FnOnce(UnixTime) -> Record) {
        if let Some(sink) = &self.sink {
            sink(record(self.clock.now()));
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}
