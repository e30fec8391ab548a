//! A store in memory, for tests: it forgets everything with its last clone.
//!
//! # Invariants
//!
//! - The one engine whose rules are those of the trait in so many words; the suite's faulty engines are made of it.
//!
//! # Not covered
//!
//! Durability: nothing outlives the process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nostore_message::UnixTime;

use super::{Change, Key, Kind, Record, Store, StoreError, StoreFuture, Written, check_prefix};

/// Keeps records in memory. Clones are the same store.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<BTreeMap<Key, Record>>>);

impl MemoryStore {
    /// Makes a store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<Key, Record>> {
        // Every change is made in one step, so a panicked holder left nothing half-made.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_now(&self, keys: &[Key], now: UnixTime) -> Result<Vec<Option<Record>>, StoreError> {
        keys.iter().try_for_each(Key::check)?;
        let records = self.records();
        let there = |key| records.get(key).filter(|record| !record.has_ended(now)).cloned();
        Ok(keys.iter().map(there).collect())
    }

    fn list_now(&self, kind: Kind, prefix: &str, now: UnixTime) -> Result<Vec<(String, Record)>, StoreError> {
        check_prefix(prefix)?;
        let records = self.records();
        let begins = records.range(Key::new(kind, prefix)..);
        let begins = begins.take_while(|(key, _)| key.kind == kind && key.name.starts_with(prefix));
        let there = begins.filter(|(_, record)| !record.has_ended(now));
        Ok(there.map(|(key, record)| (key.name.clone(), record.clone())).collect())
    }

    fn write_now(&self, change: &Change, now: UnixTime) -> Result<Written, StoreError> {
        change.check()?;
        let mut records = self.records();
        let there = records.get(&change.key).filter(|record| !record.has_ended(now));
        if !change.expected.holds(there) {
            return Ok(Written::Conflict(there.cloned()));
        }
        match &change.record {
            Some(record) => records.insert(change.key.clone(), record.clone()),
            None => records.remove(&change.key),
        };
        Ok(Written::Done)
    }

    fn sweep_now(&self, now: UnixTime) -> u64 {
        let mut records = self.records();
        let before = records.len();
        records.retain(|_, record| !record.has_ended(now));
        (before - records.len()) as u64
    }
}

impl Store for MemoryStore {
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>> {
        Box::pin(async move { self.read_now(keys, now) })
    }

    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>> {
        Box::pin(async move { self.list_now(kind, prefix, now) })
    }

    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written> {
        Box::pin(async move { self.write_now(change, now) })
    }

    fn sweep(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        Box::pin(async move { Ok(self.sweep_now(now)) })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.records().len()).finish()
    }
}
