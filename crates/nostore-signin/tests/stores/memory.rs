//! The store in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use nostore_signin::store::suite::{self, Ground};
use nostore_signin::store::{MemoryStore, Store, StoreFuture};

/// Stores in memory, by name.
#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<String, MemoryStore>>);

impl Memory {
    pub(crate) fn store(&self, name: &str) -> MemoryStore {
        self.0.lock().unwrap().entry(name.to_owned()).or_default().clone()
    }
}

impl Ground for Memory {
    fn open<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Arc<dyn Store>> {
        Box::pin(async move { Ok(Arc::new(self.store(name)) as Arc<dyn Store>) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_passes_the_suite() {
    let report = suite::run(Arc::new(Memory::default())).await;
    assert!(report.failures.is_empty(), "{report}");
}
