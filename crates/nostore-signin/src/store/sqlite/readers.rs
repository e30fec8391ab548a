//! The connections that read: as many as are at it at once.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::{Fault, StoreError, open};

/// So many are kept when nobody reads.
const MOST_KEPT: usize = 8;

/// Connections that nobody is using.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    /// Does something with a connection, which is kept unless that fails.
    pub(super) fn with<T>(
        &self,
        doing: &'static str,
        what: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.path).map_err(|error| Fault::from(error).told(doing))?,
        };
        let done = what(&connection).map_err(|fault| fault.told(doing))?;
        let mut idle = self.idle();
        if idle.len() < MOST_KEPT {
            idle.push(connection);
        }
        Ok(done)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // What is done under the lock is one step, so a panicked holder left nothing half-made.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
