//! The schema, version after version.

use nostore_jose::SigningKey;
use rusqlite::{Transaction, params};

use super::{APPLICATION_ID, StoreError, VERSION, pragma};
use crate::core::secret_body;

/// Version 1: one key, one session a browser.
const VERSION_1: &str = "
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

/// Version 2: keys that are rotated, sessions with refresh tokens, organizations, machines.
const VERSION_2: &str = "
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    pkcs8 BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    dropped_ms INTEGER,
    longest_secs INTEGER NOT NULL
) STRICT;
ALTER TABLE users ADD COLUMN features TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN plan TEXT;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    status TEXT NOT NULL,
    organization_id TEXT,
    refresh_token TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    features TEXT NOT NULL,
    plan TEXT,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE memberships (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT;
CREATE TABLE machines (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_key TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE templates (
    name TEXT PRIMARY KEY,
    claims TEXT NOT NULL,
    lifetime_secs INTEGER
) STRICT;
CREATE TABLE machine_tokens (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    client_id TEXT,
    scopes TEXT NOT NULL,
    claims TEXT,
    expires_ms INTEGER,
    revoked INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;
";

/// Version 3: relying parties.
const VERSION_3: &str = "
ALTER TABLE users ADD COLUMN email_verified INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN in_groups TEXT NOT NULL DEFAULT '[]';
ALTER TABLE sessions ADD COLUMN authenticated_ms INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET authenticated_ms = created_ms;
CREATE TABLE relying_parties (
    client_id TEXT PRIMARY KEY,
    secret TEXT,
    name TEXT,
    redirect_uris TEXT NOT NULL,
    post_logout_redirect_uris TEXT NOT NULL,
    backchannel_logout_uri TEXT
) STRICT;
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    secret TEXT NOT NULL,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    session_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    nonce TEXT,
    challenge TEXT NOT NULL,
    authenticated_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    issued_ms INTEGER,
    generation INTEGER NOT NULL
) STRICT;
";

/// Moves what version 1 kept in other places.
const MOVE_CLIENTS: &str = "
CREATE TABLE clients_2 (
    token TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    session_id TEXT
) STRICT;
INSERT INTO clients_2 SELECT token, id, created_ms, updated_ms, session_id FROM clients;
DROP TABLE clients;
ALTER TABLE clients_2 RENAME TO clients;
ALTER TABLE instance DROP COLUMN signing_key;
";

/// How long tokens lived at most under version 1, in seconds: as the demonstration of the shared login has it.
const LONGEST_SECS_1: i64 = 30 * 86_400;

/// Brings the schema from the version it has to [`VERSION`]. A later version adds its step here.
pub(super) fn migrate(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let version = pragma(transaction, "user_version")?;
    if version < 1 {
        transaction.execute_batch(VERSION_1)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    if version < 2 {
        transaction.execute_batch(VERSION_2)?;
        move_key(transaction)?;
        move_sessions(transaction)?;
        transaction.execute_batch(MOVE_CLIENTS)?;
    }
    if version < 3 {
        transaction.execute_batch(VERSION_3)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

/// Moves the signing key. One that cannot be read is moved, too: the start says so, as it did before.
fn move_key(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let mut keys = transaction.prepare("SELECT signing_key FROM instance")?;
    for pkcs8 in keys.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let pkcs8 = pkcs8?;
        let kid = SigningKey::from_pkcs8(&pkcs8)
            .map_or_else(|_| "unreadable".to_owned(), |key| key.kid().to_owned());
        transaction.execute(
            "INSERT INTO signing_keys (kid, pkcs8, created_ms, longest_secs)
                VALUES (?1, ?2, (SELECT coalesce(min(created_ms), 0) FROM users), ?3)",
            params![kid, pkcs8, LONGEST_SECS_1],
        )?;
    }
    Ok(())
}

/// Gives every session a refresh token.
fn move_sessions(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let mut sessions = transaction.prepare("SELECT session_id FROM clients WHERE session_id IS NOT NULL")?;
    for id in sessions.query_map([], |row| row.get::<_, String>(0))? {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(StoreError::Entropy)?;
        transaction.execute(
            "INSERT INTO sessions
                SELECT session_id, id, user_id, 'active', NULL, ?2, session_created_ms, updated_ms
                FROM clients WHERE session_id = ?1",
            params![id?, format!("rt_{}", secret_body(&entropy))],
        )?;
    }
    Ok(())
}
