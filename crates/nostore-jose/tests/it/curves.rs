//! ES256 and EdDSA: verification.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_jose::{Jwk, Jws, SigningKey, verify};
use serde_json::{Map, json};

use crate::kit::{base64url, ed25519, jwk, map, named, outcome, p256};

/// The key of RFC 7515 appendix A.3.1, its public part.
const RFC_7515_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

/// The JWS of RFC 7515 appendix A.3.1.
const RFC_7515_JWS: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

/// The order of the group of Ed25519, little-endian (RFC 8032 section 5.1).
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn the_example_of_rfc_7515_appendix_a_3_verifies() {
    let jws = Jws::parse(RFC_7515_JWS).unwrap();
    assert_eq!(verify(&jws, &jwk(RFC_7515_KEY)), Ok(()));
    assert_eq!(jws.payload()["iss"], "joe");
    assert_eq!(jws.signature().len(), 64);
}

#[test]
fn what_openssl_signed_verifies() {
    for (text, key) in [(include_str!("keys/es256.jws"), p256()), (include_str!("keys/eddsa.jws"), ed25519())]
    {
        let jws = Jws::parse(text.trim_end()).unwrap();
        assert_eq!(verify(&jws, key.jwk()), Ok(()), "{:?}", jws.header());
        assert_eq!(verify(&jws, &named(key.jwk(), None)), Ok(()), "{:?}", jws.header());
    }
}

/// Splits a token into what is signed and the signature, and returns a function that puts another there.
fn resigned(text: &str) -> (Vec<u8>, impl Fn(&[u8]) -> String) {
    let (input, signature) = text.rsplit_once('.').unwrap();
    let input = input.to_owned();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    (bytes, move |signature: &[u8]| format!("{input}.{}", base64url(signature)))
}

fn flipped(bytes: &[u8], index: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[index] ^= 1;
    bytes
}

/// Adds little-endian numbers of 32 octets.
fn sum(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let digits = one.iter().zip(other).map(|(one, other)| {
        let digit = u16::from(*one) + u16::from(*other) + carry;
        carry = digit >> 8;
        digit.to_le_bytes()[0]
    });
    digits.collect()
}

#[test]
fn es256_row_by_row() {
    let key = jwk(RFC_7515_KEY);
    let (bytes, with) = resigned(RFC_7515_JWS);
    let (r, s) = bytes.split_at(32);
    // The same two numbers as ASN.1, which is what other protocols send.
    let integer = crate::kit::integer;
    let asn1 = crate::kit::der(0x30, &[integer(r), integer(s)].concat());
    let rows = [
        ("as in the RFC", RFC_7515_JWS.to_owned(), key.clone()),
        ("key for ES256", RFC_7515_JWS.to_owned(), named(&key, Some("ES256"))),
        ("another payload", RFC_7515_JWS.replacen(".eyJpc3Mi", ".eyJpc3Qi", 1), key.clone()),
        ("a bit of r flipped", with(&flipped(&bytes, 5)), key.clone()),
        ("a bit of s flipped", with(&flipped(&bytes, 40)), key.clone()),
        ("r and s swapped", with(&[s, r].concat()), key.clone()),
        ("all zero", with(&[0; 64]), key.clone()),
        ("r zero", with(&[&[0; 32], s].concat()), key.clone()),
        ("s zero", with(&[r, &[0; 32]].concat()), key.clone()),
        ("all ones", with(&[0xff; 64]), key.clone()),
        ("ASN.1", with(&asn1), key.clone()),
        ("63 octets", with(&bytes[..63]), key.clone()),
        ("65 octets", with(&[&[0], bytes.as_slice()].concat()), key.clone()),
        ("no signature", with(&[]), key.clone()),
        ("another key", RFC_7515_JWS.to_owned(), p256().jwk().clone()),
        ("a point off the curve", RFC_7515_JWS.to_owned(), Jwk::p256(None, None, [1; 32], [2; 32])),
        ("no point", with(&[0; 64]), Jwk::p256(None, None, [0; 32], [0; 32])),
        ("past the field", RFC_7515_JWS.to_owned(), Jwk::p256(None, None, [0xff; 32], [0xff; 32])),
    ];
    let mut table = String::new();
    for (name, text, key) in rows {
        writeln!(table, "{name:22} {}", outcome(&text, &key)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn eddsa_row_by_row() {
    let token = include_str!("keys/eddsa.jws").trim_end();
    let key = ed25519().jwk().clone();
    let (bytes, with) = resigned(token);
    let (r, s) = bytes.split_at(32);
    let mut off_the_curve = [0; 32];
    off_the_curve[0] = 2;
    let rows = [
        ("as OpenSSL signed", token.to_owned(), key.clone()),
        ("another payload", token.replacen(".eyJzdWIi", ".eyJzdWMi", 1), key.clone()),
        ("a bit of R flipped", with(&flipped(&bytes, 5)), key.clone()),
        ("a bit of S flipped", with(&flipped(&bytes, 40)), key.clone()),
        ("S and the order", with(&[r, &sum(s, &ED25519_ORDER)].concat()), key.clone()),
        ("all zero", with(&[0; 64]), key.clone()),
        ("63 octets", with(&bytes[..63]), key.clone()),
        ("65 octets", with(&[bytes.as_slice(), &[0]].concat()), key.clone()),
        ("no signature", with(&[]), key.clone()),
        (
            "another key",
            token.to_owned(),
            SigningKey::generate_for(nostore_jose::Algorithm::EdDsa).unwrap().jwk().clone(),
        ),
        ("no point", token.to_owned(), Jwk::ed25519(None, None, off_the_curve)),
    ];
    let mut table = String::new();
    for (name, text, key) in rows {
        writeln!(table, "{name:22} {}", outcome(&text, &key)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn eddsa_signs_as_openssl_does_and_es256_never_twice_the_same() {
    let payload = map(json!({"sub": "u"}));
    let token = include_str!("keys/eddsa.jws").trim_end();
    assert_eq!(ed25519().sign(&Map::new(), &payload).unwrap(), token);
    let signer = p256();
    let one = signer.sign(&Map::new(), &payload).unwrap();
    assert_ne!(signer.sign(&Map::new(), &payload).unwrap(), one);
}
