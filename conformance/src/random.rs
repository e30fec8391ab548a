//! Random choices from a seed: the same on every machine.

/// A generator of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws any number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below `end`, which is not 0.
    pub const fn below(&mut self, end: usize) -> usize {
        (self.draw() % end as u64) as usize
    }

    /// Says yes in `percent` of 100 cases.
    pub const fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Picks one of a list that is not empty.
    pub fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }

    /// Picks one of a list by weight. The weights do not add up to 0.
    pub fn weighted<'l, T>(&mut self, list: &'l [(usize, T)]) -> &'l T {
        let sum: usize = list.iter().map(|(weight, _)| weight).sum();
        let mut left = self.below(sum);
        for (weight, item) in list {
            match left.checked_sub(*weight) {
                None => return item,
                Some(rest) => left = rest,
            }
        }
        &list[0].1
    }
}
