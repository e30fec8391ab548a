//! The data directory: what survives, and what is refused with one clear message.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nostore_issuer::core::Mode;
use nostore_issuer::{OpenError, Server, ServerConfig};
use nostore_message::Origin;

use crate::world::{NOW, SITE, origin};

/// A path of its own for each test, with nothing there.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("issuer").join(name);
    if path.is_dir() {
        fs::remove_dir_all(&path).unwrap();
    } else if path.exists() {
        fs::remove_file(&path).unwrap();
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    path
}

pub(crate) fn config(path: &Path, mode: Mode) -> ServerConfig {
    let service: Origin = origin("http://127.0.0.1:8081");
    let mut config = ServerConfig::new(mode, service, vec![origin(SITE)], Arc::new(|| NOW));
    config.data_dir = Some(path.to_owned());
    config
}

fn refusal(path: &Path) -> OpenError {
    Server::open(config(path, Mode::Test)).unwrap_err()
}

/// Names the path, says what to do, in one line.
fn is_clear(error: &OpenError, path: &Path) {
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(text.contains("choose another directory with `--data DIR`"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

fn sql(path: &Path, statement: &str) {
    rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap().execute_batch(statement).unwrap();
}

#[test]
fn keys_are_made_once_and_kept() {
    let path = fresh("kept");
    let first = Server::open(config(&path, Mode::Test)).unwrap();
    let (publishable, secret) = (first.publishable_key().to_owned(), first.secret_key().clone());
    assert_eq!(publishable, "pk_test_aHR0cDovLzEyNy4wLjAuMTo4MDgxJA");
    assert!(secret.expose().starts_with("sk_test_") && secret.expose().len() == 52);
    drop(first);
    assert_eq!(fs::read_to_string(path.join(".gitignore")).unwrap(), "*\n");

    let again = Server::open(config(&path, Mode::Test)).unwrap();
    assert!(again.secret_key().matches(secret.expose()));
    drop(again);
    let live = Server::open(config(&path, Mode::Live)).unwrap();
    assert!(live.secret_key().matches(&secret.expose().replace("sk_test_", "sk_live_")));
    assert_eq!(live.jwks_url(), "http://127.0.0.1:8081/.well-known/jwks.json");

    let other = Server::open(config(&fresh("other"), Mode::Test)).unwrap();
    assert!(!other.secret_key().matches(secret.expose()), "every data directory has its own");
}

#[cfg(unix)]
#[test]
fn what_holds_private_keys_is_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let path = fresh("private");
    let server = Server::open(config(&path, Mode::Test)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("issuer.sqlite3"))), (0o700, 0o600));
    drop(server);
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let path = fresh("in_use");
    let first = Server::open(config(&path, Mode::Test)).unwrap();
    let error = refusal(&path);
    assert_eq!(error.code(), "data-dir-in-use");
    assert!(error.to_string().contains("stop that one"), "{error}");
    is_clear(&error, &path);
    drop(first);
    Server::open(config(&path, Mode::Test)).unwrap();
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let path = fresh("newer");
    drop(Server::open(config(&path, Mode::Test)).unwrap());
    sql(&path, "PRAGMA user_version = 4; PRAGMA journal_mode = DELETE");
    let before = fs::read(path.join("issuer.sqlite3")).unwrap();
    let error = refusal(&path);
    assert_eq!(error.code(), "database-newer");
    assert!(error.to_string().contains("found 4, which a newer nostore wrote: update nostore"), "{error}");
    is_clear(&error, &path);
    assert_eq!(fs::read(path.join("issuer.sqlite3")).unwrap(), before);
    sql(&path, "PRAGMA user_version = 3");
    Server::open(config(&path, Mode::Test)).unwrap();
}

#[test]
fn what_is_not_our_database_is_refused_and_left_as_it_is() {
    let path = fresh("not_ours");
    fs::create_dir_all(&path).unwrap();
    sql(&path, "CREATE TABLE theirs (x)");
    let before = fs::read(path.join("issuer.sqlite3")).unwrap();
    let error = refusal(&path);
    assert!(error.to_string().contains("another program's"), "{error}");
    is_clear(&error, &path);
    assert_eq!(fs::read(path.join("issuer.sqlite3")).unwrap(), before);

    fs::write(path.join("issuer.sqlite3"), "this is no database, and it is longer than a header is, too; at least a hundred bytes of it, that is").unwrap();
    let error = refusal(&path);
    assert!(error.to_string().contains("not a database"), "{error}");
    is_clear(&error, &path);
}

#[test]
fn a_first_start_that_failed_leaves_nothing_half_written() {
    let path = fresh("half");
    fs::create_dir_all(&path).unwrap();
    let mut bad = config(&path, Mode::Test);
    bad.origin = origin("http://localhost:8081");
    let error = Server::open(bad).unwrap_err();
    assert_eq!(error.code(), "origin");
    assert!(error.to_string().contains("http://127.0.0.1:8081"), "{error}");
    Server::open(config(&path, Mode::Test)).unwrap();
}

#[test]
fn a_broken_signing_key_is_said_to_be_broken() {
    let path = fresh("broken_key");
    drop(Server::open(config(&path, Mode::Test)).unwrap());
    sql(&path, "UPDATE signing_keys SET pkcs8 = x'00'");
    let error = refusal(&path);
    assert_eq!(error.code(), "stored-key");
    assert!(error.to_string().contains("move the file away to start afresh"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let file = fresh("a_file");
    fs::write(&file, "x").unwrap();
    let below = file.join("below");
    let nowhere = Path::new("/proc/nostore-issuer-test");
    for path in [file.as_path(), below.as_path()] {
        let error = refusal(path);
        assert_eq!(error.code(), "data-dir-is-a-file", "{error}");
        let expected = format!("expected a folder, but {} is a file", file.display());
        assert!(error.to_string().contains(&expected), "{error}");
        assert!(!error.to_string().contains("permissions"), "{error}");
        is_clear(&error, path);
    }
    let error = refusal(nowhere);
    assert_eq!(error.code(), "data-dir-io", "{error}");
    is_clear(&error, nowhere);
    let taken = fresh("database_is_a_folder");
    fs::create_dir_all(taken.join("issuer.sqlite3")).unwrap();
    is_clear(&refusal(&taken), &taken);
}

/// A process that is killed leaves what SQLite had written by then: the database, and its log up to some byte.
#[test]
fn a_process_killed_between_any_two_writes_leaves_a_database_that_opens() {
    let path = fresh("killed");
    let running = Server::open(config(&path, Mode::Test)).unwrap();
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    let (database, log) = (read("issuer.sqlite3"), read("issuer.sqlite3-wal"));
    assert!(!log.is_empty(), "nothing was written since the database was opened");
    let mut kept = Vec::new();
    for cut in (0..10).map(|tenth| log.len() * tenth / 10).chain([log.len() - 1, log.len()]) {
        let left = fresh("killed_left");
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("issuer.sqlite3"), &database).unwrap();
        fs::write(left.join("issuer.sqlite3-wal"), &log[..cut]).unwrap();
        let server = Server::open(config(&left, Mode::Test)).unwrap_or_else(|error| panic!("{cut}: {error}"));
        kept.push(server.secret_key().matches(running.secret_key().expose()));
    }
    assert_eq!((kept.first(), kept.last()), (Some(&false), Some(&true)), "all of it or nothing: {kept:?}");
}
