//! Public keys in PEM: the forms in which they are pasted into a setting, and what is no key.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use nostore_jose::Jwk;

use crate::kit::{ED25519, P256, RSA, armoured, der, ed25519, integer, named, p256, rsa, rsa_spki, spki};

const A: &str = include_str!("keys/a.pem");

/// The public key of RFC 8410 section 10.1.
const RFC_8410: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

/// The key without its name: a PEM block has none.
fn nameless(key: &Jwk) -> Jwk {
    let mut members = key.to_json();
    members["kid"] = serde_json::Value::Null;
    Jwk::from_json(&members).unwrap()
}

#[test]
fn p6_4_pem_rs256_what_openssl_writes_is_bound_to_one_algorithm() {
    let rows = [
        (A, rsa(), "RS256"),
        (include_str!("keys/p256.pem"), p256(), "ES256"),
        (include_str!("keys/ed25519.pem"), ed25519(), "EdDSA"),
    ];
    for (text, signer, alg) in rows {
        let key = Jwk::from_pem(text).unwrap();
        assert_eq!(key, nameless(signer.jwk()), "{alg}");
        assert_eq!((key.kid(), key.alg()), (None, Some(alg)));
        assert_ne!(key, named(&key, None));
    }
    let key = Jwk::from_pem(RFC_8410).unwrap();
    assert_eq!(key.to_json()["x"], "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE");
}

#[test]
fn p6_4_pem_is_read_however_it_was_pasted() {
    let body = A.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>();
    let rows = [
        ("as it was written", A.to_owned()),
        ("Windows", A.replace('\n', "\r\n")),
        ("one line, \\n written out", A.replace('\n', "\\n")),
        ("one line, \\r\\n written out", A.replace('\n', "\\r\\n")),
        ("one line, spaces", A.replace('\n', " ")),
        ("one line", A.replace('\n', "")),
        ("indented", A.replace('\n', "\n\t  ")),
        ("blank lines", A.replace('\n', "\n\n")),
        ("without its last line break", A.trim_end().to_owned()),
        ("white space around", format!(" \n\n{A}\n \t")),
        ("no armour", body.join("\n")),
        ("no armour, one line", body.concat()),
        ("no armour, \\n written out", body.join("\\n")),
    ];
    for (name, text) in rows {
        assert_eq!(Jwk::from_pem(&text), Ok(nameless(rsa().jwk())), "{name}");
    }
}

