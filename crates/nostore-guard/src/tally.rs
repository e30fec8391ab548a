//! What is counted, for whoever watches the guard. No label holds anything of a visitor.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::record::Change;

/// Requests since the start, by what became of their responses.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    by_change: [AtomicU64; Change::ALL.len()],
    under_way: AtomicU64,
}

/// One request under way.
pub(crate) struct UnderWay<'a>(&'a Tally);

impl Tally {
    pub(crate) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    pub(crate) fn count(&self, change: Change) {
        if let Some(counter) = self.by_change.get(change as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the counts in the text format that Prometheus reads.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::from(
            "# HELP nostore_guard_requests_total Requests by what became of their responses.\n\
             # TYPE nostore_guard_requests_total counter\n",
        );
        // Writing into a `String` cannot fail.
        for (change, counter) in Change::ALL.iter().zip(&self.by_change) {
            let (change, count) = (change.code(), counter.load(Ordering::Relaxed));
            let _written = writeln!(text, "nostore_guard_requests_total{{change=\"{change}\"}} {count}");
        }
        let under_way = self.under_way.load(Ordering::Relaxed);
        let _written = writeln!(
            text,
            "# HELP nostore_guard_requests_under_way Requests whose response head is not on its way yet.\n\
             # TYPE nostore_guard_requests_under_way gauge\n\
             nostore_guard_requests_under_way {under_way}"
        );
        text
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
