//! The locks that `loom` can look into, and how they are taken.

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
use std::sync::PoisonError;
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is made in whole steps, so a panicked holder left nothing half-made.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
