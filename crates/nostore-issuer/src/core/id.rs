//! Identifiers and tokens, made of entropy that the shell gives.

/// How many bytes of entropy one request is given: three tokens and six identifiers.
pub const ENTROPY_BYTES: usize = 192;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Hands out identifiers until the entropy is used up.
pub(super) struct Ids<'a> {
    rest: &'a [u8],
}

impl<'a> Ids<'a> {
    pub(super) const fn new(entropy: &'a [u8; ENTROPY_BYTES]) -> Self {
        Self { rest: entropy }
    }

    /// Makes an identifier of 128 random bits: the prefix and 22 base62 digits.
    pub(super) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", base62(self.number()))
    }

    /// Makes a bearer token of 256 random bits: the prefix and 44 base62 digits.
    pub(super) fn token(&mut self, prefix: &str) -> String {
        format!("{prefix}{}{}", base62(self.number()), base62(self.number()))
    }

    /// Takes 16 bytes. A request that needs more than it was given is a defect of the caller; what
    /// it gets then is predictable, so a debug build stops.
    fn number(&mut self) -> u128 {
        let Some((head, rest)) = self.rest.split_first_chunk::<16>() else {
            debug_assert!(false, "expected entropy for every identifier of one request");
            return 0;
        };
        self.rest = rest;
        u128::from_be_bytes(*head)
    }
}

/// Makes the random part of a secret key from 32 bytes.
#[must_use]
pub fn secret_body(entropy: &[u8; 32]) -> String {
    let halves = entropy.split_at(16);
    let number = |half: &[u8]| half.iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    format!("{}{}", base62(number(halves.0)), base62(number(halves.1)))
}

fn base62(mut number: u128) -> String {
    let mut digits = [b'0'; 22];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(number % 62).unwrap_or_default();
        *digit = DIGITS.get(index).copied().unwrap_or(b'0');
        number /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_all_their_bits() {
        let rows = [
            (0, "0000000000000000000000"),
            (61, "000000000000000000000z"),
            (62, "0000000000000000000010"),
            (u128::MAX, "7n42DGM5Tflk9n8mt7Fhc7"),
        ];
        for (number, expected) in rows {
            assert_eq!(base62(number), expected);
        }
    }

    #[test]
    fn one_request_never_repeats_an_identifier() {
        let entropy = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let mut ids = Ids::new(&entropy);
        let token = ids.token("dvb_");
        assert_eq!(token.len(), 48);
        let all = [ids.id("user_"), ids.id("client_"), ids.id("sess_"), ids.id("user_")];
        for (index, id) in all.iter().enumerate() {
            assert!(!all[..index].contains(id), "{id}");
        }
    }
}
