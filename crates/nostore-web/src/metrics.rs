//! What is counted, so that a site can watch its sign-ins in production.
//!
//! The counts to watch are [`Metrics::visits`]: a handshake takes two or three redirects, a sign-in up to
//! eight with those at the identity service. A visit with more than it needs is a loop in the making, by a
//! cache or a wrong key, and shows here before visitors complain. Redirects are counted in the cookie
//! `__nostore_hops`, those at the identity service beforehand, so a visit may have had fewer.
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
    /// Redirects of this site by their place in the visit: the first, the second, … the eighth and all
    /// after it.
    pub redirects: [u64; MAX_HOPS],
    /// Visits that ended at a page after so many redirects: one, two, … eight or more.
    pub visits: [u64; MAX_HOPS],
    /// The redirects of all these visits together, at most eight of each.
    pub visit_redirects: u64,
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
    /// Writes the counts in the text format that Prometheus reads.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = Exposition(String::new());
        text.counter(
            "handshakes_begun_total",
            "Visitors sent to the identity service.",
            self.handshakes_begun,
        );
        text.counter("handshake_returns_total", "Visitors who came back from it.", self.returns_resolved);
        text.head("handshake_redirects_total", "counter", "Redirects by their place in the visit.");
        for (place, count) in (1..).zip(self.redirects) {
            let or_more = if place == MAX_HOPS { "+" } else { "" };
            text.line(format_args!("handshake_redirects_total{{nth=\"{place}{or_more}\"}} {count}"));
        }
        self.histogram(&mut text);
        text.counter("loops_stopped_total", "Redirects withheld because of a loop.", self.loops_stopped);
        let refreshes = [("ok", self.refreshes), ("failed", self.refreshes_failed)];
        text.results("refreshes_total", "Refreshes of expired tokens.", refreshes);
        let fetches = [("ok", self.key_fetches), ("failed", self.key_fetches_failed)];
        text.results("key_set_fetches_total", "Requests for the JWK Set.", fetches);
        let lookups = [("hit", self.memo_hits), ("miss", self.memo_misses)];
        text.results("token_memo_lookups_total", "Tokens looked up among those known to be good.", lookups);
        text.0
    }

    fn histogram(&self, text: &mut Exposition) {
        text.head(
            "visit_redirects",
            "histogram",
            "Redirects of visits that ended at a page, of those with any.",
        );
        let mut seen = 0_u64;
        // The last count holds more than its bound says.
        for (bound, count) in (1..MAX_HOPS).zip(self.visits) {
            seen = seen.saturating_add(count);
            text.line(format_args!("visit_redirects_bucket{{le=\"{bound}\"}} {seen}"));
        }
        let all = self.visits.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        text.line(format_args!("visit_redirects_bucket{{le=\"+Inf\"}} {all}"));
        text.line(format_args!("visit_redirects_sum {}", self.visit_redirects));
        text.line(format_args!("visit_redirects_count {all}"));
    }
}

/// The text so far. Every name gets the prefix `nostore_`.
struct Exposition(String);

impl Exposition {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a `String` cannot fail.
        let _written = writeln!(self.0, "# HELP nostore_{name} {help}\n# TYPE nostore_{name} {kind}");
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _written = writeln!(self.0, "nostore_{line}");
    }

    fn counter(&mut self, name: &str, help: &str, count: u64) {
        self.head(name, "counter", help);
        self.line(format_args!("{name} {count}"));
    }

    fn results(&mut self, name: &str, help: &str, counts: [(&str, u64); 2]) {
        self.head(name, "counter", help);
        for (result, count) in counts {
            self.line(format_args!("{name}{{result=\"{result}\"}} {count}"));
        }
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    handshakes_begun: AtomicU64,
    returns_resolved: AtomicU64,
    redirects: [AtomicU64; MAX_HOPS],
    visits: [AtomicU64; MAX_HOPS],
    visit_redirects: AtomicU64,
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

    /// Counts a visit that ended after so many redirects, at least one.
    pub(crate) fn visit(&self, hops: u32) {
        // The number comes from a cookie, which anybody can write.
        let hops = usize::try_from(hops).unwrap_or(usize::MAX).clamp(1, MAX_HOPS);
        self.visits.get(hops - 1).into_iter().for_each(count);
        self.visit_redirects.fetch_add(hops as u64, Ordering::Relaxed);
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
            visits: self.visits.each_ref().map(read),
            visit_redirects: read(&self.visit_redirects),
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
