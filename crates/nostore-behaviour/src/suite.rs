//! Runs cases and reports.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::adapter::{Adapter, Panic, Setting, Site};
use crate::case::Case;
use crate::wire::Connection;

/// A site that is being served, as cases see it.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) on_panic: Panic,
    pub(crate) site: Site,
    runtime: tokio::runtime::Runtime,
}

impl Stage {
    pub(crate) fn connect(&self) -> Result<Connection, String> {
        Connection::open(self.address)
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// A case that an adapter failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The case.
    pub name: &'static str,
    /// What was expected and what was found.
    pub what: String,
}

/// How an adapter did.
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

/// Lists all cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    crate::cases::all()
}

/// Runs the cases whose setting is served by `adapter`, one after the other, on one site for each setting.
///
/// # Panics
///
/// When no runtime can be made.
#[must_use]
pub fn run(adapter: &dyn Adapter, cases: &[Case]) -> Report {
    let mut stages: BTreeMap<Setting, Stage> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in cases {
        let stage = stages.entry(case.setting).or_insert_with(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let site = runtime.block_on(case.setting.site());
            Stage {
                address: adapter.serve(site.clone(), case.setting.around()),
                on_panic: adapter.on_panic(),
                site,
                runtime,
            }
        });
        if let Err(what) = case.run(stage) {
            failures.push(Failure { name: case.name, what });
        }
    }
    Report { ran: cases.len(), failures }
}
