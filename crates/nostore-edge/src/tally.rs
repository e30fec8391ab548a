//! What an edge has done so far.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::record::{Handling, Record};

/// The sums of an edge since it started.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// Requests whose record was delivered.
    pub requests: u64,
    /// Requests answered from the store.
    pub hits: u64,
    /// Responses that were stored.
    pub stored: u64,
    /// Requests that the origin did not answer, or whose answer broke off.
    pub errors: u64,
    /// Responses that were recorded when their head was finished, and whose body the origin broke off later.
    pub broken_bodies: u64,
    /// Dangerous things stored, by the code of the hazard.
    pub hazards: BTreeMap<&'static str, u64>,
    /// Pages of the app's own: 2xx answers of the origin to GET requests, those left out that the app protected
    /// through nostore.
    pub answers: u64,
    /// Those of them whose author said that they must not be stored.
    pub uncacheable_answers: u64,
    /// Bytes that the stored responses weigh at present.
    pub store_bytes: u64,
    /// The primary keys under which something is stored at present.
    pub store_keys: u64,
}

impl Summary {
    /// Tells whether the app looks like a framework's development server: at least five answers to GET
    /// requests, every one of them uncacheable by its author, and nothing stored or answered from the store. Then
    /// nothing about caching was tested.
    #[must_use]
    pub const fn looks_like_development_server(&self) -> bool {
        let untested = self.stored == 0 && self.hits == 0;
        untested && self.answers >= 5 && self.answers == self.uncacheable_answers
    }
}

/// Sums up records.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Summary>);

impl Tally {
    pub(crate) fn count(&self, record: &Record) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.requests += 1;
        sums.hits += u64::from(record.outcome == Handling::Hit);
        sums.stored += u64::from(record.outcome == Handling::Stored);
        sums.errors += u64::from(record.outcome == Handling::Error);
        for hazard in &record.hazards {
            *sums.hazards.entry(hazard.code).or_default() += 1;
        }
    }

    pub(crate) fn count_answer(&self, uncacheable: bool) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.answers += 1;
        sums.uncacheable_answers += u64::from(uncacheable);
    }

    pub(crate) fn count_broken(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).broken_bodies += 1;
    }

    pub(crate) fn sums(&self) -> Summary {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
