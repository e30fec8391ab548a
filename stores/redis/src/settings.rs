//! How the link is set up, and what is refused.

use std::time::Duration;

use nostore_message::Secret;
use nostore_token::{Policy, SealFault, Seals};
use redis::{Client, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};
use tokio::runtime::Handle;
use url::Url;

use crate::link::RedisLink;

/// What names start with unless told otherwise.
const PREFIX: &str = "nostore";
const MAX_PREFIX_BYTES: usize = 64;
/// So much longer than a fetch the lock is kept for its owner.
const LOCK_MARGIN_MS: u64 = 2_000;

/// Why no link was made. Never says what was found in the URL: there is a password in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsFault {
    /// The text is no URL.
    #[error(
        "expected the URL of Redis or Valkey, as in `redis://:password@host:6379/0`, found something else"
    )]
    Url,
    /// The scheme is another one.
    #[error("expected a URL that starts with `redis://` or `valkey://`")]
    Scheme,
    /// TLS is asked for, and was left out.
    #[error(
        "expected the feature `tls` of nostore-redis for a URL that starts with `rediss://` or `valkeys://`"
    )]
    Tls,
    /// What is to be trusted is none, or there is no TLS to trust in.
    #[error("expected root certificates in PEM, and a URL that starts with `rediss://` or `valkeys://`")]
    Certificates,
    /// There is no host, or one that nobody can be reached at.
    #[error("expected a host in the URL of Redis")]
    Host,
    /// After the host there is something else than the number of a database.
    #[error("expected nothing but the number of a database after the host in the URL of Redis, as in `/0`")]
    Database,
    /// The prefix has other characters, or is too long.
    #[error("expected a prefix of 1 to {MAX_PREFIX_BYTES} letters, digits, `-`, `_`, `.` and `:`")]
    Prefix,
    /// A time is none that makes sense.
    #[error("expected {what} between {least_ms} and {most_ms} ms, found {found_ms} ms")]
    Time {
        /// Which.
        what: &'static str,
        /// The least, in milliseconds.
        least_ms: u64,
        /// The most, in milliseconds.
        most_ms: u64,
        /// What was given, in milliseconds.
        found_ms: u64,
    },
    /// The secrets are none.
    #[error(transparent)]
    Seal(#[from] SealFault),
    /// There is no entropy.
    #[error("expected the system to give random bytes")]
    Entropy,
}

impl SettingsFault {
    /// Returns the stable name of the fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Url => "redis-url",
            Self::Scheme => "redis-scheme",
            Self::Tls => "redis-tls",
            Self::Certificates => "redis-certificates",
            Self::Host => "redis-host",
            Self::Database => "redis-database",
            Self::Prefix => "redis-prefix",
            Self::Time { .. } => "redis-time",
            Self::Seal(fault) => fault.code(),
            Self::Entropy => "redis-entropy",
        }
    }
}

/// Makes a [`RedisLink`]. `Debug` shows neither URL nor secrets.
pub struct RedisLinkBuilder {
    server: ConnectionInfo,
    seals: Seals,
    prefix: String,
    times: Times,
    /// In PEM; else those that the system trusts.
    roots: Option<Vec<u8>>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) exchange: Duration,
    pub(crate) connect: Duration,
    pub(crate) lock: Duration,
}

impl RedisLinkBuilder {
    pub(crate) fn new(url: &Secret, seals: Seals) -> Result<Self, SettingsFault> {
        let times = Times {
            exchange: Duration::from_millis(500),
            connect: Duration::from_secs(1),
            lock: Duration::from_millis(Policy::default().fetch_timeout_ms + LOCK_MARGIN_MS),
        };
        Ok(Self { server: server(url)?, seals, prefix: PREFIX.to_owned(), times, roots: None })
    }

