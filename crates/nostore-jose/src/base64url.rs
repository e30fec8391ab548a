//! Strict base64url (RFC 4648 section 5): no padding, no white space, no leftover bits.
//!
//! Sessions and tokens are decoded with every request, so decoding is our own: four characters are looked up at once, and
//! what is wrong is found out at the end of a run of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// In a table: no character of the alphabet.
const BAD: u32 = 1 << 24;
/// What each character means as the first, second, third and fourth of a group.
static GROUP: [[u32; 256]; 4] = [table(18), table(12), table(6), table(0)];

const fn table(shift: u32) -> [u32; 256] {
    let mut table = [BAD; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut value = 0;
    while value < 64 {
        #[expect(clippy::cast_possible_truncation, reason = "there are 64")]
        {
            table[alphabet[value] as usize] = (value as u32) << shift;
        }
        value += 1;
    }
    table
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    decode_behind(text, &mut octets)?;
    Some(octets)
}

/// Decodes into a buffer in place of what was there.
pub(crate) fn decode_into(text: &str, buffer: &mut Vec<u8>) -> Option<()> {
    buffer.clear();
    decode_behind(text, buffer)
}

/// Decodes behind what is in the buffer. `None`: the buffer holds anything.
pub(crate) fn decode_behind(text: &str, buffer: &mut Vec<u8>) -> Option<()> {
    let groups = text.as_bytes().chunks_exact(4);
    let (last, start) = (groups.remainder(), buffer.len());
    buffer.resize(start + groups.len() * 3, 0);
    let mut all = 0;
    for (octets, group) in buffer.get_mut(start..)?.chunks_exact_mut(3).zip(groups) {
        let [a, b, c, d] = *group else { return None };
        let value = look_up(0, a) | look_up(1, b) | look_up(2, c) | look_up(3, d);
        all |= value;
        let [_, decoded @ ..] = value.to_be_bytes();
        octets.copy_from_slice(&decoded);
    }
    // The bits beyond the last octet must be zero: every content has one text.
    let (value, octets, left) = match *last {
        [] => (0, 0, 0),
        [a, b] => (look_up(0, a) | look_up(1, b), 1, 0xffff),
        [a, b, c] => (look_up(0, a) | look_up(1, b) | look_up(2, c), 2, 0xff),
        _ => return None,
    };
    let [_, decoded @ ..] = value.to_be_bytes();
    buffer.extend_from_slice(decoded.get(..octets)?);
    ((all | value) & BAD == 0 && value & left == 0).then_some(())
}

#[inline]
fn look_up(place: usize, character: u8) -> u32 {
    GROUP[place][usize::from(character)]
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_text_of_two_characters_and_every_character_in_every_place() {
        for first in 0..=0x7f_u8 {
            for second in 0..=0x7f {
                let text = String::from_utf8(vec![first, second]).unwrap();
                assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(&text).ok(), "{text:?}");
            }
            for (place, length) in (4..=7).flat_map(|length| (0..length).map(move |place| (place, length))) {
                let mut text = vec![b'A'; length];
                text[place] = first;
                let text = String::from_utf8(text).unwrap();
                assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(&text).ok(), "{text:?}");
            }
        }
        for text in ["é", "AAé", "AAAé", "\u{1f511}", "A", "AAAAA", "QQ==", "QUI="] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(octets: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&octets)), Some(octets));
        }

        #[test]
        fn it_decodes_what_the_library_decodes(text in "[A-Za-z0-9_+/=-]{0,40}") {
            prop_assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(&text).ok());
        }
    }
}
