//! What is counted, so that a site can watch its sign-ins in production.
//!
//! The counter to watch is [`Metrics::redirects`]: a handshake takes one or two redirects of a visit. Visits
//! with more are a loop that a cache or a wrong key makes, and show here before visitors complain.
//!
//! # Invariants
//!
//! - Every counter only grows. No label holds anything of a visitor.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of redirects of one visit that are told apart; those beyond count as the last.
pub(crate) const MAX_HOPS: usize = 8;

/// Counts since the sessions were set up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Visitors who were sent to the identity service.
    pub handshakes_begun: u64,
    /// Visitors who came back from it, with a result that counts or without.
    pub returns_resolved: u64,
    /// Redirects by their place in the visit: the first, the second, … the eighth and all after it.
    pub redirects: [u64; MAX_HOPS],
    /// Visits in which a redirect was withheld because it would have gone on with a loop.
    pub loops_stopped: u64,
    /// Refreshes of an expired token that brought a new one.
    pub refreshes: u64,
    /// Refreshes that did not.
    pub refreshes_failed: u64,
    /// Requests for the JWK Set that brought one.
    pub key_fetches: u64,
    /// Requests for the JWK Set that did not.
    pub key_fetches_failed: u64,
    /// Tokens whose signature was known to be good.
    pub memo_hits: u64,
    /// Tokens that were not known.
    pub memo_misses: u64,
}

impl Metrics {
    /// Returns how many visits had exactly `redirects` redirects so far, from 1 on; of the last number all
    /// that had as many or more.
    ///
    /// # Example
    ///
    /// ```
    /// let mut metrics = nostore_web::Metrics::default();
    /// (metrics.redirects[0], metrics.redirects[1]) = (10, 3);
    /// assert_eq!((metrics.visits_with(1), metrics.visits_with(2)), (7, 3));
    /// ```
    #[must_use]
    pub fn visits_with(&self, redirects: usize) -> u64 {
        let at_least =
            |count: usize| count.checked_sub(1).and_then(|index| self.redirects.get(index)).copied();
        let more = if redirects < MAX_HOPS { at_least(redirects + 1) } else { None };
        at_least(redirects).unwrap_or(0).saturating_sub(more.unwrap_or(0))
    }

    /// Writes the counts in the text format that Prometheus reads.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        let result = |good: &'static str, bad: &'static str| [("result", good), ("result", bad)];
        family(
            &mut text,
            "handshakes_begun_total",
            "Visitors sent to the identity service.",
            &[(None, self.handshakes_begun)],
        );
        family(
            &mut text,
            "handshake_returns_total",
            "Visitors who came back from it.",
            &[(None, self.returns_resolved)],
        );
        let places: Vec<_> = (1..=MAX_HOPS).map(|place| place.to_string()).collect();
        let redirects: Vec<_> = places
            .iter()
            .zip(self.redirects)
            .map(|(place, count)| (Some(("nth", &**place)), count))
            .collect();
        family(
            &mut text,
            "handshake_redirects_total",
            "Redirects by their place in the visit; the last counts all after it.",
            &redirects,
        );
        family(
            &mut text,
            "loops_stopped_total",
            "Redirects withheld because of a loop.",
            &[(None, self.loops_stopped)],
        );
        let pairs = [
            (
                "refreshes_total",
                "Refreshes of expired tokens.",
                self.refreshes,
                self.refreshes_failed,
                "failed",
            ),
            (
                "key_set_fetches_total",
                "Requests for the JWK Set.",
                self.key_fetches,
                self.key_fetches_failed,
                "failed",
            ),
            (
                "token_memo_lookups_total",
                "Tokens looked up among those known to be good.",
                self.memo_hits,
                self.memo_misses,
                "miss",
            ),
        ];
        for (name, help, good, bad, word) in pairs {
            let [first, second] = result(if word == "miss" { "hit" } else { "ok" }, word);
            family(&mut text, name, help, &[(Some(first), good), (Some(second), bad)]);
        }
        text
    }
}

/// Writes one family of counters.
fn family(text: &mut String, name: &str, help: &str, lines: &[(Option<(&str, &str)>, u64)]) {
    let mut write = |arguments: std::fmt::Arguments<'_>| {
        // Writing into a `String` cannot fail.
        let _written = text.write_fmt(arguments);
    };
    write(format_args!("# HELP nostore_{name} {help}\n# TYPE nostore_{name} counter\n"));
    for (label, count) in lines {
        match label {
            Some((key, value)) => write(format_args!("nostore_{name}{{{key}=\"{value}\"}} {count}\n")),
            None => write(format_args!("nostore_{name} {count}\n")),
        }
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    handshakes_begun: AtomicU64,
    returns_resolved: AtomicU64,
    redirects: [AtomicU64; MAX_HOPS],
    loops_stopped: AtomicU64,
    refreshes: [AtomicU64; 2],
    key_fetches: [AtomicU64; 2],
    memo: [AtomicU64; 2],
}

impl Counters {
    pub(crate) fn handshake_begun(&self) {
        count(&self.handshakes_begun);
    }

    pub(crate) fn return_resolved(&self) {
        count(&self.returns_resolved);
    }

    /// Counts the redirect that comes after `hops` others of the same visit.
    pub(crate) fn redirect(&self, hops: u32) {
        let place = usize::try_from(hops).unwrap_or(usize::MAX).min(MAX_HOPS - 1);
        self.redirects.get(place).into_iter().for_each(count);
    }

    pub(crate) fn loop_stopped(&self) {
        count(&self.loops_stopped);
    }

    pub(crate) fn refresh(&self, good: bool) {
        count_result(&self.refreshes, good);
    }

    pub(crate) fn key_fetch(&self, good: bool) {
        count_result(&self.key_fetches, good);
    }

    pub(crate) fn memo(&self, hit: bool) {
        count_result(&self.memo, hit);
    }

    pub(crate) fn read(&self) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [refreshes, refreshes_failed] = self.refreshes.each_ref().map(read);
        let [key_fetches, key_fetches_failed] = self.key_fetches.each_ref().map(read);
        let [memo_hits, memo_misses] = self.memo.each_ref().map(read);
        Metrics {
            handshakes_begun: read(&self.handshakes_begun),
            returns_resolved: read(&self.returns_resolved),
            redirects: self.redirects.each_ref().map(read),
            loops_stopped: read(&self.loops_stopped),
            refreshes,
            refreshes_failed,
            key_fetches,
            key_fetches_failed,
            memo_hits,
            memo_misses,
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn count_result([good, bad]: &[AtomicU64; 2], is_good: bool) {
    count(if is_good { good } else { bad });
}
