//! The lock that saves fetches: of those in step, one asks the service, and the others take what it got.
//!
//! # Invariants
//!
//! - Around a fetch, never around a read of a good token, and never kept while a retry is waited for.
//! - Nobody waits for it longer than [`crate::Slot`] allows. Then the fetch goes on without it, so a holder that is frozen
//!   or gone costs a fetch more, and nobody a token. What is right comes from the tokens' rank, not from the lock.
//!
//! # Not covered
//!
//! Fairness, and proof that a holder still holds.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The lock, later. `None`: there is nobody to give it, and the fetch goes on without.
pub type LockFuture = Pin<Box<dyn Future<Output = Option<Held>> + Send>>;

/// Gives locks by name.
pub trait Lock: Send + Sync + 'static {
    /// Waits for the lock of that name, however long: the caller drops the future when it has waited enough.
    fn acquire(&self, name: &str) -> LockFuture;
}

/// A lock that is held until this is dropped.
pub struct Held(Option<Box<dyn FnOnce() + Send>>);

impl Held {
    /// Held until `release` is called, which must not block.
    #[must_use]
    pub fn new(release: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(release)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// Locks within the process. Clones give the same locks.
#[derive(Clone, Debug, Default)]
pub struct InProcessLock(Arc<Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>>);

impl Lock for InProcessLock {
    fn acquire(&self, name: &str) -> LockFuture {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = locks.get(name).and_then(Weak::upgrade).unwrap_or_default();
        locks.insert(name.to_owned(), Arc::downgrade(&lock));
        Box::pin(async move {
            let guard = lock.lock_owned().await;
            Some(Held::new(move || drop(guard)))
        })
    }
}
