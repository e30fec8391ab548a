//! What is sealed, and what is not opened.

use nostore_message::Secret;
use nostore_token::{HIDDEN_BYTES, MAX_MESSAGE_BYTES, MIN_SECRET_BYTES, SEAL_BYTES, SealFault, Seals};
use proptest::prelude::*;

const OLD: &str = "an old secret of thirty-two bytes";
const NEW: &str = "a new secret, of thirty-two bytes";
const NAME: &str = "nostore::sess_1::";

fn seals(secrets: &[&str]) -> Seals {
    Seals::new(secrets.iter().copied().map(Secret::new)).unwrap()
}

fn code(seals: &Seals, name: &str, sealed: &[u8]) -> &'static str {
    seals.open(name, sealed).map_or_else(SealFault::code, |_| "")
}

#[test]
fn what_was_sealed_opens_under_its_name_with_its_secret_row_by_row() {
    let sealed = seals(&[OLD]).seal(NAME, b"text").unwrap();
    let with = |at: usize, byte: u8| {
        let mut sealed = sealed.clone();
        sealed[at] = byte;
        sealed
    };
    type Row<'a> = (&'a str, &'a [&'a str], &'a str, Vec<u8>, &'a str);
    let rows: [Row<'_>; 15] = [
        ("as it was", &[OLD], NAME, sealed.clone(), ""),
        ("a new secret before it", &[NEW, OLD], NAME, sealed.clone(), ""),
        ("a new secret behind it", &[OLD, NEW], NAME, sealed.clone(), ""),
        ("another secret", &[NEW], NAME, sealed.clone(), "seal-sealed"),
        ("another session", &[OLD], "nostore::sess_2::", sealed.clone(), "seal-sealed"),
        ("a longer name", &[OLD], "nostore::sess_1::x", sealed.clone(), "seal-sealed"),
        ("no name", &[OLD], "", sealed.clone(), "seal-sealed"),
        ("another version", &[OLD], NAME, with(0, 2), "seal-form"),
        ("nothing", &[OLD], NAME, Vec::new(), "seal-form"),
        ("a version alone", &[OLD], NAME, sealed[..1].to_vec(), "seal-form"),
        ("no tag", &[OLD], NAME, sealed[..SEAL_BYTES - 1].to_vec(), "seal-form"),
        ("a tag alone", &[OLD], NAME, sealed[..SEAL_BYTES].to_vec(), "seal-sealed"),
        ("a byte more", &[OLD], NAME, [&*sealed, b"x"].concat(), "seal-sealed"),
        ("long", &[OLD], NAME, vec![1; MAX_MESSAGE_BYTES + SEAL_BYTES], "seal-sealed"),
        ("too long", &[OLD], NAME, vec![1; MAX_MESSAGE_BYTES + SEAL_BYTES + 1], "seal-too-long"),
    ];
    for (what, secrets, name, sealed, expected) in rows {
        assert_eq!(code(&seals(secrets), name, &sealed), expected, "{what}");
    }
}

#[test]
fn every_byte_that_changes_and_every_byte_that_is_missing_is_noticed() {
    let seals = seals(&[OLD]);
    let sealed = seals.seal(NAME, b"some text").unwrap();
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[at] ^= 1 << bit;
            assert!(seals.open(NAME, &changed).is_err(), "bit {bit} of byte {at}");
        }
        assert!(seals.open(NAME, &sealed[..at]).is_err(), "{at} bytes");
        assert!(seals.open(NAME, &sealed[at + 1..]).is_err(), "without {at} bytes");
    }
}

#[test]
fn the_first_secret_seals() {
    let sealed = seals(&[NEW, OLD]).seal(NAME, b"text").unwrap();
    assert_eq!(code(&seals(&[NEW]), NAME, &sealed), "");
    assert_eq!(code(&seals(&[OLD]), NAME, &sealed), "seal-sealed");
}

#[test]
fn a_text_looks_different_each_time_and_says_nothing() {
    let seals = seals(&[OLD]);
    let text = b"sess_1 sess_1 sess_1";
    let (one, other) = (seals.seal(NAME, text).unwrap(), seals.seal(NAME, text).unwrap());
    assert_ne!(one, other);
    assert_eq!(one.len(), text.len() + SEAL_BYTES);
    assert!(!one.windows(4).any(|found| text.windows(4).any(|sought| sought == found)));
}

#[test]
fn names_are_hidden_with_each_secret() {
    let (old, both) = (seals(&[OLD]), seals(&[NEW, OLD]));
    let hidden = old.hide(NAME);
    assert_eq!(hidden.len(), HIDDEN_BYTES);
    assert_eq!(hidden, seals(&[OLD]).hide(NAME));
    assert_ne!(hidden, old.hide("nostore::sess_2::"));
    assert_eq!(both.hidden(NAME).collect::<Vec<_>>(), [both.hide(NAME), hidden.clone()]);
    assert_ne!(both.hide(NAME), hidden);
}

#[test]
fn secrets_that_are_none_are_refused_with_what_was_expected() {
    let short = "x".repeat(MIN_SECRET_BYTES - 1);
    let refused = |secrets: &[&str]| {
        let secrets = secrets.iter().copied().map(Secret::new);
        Seals::new(secrets).map_or_else(|fault| fault.to_string(), |_| String::new())
    };
    assert_eq!(refused(&[]), "expected at least one secret to seal with, found none");
    assert_eq!(
        refused(&[OLD, &short]),
        "expected secrets of at least 32 bytes, found one of 31 (number 2); `openssl rand -base64 32` makes a good one"
    );
    assert_eq!(refused(&[&(short + "x")]), "");
}

#[test]
fn the_longest_message_is_sealed_and_no_longer_one() {
    let seals = seals(&[OLD]);
    let sealed = seals.seal(NAME, &vec![7; MAX_MESSAGE_BYTES]).unwrap();
    assert_eq!(seals.open(NAME, &sealed).unwrap().len(), MAX_MESSAGE_BYTES);
    assert_eq!(seals.seal(NAME, &vec![7; MAX_MESSAGE_BYTES + 1]).unwrap_err().code(), "seal-too-long");
}

#[test]
fn neither_secrets_nor_texts_are_printed() {
    let seals = seals(&[OLD]);
    let shown = format!("{seals:?} {:?}", seals.open(NAME, b"\x01quite a long text, which is not sealed"));
    assert!(!shown.contains("secret of") && !shown.contains("quite"), "{shown}");
}

proptest! {
    #[test]
    fn any_text_comes_back_and_any_other_bytes_do_not(
        name in ".{0,40}",
        text in proptest::collection::vec(any::<u8>(), 0..200),
        junk in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let seals = seals(&[NEW, OLD]);
        let sealed = seals.seal(&name, &text).unwrap();
        prop_assert_eq!(&**seals.open(&name, &sealed).unwrap(), &*text);
        prop_assert!(seals.open(&name, &junk).is_err());
        prop_assert!(seals.open(&name, &[&[1], &*junk].concat()).is_err());
    }
}
