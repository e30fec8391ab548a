//! Rows: how records are read and written.

use nostore_message::UnixTime;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Fault, open};
use crate::store::{Change, Key, Kind, Record, Revision, Written};

/// So many ended records go in one transaction, so that writes do not wait for all of them.
pub(super) const SWEPT_AT_ONCE: u16 = 500;

const READ: &str = "SELECT content, revision, ends_ms FROM records WHERE kind = ?1 AND name = ?2";
const LIST: &str = "SELECT content, revision, ends_ms, name FROM records
    WHERE kind = ?1 AND name >= ?2 ORDER BY name";
const PUT: &str = "INSERT INTO records (kind, name, content, revision, ends_ms)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (kind, name) DO UPDATE SET
        content = excluded.content, revision = excluded.revision, ends_ms = excluded.ends_ms";
const REMOVE: &str = "DELETE FROM records WHERE kind = ?1 AND name = ?2";
const SWEEP: &str = "DELETE FROM records
    WHERE rowid IN (SELECT rowid FROM records WHERE ends_ms <= ?1 LIMIT ?2)";

/// Reads records, all of one moment.
pub(super) fn read(
    connection: &Connection,
    keys: &[Key],
    now: UnixTime,
) -> Result<Vec<Option<Record>>, Fault> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    // Where this fails the connection is closed, and the transaction with it.
    current(connection)?;
    let mut statement = connection.prepare_cached(READ)?;
    let mut records = Vec::with_capacity(keys.len());
    for key in keys {
        let record = statement.query_row(params![key.kind.code(), key.name], record).optional()?;
        records.push(record.filter(|record| !record.has_ended(now)));
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(records)
}

/// Lists records by name: text compares by octets.
pub(super) fn list(
    connection: &Connection,
    kind: Kind,
    prefix: &str,
    now: UnixTime,
) -> Result<Vec<(String, Record)>, Fault> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    current(connection)?;
    let mut listed = Vec::new();
    let mut statement = connection.prepare_cached(LIST)?;
    let mut rows = statement.query(params![kind.code(), prefix])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(3)?;
        if !name.starts_with(prefix) {
            break;
        }
        let record = record(row)?;
        if !record.has_ended(now) {
            listed.push((name, record));
        }
    }
    drop(rows);
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(listed)
}

/// Makes a change within a transaction, where what is expected holds.
pub(super) fn write(connection: &Connection, change: &Change, now: UnixTime) -> Result<Written, Fault> {
    let Change { key: Key { kind, name }, expected, record: becomes } = change;
    let there = connection.prepare_cached(READ)?.query_row(params![kind.code(), name], record).optional()?;
    let there = there.filter(|record| !record.has_ended(now));
    if !expected.holds(there.as_ref()) {
        return Ok(Written::Conflict(there));
    }
    match becomes {
        Some(Record { content, revision, ends }) => {
            let (revision, ends) = (i64::from_ne_bytes(revision.0.to_ne_bytes()), ends.map(UnixTime::millis));
            let values = params![kind.code(), name, content, revision, ends];
            connection.prepare_cached(PUT)?.execute(values)?;
        }
        None => {
            connection.prepare_cached(REMOVE)?.execute(params![kind.code(), name])?;
        }
    }
    Ok(Written::Done)
}

/// Removes some records that have ended, within a transaction.
pub(super) fn sweep(connection: &Connection, now: UnixTime) -> Result<usize, Fault> {
    Ok(connection.prepare_cached(SWEEP)?.execute(params![now.millis(), SWEPT_AT_ONCE])?)
}

/// Returns the version of the schema, unless a newer release wrote it.
pub(super) fn current(connection: &Connection) -> Result<u32, Fault> {
    match version(connection)? {
        found if found > open::VERSION => Err(Fault::Newer { found }),
        version => Ok(version),
    }
}

/// Returns the version of the schema.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    let found: i64 = connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    // None of ours is negative.
    Ok(u32::try_from(found).unwrap_or(u32::MAX))
}

/// Reads content, revision and end from the first three columns.
fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        content: row.get(0)?,
        revision: Revision(u64::from_ne_bytes(row.get::<_, i64>(1)?.to_ne_bytes())),
        ends: row.get::<_, Option<i64>>(2)?.map(UnixTime::from_millis),
    })
}
