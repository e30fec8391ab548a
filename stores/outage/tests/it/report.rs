//! What came of each phase.

use std::collections::BTreeMap;
use std::fmt;

use nostore_outage::{Asked, now_ms};

use crate::fleet::Diary;

/// A stretch of time in which something is broken, or nothing is.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    from_ms: i64,
    to_ms: i64,
}

/// So long an answer may take that brings nothing, in milliseconds.
const ANSWER_MS: i64 = 1_000;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) ms: i64,
    /// Questions that the service was asked.
    pub(crate) fetches: usize,
    /// The most that one process asked, and when, in milliseconds since the phase began.
    pub(crate) most_of_one: usize,
    pub(crate) most_at_ms: Vec<i64>,
    /// Calls that did not have a token at once, and the longest of them.
    pub(crate) waited: usize,
    pub(crate) longest_ms: i64,
    pub(crate) failed: usize,
    pub(crate) expired: usize,
    /// Fetches that brought nothing.
    pub(crate) in_vain: usize,
}

impl Phase {
    pub(crate) fn begin(name: &'static str) -> Self {
        Self { name, from_ms: now_ms(), to_ms: i64::MAX }
    }

    pub(crate) fn end(mut self) -> Self {
        self.to_ms = now_ms();
        self
    }

    pub(crate) fn figures(&self, asked: &[Asked], diaries: &[Diary]) -> Figures {
        let within = |at_ms: i64| (self.from_ms..self.to_ms).contains(&at_ms);
        let mut figures = Figures { name: self.name, ms: self.to_ms - self.from_ms, ..Figures::default() };
        let mut of_one = BTreeMap::<usize, Vec<i64>>::new();
        for asked in asked.iter().filter(|asked| within(asked.at_ms)) {
            figures.fetches += 1;
            of_one.entry(asked.who).or_default().push(asked.at_ms - self.from_ms);
        }
        figures.most_at_ms = of_one.into_values().max_by_key(Vec::len).unwrap_or_default();
        figures.most_of_one = figures.most_at_ms.len();
        for diary in diaries {
            let waited = diary.waited.iter().filter(|(at, _)| within(*at));
            figures.waited += waited.clone().count();
            figures.longest_ms =
                waited.map(|(_, took)| *took).max().unwrap_or_default().max(figures.longest_ms);
            let count = |times: &[i64]| times.iter().filter(|at| within(**at)).count();
            // Who asked in the last moment is answered in the next phase.
            let answered = |at: i64| (self.from_ms..self.to_ms + ANSWER_MS).contains(&at);
            figures.failed += count(&diary.failed);
            figures.expired += count(&diary.expired);
            figures.in_vain += diary.in_vain.iter().filter(|at| answered(**at)).count();
        }
        figures
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, ms, fetches, most_of_one, waited, longest_ms, failed, expired, in_vain, .. } = self;
        let secs = f64::from(i32::try_from(*ms).unwrap_or(i32::MAX)) / 1_000.0;
        write!(
            f,
            "{name:<30} {secs:>4.1} s  {fetches:>3} fetches (most of one {most_of_one}), {in_vain:>3} in vain  \
             {waited:>4} waited, longest {longest_ms:>4} ms  {failed} failed  {expired} expired"
        )
    }
}
