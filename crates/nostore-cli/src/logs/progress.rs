//! How far it is, on a terminal, once it takes more than a second.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const FIRST_AFTER: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(250);

/// Tells how far it is.
pub(super) struct Progress {
    begun: Instant,
    told: Option<Instant>,
    /// Octets of all files; 0 where one's size is not known.
    size: u64,
    /// Octets of the files that are done.
    done: u64,
    is_seen: bool,
}

impl Progress {
    pub(super) fn new(size: u64, is_wanted: bool) -> Self {
        let is_seen = is_wanted && std::io::stderr().is_terminal();
        Self { begun: Instant::now(), told: None, size, done: 0, is_seen }
    }

    pub(super) fn advance(&mut self, taken: u64, lines: u64) {
        if !self.is_seen {
            return;
        }
        let now = Instant::now();
        let spent = now - self.begun;
        if spent < FIRST_AFTER || self.told.is_some_and(|told| now - told < EVERY) {
            return;
        }
        self.told = Some(now);
        // Nothing is left to do when standard error is closed.
        let _ = write!(
            std::io::stderr().lock(),
            "\r\u{1b}[K{}",
            text(spent, self.done + taken, self.size, lines)
        );
    }

    pub(super) fn finish_file(&mut self, taken: u64) {
        self.done += taken;
    }

    /// Leaves nothing behind.
    pub(super) fn end(&self) {
        if self.told.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

fn text(spent: Duration, taken: u64, size: u64, lines: u64) -> String {
    let seconds = spent.as_secs_f64();
    let rate = lines as f64 / seconds;
    let rate =
        if rate >= 1e6 { format!("{:.1} million lines/s", rate / 1e6) } else { format!("{rate:.0} lines/s") };
    if size == 0 || taken == 0 {
        return format!("  {lines} lines, {rate}");
    }
    let share = (taken as f64 / size as f64).min(1.0);
    let left = seconds / share * (1.0 - share);
    format!("  {:.0} %, {rate}, about {left:.0} s left", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_remaining_time_are_told() {
        let two = Duration::from_secs(2);
        assert_eq!(text(two, 250, 1_000, 3_000_000), "  25 %, 1.5 million lines/s, about 6 s left");
        assert_eq!(text(two, 1_000, 1_000, 2_000), "  100 %, 1000 lines/s, about 0 s left");
        assert_eq!(text(two, 2_000, 1_000, 2_000), "  100 %, 1000 lines/s, about 0 s left");
        assert_eq!(text(two, 250, 0, 2_000), "  2000 lines, 1000 lines/s");
    }
}
