//! One suite of cases that every engine must pass. For makers of engines; behind the feature `suite`.
//!
//! An engine's tests say in a [`Ground`] how a store is opened, once and again, and hand it to [`run`], which tells which cases
//! failed, so that a broken engine can be shown to be found out.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use std::sync::Arc;
//!
//! use nostore_signin::store::suite::{self, Ground};
//! use nostore_signin::store::{MemoryStore, Store, StoreFuture};
//!
//! #[derive(Default)]
//! struct Memory(std::sync::Mutex<std::collections::HashMap<String, MemoryStore>>);
//!
//! impl Ground for Memory {
//!     fn open<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Arc<dyn Store>> {
//!         let store = self.0.lock().unwrap().entry(name.to_owned()).or_default().clone();
//!         Box::pin(async move { Ok(Arc::new(store) as Arc<dyn Store>) })
//!     }
//! }
//!
//! let report = suite::run(Arc::new(Memory::default())).await;
//! assert!(report.failures.is_empty(), "{report}");
//! # }
//! ```
//!
//! # Invariants
//!
//! - Time stands at [`NOW`], far ahead of the wall clock, so that nothing an engine removes by its own clock is removed.
//! - Nothing waits for time to pass, and no race is won by sleeping.
//! - What is expected is spelt out here, and not asked of [`crate::store::MemoryStore`].
//!
//! # Not covered
//!
//! That writes survive the end of a process or of power: each engine has tests of that with the real thing.

mod changes;
mod reading;
mod sharing;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nostore_message::UnixTime;

use super::{Change, Expected, Key, Kind, Record, Revision, Store, StoreError, StoreFuture, Written};

/// The time of all cases: the first second of 2100.
pub const NOW: UnixTime = UnixTime::from_millis(4_102_444_800_000);

/// Where the stores of one engine are.
pub trait Ground: Send + Sync + 'static {
    /// Opens the store called `name` (lower-case letters and `-`), as another process would. At first there is nothing in it.
    fn open<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Arc<dyn Store>>;

    /// Notes in that store, which is open, that a newer release of version `version` has taken it over. `false`: nothing of
    /// this engine outlives a release.
    fn take_over<'a>(&'a self, name: &'a str, version: u32) -> StoreFuture<'a, bool> {
        let _ = (name, version);
        Box::pin(async { Ok(false) })
    }

    /// Tells whether a write looks whether a newer release has taken the store over, and not only who opens it.
    fn guards_writes(&self) -> bool {
        true
    }

    /// Tells whether [`Store::sweep`] is what removes records that have ended.
    fn sweeps(&self) -> bool {
        true
    }
}

/// A case that an engine failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The case.
    pub name: &'static str,
    /// What was expected and what was found.
    pub what: String,
}

/// How an engine did.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many cases ran.
    pub ran: usize,
    /// Those that failed.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Lists the names of the failed cases, in the suite's order.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        self.failures.iter().map(|failure| failure.name).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cases failed", self.failures.len(), self.ran)?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n  {}: {}", failure.name, failure.what))
    }
}

/// Runs all cases, each on a store of its own, one after the other. Wants a runtime of tokio.
pub async fn run(ground: Arc<dyn Ground>) -> Report {
    let mut failures = Vec::new();
    let cases: Vec<Case> = [reading::CASES, changes::CASES, sharing::CASES].concat();
    for case in &cases {
        let stage = Stage { ground: Arc::clone(&ground), name: case.name };
        if let Err(Fault(what)) = (case.run)(stage).await {
            failures.push(Failure { name: case.name, what });
        }
    }
    Report { ran: cases.len(), failures }
}

/// A case.
#[derive(Clone, Copy)]
struct Case {
    /// Also the store's.
    name: &'static str,
    run: fn(Stage) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Outcome = Result<(), Fault>;

/// What was expected and what was found.
#[derive(Debug)]
struct Fault(String);

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let mut what = format!("expected no error, found {}: {error}", error.code());
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            what = format!("{what}: {error}");
            source = error.source();
        }
        Self(what)
    }
}

