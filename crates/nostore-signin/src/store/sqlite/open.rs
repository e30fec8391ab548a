//! Opening the file: what is refused, and the schema, version after version.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use super::{Fault, StoreError, engine, rows};

/// The version of the schema that this release writes. Version 1 is the first.
pub(super) const VERSION: u32 = 1;
/// Marks a file as ours: `nsst` in ASCII.
const APPLICATION_ID: i64 = 0x6e73_7374;
/// So long a write waits for those of other processes.
const WRITER_PATIENCE: Duration = Duration::from_secs(10);
/// So long a read waits: only for a process that mends what a killed one has left.
const READER_PATIENCE: Duration = Duration::from_secs(1);
/// So often the log is asked for, 10 ms apart: SQLite does not wait by itself while others do the same.
const ATTEMPTS: u32 = 500;

const VERSION_1: &str = "
CREATE TABLE records (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    revision INTEGER NOT NULL,
    ends_ms INTEGER,
    PRIMARY KEY (kind, name)
) STRICT;
CREATE INDEX records_by_end ON records (ends_ms) WHERE ends_ms IS NOT NULL;
";

const ANOTHER: &str = "choose another path, or move the file away and start with a new one";
const RIGHTS: &str = "let the user of this process read and write the file and its folder";

/// Opens the connection that writes, after everything that could be wrong with the file was looked at.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    make(path)?;
    let mut connection = connect(path, WRITER_PATIENCE).map_err(|error| refused(path, error))?;
    ours(path, &connection)?;
    if connection.is_readonly(MAIN_DB).map_err(|error| refused(path, error))? {
        return Err(unusable(path, "a file that may be written", "one that may only be read", RIGHTS));
    }
    log(path, &connection)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(|error| refused(path, error))?;
    migrate(&mut connection).map_err(|fault| fault.told("opening"))?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, READER_PATIENCE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    // Never made here: it would get the mode that the process gives all its files.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    Ok(connection)
}

/// Makes the file where there is none.
fn make(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path).map_err(|error| error.kind()) {
        Ok(_) => Ok(()),
        Err(ErrorKind::AlreadyExists) => there(path),
        Err(ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let mend = "make the folder, or choose another path";
            Err(unusable(path, "a file in a folder that exists", "no such folder", mend))
        }
        Err(kind) => Err(unusable(path, "a file that may be made", &kind.to_string(), RIGHTS)),
    }
}

/// Looks at what is there already.
fn there(path: &Path) -> Result<(), StoreError> {
    let metadata = path.metadata();
    let metadata = metadata
        .map_err(|error| unusable(path, "a file that may be looked at", &error.kind().to_string(), RIGHTS))?;
    if !metadata.is_file() {
        return Err(unusable(path, "a file", "something else of that name", "choose another path"));
    }
    if metadata.permissions().readonly() {
        return Err(unusable(path, "a file that may be written", "one that may only be read", RIGHTS));
    }
    Ok(())
}

/// Refuses the file of another program, and of a newer release, before anything is changed.
fn ours(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let look = || -> rusqlite::Result<(u32, i64, i64)> {
        // All of one moment: another process may be making it a store.
        let snapshot = connection.unchecked_transaction()?;
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let application =
            connection.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0))?;
        let version = rows::version(connection)?;
        snapshot.commit()?;
        Ok((version, application, tables))
    };
    let (found, application, tables) = look().map_err(|error| refused(path, error))?;
    let empty = found == 0 && application == 0 && tables == 0;
    if !empty && application != APPLICATION_ID {
        return Err(unusable(path, "a store of sign-ins", "the database of another program", ANOTHER));
    }
    if found > VERSION {
        return Err(StoreError::Newer { expected: VERSION, found });
    }
    Ok(())
}

/// Has SQLite write into a log first, so that nobody who reads waits for who writes.
fn log(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let ask = || connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
    let mut mode = ask();
    for _ in 1..ATTEMPTS {
        if !mode.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        mode = ask();
    }
    let mode = mode.map_err(|error| refused(path, error))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    let mend = "put the file on a local disk";
    Err(unusable(path, "a file system that lets processes share memory", "one that does not", mend))
}

/// Brings the schema from the version it has to [`VERSION`], in one transaction. A later version adds its step here.
fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    if rows::version(connection)? == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let version = rows::current(&transaction)?;
    if version < 1 {
        first(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

fn first(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(VERSION_1)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Says what SQLite found wrong with the file.
fn refused(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            let mend = "choose another path, or put a copy from before in its place";
            unusable(path, "a SQLite database", "something else, or one that is damaged", mend)
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            unusable(path, "a file that may be read and written", &error.to_string(), RIGHTS)
        }
        _ => engine("opening", error),
    }
}

fn unusable(path: &Path, expected: &'static str, found: &str, mend: &'static str) -> StoreError {
    StoreError::Unusable { expected, place: path.display().to_string(), found: found.to_owned(), mend }
}
