//! A process that is killed while it writes: the store opens, and every write that was confirmed is there.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use nostore_signin::store::suite::NOW;
use nostore_signin::store::{Key, Kind, SqliteStore, Store, Written};

use crate::sqlite::{Folder, put};

/// Names the file to the process that is to be killed.
const FILE: &str = "NOSTORE_TEST_KILLED";
/// So often a process is killed, and so often each writes at most.
const KILLS: u64 = 20;
const WRITES: u64 = 200;
/// They write these in turn.
const NAMES: u64 = 7;

/// Of the other tests' process this is nothing; of that which is to be killed it is all.
#[tokio::test]
async fn writes_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "this process is a part of the test")]
    let Ok(file) = std::env::var(FILE) else { return };
    let store = SqliteStore::open(file).unwrap();
    println!("\nopen");
    for number in 1..=WRITES {
        let written = store.write(&put(&format!("{}", number % NAMES), number), NOW).await.unwrap();
        assert_eq!(written, Written::Done);
        println!("\nwrote {number}");
    }
}

#[tokio::test]
async fn confirmed_writes_outlive_whoever_made_them() {
    let mut interrupted = 0;
    for kill in 0..KILLS {
        let folder = Folder::new();
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["killed::writes_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(FILE, folder.file("store"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut confirmed = 0;
        let killed_at = 1 + kill * kill % 150;
        let number = |line: &str| line.strip_prefix("wrote ").and_then(|number| number.parse::<u64>().ok());
        while confirmed < killed_at {
            confirmed = number(&lines.next().unwrap().unwrap()).unwrap_or(confirmed);
        }
        process.kill().unwrap();
        process.wait().unwrap();
        // What it said before it was killed, and was on its way to us, counts.
        confirmed = lines.filter_map(|line| number(&line.unwrap())).last().unwrap_or(confirmed);
        interrupted += u64::from(confirmed < WRITES);

        let store = SqliteStore::open(folder.file("store")).unwrap();
        let keys: Vec<Key> = (0..NAMES).map(|name| Key::new(Kind::Session, format!("{name}"))).collect();
        let found = store.read(&keys, NOW).await.unwrap();
        let last = found.iter().flatten().map(|record| record.revision.0).max().unwrap();
        // One more may have been made than was confirmed.
        assert!((confirmed..=confirmed + 1).contains(&last), "{confirmed} confirmed, {last} found");
        for (name, found) in (0..NAMES).zip(&found) {
            let wanted = (1..=last).rev().find(|number| number % NAMES == name);
            assert_eq!(found.as_ref().map(|record| record.revision.0), wanted);
        }
        assert_eq!(store.write(&put("after", 1), NOW).await.unwrap(), Written::Done);
    }
    assert!(interrupted > KILLS / 2, "expected most processes to be killed while they write");
}
