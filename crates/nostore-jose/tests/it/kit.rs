//! What several areas need: keys, and a writer of DER that shares nothing with the reader under test.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use nostore_jose::{Jwk, Jws, SigningKey, verify};
use serde_json::{Map, Value};

pub(crate) fn private(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text.split_whitespace().collect::<String>()).unwrap()
}

pub(crate) fn rsa() -> SigningKey {
    SigningKey::from_pkcs8(&private(include_str!("keys/a.b64"))).unwrap()
}

pub(crate) fn p256() -> SigningKey {
    SigningKey::from_pkcs8(&private(include_str!("keys/p256.b64"))).unwrap()
}

pub(crate) fn ed25519() -> SigningKey {
    SigningKey::from_pkcs8(&private(include_str!("keys/ed25519.b64"))).unwrap()
}

pub(crate) fn jwk(text: &str) -> Jwk {
    Jwk::from_json(&serde_json::from_str(text).unwrap()).unwrap()
}

/// The same key with another `alg`.
pub(crate) fn named(key: &Jwk, alg: Option<&str>) -> Jwk {
    let mut members = key.to_json();
    members["alg"] = alg.map_or(Value::Null, Value::from);
    Jwk::from_json(&members).unwrap()
}

pub(crate) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What `verify` says about a token, in a line of a table.
pub(crate) fn outcome(text: &str, key: &Jwk) -> String {
    match verify(&Jws::parse(text).unwrap(), key) {
        Ok(()) => "accepted".to_owned(),
        Err(error) => format!("{}: {error}", error.code()),
    }
}

/// Writes one element.
pub(crate) fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut octets: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    if length >= 0x80 {
        octets.insert(0, 0x80 | u8::try_from(octets.len()).unwrap());
    } else {
        octets = vec![u8::try_from(length).unwrap()];
    }
    [&[tag], octets.as_slice(), content].concat()
}

/// Writes an INTEGER from big-endian digits.
pub(crate) fn integer(digits: &[u8]) -> Vec<u8> {
    let zero: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    der(2, &[zero, digits].concat())
}

/// Writes a `SubjectPublicKeyInfo` from the content of its `AlgorithmIdentifier` and the key.
pub(crate) fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    der(0x30, &[der(0x30, algorithm), der(3, &[&[0], key].concat())].concat())
}

/// `rsaEncryption` and NULL.
pub(crate) const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// `id-ecPublicKey` and `prime256v1`.
pub(crate) const P256: &[u8] =
    b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// `id-Ed25519`.
pub(crate) const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";

pub(crate) fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    spki(RSA, &der(0x30, &[integer(modulus), integer(exponent)].concat()))
}

/// Puts the armour around bytes.
pub(crate) fn armoured(label: &str, bytes: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(bytes);
    let lines: Vec<&str> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