#[test]
fn p6_4_pem_what_is_none_row_by_row() {
    let body = A.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let rows = [
        ("empty", String::new()),
        ("white space", " \n\\n".to_owned()),
        ("armour alone", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned()),
        ("not base64", A.replace("MIIB", "MI?B")),
        ("base64url", BASE64_URL_SAFE_NO_PAD.encode(BASE64_STANDARD.decode(&body).unwrap())),
        ("padding missing", RFC_8410.replace('=', "")),
        ("cut off", A.replace("-----END PUBLIC KEY-----", "")),
        ("end cut off", A.trim_end().trim_end_matches('-').to_owned()),
        ("beginning cut off", A.replace("-----BEGIN PUBLIC KEY-----", "")),
        ("another end", A.replace("END PUBLIC", "END PRIVATE")),
        ("two keys", format!("{A}{A}")),
        ("text in front", format!("Our key:\n{A}")),
        ("text behind", format!("{A}That was it.")),
        ("quotes around", format!("\"{A}\"")),
        ("a private key", armoured("PRIVATE KEY", &[1, 2, 3])),
        ("RSAPublicKey", include_str!("keys/a-pkcs1.pem").to_owned()),
        ("a certificate", armoured("CERTIFICATE", &[1, 2, 3])),
        ("a label of bytes", armoured("MIIEvQIBADANBgkqhkiG9w0", &[1, 2, 3])),
        ("a long label", armoured(&"A ".repeat(40), &[1, 2, 3])),
        ("no DER", armoured("PUBLIC KEY", b"junk")),
        ("a JWK", rsa().jwk().to_json().to_string()),
    ];
    let mut table = String::new();
    for (name, text) in rows {
        writeln!(table, "{name:22} {}", described(&text)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn p6_4_pem_keys_in_der_row_by_row() {
    let (n, e): (&[u8], &[u8]) = (&[0xc5; 256], &[1, 0, 1]);
    let point = [&[4], [7; 64].as_slice()].concat();
    let rsa_key = der(0x30, &[integer(n), integer(e)].concat());
    let ed25519_key = spki(ED25519, &[7; 32]);
    let bits = |bits: usize| {
        let first = 1_u8 << ((bits - 1) % 8);
        rsa_spki(&[&[first], vec![0x55; (bits - 1) / 8].as_slice()].concat(), e)
    };
    let unused_bits = der(0x30, &[der(0x30, ED25519), der(3, &[&[1], [7; 32].as_slice()].concat())].concat());
    let rows = [
        ("RSA", rsa_spki(n, e)),
        ("RSA of 1024 bits", bits(1024)),
        ("RSA of 2047 bits", bits(2047)),
        ("RSA of 2048 bits", bits(2048)),
        ("RSA of 2049 bits", bits(2049)),
        ("RSA of 8192 bits", bits(8192)),
        ("RSA of 8193 bits", bits(8193)),
        ("RSA without NULL", spki(&RSA[..RSA.len() - 2], &rsa_key)),
        ("RSASSA-PSS", spki(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", &rsa_key)),
        ("RSA, key cut off", spki(RSA, &rsa_key[..rsa_key.len() - 1])),
        ("RSA, negative modulus", spki(RSA, &der(0x30, &[der(2, n), integer(e)].concat()))),
        ("RSA, exponent zero", spki(RSA, &der(0x30, &[integer(n), der(2, &[0])].concat()))),
        ("P-256", spki(P256, &point)),
        ("P-256, no form", spki(P256, &point[1..])),
        ("P-256, compressed", spki(P256, &[&[2], [7; 32].as_slice()].concat())),
        ("P-256, hybrid", spki(P256, &[&[6], [7; 64].as_slice()].concat())),
        ("P-256, at infinity", spki(P256, &[0])),
        ("P-256, too long", spki(P256, &[point.as_slice(), &[7]].concat())),
        ("P-256, no key", spki(P256, &[])),
        ("EC without a curve", spki(&P256[..9], &point)),
        ("Ed25519", ed25519_key.clone()),
        ("Ed25519 and NULL", spki(&[ED25519, &[5, 0]].concat(), &[7; 32])),
        ("Ed25519, too short", spki(ED25519, &[7; 31])),
        ("Ed25519, too long", spki(ED25519, &[7; 33])),
        ("unused bits", unused_bits),
        ("something behind", [ed25519_key.as_slice(), &[0]].concat()),
        ("something behind the key", der(0x30, &[der(0x30, ED25519), der(3, &[0; 33]), vec![5, 0]].concat())),
        ("cut off", ed25519_key[..ed25519_key.len() - 1].to_vec()),
    ];
    let mut table = String::new();
    for (name, bytes) in rows {
        writeln!(table, "{name:25} {}", described(&armoured("PUBLIC KEY", &bytes))).unwrap();
    }
    for (name, text) in [
        ("OpenSSL: RSA, 1024 bits", include_str!("keys/short.pem")),
        ("OpenSSL: P-256 compressed", include_str!("keys/p256-compressed.pem")),
        ("OpenSSL: P-384", include_str!("keys/p384.pem")),
        ("OpenSSL: X25519", include_str!("keys/x25519.pem")),
    ] {
        writeln!(table, "{name:25} {}", described(text)).unwrap();
    }
    insta::assert_snapshot!(table);
}

fn described(text: &str) -> String {
    match Jwk::from_pem(text) {
        Ok(key) => format!("a key for {}", key.alg().unwrap_or("any")),
        Err(error) => format!("{}: {error}", error.code()),
    }
}
