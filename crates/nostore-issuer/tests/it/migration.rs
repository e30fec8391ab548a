//! Databases of older versions: migrated, with everything that was in them.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nostore_issuer::Server;
use nostore_issuer::core::Mode;

use crate::data_dir::{config, fresh};

/// What version 1 laid out, with Alice signed in in one browser and nobody in another.
const VERSION_1: &str = "
CREATE TABLE instance (id INTEGER PRIMARY KEY CHECK (id = 1), signing_key BLOB NOT NULL, secret TEXT NOT NULL) STRICT;
CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT, created_ms INTEGER NOT NULL) STRICT;
CREATE TABLE clients (
    token TEXT PRIMARY KEY, id TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
    session_id TEXT UNIQUE, user_id TEXT REFERENCES users (id), session_created_ms INTEGER
) STRICT;
INSERT INTO users VALUES ('user_alice', 'alice@example.com', 'Alice', 1000), ('user_bob', 'bob@example.com', NULL, 2000);
INSERT INTO clients VALUES
    ('dvb_in', 'client_in', 3000, 4000, 'sess_a', 'user_alice', 3500),
    ('dvb_out', 'client_out', 5000, 6000, NULL, NULL, NULL);
PRAGMA application_id = 1853057395;
PRAGMA user_version = 1;
";

fn version_1(name: &str, key: &[u8]) -> std::path::PathBuf {
    let path = fresh(name);
    fs::create_dir_all(&path).unwrap();
    let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
    database.execute_batch(VERSION_1).unwrap();
    database.execute("INSERT INTO instance VALUES (1, ?1, 'hush')", [key]).unwrap();
    path
}

fn fixed_key() -> Vec<u8> {
    let text: String = include_str!("keys/fixed.b64").split_whitespace().collect();
    BASE64_STANDARD.decode(text).unwrap()
}

fn rows(path: &std::path::Path, sql: &str) -> String {
    let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
}

#[test]
fn a_database_of_version_1_keeps_everything() {
    let path = version_1("version_1", &fixed_key());
    let server = Server::open(config(&path, Mode::Test)).unwrap();
    assert!(server.secret_key().matches("sk_test_hush"));
    drop(server);
    let found = [
        rows(&path, "SELECT cast(user_version AS TEXT) FROM pragma_user_version"),
        rows(&path, "SELECT concat_ws(' ', id, email, name, created_ms, features) FROM users ORDER BY id"),
        rows(
            &path,
            "SELECT concat_ws(' ', token, id, created_ms, updated_ms, session_id) FROM clients ORDER BY id",
        ),
        rows(
            &path,
            "SELECT concat_ws(' ', id, client_id, user_id, status, created_ms, updated_ms) FROM sessions",
        ),
        rows(&path, "SELECT concat_ws(' ', kid, created_ms, longest_secs) FROM signing_keys"),
        rows(&path, "SELECT name FROM pragma_table_info('instance')"),
    ];
    insta::assert_snapshot!(found.join("\n"));
    let token = rows(&path, "SELECT refresh_token FROM sessions");
    assert!(token.starts_with("rt_") && token.len() == 47, "{}", token.len());
    let again = Server::open(config(&path, Mode::Test)).unwrap();
    drop(again);
    assert_eq!(rows(&path, "SELECT refresh_token FROM sessions"), token, "only once");
}

#[test]
fn a_migration_that_fails_leaves_the_old_database() {
    let path = version_1("version_1_broken", &fixed_key());
    let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
    database.execute_batch("CREATE TABLE memberships (x)").unwrap();
    drop(database);
    let error = Server::open(config(&path, Mode::Test)).unwrap_err();
    assert_eq!(error.code(), "database", "{error}");
    assert_eq!(rows(&path, "SELECT cast(user_version AS TEXT) FROM pragma_user_version"), "1");
    assert_eq!(rows(&path, "SELECT session_id FROM clients WHERE user_id = 'user_alice'"), "sess_a");
    let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
    database.execute_batch("DROP TABLE memberships").unwrap();
    drop(database);
    Server::open(config(&path, Mode::Test)).unwrap();
}

#[test]
fn a_key_that_cannot_be_read_is_still_said_to_be_broken() {
    let path = version_1("version_1_key", b"no key");
    let error = Server::open(config(&path, Mode::Test)).unwrap_err();
    assert_eq!(error.code(), "stored-key", "{error}");
}
