//! A small generator of pseudorandom numbers: the same for the same seed, on every machine.

/// Sebastiano Vigna's SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts at a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Draws a number below `end`, which is not 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        ((self.next() as u128 * end as u128) >> 64) as u64
    }

    /// Draws a number of a range, both ends included.
    pub const fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below((most - least + 1) as u64) as i64
    }

    /// Is true so many times in a hundred.
    pub const fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    /// Draws one of a list.
    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let index = self.below(list.len() as u64);
        &list[usize::try_from(index).unwrap_or(0)]
    }

    /// Draws a waiting time with this mean, as independent events have it; one second at least.
    pub fn wait(&mut self, mean: i64) -> i64 {
        let unit = (self.below(1 << 32) as f64 + 1.0) / 4_294_967_297.0;
        1 + (-unit.ln() * mean as f64) as i64
    }

    /// Draws a count of which small ones are frequent and large ones happen.
    pub fn heavy(&mut self, most: i64) -> i64 {
        let unit = (self.below(1 << 32) as f64 + 1.0) / 4_294_967_297.0;
        ((1.0 / unit.powf(0.8)) as i64).clamp(1, most)
    }
}

/// Spreads 64 bits over 64 bits.
pub(super) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
