//! Randomness from the operating system.

/// Draws octets that nobody can foresee.
///
/// # Panics
///
/// When the operating system has none to give: nothing may be sealed or named then.
pub(crate) fn octets<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    if let Err(error) = getrandom::fill(&mut octets) {
        panic!("expected random octets from the operating system, found: {error}");
    }
    octets
}

/// Draws a name of 128 bits in hexadecimal.
pub(crate) fn name() -> String {
    format!("{:032x}", u128::from_le_bytes(octets()))
}

/// Draws a revision for a record.
pub(crate) fn revision() -> crate::store::Revision {
    crate::store::Revision(u64::from_le_bytes(octets()))
}
