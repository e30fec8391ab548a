//! Pauses that grow, and that differ from those of others.

use std::time::Duration;

/// Numbers that differ from process to process, for spreading and nothing else (xorshift64*).
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a time between the two.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let thrown = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        let range = most.saturating_sub(least);
        least + range.mul_f64(f64::from(u32::try_from(thrown).unwrap_or_default()) / f64::from(u32::MAX))
    }
}

/// Pauses between attempts to connect: 100 ms, doubled up to 2 s, and shortened by up to a half.
#[derive(Debug)]
pub(crate) struct Pauses {
    dice: Dice,
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

impl Pauses {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), next: FIRST }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.dice.between(self.next / 2, self.next);
        self.next = (self.next * 2).min(LONGEST);
        pause
    }

    /// Starts over: there was a connection that held.
    pub(crate) const fn restart(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_seconds_and_differ() {
        let pauses = |seed: u64| {
            let mut pauses = Pauses::new(seed);
            (0..8).map(|_| pauses.next().as_millis()).collect::<Vec<_>>()
        };
        for seed in 0..1_000 {
            for (pause, longest) in
                pauses(seed).into_iter().zip([100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000])
            {
                assert!((longest / 2..=longest).contains(&pause), "{seed}: {pause} of {longest}");
            }
        }
        assert_ne!(pauses(2), pauses(4));
        let mut again = Pauses::new(3);
        again.next();
        again.restart();
        assert!(again.next() <= FIRST);
    }
}
