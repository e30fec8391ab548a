//! When a token is stale and when it is too old to be handed out (section 4.3 of the token client's specification).
//!
//! Everything is scaled to the token's lifetime, so that one rule fits a token of ten seconds and one of a hundred
//! days. Lifetimes and thresholds are milliseconds.

/// The background threshold unless one is set, and unless a quarter of the lifetime is less, in milliseconds.
pub const DEFAULT_BACKGROUND_THRESHOLD_MS: i64 = 15_000;

/// What a set background threshold is raised to, for lifetimes of [`MIN_LIFETIME_FOR_MINIMUM_MS`] and more, in
/// milliseconds.
pub const MIN_BACKGROUND_THRESHOLD_MS: i64 = 5_000;

/// From this lifetime on [`MIN_BACKGROUND_THRESHOLD_MS`] holds, in milliseconds.
pub const MIN_LIFETIME_FOR_MINIMUM_MS: i64 = 60_000;

/// So long before its end a token is not handed out any more without a try to get another, unless a twelfth of
/// its lifetime is less, in milliseconds.
pub const HARD_CUTOFF_MS: i64 = 5_000;

/// So long before the token gets stale its timer refreshes it, in milliseconds.
pub const LEAD_MS: i64 = 2_000;

/// Tokens that live no longer have no timer, in milliseconds.
pub const MAX_LIFETIME_WITHOUT_TIMER_MS: i64 = 10_000;

/// The two borders in a token's life, as milliseconds before its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Thresholds {
    /// From here on it is stale: handed out, and refreshed behind.
    pub soft_ms: i64,
    /// From here on callers wait for another.
    pub hard_ms: i64,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Zone {
    /// It is handed out.
    Fresh,
    /// It is handed out and refreshed behind.
    Stale,
    /// Callers wait for another; it is handed out if none can be had.
    Ending,
    /// It is not handed out.
    Expired,
}

impl Thresholds {
    /// Returns the borders for a lifetime, with the caller's background threshold where there is one.
    #[must_use]
    pub fn of(lifetime_ms: i64, background_ms: Option<i64>) -> Self {
        let lifetime_ms = lifetime_ms.max(0);
        let hard_ms = HARD_CUTOFF_MS.min(lifetime_ms / 12);
        let minimum =
            if lifetime_ms >= MIN_LIFETIME_FOR_MINIMUM_MS { MIN_BACKGROUND_THRESHOLD_MS } else { 0 };
        let wanted = match background_ms {
            None => DEFAULT_BACKGROUND_THRESHOLD_MS.min(lifetime_ms / 4),
            Some(set) => set.max(minimum),
        };
        // Three quarters are never less than a twelfth.
        Self { soft_ms: wanted.clamp(hard_ms, lifetime_ms / 4 * 3), hard_ms }
    }

    /// Returns what a token with that much life left is good for, in milliseconds.
    #[must_use]
    pub const fn zone(self, remaining_ms: i64) -> Zone {
        if remaining_ms <= 0 {
            Zone::Expired
        } else if remaining_ms <= self.hard_ms {
            Zone::Ending
        } else if remaining_ms <= self.soft_ms {
            Zone::Stale
        } else {
            Zone::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_row_by_row() {
        let rows = [
            (60_000, None, 15_000, 5_000),
            (60_000, Some(0), 5_000, 5_000),
            (60_000, Some(4_999), 5_000, 5_000),
            (60_000, Some(5_000), 5_000, 5_000),
            (60_000, Some(5_001), 5_001, 5_000),
            (60_000, Some(30_000), 30_000, 5_000),
            (60_000, Some(45_000), 45_000, 5_000),
            (60_000, Some(45_001), 45_000, 5_000),
            (60_000, Some(i64::MAX), 45_000, 5_000),
            (59_999, Some(0), 4_999, 4_999),
            (59_000, Some(4_000), 4_916, 4_916),
            (20_000, None, 5_000, 1_666),
            (20_000, Some(2_000), 2_000, 1_666),
            (10_000, None, 2_500, 833),
            (8_640_000_000, None, 15_000, 5_000),
            (12, None, 3, 1),
            (3, None, 0, 0),
            (0, Some(9), 0, 0),
            (-5, None, 0, 0),
        ];
        for (lifetime, set, soft_ms, hard_ms) in rows {
            assert_eq!(Thresholds::of(lifetime, set), Thresholds { soft_ms, hard_ms }, "{lifetime} {set:?}");
        }
    }

    #[test]
    fn zones_row_by_row() {
        let thresholds = Thresholds::of(60_000, None);
        let rows = [
            (15_001, Zone::Fresh),
            (15_000, Zone::Stale),
            (5_001, Zone::Stale),
            (5_000, Zone::Ending),
            (1, Zone::Ending),
            (0, Zone::Expired),
            (-1, Zone::Expired),
        ];
        for (remaining, zone) in rows {
            assert_eq!(thresholds.zone(remaining), zone, "{remaining}");
        }
    }
}
