//! No algorithm confusion: every `alg` of a token against every kind of key (RFC 8725 section 2.1).

use std::fmt::Write as _;

use nostore_jose::{Algorithm, Jwk, SigningKey};
use serde_json::{Map, json};

use crate::kit::{base64url, ed25519, map, named, outcome, p256, rsa};

/// Everything that a stranger may write into `alg`, and what is meant by it.
const ALGS: [&str; 12] = [
    "RS256", "RS384", "RS512", "ES256", "EdDSA", "none", "HS256", "ES384", "ES512", "PS256", "Ed25519",
    "rs256",
];

/// The algorithms that a key may say it is for.
const OWN: [Option<&str>; 8] = [
    None,
    Some("RS256"),
    Some("RS384"),
    Some("RS512"),
    Some("ES256"),
    Some("EdDSA"),
    Some("HS256"),
    Some("none"),
];

/// Signs as well as that key can: with the algorithm of the token where it knows it, otherwise with its own
/// under the token's name.
fn token(signer: &SigningKey, alg: &str) -> String {
    let own = Algorithm::from_name(alg).filter(|algorithm| algorithm.kty() == signer.jwk().kty());
    let payload = map(json!({"sub": "u"}));
    let signed = signer.sign_as(own.unwrap_or(signer.algorithm()), &Map::new(), &payload).unwrap();
    if own.is_some() {
        return signed;
    }
    let (_, rest) = signed.split_once('.').unwrap();
    format!("{}.{rest}", base64url(json!({"alg": alg}).to_string()))
}

#[test]
fn r1_12_every_algorithm_against_every_kind_of_key() {
    let signers = [rsa(), p256(), ed25519()];
    let mut table = String::new();
    for key in &signers {
        for own in OWN {
            let name = format!("{} for {}", key.jwk().kty(), own.unwrap_or("any"));
            let key: Jwk = named(key.jwk(), own);
            for alg in ALGS {
                // Whoever holds one of the three private keys, or the public one, tries.
                let accepted: Vec<&str> = signers
                    .iter()
                    .filter(|signer| outcome(&token(signer, alg), &key) == "accepted")
                    .map(|signer| signer.jwk().kty())
                    .collect();
                let refused = outcome(&token(&signers[0], alg), &key);
                let answer = if accepted.is_empty() { refused } else { format!("accepts {accepted:?}") };
                writeln!(table, "{name:14} {alg:8} {answer}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_a_key_is_for_the_algorithms_of_its_type_and_its_own() {
    for signer in [rsa(), p256(), ed25519()] {
        for algorithm in Algorithm::ALL {
            let family = algorithm.kty() == signer.jwk().kty();
            assert_eq!(signer.jwk().is_for(algorithm), algorithm == signer.algorithm(), "{algorithm}");
            assert_eq!(named(signer.jwk(), None).is_for(algorithm), family, "{algorithm}");
            assert_eq!(named(signer.jwk(), Some(algorithm.name())).is_for(algorithm), family, "{algorithm}");
        }
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(&algorithm.to_string()), Some(algorithm));
        assert_eq!(Algorithm::from_name(&algorithm.name().to_ascii_lowercase()), None);
    }
    assert_eq!(Algorithm::ALL.map(Algorithm::name), ["RS256", "RS384", "RS512", "ES256", "EdDSA"]);
    assert_eq!(Algorithm::ALL.map(Algorithm::kty), ["RSA", "RSA", "RSA", "EC", "OKP"]);
}
