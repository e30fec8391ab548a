//! The store in one file, with real files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nostore_message::UnixTime;
use nostore_signin::store::suite::{self, Ground, NOW};
use nostore_signin::store::{
    Change, Expected, Key, Kind, Record, Revision, SqliteStore, Store, StoreFuture, Written,
};
use rusqlite::Connection;

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nostore-stores-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Ground for Folder {
    fn open<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Arc<dyn Store>> {
        Box::pin(async move { Ok(Arc::new(SqliteStore::open(self.file(name))?) as Arc<dyn Store>) })
    }

    fn take_over<'a>(&'a self, name: &'a str, version: u32) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let connection = Connection::open(self.file(name)).unwrap();
            connection.pragma_update(None, "user_version", version).unwrap();
            Ok(true)
        })
    }
}

pub(crate) fn put(name: &str, number: u64) -> Change {
    let record =
        Record { content: format!("{{\"number\":{number}}}"), revision: Revision(number), ends: None };
    Change { key: Key::new(Kind::Session, name), expected: Expected::Anything, record: Some(record) }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_passes_the_suite() {
    let report = suite::run(Arc::new(Folder::new())).await;
    assert!(report.failures.is_empty(), "{report}");
}

#[tokio::test]
async fn sqlite_passes_the_suite_on_one_thread() {
    let report = suite::run(Arc::new(Folder::new())).await;
    assert!(report.failures.is_empty(), "{report}");
}

/// Says what opening fails with.
fn refused(path: &Path) -> (&'static str, String) {
    let error = SqliteStore::open(path).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn what_is_no_store_is_refused_row_by_row() {
    let folder = Folder::new();
    let (text, damaged) = (folder.file("text"), folder.file("damaged"));
    fs::write(&text, "Dear diary, this is no database. ".repeat(400)).unwrap();
    fs::write(&damaged, [b"SQLite format 3\0".as_slice(), &[0xff; 4_080]].concat()).unwrap();
    let foreign = folder.file("foreign");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    let locked = folder.file("locked");
    drop(SqliteStore::open(&locked).unwrap());
    let mut rights = fs::metadata(&locked).unwrap().permissions();
    rights.set_readonly(true);
    fs::set_permissions(&locked, rights).unwrap();
    let missing = folder.file("no/such/folder/store");
    let below = text.join("store");
    let rows = [
        (
            &text,
            "expected a SQLite database at",
            "found something else, or one that is damaged: choose another path",
        ),
        (
            &damaged,
            "expected a SQLite database at",
            "found something else, or one that is damaged: choose another path",
        ),
        (
            &foreign,
            "expected a store of sign-ins at",
            "found the database of another program: choose another path",
        ),
        (&locked, "expected a file that may be written at", "found one that may only be read: let the user"),
        (&missing, "expected a file in a folder that exists at", "found no such folder: make the folder"),
        (&below, "expected a file in a folder that exists at", "found no such folder: make the folder"),
        (&folder.0, "expected a file at", "found something else of that name: choose another path"),
    ];
    for (path, expected, found) in rows {
        let before = fs::read(path).ok();
        let (code, text) = refused(path);
        assert_eq!(code, "store-unusable", "{text}");
        let told = format!("{expected} {}, {found}", path.display());
        assert!(text.starts_with(&told), "expected {told}..., found {text}");
        assert!(!text.contains('\n'), "{text}");
        assert_eq!(fs::read(path).ok(), before, "{}", path.display());
    }
}

#[tokio::test]
async fn a_newer_file_is_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.file("store");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.write(&put("one", 1), NOW).await.unwrap(), Written::Done);
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("ALTER TABLE records ADD COLUMN more TEXT; PRAGMA user_version = 2").unwrap();
    let keys = [Key::new(Kind::Session, "one")];
    let told = "expected a store of version 1 at most, found version 2";
    for error in [
        store.read(&keys, NOW).await.map(drop),
        store.list(Kind::Session, "", NOW).await.map(drop),
        store.write(&put("one", 2), NOW).await.map(drop),
        store.sweep(NOW).await.map(drop),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.code(), "store-newer");
        assert!(error.to_string().starts_with(told), "{error}");
    }
    drop(store);
    newer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(refused(&path).0, "store-newer");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_made_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("store")).unwrap();
    assert_eq!(store.write(&put("one", 1), NOW).await.unwrap(), Written::Done);
    let mut modes: Vec<(String, u32)> = fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (entry.file_name().into_string().unwrap(), mode)
        })
        .collect();
    modes.sort();
    let wanted = ["store", "store-shm", "store-wal"].map(|name| (name.to_owned(), 0o600));
    assert_eq!(modes, wanted);
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = Folder::new();
    fs::write(folder.file("store"), "").unwrap();
    assert!(SqliteStore::open(folder.file("store")).is_ok());
}

