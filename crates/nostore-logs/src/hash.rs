//! A fast keyed hash for what is hashed with every line: paths, addresses, what programs say of themselves.
//!
//! Sessions are hashed with the standard library's, which nobody who chooses cookies can make collide; here a collision
//! would mix up two paths or two programs, and needs the key as well.

use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

/// A key of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fold([u64; 4]);

impl Default for Fold {
    fn default() -> Self {
        let drawn = RandomState::new();
        Self([1_u8, 2, 3, 4].map(|number| drawn.hash_one(number)))
    }
}

impl Fold {
    /// Sixteen octets at a time, in two chains: each word is hidden by a key or by what came before, and both are multiplied.
    pub(crate) fn hash(self, text: &[u8]) -> u64 {
        let [begin, other, one_key, other_key] = self.0;
        let mut state = begin;
        let (first, last) = match (text.first_chunk::<16>(), text.last_chunk::<16>()) {
            (Some(_), Some(last)) => {
                let mut beside = other;
                let mut steps = text[..text.len() - 1].chunks_exact(32);
                for step in &mut steps {
                    state = folded(word(step, 0) ^ state, word(step, 8) ^ one_key);
                    beside = folded(word(step, 16) ^ beside, word(step, 24) ^ other_key);
                }
                if let Some(step) = steps.remainder().first_chunk::<16>() {
                    state = folded(word(step, 0) ^ state, word(step, 8) ^ one_key);
                }
                state ^= beside;
                (word(last, 0), word(last, 8))
            }
            _ => ends(text),
        };
        // The length comes where nobody can make up for it with octets: the words of a short text overlap.
        folded(folded(first ^ state, last ^ other_key) ^ text.len() as u64, other | 1)
    }
}

/// Eight octets of a longer text.
fn word(text: &[u8], at: usize) -> u64 {
    text[at..].first_chunk().map_or(0, |octets| u64::from_le_bytes(*octets))
}

/// All octets of a text below sixteen. Its length tells how they overlap.
fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    let all = text.iter().fold(0, |all, octet| all << 8 | u64::from(*octet));
    (all, 0)
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
        // Every octet counts, at every length around the steps.
        for length in 1..100 {
            let text = vec![b'x'; length];
            let mut hashes = HashSet::from([fold.hash(&text), fold.hash(&text[1..])]);
            for at in 0..length {
                let mut changed = text.clone();
                changed[at] ^= 1;
                hashes.insert(fold.hash(&changed));
            }
            assert_eq!(hashes.len(), length + 2, "{length}");
        }
        assert_ne!(fold.hash(b"aaaa"), fold.hash(b"`aaaa"), "words that overlap are not their length");
        assert_ne!(fold.hash(b""), fold.hash(b"\0"), "the length counts");
        assert_ne!(fold.hash(b"/a"), Fold::default().hash(b"/a"), "each run has a key of its own");
    }
}
