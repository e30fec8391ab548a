//! Signing keys: made, kept in PKCS#8, used.

use nostore_jose::{Algorithm, Jws, SigningError, SigningKey, verify};
use serde_json::{Map, json};

use crate::kit::{ed25519, map, named, p256, private, rsa};

#[test]
fn r1_12_what_is_signed_verifies_and_rs256_is_deterministic() {
    let signer = rsa();
    let header = map(json!({"typ": "JWT", "alg": "none", "kid": "mine"}));
    let payload = map(json!({"sub": "user_1"}));
    let token = signer.sign(&header, &payload).unwrap();
    assert_eq!(token, signer.sign(&header, &payload).unwrap());
    let jws = Jws::parse(&token).unwrap();
    assert_eq!(verify(&jws, signer.jwk()), Ok(()));
    // What the caller says about algorithm and key does not count.
    assert_eq!(jws.header().alg(), Some("RS256"));
    assert_eq!(jws.header().kid(), Some(signer.kid()));
    assert_eq!(jws.header().typ(), Some("JWT"));
    assert_eq!(jws.payload(), &payload);
}

#[test]
fn a_new_key_signs_with_its_algorithm_and_survives_pkcs8() {
    for algorithm in Algorithm::ALL {
        let made = SigningKey::generate_for(algorithm).unwrap();
        assert_eq!(made.algorithm(), algorithm);
        assert_eq!(made.jwk().alg(), Some(algorithm.name()));
        assert_eq!(made.jwk().kty(), algorithm.kty());
        assert_eq!(made.kid(), made.jwk().thumbprint());
        let payload = map(json!({"sub": "u"}));
        let token = made.sign(&Map::new(), &payload).unwrap();
        let jws = Jws::parse(&token).unwrap();
        assert_eq!(jws.header().algorithm(), Some(algorithm));
        assert_eq!(verify(&jws, made.jwk()), Ok(()), "{algorithm}");

        let read = SigningKey::from_pkcs8(made.to_pkcs8().unwrap().expose()).unwrap();
        assert_eq!(read.kid(), made.kid(), "{algorithm}");
        // PKCS#8 does not say for which digest an RSA key is.
        let own = if algorithm.kty() == "RSA" { Algorithm::Rs256 } else { algorithm };
        assert_eq!(read.algorithm(), own);
        let again = read.sign_as(algorithm, &Map::new(), &payload).unwrap();
        assert_eq!(verify(&Jws::parse(&again).unwrap(), made.jwk()), Ok(()), "{algorithm}");
    }
}

#[test]
fn a_new_key_is_rsa_for_rs256_and_like_no_other() {
    let made = SigningKey::generate().unwrap();
    assert_eq!(made.algorithm(), Algorithm::Rs256);
    assert_eq!(made.jwk().modulus().unwrap().len(), 256);
    assert_ne!(SigningKey::generate().unwrap().kid(), made.kid());
    let shown = format!("{made:?} {:?}", made.to_pkcs8().unwrap());
    assert_eq!(shown, format!("SigningKey {{ kid: {:?}, .. }} Pkcs8(redacted)", made.kid()));
}

#[test]
fn a_key_signs_with_the_algorithms_of_its_type_alone() {
    for signer in [rsa(), p256(), ed25519()] {
        for algorithm in Algorithm::ALL {
            match signer.sign_as(algorithm, &Map::new(), &Map::new()) {
                Ok(token) => {
                    assert_eq!(algorithm.kty(), signer.jwk().kty(), "{algorithm}");
                    let jws = Jws::parse(&token).unwrap();
                    assert_eq!(jws.header().algorithm(), Some(algorithm));
                    assert_eq!(verify(&jws, &named(signer.jwk(), None)), Ok(()), "{algorithm}");
                    // The public key is for the key's own algorithm alone.
                    assert_eq!(verify(&jws, signer.jwk()).is_ok(), algorithm == signer.algorithm());
                }
                Err(error) => {
                    assert_ne!(algorithm.kty(), signer.jwk().kty(), "{algorithm}");
                    assert_eq!(error, SigningError::Algorithm { found: algorithm });
                    let text = format!("expected an algorithm for the type of the key, found {algorithm}");
                    assert_eq!(error.to_string(), text);
                }
            }
        }
    }
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    let good = private(include_str!("keys/a.b64"));
    let short = private(include_str!("keys/short.b64"));
    let (p256, ed25519) = (private(include_str!("keys/p256.b64")), private(include_str!("keys/ed25519.b64")));
    let rows: [(&str, &[u8]); 7] = [
        ("nothing", &[]),
        ("junk", b"junk"),
        ("truncated", &good[..600]),
        ("1024 bits", &short),
        ("P-256 truncated", &p256[..100]),
        ("Ed25519 truncated", &ed25519[..47]),
        ("a public key", &crate::kit::spki(crate::kit::ED25519, &[7; 32])),
    ];
    for (name, bytes) in rows {
        let error = SigningKey::from_pkcs8(bytes).unwrap_err();
        let text = "expected a private key in PKCS#8: RSA of 2048 to 8192 bits, P-256 or Ed25519";
        assert_eq!(error.to_string(), text, "{name}");
    }
}

#[test]
fn a_derived_key_is_the_same_each_time_and_another_for_each_purpose() {
    let derive = |secret: &str, purpose: &str| SigningKey::derive(secret.as_bytes(), purpose).unwrap();
    let made = derive("a secret", "a purpose");
    // Computed by an implementation of RFC 5869 and RFC 8032 of its own, in another language.
    assert_eq!(made.jwk().to_json()["x"], "ate5odJXr0uNm32ivYJ5nunAtEFvEuw5DL4XiaXilAI");
    assert_eq!(made.algorithm(), Algorithm::EdDsa);
    let token = made.sign(&Map::new(), &map(json!({"sub": "u"}))).unwrap();
    assert_eq!(verify(&Jws::parse(&token).unwrap(), derive("a secret", "a purpose").jwk()), Ok(()));
    for other in [derive("a secret", "another"), derive("another", "a purpose")] {
        assert_ne!(other.kid(), made.kid());
    }
}
