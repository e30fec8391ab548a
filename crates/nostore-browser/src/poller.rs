//! When the poller looks at the token: soon where somebody is looking, less often elsewhere.
//!
//! A tick is a plain read. The next one is settled when the tick has ended, so ticks never overlap.

use crate::page::Page;

/// How long between two ticks while the page has the focus, in milliseconds.
pub const FOCUSED_MS: u64 = 1_500;

/// How long between two ticks elsewhere, or where nobody can tell, in milliseconds.
pub const OTHERWISE_MS: u64 = 5_000;

/// The schedule of ticks, in steady time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Poller {
    next_ms: Option<u64>,
}

impl Poller {
    /// Returns the pause between two ticks.
    #[must_use]
    pub const fn interval_ms(page: Page) -> u64 {
        if matches!(page.focused, Some(true)) { FOCUSED_MS } else { OTHERWISE_MS }
    }

    /// The first tick comes at once.
    pub const fn start(&mut self, now_ms: u64) {
        self.next_ms = Some(now_ms);
    }

    /// No tick comes any more.
    pub const fn stop(&mut self) {
        self.next_ms = None;
    }

    /// Takes a tick that is due. None comes before [`Poller::ended`].
    pub fn take(&mut self, now_ms: u64) -> bool {
        self.next_ms.take_if(|next_ms| *next_ms <= now_ms).is_some()
    }

    /// Settles the next tick. After a failure nobody is in a hurry.
    pub fn ended(&mut self, page: Page, failed: bool, now_ms: u64) {
        let pause_ms = if failed { OTHERWISE_MS } else { Self::interval_ms(page) };
        self.next_ms = Some(now_ms.saturating_add(pause_ms));
    }

    /// Takes note that the page is looked at, or not any more.
    pub fn looked(&mut self, page: Page, now_ms: u64) {
        let soonest = now_ms.saturating_add(Self::interval_ms(page));
        self.next_ms = self.next_ms.map(|next_ms| next_ms.min(soonest));
    }

    /// Returns when the next tick is due.
    #[must_use]
    pub const fn next_ms(&self) -> Option<u64> {
        self.next_ms
    }
}
