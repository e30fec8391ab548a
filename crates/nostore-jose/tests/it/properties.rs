//! Parsers are total, and what prints parses.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_jose::{Jwk, JwkSet, Jws, verify};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_gives_a_value_or_an_error(text in "\\PC*") {
        let _ = Jws::parse(&text);
        let _ = JwkSet::parse(text.as_bytes());
    }

    #[test]
    fn any_bytes_give_a_set_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = JwkSet::parse(&bytes);
    }

    #[test]
    fn three_parts_of_base64url_never_panic(
        header in "\\{(\"(alg|kid|typ|cat|crit)\":(\"[A-Za-z0-9]{0,6}\"|1|null),?){0,3}\\}?",
        payload in "\\{?(\"sub\":\"[a-z]\")?\\}",
        signature in proptest::collection::vec(any::<u8>(), 0..300),
        modulus in proptest::collection::vec(any::<u8>(), 0..300),
        exponent in proptest::collection::vec(any::<u8>(), 0..9),
    ) {
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let text = format!("{}.{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()), encode(&signature));
        if let Ok(jws) = Jws::parse(&text) {
            prop_assert!(text.starts_with(jws.signing_input()));
            prop_assert!(verify(&jws, &Jwk::rsa(None, None, &modulus, &exponent)).is_err());
        }
    }

    #[test]
    fn a_key_reads_what_it_wrote(
        kid in proptest::option::of("\\PC{0,10}"),
        modulus in proptest::collection::vec(any::<u8>(), 1..300),
        exponent in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        let key = Jwk::rsa(kid, Some("RS256".to_owned()), &modulus, &exponent);
        prop_assume!(!key.modulus().is_empty() && !key.exponent().is_empty());
        prop_assert_eq!(Jwk::from_json(&key.to_json()), Ok(key));
    }
}
