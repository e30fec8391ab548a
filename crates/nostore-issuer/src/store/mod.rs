//! What is kept, in one SQLite database.
//!
//! # Invariants
//!
//! - The changes of one request are written in one transaction; so is a migration.
//! - A database of a newer version, or of another program, is not touched.
//!
//! Specifications: SQLite's `user_version` and `application_id` (pragmas of the database header).

mod migration;
mod parties;
mod rows;

use std::path::Path;

use nostore_message::Secret;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::core::{Change, State};
pub(crate) use rows::KeptKey;

/// The version of the schema that this program writes.
const VERSION: i64 = 3;

/// Marks a database as ours: `nsis` in ASCII.
const APPLICATION_ID: i64 = 0x6e73_6973;

/// Why the database is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The system gave no entropy for a migration.
    #[error("expected entropy from the system, found none: {0}; start again")]
    Entropy(getrandom::Error),
    /// A newer program wrote it.
    #[error(
        "expected schema version {VERSION} or older, found {found}, which a newer nostore wrote: update nostore, or choose another directory with `--data DIR`"
    )]
    Newer {
        /// The version it has.
        found: i64,
    },
    /// Another program wrote it.
    #[error(
        "expected a database of nostore's identity service, found another program's: choose another directory with `--data DIR`"
    )]
    NotOurs,
    /// A signing key could not be written.
    #[error("expected a signing key that can be written, found none: {0}")]
    Key(nostore_jose::SigningKeyError),
    /// SQLite refuses.
    #[error(
        "{0}: expected a SQLite database that this user may read and write; move the file away to start afresh, or choose another directory with `--data DIR`"
    )]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// Returns the stable name of the error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Entropy(_) => "entropy",
            Self::Key(_) => "key",
            Self::Newer { .. } => "database-newer",
            Self::NotOurs => "database-not-ours",
            Self::Sqlite(_) => "database",
        }
    }
}

/// What a database holds.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The secret key without its prefix.
    pub(crate) secret: Secret,
    /// The signing keys.
    pub(crate) keys: Vec<KeptKey>,
    /// Everything else.
    pub(crate) state: State,
}

/// Bytes that `Debug` does not show.
pub(crate) struct SecretBytes(pub(crate) Vec<u8>);

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretBytes(redacted)")
    }
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Store(Connection);

impl Store {
    /// Opens the database and checks that it is ours, before it writes anything. An older one is migrated.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let version: i64 = pragma(&connection, "user_version")?;
        let application: i64 = pragma(&connection, "application_id")?;
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let empty = version == 0 && application == 0 && tables == 0;
        if !empty && application != APPLICATION_ID {
            return Err(StoreError::NotOurs);
        }
        if version > VERSION {
            return Err(StoreError::Newer { found: version });
        }
        let _mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        if (1..VERSION).contains(&version) {
            // Tables that others refer to are replaced: SQLite wants foreign keys off for that, and says so
            // of the whole connection, before the transaction.
            connection.pragma_update(None, "foreign_keys", false)?;
            let transaction = connection.transaction()?;
            migration::migrate(&transaction)?;
            transaction.commit()?;
        }
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self(connection))
    }

    /// Reads the keys and the state; `None` on a first start.
    pub(crate) fn load(&self) -> Result<Option<Kept>, StoreError> {
        if pragma(&self.0, "user_version")? == 0 {
            return Ok(None);
        }
        let secret = self.0.query_row("SELECT secret FROM instance", [], |row| row.get::<_, String>(0));
        let Some(secret) = secret.optional()? else {
            return Ok(None);
        };
        let (keys, state) = (rows::read_keys(&self.0)?, rows::read_state(&self.0)?);
        Ok(Some(Kept { secret: Secret::new(secret), keys, state }))
    }

    /// Lays the database out and fills it, on a first start: all of it or nothing.
    pub(crate) fn create(&mut self, secret: &Secret, changes: &[Change]) -> Result<(), StoreError> {
        let transaction = self.0.transaction()?;
        migration::migrate(&transaction)?;
        transaction.execute("INSERT INTO instance (id, secret) VALUES (1, ?1)", params![secret.expose()])?;
        write(&transaction, changes)?;
        Ok(transaction.commit()?)
    }

    /// Keeps the changes of one request: all of them or none.
    pub(crate) fn keep(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.iter().all(Change::is_fleeting) {
            return Ok(());
        }
        let transaction = self.0.transaction()?;
        write(&transaction, changes)?;
        Ok(transaction.commit()?)
    }
}

fn write(transaction: &Transaction<'_>, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        rows::write(transaction, change)?;
    }
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}