impl From<tokio::task::JoinError> for Fault {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(format!("expected no panic, found {error}"))
    }
}

/// A store of a case.
struct Stage {
    ground: Arc<dyn Ground>,
    name: &'static str,
}

impl Stage {
    async fn open(&self) -> Result<Handle, Fault> {
        Ok(Handle(self.ground.open(self.name).await?))
    }
}

/// One way to a store.
#[derive(Clone)]
struct Handle(Arc<dyn Store>);

impl Handle {
    async fn read_at(&self, key: &Key, now: UnixTime) -> Result<Option<Record>, Fault> {
        let mut records = self.0.read(std::slice::from_ref(key), now).await?;
        same("records of one key", records.len(), 1)?;
        Ok(records.pop().flatten())
    }

    async fn write_at(
        &self,
        key: &Key,
        expected: Expected,
        record: Option<Record>,
        now: UnixTime,
    ) -> Result<Written, Fault> {
        let change = Change { key: key.clone(), expected, record };
        Ok(self.0.write(&change, now).await?)
    }

    async fn write(&self, key: &Key, expected: Expected, record: Option<Record>) -> Result<Written, Fault> {
        self.write_at(key, expected, record, NOW).await
    }

    /// Puts a record, whatever there is.
    async fn put(&self, key: &Key, record: &Record) -> Outcome {
        same("a put", self.write(key, Expected::Anything, Some(record.clone())).await?, Written::Done)
    }

    /// Looks at what there is under a key.
    async fn has(&self, key: &Key, wanted: Option<&Record>, now: UnixTime) -> Outcome {
        same_record(&format!("the record of {key:?}"), self.read_at(key, now).await?.as_ref(), wanted)
    }

    async fn names(&self, kind: Kind, prefix: &str, now: UnixTime) -> Result<Vec<String>, Fault> {
        let listed = self.0.list(kind, prefix, now).await?;
        Ok(listed.into_iter().map(|(name, _)| name).collect())
    }
}

/// A record with a revision that no other one has.
fn record(content: impl Into<String>) -> Record {
    Record { content: content.into(), revision: revision(), ends: None }
}

/// One that ends so many milliseconds after [`NOW`].
fn ending(millis: i64) -> Record {
    Record { ends: Some(UnixTime::from_millis(NOW.millis() + millis)), ..record(r#"{"ends":true}"#) }
}

/// Revisions that differ, all over the range. Whoever writes in earnest draws them at random.
fn revision() -> Revision {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    // The multiplier is odd, so that no two are alike.
    Revision(COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[expect(clippy::needless_pass_by_value, reason = "what is compared is mostly made for it")]
fn same<T: fmt::Debug + PartialEq>(what: &str, found: T, wanted: T) -> Outcome {
    if found == wanted { Ok(()) } else { Err(Fault(format!("{what}: expected {wanted:?}, found {found:?}"))) }
}

/// As [`same`], where contents must not differ unnoticed: `Debug` leaves them out.
fn same_record(what: &str, found: Option<&Record>, wanted: Option<&Record>) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    let shown = |record: Option<&Record>| {
        record.map(|record| {
            let start: String = record.content.chars().take(40).collect();
            (start, record.content.len(), record.revision, record.ends)
        })
    };
    Err(Fault(format!("{what}: expected {:?}, found {:?}", shown(wanted), shown(found))))
}

/// Wants a conflict that tells of what is there.
fn conflict(what: &str, written: Written, there: Option<&Record>) -> Outcome {
    match written {
        Written::Conflict(found) => same_record(&format!("{what}: the conflict"), found.as_ref(), there),
        Written::Done => Err(Fault(format!("{what}: expected a conflict, found it done"))),
    }
}

/// Wants an error of that code.
fn refused<T: fmt::Debug>(what: &str, found: Result<T, StoreError>, code: &str) -> Outcome {
    match found {
        Err(error) if error.code() == code => Ok(()),
        other => Err(Fault(format!("{what}: expected {code}, found {other:?}"))),
    }
}
