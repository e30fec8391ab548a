//! What is kept, in one SQLite database.
//!
//! # Invariants
//!
//! - The changes of one request are written in one transaction; so is a migration.
//! - A database of a newer version, or of another program, is not touched.
//!
//! Specifications: SQLite's `user_version` and `application_id` (pragmas of the database header).

use std::path::Path;

use nostore_message::{Secret, UnixTime};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::core::{Change, Client, Session, State, User};

/// The version of the schema that this program writes.
const VERSION: i64 = 1;

/// Marks a database as ours: `nsis` in ASCII.
const APPLICATION_ID: i64 = 0x6e73_6973;

const SCHEMA: &str = "
CREATE TABLE instance (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    signing_key BLOB NOT NULL,
    secret TEXT NOT NULL
) STRICT;
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE clients (
    token TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    session_id TEXT UNIQUE,
    user_id TEXT REFERENCES users (id),
    session_created_ms INTEGER
) STRICT;
";

/// Why the database is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
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
            Self::Newer { .. } => "database-newer",
            Self::NotOurs => "database-not-ours",
            Self::Sqlite(_) => "database",
        }
    }
}

/// The keys of the instance.
#[derive(Debug)]
pub(crate) struct Keys {
    /// The private key in PKCS#8.
    pub(crate) signing_key: SecretBytes,
    /// The secret key without its prefix.
    pub(crate) secret: Secret,
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
    /// Opens the database and checks that it is ours, before it writes anything: the journal mode.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
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
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self(connection))
    }

    /// Reads the keys and the state; `None` on a first start.
    pub(crate) fn load(&self) -> Result<Option<(Keys, State)>, StoreError> {
        if pragma(&self.0, "user_version")? == 0 {
            return Ok(None);
        }
        let keys = self.0.query_row("SELECT signing_key, secret FROM instance", [], |row| {
            let secret: String = row.get(1)?;
            Ok(Keys { signing_key: SecretBytes(row.get(0)?), secret: Secret::new(secret) })
        });
        let Some(keys) = keys.optional()? else {
            return Ok(None);
        };
        let mut users = self.0.prepare("SELECT id, email, name, created_ms FROM users")?;
        let users = users.query_map([], read_user)?.collect::<Result<Vec<_>, _>>()?;
        let mut clients = self.0.prepare(
            "SELECT token, id, created_ms, updated_ms, session_id, user_id, session_created_ms FROM clients",
        )?;
        let clients = clients.query_map([], read_client)?.collect::<Result<Vec<_>, _>>()?;
        Ok(Some((keys, State::from_parts(users, clients))))
    }

    /// Lays the database out and fills it, on a first start: all of it or nothing.
    pub(crate) fn create(&mut self, keys: &Keys, state: &State) -> Result<(), StoreError> {
        let transaction = self.0.transaction()?;
        migrate(&transaction)?;
        transaction.execute(
            "INSERT INTO instance (id, signing_key, secret) VALUES (1, ?1, ?2)",
            params![keys.signing_key.0, keys.secret.expose()],
        )?;
        for user in state.users() {
            put_user(&transaction, user)?;
        }
        for client in state.clients() {
            put_client(&transaction, client)?;
        }
        Ok(transaction.commit()?)
    }

    /// Keeps the changes of one request: all of them or none.
    pub(crate) fn keep(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.iter().all(|change| matches!(change, Change::DropNonce { .. } | Change::PutNonce { .. })) {
            return Ok(());
        }
        let transaction = self.0.transaction()?;
        for change in changes {
            match change {
                Change::DropClient { token } => {
                    transaction.execute("DELETE FROM clients WHERE token = ?1", [token.expose()])?;
                }
                Change::PutClient(client) => put_client(&transaction, client)?,
                Change::PutUser(user) => put_user(&transaction, user)?,
                Change::DropNonce { .. } | Change::PutNonce { .. } => {}
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Brings the schema from the version it has to [`VERSION`]. A later version adds its step here.
fn migrate(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    if pragma(transaction, "user_version")? < 1 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn put_user(transaction: &Transaction<'_>, user: &User) -> rusqlite::Result<()> {
    let sql = "INSERT INTO users (id, email, name, created_ms) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET email = excluded.email, name = excluded.name";
    transaction.execute(sql, params![user.id, user.email, user.name, user.created_at.millis()])?;
    Ok(())
}

fn put_client(transaction: &Transaction<'_>, client: &Client) -> rusqlite::Result<()> {
    let session = client.session.as_ref();
    transaction.execute(
        "INSERT OR REPLACE INTO clients
            (token, id, created_ms, updated_ms, session_id, user_id, session_created_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            client.token.expose(),
            client.id,
            client.created_at.millis(),
            client.updated_at.millis(),
            session.map(|session| session.id.as_str()),
            session.map(|session| session.user_id.as_str()),
            session.map(|session| session.created_at.millis()),
        ],
    )?;
    Ok(())
}

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    let created_at = UnixTime::from_millis(row.get(3)?);
    Ok(User { id: row.get(0)?, email: row.get(1)?, name: row.get(2)?, created_at })
}

fn read_client(row: &Row<'_>) -> rusqlite::Result<Client> {
    let session = match (row.get(4)?, row.get(5)?, row.get(6)?) {
        (Some(id), Some(user_id), Some(created)) => {
            Some(Session { id, user_id, created_at: UnixTime::from_millis(created) })
        }
        _ => None,
    };
    let token: String = row.get(0)?;
    Ok(Client {
        token: Secret::new(token),
        id: row.get(1)?,
        created_at: UnixTime::from_millis(row.get(2)?),
        updated_at: UnixTime::from_millis(row.get(3)?),
        session,
    })
}
