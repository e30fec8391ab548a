//! `authenticate` and what belongs to it, on anything. The same cases are what the fuzzer mutates.

pub(crate) mod case;
pub(crate) mod choices;
#[expect(unreachable_pub, reason = "the fuzzer includes this file, and makes its functions public")]
pub(crate) mod parsers;
pub(crate) mod properties;
#[expect(unreachable_pub, reason = "the fuzzer includes this file, and makes its functions public")]
pub(crate) mod sealed;
pub(crate) mod world;

use std::collections::BTreeSet;
use std::path::Path;

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

/// Sealed sessions in disorder, more of them than are kept.
#[test]
fn r3_9_sessions_open_as_they_were_sealed_whatever_else_is_sent() {
    let mut state = 1_u64;
    for _ in 0..1_500 {
        let bytes: Vec<u8> = (0..200).map(|_| next(&mut state)).collect();
        sealed::sealed(&bytes);
    }
}

/// The name of a target and what it does with an input.
type Target = (&'static str, fn(&[u8]));

/// What the fuzzer has kept, so that it need not be found again.
#[test]
#[expect(clippy::disallowed_methods, reason = "the fuzzer keeps its inputs in files")]
fn inputs_that_were_kept_still_hold() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let targets: [Target; 5] = [
        ("answers", parsers::answers),
        ("authenticate", |bytes| {
            let _ = properties::check(bytes);
        }),
        ("sealed", sealed::sealed),
        ("tokens", parsers::tokens),
        ("urls_and_cookies", parsers::urls_and_cookies),
    ];
    for (target, run) in targets {
        let inputs: Vec<_> = corpus.join(target).read_dir().unwrap().collect();
        assert!(inputs.len() > 20, "{target}: {} inputs", inputs.len());
        for input in inputs {
            run(&std::fs::read(input.unwrap().path()).unwrap());
        }
    }
}

/// A generator that needs no seed from outside (xorshift).
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()[3]
}
