//! Just enough DER (X.690 section 10) to read public keys: definite, shortest lengths and nothing
//! behind the end.
//!
//! Specifications: RFC 5280 section 4.1.2.7 (`SubjectPublicKeyInfo`); RFC 8017 appendix A.1.1
//! (`RSAPublicKey`); RFC 3279 section 2.3.1; RFC 5480 sections 2.1 and 2.2; RFC 8410 sections 3 and 4.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// `rsaEncryption` with the parameters that it must have: NULL.
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
/// `id-ecPublicKey` with the named curve `secp256r1`.
const P256: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// `id-Ed25519`, which has no parameters.
const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];

/// A public key as it stands in a `SubjectPublicKeyInfo`.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum PublicKeyInfo<'a> {
    /// The encoding of a point.
    Ed25519(&'a [u8; 32]),
    /// Another algorithm or curve, or other parameters.
    Other,
    /// The coordinates of an uncompressed point.
    P256(&'a [u8; 32], &'a [u8; 32]),
    /// Big-endian, without leading zeros.
    Rsa { modulus: &'a [u8], exponent: &'a [u8] },
}

/// Reads a `SubjectPublicKeyInfo`.
pub(crate) fn public_key_info(der: &[u8]) -> Option<PublicKeyInfo<'_>> {
    let info = only(der, SEQUENCE)?;
    let (algorithm, rest) = element(info, SEQUENCE)?;
    // The first octet of a BIT STRING counts the bits that are unused; keys are whole octets.
    let key = only(rest, BIT_STRING)?.strip_prefix(&[0])?;
    match algorithm {
        ED25519 => Some(PublicKeyInfo::Ed25519(key.try_into().ok()?)),
        P256 => {
            // 4 announces an uncompressed point (RFC 5480 section 2.2).
            let (x, y) = key.strip_prefix(&[4])?.split_at_checked(32)?;
            Some(PublicKeyInfo::P256(x.try_into().ok()?, y.try_into().ok()?))
        }
        RSA => {
            let (modulus, exponent) = rsa_public_key(key)?;
            Some(PublicKeyInfo::Rsa { modulus, exponent })
        }
        _ => Some(PublicKeyInfo::Other),
    }
}

/// Reads an `RSAPublicKey`: modulus and exponent, big-endian, without leading zeros.
pub(crate) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (modulus, rest) = element(only(der, SEQUENCE)?, INTEGER)?;
    let exponent = only(rest, INTEGER)?;
    Some((positive(modulus)?, positive(exponent)?))
}

/// Reads the content of an INTEGER above zero; DER has it without superfluous octets.
fn positive(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, digits @ ..] => digits.first().is_some_and(|first| *first >= 0x80).then_some(digits),
        [1..=0x7f, ..] => Some(content),
        _ => None,
    }
}

/// Reads one element with that tag, with nothing behind it.
fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    element(der, tag).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// Splits off one element with that tag: its content and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [first, length @ 0..=0x7f, rest @ ..] if *first == tag => (usize::from(*length), rest),
        [first, 0x81, length @ 0x80..=0xff, rest @ ..] if *first == tag => (usize::from(*length), rest),
        // Two octets of length are the most that a key needs.
        [first, 0x82, high @ 1..=0xff, low, rest @ ..] if *first == tag => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rsa_public_keys_row_by_row() {
        let good: [&[u8]; 2] = [&[0x30, 6, 2, 1, 7, 2, 1, 3], &[0x30, 7, 2, 2, 0, 0x80, 2, 1, 3]];
        let bad: [(&str, &[u8]); 14] = [
            ("something behind it", &[0x30, 6, 2, 1, 7, 2, 1, 3, 0]),
            ("something behind the exponent", &[0x30, 7, 2, 1, 7, 2, 1, 3, 0]),
            ("cut off", &[0x30, 6, 2, 1, 7, 2, 1]),
            ("a SET", &[0x31, 6, 2, 1, 7, 2, 1, 3]),
            ("the length too long", &[0x30, 0x81, 6, 2, 1, 7, 2, 1, 3]),
            ("the length too long by two", &[0x30, 0x82, 0, 6, 2, 1, 7, 2, 1, 3]),
            ("indefinite length", &[0x30, 0x80, 2, 1, 7, 2, 1, 3, 0, 0]),
            ("five octets of length", &[0x30, 0x85, 0, 0, 0, 0, 0]),
            ("the modulus zero", &[0x30, 6, 2, 1, 0, 2, 1, 3]),
            ("the modulus negative", &[0x30, 6, 2, 1, 0x80, 2, 1, 3]),
            ("a superfluous zero", &[0x30, 7, 2, 2, 0, 7, 2, 1, 3]),
            ("an empty modulus", &[0x30, 5, 2, 0, 2, 1, 3]),
            ("no exponent", &[0x30, 3, 2, 1, 7]),
            ("nothing", &[]),
        ];
        assert_eq!(rsa_public_key(good[0]), Some(([7].as_slice(), [3].as_slice())));
        assert_eq!(rsa_public_key(good[1]), Some(([0x80].as_slice(), [3].as_slice())));
        for (name, der) in bad {
            assert_eq!(rsa_public_key(der), None, "{name}");
        }
    }

    #[test]
    fn lengths_at_their_borders() {
        for (header, length) in [
            (vec![4, 0x7f], 0x7f),
            (vec![4, 0x81, 0x80], 0x80),
            (vec![4, 0x81, 0xff], 0xff),
            (vec![4, 0x82, 1, 0], 0x100),
            (vec![4, 0x82, 0xff, 0xff], 0xffff),
        ] {
            let der = [header.clone(), vec![9; length + 1]].concat();
            let (content, rest) = element(&der, 4).unwrap();
            assert_eq!((content.len(), rest.len()), (length, 1), "{header:?}");
            assert_eq!(element(&der[..header.len() + length - 1], 4), None, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(der in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = public_key_info(&der);
            let _ = rsa_public_key(&der);
        }

        #[test]
        fn bytes_like_those_of_a_key_give_an_answer(
            tags in proptest::collection::vec(
                prop_oneof![Just(SEQUENCE), Just(INTEGER), Just(BIT_STRING), Just(0x82), 0_u8..12], 0..40,
            ),
        ) {
            let _ = public_key_info(&tags);
            let _ = rsa_public_key(&tags);
        }
    }
}
