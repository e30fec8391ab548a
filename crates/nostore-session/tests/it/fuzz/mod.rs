//! `authenticate` and what belongs to it, on anything. The same cases are what the fuzzer mutates.

pub(crate) mod case;
pub(crate) mod choices;
pub(crate) mod properties;
pub(crate) mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn r1_14_every_case_is_decided_without_panic_and_without_a_secret_in_sight(
        bytes in prop::collection::vec(any::<u8>(), 0..160),
    ) {
        let _ = properties::check(&bytes);
    }
}

/// Cases that all end alike would show nothing.
#[test]
fn the_cases_end_in_many_ways() {
    let mut outcomes = BTreeSet::new();
    let mut state = 1_u64;
    for _ in 0..4_000 {
        let bytes: Vec<u8> = (0..120).map(|_| next(&mut state)).collect();
        outcomes.insert(properties::check(&bytes));
    }
    let statuses: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), ["error", "handshake", "signed-in", "signed-out"]);
    assert!(outcomes.len() >= 25, "{outcomes:?}");
}

/// A generator that needs no seed from outside (xorshift).
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()[3]
}