    /// Starts all names with `prefix`: those with the same one are in step. Default: `nostore`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Takes Redis for gone when it leaves an exchange unanswered for so long. Default: 500 ms.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.times.exchange = patience;
        self
    }

    /// Gives up a connection that is not there after so long; until the first has been given up, whoever asks waits.
    /// Default: 1 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.times.connect = timeout;
        self
    }

    /// Lets the lock of an owner that is gone go after so long. Choose a little more than a fetch may take
    /// ([`Policy::fetch_timeout_ms`]). Default: 12 s, where a fetch may take 10.
    #[must_use]
    pub const fn lock_lasts(mut self, lasts: Duration) -> Self {
        self.times.lock = lasts;
        self
    }

    /// Trusts these root certificates (PEM) and no others. Default: those that the system trusts.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Makes the link, whose one task runs on `runtime`, and begins to connect. A Redis that cannot be reached is no
    /// fault: the link goes on trying.
    ///
    /// # Errors
    ///
    /// When a setting makes no sense, or there is no entropy.
    pub fn build_on(self, runtime: &Handle) -> Result<RedisLink, SettingsFault> {
        check_prefix(&self.prefix)?;
        between("a patience", self.times.exchange, 10, 10_000)?;
        between("a time to connect", self.times.connect, 10, 60_000)?;
        between("a lock that lasts", self.times.lock, 100, 600_000)?;
        let client = client(self.server, self.roots)?;
        RedisLink::start(client, self.seals, &self.prefix, self.times, runtime)
    }
}

impl std::fmt::Debug for RedisLinkBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLinkBuilder")
            .field("prefix", &self.prefix)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), SettingsFault> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let good = (1..=MAX_PREFIX_BYTES).contains(&prefix.len()) && prefix.bytes().all(good);
    if good { Ok(()) } else { Err(SettingsFault::Prefix) }
}

pub(crate) fn between(
    what: &'static str,
    time: Duration,
    least_ms: u64,
    most_ms: u64,
) -> Result<(), SettingsFault> {
    let found_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let fault = SettingsFault::Time { what, least_ms, most_ms, found_ms };
    if (least_ms..=most_ms).contains(&found_ms) { Ok(()) } else { Err(fault) }
}

#[cfg(not(feature = "tls"))]
pub(crate) fn client(server: ConnectionInfo, _: Option<Vec<u8>>) -> Result<Client, SettingsFault> {
    Client::open(server).map_err(|_| SettingsFault::Host)
}

/// The driver takes the provider of cryptography that the process has, and panics where it cannot tell which: where it
/// has none yet, it has ours.
#[cfg(feature = "tls")]
pub(crate) fn client(server: ConnectionInfo, roots: Option<Vec<u8>>) -> Result<Client, SettingsFault> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster, which is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    match roots {
        None => Client::open(server).map_err(|_| SettingsFault::Host),
        Some(_) if !matches!(server.addr(), redis::ConnectionAddr::TcpTls { .. }) => {
            Err(SettingsFault::Certificates)
        }
        Some(roots) if !roots.windows(11).any(|found| found == b"CERTIFICATE") => {
            // The driver would trust nobody then, and say so only when it connects.
            Err(SettingsFault::Certificates)
        }
        Some(roots) => {
            let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(roots) };
            Client::build_with_tls(server, certificates).map_err(|_| SettingsFault::Certificates)
        }
    }
}

/// Reads the URL. What the driver's own reader would take besides (sockets, protocols, TLS without checks) is refused.
pub(crate) fn server(url: &Secret) -> Result<ConnectionInfo, SettingsFault> {
    let url = Url::parse(url.expose()).map_err(|_| SettingsFault::Url)?;
    match url.scheme() {
        "redis" | "valkey" => {}
        "rediss" | "valkeys" if cfg!(feature = "tls") => {}
        "rediss" | "valkeys" => return Err(SettingsFault::Tls),
        _ => return Err(SettingsFault::Scheme),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(SettingsFault::Host);
    }
    let database = url.path().trim_start_matches('/');
    let number = database.is_empty() || database.parse::<u16>().is_ok();
    if !number || url.query().is_some() || url.fragment().is_some() {
        return Err(SettingsFault::Database);
    }
    let server = url.into_connection_info().map_err(|_| SettingsFault::Host)?;
    let settings = server.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(server.set_redis_settings(settings))
}
