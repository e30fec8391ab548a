//! A fast keyed hash for what is hashed with every line: paths, addresses, what programs say of themselves.
//!
//! Sessions are hashed with the standard library's, which nobody who chooses cookies can make collide; here a collision
//! would mix up two paths or two programs, and needs the key as well.

use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

/// A key of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fold([u64; 2]);

impl Default for Fold {
    fn default() -> Self {
        let drawn = RandomState::new();
        Self([drawn.hash_one(1_u8), drawn.hash_one(2_u8) | 1])
    }
}

impl Fold {
    pub(crate) fn hash(self, text: &[u8]) -> u64 {
        let [begin, key] = self.0;
        let mut state = begin ^ text.len() as u64;
        let mut words = text.chunks_exact(8);
        for word in &mut words {
            let mut octets = [0; 8];
            octets.copy_from_slice(word);
            state = folded(state ^ u64::from_le_bytes(octets), key);
        }
        let mut last = [0; 8];
        let rest = words.remainder();
        last[..rest.len()].copy_from_slice(rest);
        folded(folded(state ^ u64::from_le_bytes(last), key), begin | 1)
    }
}

/// All bits of a product, in half as many.
const fn folded(one: u64, other: u64) -> u64 {
    let wide = one as u128 * other as u128;
    (wide as u64) ^ (wide >> 64) as u64
}

/// Takes what is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Same(u64);

/// Makes [`Same`].
pub(crate) type BuildSame = BuildHasherDefault<Same>;

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.0 = self.0 << 8 ^ u64::from(*octet));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn different_texts_have_different_hashes_in_every_bit() {
        let fold = Fold::default();
        let texts: Vec<String> =
            (0..20_000).map(|number| format!("/album/{number}{}", "x".repeat(number % 19))).collect();
        let hashes: HashSet<u64> = texts.iter().map(|text| fold.hash(text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        for bit in 0..64 {
            let ones = hashes.iter().filter(|hash| *hash >> bit & 1 == 1).count();
            assert!((9_000..11_000).contains(&ones), "bit {bit}: {ones}");
        }
        assert_ne!(fold.hash(b""), fold.hash(b"\0"), "the length counts");
        assert_ne!(fold.hash(b"/a"), Fold::default().hash(b"/a"), "each run has a key of its own");
    }
}
