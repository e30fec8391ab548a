//! Engines with one fault each: the suite finds every one of them.

use std::sync::Arc;

use nostore_message::UnixTime;
use nostore_signin::store::suite::{self, Ground};
use nostore_signin::store::{
    Change, Expected, Key, Kind, MemoryStore, Record, Store, StoreError, StoreFuture, Written,
};

use crate::memory::Memory;

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// A handle answers from what it read before.
    Caches,
    /// A record that has ended counts for whoever expects something.
    CountsEnded,
    /// Keys are compared without regard to case.
    FoldsCase,
    /// Records never end.
    ForgetsEnds,
    /// Conflicts do not tell what is there.
    HidesConflicts,
    /// Every change is made.
    IgnoresExpectations,
    /// What is expected is looked at first and the change made later.
    LooksFirst,
    /// A list is not in order.
    LosesOrder,
    /// What was written is not kept.
    LosesWrites,
    /// A prefix is a pattern.
    ReadsPatterns,
    /// What is swept includes what ends later.
    SweepsAll,
    /// Whatever is asked for is taken.
    TakesAnything,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    store: MemoryStore,
    read: std::sync::Mutex<std::collections::HashMap<Key, Option<Record>>>,
}

const BEFORE: UnixTime = UnixTime::from_millis(i64::MIN);

impl Faulty {
    fn cached(&self, key: &Key, found: Option<Record>) -> Option<Record> {
        self.read.lock().unwrap().entry(key.clone()).or_insert(found).clone()
    }

    async fn write_badly(&self, change: &Change, now: UnixTime) -> Result<Written, StoreError> {
        let mut change = change.clone();
        match self.fault {
            Fault::IgnoresExpectations => change.expected = Expected::Anything,
            Fault::LosesWrites => return change.check().map(|()| Written::Done),
            Fault::CountsEnded => return self.store.write(&change, BEFORE).await,
            Fault::FoldsCase => change.key.name = change.key.name.to_lowercase(),
            Fault::LooksFirst => {
                change.check()?;
                let there = self.store.read(std::slice::from_ref(&change.key), now).await?.pop().flatten();
                tokio::task::yield_now().await;
                if !change.expected.holds(there.as_ref()) {
                    return Ok(Written::Conflict(there));
                }
                change.expected = Expected::Anything;
            }
            Fault::HidesConflicts => {
                let written = self.store.write(&change, now).await?;
                return Ok(if written == Written::Done { written } else { Written::Conflict(None) });
            }
            Fault::TakesAnything if change.check().is_err() => return Ok(Written::Done),
            _ => {}
        }
        self.store.write(&change, now).await
    }

    async fn list_badly(
        &self,
        kind: Kind,
        prefix: &str,
        now: UnixTime,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        let list = |prefix, now| self.store.list(kind, prefix, now);
        match self.fault {
            Fault::ForgetsEnds => self.store.list(kind, prefix, BEFORE).await,
            Fault::LosesOrder => {
                let mut listed = list(prefix, now).await?;
                listed.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
                Ok(listed)
            }
            Fault::ReadsPatterns if prefix.contains('%') => list("", now).await,
            _ => self.store.list(kind, prefix, now).await,
        }
    }
}

impl Store for Faulty {
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>> {
        Box::pin(async move {
            let mut keys = keys.to_vec();
            if matches!(self.fault, Fault::FoldsCase) {
                keys.iter_mut().for_each(|key| key.name = key.name.to_lowercase());
            }
            let now = if matches!(self.fault, Fault::ForgetsEnds) { BEFORE } else { now };
            let found = self.store.read(&keys, now).await?;
            if !matches!(self.fault, Fault::Caches) {
                return Ok(found);
            }
            Ok(keys.iter().zip(found).map(|(key, found)| self.cached(key, found)).collect())
        })
    }

    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>> {
        Box::pin(self.list_badly(kind, prefix, now))
    }

    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written> {
        Box::pin(self.write_badly(change, now))
    }

    fn sweep(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        let sweeps_all = matches!(self.fault, Fault::SweepsAll);
        self.store.sweep(if sweeps_all { now.plus_secs(60) } else { now })
    }
}

struct Faults(Fault, Memory);

impl Ground for Faults {
    fn open<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Arc<dyn Store>> {
        let store = Faulty { fault: self.0, store: self.1.store(name), read: std::sync::Mutex::default() };
        Box::pin(async move { Ok(Arc::new(store) as Arc<dyn Store>) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_turns_the_suite_red() {
    let rows = [
        (Fault::Caches, "two-handles"),
        (Fault::CountsEnded, "expected-of-ended"),
        (Fault::FoldsCase, "names-in-order"),
        (Fault::ForgetsEnds, "ends"),
        (Fault::HidesConflicts, "expected"),
        (Fault::IgnoresExpectations, "expected"),
        (Fault::LooksFirst, "one-wins"),
        (Fault::LosesOrder, "names-in-order"),
        (Fault::LosesWrites, "written-is-read"),
        (Fault::ReadsPatterns, "names-in-order"),
        (Fault::SweepsAll, "sweep"),
        (Fault::TakesAnything, "limits"),
    ];
    for (fault, found_by) in rows {
        let report = suite::run(Arc::new(Faults(fault, Memory::default()))).await;
        assert!(report.failed().contains(&found_by), "{fault:?}: {report}");
    }
}
