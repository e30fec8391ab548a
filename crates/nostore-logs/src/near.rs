//! Finds octets that are near: in short texts the call of a wider search costs more than the search.

const ONES: u64 = 0x0101_0101_0101_0101;

/// Of the octets that are this one, the high bits. The lowest is right; those above it may be of other octets.
const fn hits(word: u64, octet: u8) -> u64 {
    let other = word ^ (ONES * octet as u64);
    other.wrapping_sub(ONES) & !other & (ONES << 7)
}

/// Finds the first such octet; it is likely among the first eight.
#[inline]
pub(crate) fn near(octet: u8, text: &[u8]) -> Option<usize> {
    let Some((first, rest)) = text.split_first_chunk::<8>() else {
        return text.iter().position(|own| *own == octet);
    };
    match hits(u64::from_le_bytes(*first), octet) {
        0 => memchr::memchr(octet, rest).map(|at| at + 8),
        found => Some(found.trailing_zeros() as usize / 8),
    }
}

/// Finds the first of two octets; it is likely among the first 32, or there is none in not many more.
#[inline]
pub(crate) fn near2(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    let (mut rest, mut from) = (text, 0);
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let found = hits(word, one) | hits(word, other);
        if found != 0 {
            return Some(from + found.trailing_zeros() as usize / 8);
        }
        (rest, from) = (after, from + 8);
        if from == 32 {
            return memchr::memchr2(one, other, rest).map(|at| at + from);
        }
    }
    rest.iter().position(|own| *own == one || *own == other).map(|at| at + from)
}

/// Finds the last such octet; there is likely none, or it is among the last four.
#[inline]
pub(crate) fn near_end(octet: u8, text: &[u8]) -> Option<usize> {
    let (before, last) = text.split_at(text.len().saturating_sub(4));
    match last.iter().rposition(|own| *own == octet) {
        Some(at) => Some(before.len() + at),
        None => memchr::memrchr(octet, before),
    }
}

/// Tells whether a word has such an octet.
#[inline]
pub(crate) const fn has(octet: u8, word: [u8; 8]) -> bool {
    hits(u64::from_le_bytes(word), octet) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_found_wherever_they_are() {
        // What borrows reach: an octet one above the one that is looked for, and those with high bits.
        for filler in [0, 1, b' ' ^ 1, b'x', 0x7f, 0x80, b' ' | 0x80, 0xff] {
            for length in 0..80 {
                let plain = vec![filler; length];
                assert_eq!(
                    (near(b' ', &plain), near2(b' ', b'[', &plain), near_end(b' ', &plain)),
                    (None, None, None)
                );
                for at in 0..length {
                    for octet in [b' ', b'['] {
                        let mut text = plain.clone();
                        text[at] = octet;
                        let only = (octet == b' ').then_some(at);
                        assert_eq!(near(b' ', &text), only);
                        assert_eq!(near_end(b' ', &text), only);
                        assert_eq!(near2(b' ', b'[', &text), Some(at));
                        text[length - 1] = octet;
                        assert_eq!(near2(b'[', b' ', &text), Some(at), "the first");
                        assert_eq!(near(octet, &text), Some(at), "the first");
                        assert_eq!(near_end(octet, &text), Some(length - 1), "the last");
                    }
                }
            }
            for at in 0..8 {
                let mut word = [filler; 8];
                assert!(!has(b' ', word));
                word[at] = b' ';
                assert!(has(b' ', word));
            }
        }
    }
}
