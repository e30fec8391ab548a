//! Parsers are total, and what prints parses.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use nostore_jose::{Algorithm, Jwk, JwkSet, Jws, JwsError, Part, SigningKey, verify};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::kit::{ED25519, P256, armoured, ed25519, p256, rsa, rsa_spki, spki};

/// A value that a member of a JWK may have, right or wrong.
fn member() -> impl Strategy<Value = Value> {
    let octets = |length| proptest::collection::vec(any::<u8>(), length);
    prop_oneof![
        octets(32..33).prop_map(|bytes| json!(BASE64_URL_SAFE_NO_PAD.encode(bytes))),
        octets(0..300).prop_map(|bytes| json!(BASE64_URL_SAFE_NO_PAD.encode(bytes))),
        proptest::sample::select(vec![
            "RSA", "EC", "OKP", "P-256", "Ed25519", "sig", "enc", "ES256", "RS256"
        ])
        .prop_map(|text| json!(text)),
        proptest::sample::select(vec![json!(["verify"]), json!(["sign"]), json!(null), json!(7), json!({})]),
    ]
}

/// A JWK, mostly of a type that there is.
fn members() -> impl Strategy<Value = Value> {
    let names = vec!["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops", "d"];
    let start = proptest::sample::select(vec![
        json!({}),
        json!({"kty": "RSA"}),
        json!({"kty": "EC", "crv": "P-256"}),
        json!({"kty": "OKP", "crv": "Ed25519"}),
    ]);
    (start, proptest::collection::btree_map(proptest::sample::select(names), member(), 0..8)).prop_map(
        |(mut key, members)| {
            for (name, value) in members {
                key[name] = value;
            }
            key
        },
    )
}

/// A key of each type, from octets that need not be a point.
fn any_spki() -> impl Strategy<Value = (Vec<u8>, Algorithm)> {
    let octets = |length| proptest::collection::vec(any::<u8>(), length);
    prop_oneof![
        (octets(256..1024), octets(1..5)).prop_map(|(mut modulus, mut exponent)| {
            modulus[0] |= 0x80;
            exponent[0] |= 1;
            (rsa_spki(&modulus, &exponent), Algorithm::Rs256)
        }),
        octets(64..65).prop_map(|point| (spki(P256, &[&[4], point.as_slice()].concat()), Algorithm::Es256)),
        octets(32..33).prop_map(|point| (spki(ED25519, &point), Algorithm::EdDsa)),
    ]
}

proptest! {
    #[test]
    fn any_object_gives_a_key_or_an_error_and_a_key_reads_what_it_wrote(members in members()) {
        if let Ok(key) = Jwk::from_json(&members) {
            prop_assert_eq!(key.thumbprint().len(), 43);
            for algorithm in Algorithm::ALL {
                prop_assert!(!key.is_for(algorithm) || key.kty() == algorithm.kty());
            }
            prop_assert_eq!(Jwk::from_json(&key.to_json()), Ok(key));
        }
    }

    #[test]
    fn any_text_gives_a_key_from_pem_or_an_error(text in "\\PC*", der in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Jwk::from_pem(&text);
        let _ = Jwk::from_pem(&armoured("PUBLIC KEY", &der));
    }

    #[test]
    fn pieces_of_pem_give_a_key_or_an_error(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "-----BEGIN ", "-----END ", "PUBLIC KEY", "-----", "\n", "\\n", " ", "MCow", "BQYDK2VwAyEA", "=", "\u{e9}",
            ]),
            0..12,
        ),
    ) {
        let _ = Jwk::from_pem(&pieces.concat());
    }

    #[test]
    fn a_key_in_pem_is_read_whatever_its_white_space(
        (der, algorithm) in any_spki(),
        spaces in proptest::collection::vec(
            (0_usize..2000, proptest::sample::select(vec!["\n", "\r\n", " ", "\t", "\\n", "\\r\\n"])), 0..12,
        ),
        with_armour in any::<bool>(),
    ) {
        let expected = Jwk::from_pem(&armoured("PUBLIC KEY", &der)).unwrap();
        prop_assert!(expected.is_for(algorithm));
        let mut body = BASE64_STANDARD.encode(&der);
        for (at, space) in spaces {
            // Not inside of an escape that is there already: that would end it.
            let at = body.char_indices().map(|(at, _)| at).nth(at).filter(|at| !body[..*at].ends_with('\\'));
            body.insert_str(at.unwrap_or(0), space);
        }
        let text =
            if with_armour { format!("-----BEGIN PUBLIC KEY-----{body}-----END PUBLIC KEY-----") } else { body };
        prop_assert_eq!(Jwk::from_pem(&text), Ok(expected));
    }

    #[test]
    fn a_key_in_der_with_an_octet_changed_or_missing_gives_a_key_or_an_error(
        (mut der, _) in any_spki(), at in any::<proptest::sample::Index>(), octet in any::<u8>(), cut in any::<bool>(),
    ) {
        let at = at.index(der.len());
        if cut {
            der.truncate(at);
            prop_assert!(Jwk::from_pem(&armoured("PUBLIC KEY", &der)).is_err());
        } else {
            der[at] = octet;
            let _ = Jwk::from_pem(&armoured("PUBLIC KEY", &der));
        }
    }

    #[test]
    fn what_is_signed_verifies_and_what_is_changed_does_not(
        sub in "\\PC{0,20}", number in any::<i64>(), at in any::<proptest::sample::Index>(), which in 0_usize..5,
    ) {
        let algorithm = Algorithm::ALL[which];
        let signer: SigningKey = match algorithm {
            Algorithm::EdDsa => ed25519(),
            Algorithm::Es256 => p256(),
            _ => rsa(),
        };
        let key = crate::kit::named(signer.jwk(), None);
        let mut payload = Map::new();
        payload.insert("sub".to_owned(), json!(sub));
        payload.insert("n".to_owned(), json!(number));
        let token = signer.sign_as(algorithm, &Map::new(), &payload).unwrap();
        let jws = Jws::parse(&token).unwrap();
        prop_assert_eq!(verify(&jws, &key), Ok(()));
        prop_assert_eq!(jws.payload(), &payload);
        let mut changed = token.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let accepted = Jws::parse(&changed).is_ok_and(|jws| verify(&jws, &key).is_ok());
        prop_assert!(!accepted, "{}", changed);
    }

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
    fn a_part_is_an_object_exactly_where_json_says_so(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"a\"", "\"b\":1", "{\"a\":[]}", "1", "null", " ", "\\", "\u{e9}",
            ]),
            0..6,
        ),
        junk in proptest::option::of(0x80_u8..),
    ) {
        let mut bytes = pieces.concat().into_bytes();
        bytes.extend(junk);
        let text = format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(&bytes));
        let found = Jws::parse(&text).map(|jws| jws.payload().clone());
        let expected = match serde_json::from_slice(&bytes) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(JwsError::NotAnObject { part: Part::Payload }),
            Err(_) => Err(JwsError::Json { part: Part::Payload }),
        };
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_key_reads_what_it_wrote(
        kid in proptest::option::of("\\PC{0,10}"),
        modulus in proptest::collection::vec(any::<u8>(), 1..300),
        exponent in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        let key = Jwk::rsa(kid, Some("RS256".to_owned()), &modulus, &exponent);
        let any_set = |octets: &[u8]| octets.iter().any(|octet| *octet != 0);
        prop_assume!(any_set(&modulus) && any_set(&exponent));
        prop_assert_eq!(Jwk::from_json(&key.to_json()), Ok(key));
    }
}
