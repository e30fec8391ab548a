//! How long to wait before a request is tried again.
//!
//! # Invariants
//!
//! - Delays double, and each is drawn from the upper half of its range, so that many instances that lost
//!   the identity service at once do not come back at once.
//! - The source of the draw is given: any [`BuildHasher`]. Nothing here is cryptographic or needs to be.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The shortest delay, in milliseconds.
const BASE_MS: u64 = 100;

/// The number of delays that double; later ones stay.
const DOUBLINGS: u32 = 6;

/// Draws delays: a counter, hashed with keys of its own.
#[derive(Debug, Default)]
pub(crate) struct Backoff<B = RandomState> {
    hasher: B,
    drawn: AtomicU64,
}

impl<B: BuildHasher> Backoff<B> {
    /// Returns how long to wait after `failures` failures in a row: from 100 ms × 2^(failures - 1) up to
    /// twice that, exclusive.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let floor = BASE_MS << failures.saturating_sub(1).min(DOUBLINGS);
        let draw = self.hasher.hash_one(self.drawn.fetch_add(1, Ordering::Relaxed));
        Duration::from_millis(floor + draw % floor)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

    use super::*;

    /// Draws what it is told.
    #[derive(Clone, Copy)]
    struct Always(u64);

    impl Hasher for Always {
        fn finish(&self) -> u64 {
            self.0
        }

        fn write(&mut self, _: &[u8]) {}
    }

    impl BuildHasher for Always {
        type Hasher = Self;

        fn build_hasher(&self) -> Self {
            *self
        }
    }

    #[test]
    fn delays_double_and_stay_in_their_range() {
        let rows = [(0, 100), (1, 100), (2, 200), (3, 400), (7, 6_400), (8, 6_400), (u32::MAX, 6_400)];
        for (failures, floor) in rows {
            for (draw, expected) in [(0, floor), (floor - 1, 2 * floor - 1), (floor, floor)] {
                let backoff = Backoff { hasher: Always(draw), drawn: AtomicU64::new(0) };
                assert_eq!(backoff.delay(failures), Duration::from_millis(expected), "{failures} {draw}");
            }
        }
    }

    #[test]
    fn draws_differ() {
        let backoff = Backoff::<BuildHasherDefault<DefaultHasher>>::default();
        let drawn: std::collections::BTreeSet<_> = (0..64).map(|_| backoff.delay(4)).collect();
        assert!(drawn.len() > 48, "{drawn:?}");
    }
}
