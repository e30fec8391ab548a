//! Just enough DER to read an `RSAPublicKey` (RFC 8017 appendix A.1.1).

/// Reads modulus and exponent, big-endian.
pub(crate) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(der, 0x30)?;
    let (modulus, after) = element(sequence, 0x02)?;
    let (exponent, end) = element(after, 0x02)?;
    (rest.is_empty() && end.is_empty()).then_some((modulus, exponent))
}

/// Splits off one element with that tag: its content and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long => {
            // At most four octets of length: keys are far smaller than that.
            let octets = usize::from(long & 0x7f);
            let (digits, rest) = rest.split_at_checked(octets).filter(|_| (1..=4).contains(&octets))?;
            (digits.iter().fold(0_usize, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_row_by_row() {
        let good: [&[u8]; 2] = [&[0x30, 6, 2, 1, 7, 2, 1, 3], &[0x30, 0x81, 6, 2, 1, 7, 2, 1, 3]];
        let bad: [&[u8]; 5] = [
            &[0x30, 6, 2, 1, 7, 2, 1, 3, 0],
            &[0x30, 6, 2, 1, 7, 2, 1],
            &[0x31, 6, 2, 1, 7, 2, 1, 3],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[],
        ];
        for der in good {
            assert_eq!(rsa_public_key(der), Some(([7].as_slice(), [3].as_slice())), "{der:?}");
        }
        for der in bad {
            assert_eq!(rsa_public_key(der), None, "{der:?}");
        }
    }
}
