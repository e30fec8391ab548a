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

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nostore_jose::{SigningKey, SigningKeyError};
use nostore_message::{Clock, Origin, Secret, UnixTime};

use crate::core::{Change, HeldKey, Issuer, KeyRing, Mode, Settings, State, secret_body};
use crate::store::{KeptKey, Store};
use data_dir::DataDir;
use engine::Engine;

pub use data_dir::DataDirError;

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
    /// How long a session token is valid, in seconds.
    pub session_ttl_secs: i64,
    /// Tells the wall time.
    pub clock: Arc<dyn Clock>,
    /// Is told of every request.
    pub records: Option<RecordSink>,
}

impl ServerConfig {
    /// Starts a configuration: kept in memory, tokens of 60 seconds.
    #[must_use]
    pub fn new(mode: Mode, origin: Origin, allowed_origins: Vec<Origin>, clock: Arc<dyn Clock>) -> Self {
        Self { data_dir: None, mode, origin, allowed_origins, session_ttl_secs: 60, clock, records: None }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("data_dir", &self.data_dir)
            .field("mode", &self.mode)
            .field("origin", &self.origin)
            .field("allowed_origins", &self.allowed_origins)
            .field("session_ttl_secs", &self.session_ttl_secs)
            .finish_non_exhaustive()
    }
}

/// Why the service does not start. Nothing was changed that a second start would trip over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory is of no use.
    #[error("{0}")]
    DataDir(#[from] DataDirError),
    /// The system gave no entropy, or the thread for the database did not start.
    #[error("expected {what} from the system, found none: {found}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        found: String,
    },
    /// The keys could not be made.
    #[error("{0}")]
    Key(#[from] SigningKeyError),
    /// No publishable key can name the origin.
    #[error(
        "no publishable key can name the identity service at {origin} ({found}): expected a host with a dot, such as http://127.0.0.1:8081"
    )]
    Origin {
        /// The configured origin.
        origin: Origin,
        /// What is wrong with the key.
        found: String,
    },
    /// The kept signing key cannot be read.
    #[error(
        "the signing key in {path} cannot be read ({found}): move the file away to start afresh; everybody will be signed out"
    )]
    StoredKey {
        /// The database.
        path: PathBuf,
        /// What is wrong with the key.
        found: SigningKeyError,
    },
}

impl OpenError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DataDir(error) => error.code(),
            Self::Key(_) => "key-generation",
            Self::Origin { .. } => "origin",
            Self::StoredKey { .. } => "stored-key",
            Self::System { .. } => "system",
        }
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
            session_ttl_secs: config.session_ttl_secs,
        };
        let now = config.clock.now();
        let (issuer, kept) = match config.data_dir {
            None => (first(settings, now)?, None),
            Some(path) => {
                let (issuer, store, dir) = open_dir(settings, path, now)?;
                (issuer, Some((store, dir)))
            }
        };
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

/// Starts afresh: new keys, Alice and Bob.
fn first(settings: Settings, now: UnixTime) -> Result<Issuer, OpenError> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)
        .map_err(|error| OpenError::System { what: "entropy", found: error.to_string() })?;
    let secret = Secret::new(secret_body(&entropy));
    let key = HeldKey::current(Arc::new(SigningKey::generate()?), now, settings.session_ttl_secs);
    restore(settings, KeyRing::new(key), &secret, State::first(now))
}

/// Opens a data directory, filling a new one.
fn open_dir(settings: Settings, path: PathBuf, now: UnixTime) -> Result<(Issuer, Store, DataDir), OpenError> {
    let dir = DataDir::open(path)?;
    let mut store = Store::open(&dir.database()).map_err(|error| dir.unusable(error))?;
    let loaded = store.load().map_err(|error| dir.unusable(error))?;
    let issuer = if let Some(kept) = loaded {
        let keys = read_keys(kept.keys, &dir)?;
        let mut issuer = restore(settings, keys, &kept.secret, kept.state)?;
        let upkeep = issuer.upkeep(now);
        store.keep(&upkeep).map_err(|error| dir.unusable(error))?;
        issuer.apply(&upkeep);
        issuer
    } else {
        let issuer = first(settings, now)?;
        let mut changes = issuer.state().to_changes();
        changes.push(Change::PutKey(issuer.keys().current().clone()));
        store.create(issuer.secret_body(), &changes).map_err(|error| dir.unusable(error))?;
        issuer
    };
    Ok((issuer, store, dir))
}

fn read_keys(kept: Vec<KeptKey>, dir: &DataDir) -> Result<KeyRing, OpenError> {
    let read = |kept: KeptKey| {
        let key = SigningKey::from_pkcs8(&kept.pkcs8.0)
            .map_err(|found| OpenError::StoredKey { path: dir.database(), found })?;
        let KeptKey { created_at, retired_at, longest_secs, .. } = kept;
        Ok(HeldKey { key: Arc::new(key), created_at, retired_at, longest_secs })
    };
    let keys = kept.into_iter().map(read).collect::<Result<Vec<_>, OpenError>>()?;
    let none = || OpenError::StoredKey { path: dir.database(), found: SigningKeyError::Pkcs8 };
    KeyRing::from_keys(keys).ok_or_else(none)
}

fn restore(settings: Settings, keys: KeyRing, secret: &Secret, state: State) -> Result<Issuer, OpenError> {
    let origin = settings.origin.clone();
    Issuer::restore(settings, keys, secret, state)
        .map_err(|error| OpenError::Origin { origin, found: error.to_string() })
}
