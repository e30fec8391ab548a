//! A store in one SQLite file: the engine of one machine.
//!
//! Reads are answered where they are asked, from one of a few connections that are kept with their prepared statements: they
//! take microseconds, and a write never holds them up. Writes go to one thread, which makes all that wait for it durable with
//! one sync of the disk.
//!
//! # Invariants
//!
//! - A write is answered after its transaction is on disk (`journal_mode=WAL`, `synchronous=FULL`).
//! - Each read is one snapshot, and looks into the file, so that it sees what other processes have written.
//! - A file of a newer release, or of another program, is not changed; one that a newer release takes over while it is open is
//!   neither read nor written any more.
//! - A connection that failed is not used again.
//!
//! # Deployments
//!
//! Any number of processes of one machine may open the file; it must not lie on a network file system, where SQLite's
//! write-ahead log does not work. A file that is made gets mode 0600, and SQLite gives `-wal` and `-shm` beside it the mode of
//! the file. A copy is taken with `VACUUM INTO`, or of all three files while no process is running.
//!
//! # Not covered
//!
//! Encryption of the file: contents that must stay secret are sealed by whoever writes them.
//!
//! Specifications: SQLite, [Write-Ahead Logging](https://sqlite.org/wal.html) and
//! [PRAGMA `synchronous`](https://sqlite.org/pragma.html#pragma_synchronous).

mod open;
mod readers;
mod rows;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nostore_message::UnixTime;

use super::{Change, Key, Kind, Record, Store, StoreError, StoreFuture, Written, check_prefix};
use readers::Readers;
use writer::Writer;

/// Keeps records in one SQLite file. Lists want a runtime of tokio around them.
pub struct SqliteStore {
    path: PathBuf,
    readers: Arc<Readers>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the file at `path`, and makes it where there is none. Blocks for the time that takes: an older file is migrated.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Unusable`] where the folder is missing, the file is no store of ours or may not be written.
    /// - [`StoreError::Newer`] where a newer release wrote it. It is left as it is.
    /// - [`StoreError::Engine`] where SQLite fails otherwise, or no thread can be started.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let connection = open::writer(&path)?;
        let readers = Readers::new(path.clone());
        // The first is made now, so that what would go wrong does so here.
        readers.with("opening", |_| Ok(()))?;
        Ok(Self { path, readers: Arc::new(readers), writer: Writer::start(connection)? })
    }

    fn read_now(&self, keys: &[Key], now: UnixTime) -> Result<Vec<Option<Record>>, StoreError> {
        keys.iter().try_for_each(Key::check)?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.readers.with("reading", |reader| rows::read(reader, keys, now))
    }
}

impl Store for SqliteStore {
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>> {
        Box::pin(async move { self.read_now(keys, now) })
    }

    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>> {
        Box::pin(async move {
            check_prefix(prefix)?;
            let (readers, prefix) = (Arc::clone(&self.readers), prefix.to_owned());
            // There may be many, and no request waits for a list.
            let listing = tokio::task::spawn_blocking(move || {
                readers.with("listing", |reader| rows::list(reader, kind, &prefix, now))
            });
            listing.await.map_err(|error| engine("listing", error))?
        })
    }

    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            change.check()?;
            self.writer.write(change.clone(), now).await
        })
    }

    fn sweep(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        Box::pin(self.writer.sweep(now))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What goes wrong inside.
#[derive(Clone, Debug)]
enum Fault {
    /// A newer release has taken the file over.
    Newer { found: u32 },
    /// SQLite fails. One error may be that of many writes.
    Sqlite(Arc<rusqlite::Error>),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

impl Fault {
    fn told(self, doing: &'static str) -> StoreError {
        match self {
            Self::Newer { found } => StoreError::Newer { expected: open::VERSION, found },
            Self::Sqlite(error) => engine(doing, error),
        }
    }
}

fn engine(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Engine { doing, source: source.into() }
}