#[test]
fn many_open_a_new_file_at_once() {
    let folder = Folder::new();
    let path = folder.file("store");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| SqliteStore::open(&path).unwrap());
        }
    });
}

/// Another process is in the middle of a write: reads go on, writes wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_writes() {
    let folder = Folder::new();
    let store = Arc::new(SqliteStore::open(folder.file("store")).unwrap());
    assert_eq!(store.write(&put("one", 1), NOW).await.unwrap(), Written::Done);
    let other = Connection::open(folder.file("store")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM records").unwrap();
    let waits = Arc::clone(&store);
    let write = tokio::spawn(async move { waits.write(&put("one", 2), NOW).await });
    let keys = [Key::new(Kind::Session, "one")];
    let revision =
        async || store.read(&keys, NOW).await.unwrap().pop().flatten().map(|record| record.revision);
    assert_eq!(revision().await, Some(Revision(1)));
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(write.await.unwrap().unwrap(), Written::Done);
    assert_eq!(revision().await, Some(Revision(2)));
}

/// A write that fails changes nothing, says so, and the next one is made.
#[tokio::test]
async fn a_failed_write_loses_nothing() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("store")).unwrap();
    assert_eq!(store.write(&put("one", 1), NOW).await.unwrap(), Written::Done);
    let other = Connection::open(folder.file("store")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no room'); END";
    other.execute_batch(refuse).unwrap();
    // Some of one batch, of which one is fine by itself.
    let remove = Change { record: None, ..put("one", 0) };
    let insert = put("two", 2);
    let (good, bad) = tokio::join!(store.write(&remove, NOW), store.write(&insert, NOW));
    let error = bad.unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("store-engine", "expected the store to answer (writing)")
    );
    let there = store.read(&[Key::new(Kind::Session, "one")], NOW).await.unwrap().pop().flatten();
    // In one batch or in two: what was said is what is so.
    assert_eq!(good.is_ok(), there.is_none());
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(store.write(&put("two", 3), NOW).await.unwrap(), Written::Done);
    assert_eq!(store.list(Kind::Session, "two", NOW).await.unwrap().len(), 1);
}

#[tokio::test]
async fn contents_are_not_printed() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("store")).unwrap();
    let shown = format!("{store:?} {:?}", put("one", 77));
    assert!(!shown.contains("77}"), "{shown}");
}

/// How long things take here, roughly: printed, and bounded far above what is usual.
#[tokio::test]
async fn a_read_takes_microseconds() {
    const READS: u32 = 2_000;
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file("store")).unwrap();
    let names: Vec<String> = (0..200).map(|number| format!("session {number}")).collect();
    let start = Instant::now();
    for name in &names {
        let mut change = put(name, 1);
        change.record.as_mut().unwrap().content = "x".repeat(1_000);
        assert_eq!(store.write(&change, NOW).await.unwrap(), Written::Done);
    }
    let write = start.elapsed() / 200;
    let keys: Vec<Key> = names.iter().step_by(40).map(|name| Key::new(Kind::Session, name)).collect();
    let start = Instant::now();
    for _ in 0..READS {
        assert_eq!(store.read(&keys, UnixTime::from_secs(0)).await.unwrap().iter().flatten().count(), 5);
    }
    let read = start.elapsed() / READS;
    println!("a read of {} keys: {read:?}; a write: {write:?}", keys.len());
    assert!(read < Duration::from_millis(2), "{read:?}");
}
