//! JWK Sets: what is used and what is set aside.

use std::fmt::Write as _;

use nostore_jose::{Jwk, JwkSet};
use serde_json::{Map, Value, json};

use crate::kit::jwk;

/// The key of RFC 7638 section 3.1.
const RFC_7638_KEY: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

#[test]
fn the_thumbprint_is_that_of_rfc_7638_section_3_1() {
    let key = jwk(RFC_7638_KEY);
    assert_eq!(key.kid(), Some("2011-04-29"));
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/// The key of RFC 7515 appendix A.3.1 with its private part, as a careless service might publish it.
const RFC_7515_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

/// The key of RFC 8037 appendix A.2.
const RFC_8037_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[test]
fn the_thumbprint_is_that_of_rfc_8037_appendix_a_3() {
    assert_eq!(jwk(RFC_8037_KEY).thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_thumbprint_of_a_p256_key_has_its_required_members() {
    // SHA-256 of {"crv":"P-256","kty":"EC","x":"…","y":"…"}, computed with another program.
    assert_eq!(jwk(RFC_7515_KEY).thumbprint(), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

#[test]
fn keys_write_their_public_part() {
    let rows = [(RFC_7515_KEY, "EC"), (RFC_8037_KEY, "OKP"), (RFC_7638_KEY, "RSA")];
    for (text, kty) in rows {
        let key = jwk(text);
        assert_eq!(key.kty(), kty);
        assert_eq!(key.modulus().is_some(), kty == "RSA");
        assert_eq!(key.exponent().is_some(), kty == "RSA");
        let mut expected: Value = serde_json::from_str(text).unwrap();
        expected["use"] = json!("sig");
        expected.as_object_mut().unwrap().remove("d");
        assert_eq!(key.to_json(), expected);
    }
}

#[test]
fn keys_are_equal_by_what_they_are_not_by_what_was_done_with_them() {
    let signer = crate::kit::ed25519();
    let (used, fresh) = (signer.jwk().clone(), Jwk::from_json(&signer.jwk().to_json()).unwrap());
    let token = signer.sign(&Map::new(), &Map::new()).unwrap();
    assert_eq!(crate::kit::outcome(&token, &used), "accepted");
    assert_eq!(used, fresh);
    assert_eq!(format!("{used:?}"), format!("{fresh:?}"));
    assert_ne!(used, crate::kit::named(&fresh, None));
    assert_ne!(jwk(RFC_8037_KEY), jwk(RFC_7515_KEY));
}

/// A coordinate of a key: 32 octets.
const OCTETS_32: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA";

#[test]
fn curves_row_by_row() {
    let rows = [
        ("P-256", format!(r#"{{"kty":"EC","kid":"a","crv":"P-256","x":"{OCTETS_32}","y":"{OCTETS_32}"}}"#)),
        ("P-384", format!(r#"{{"kty":"EC","kid":"a","crv":"P-384","x":"{OCTETS_32}","y":"{OCTETS_32}"}}"#)),
        (
            "secp256k1",
            format!(r#"{{"kty":"EC","kid":"a","crv":"secp256k1","x":"{OCTETS_32}","y":"{OCTETS_32}"}}"#),
        ),
        (
            "EC, crv Ed25519",
            format!(r#"{{"kty":"EC","kid":"a","crv":"Ed25519","x":"{OCTETS_32}","y":"{OCTETS_32}"}}"#),
        ),
        ("EC without y", format!(r#"{{"kty":"EC","kid":"a","crv":"P-256","x":"{OCTETS_32}"}}"#)),
        (
            "EC, y padded",
            format!(r#"{{"kty":"EC","kid":"a","crv":"P-256","x":"{OCTETS_32}","y":"{OCTETS_32}="}}"#),
        ),
        (
            "EC, x too short",
            format!(r#"{{"kty":"EC","kid":"a","crv":"P-256","x":"AAAA","y":"{OCTETS_32}"}}"#),
        ),
        (
            "EC, x too long",
            format!(r#"{{"kty":"EC","kid":"a","crv":"P-256","x":"AAAA{OCTETS_32}","y":"{OCTETS_32}"}}"#),
        ),
        (
            "EC to encrypt",
            format!(
                r#"{{"kty":"EC","kid":"a","crv":"P-256","use":"enc","x":"{OCTETS_32}","y":"{OCTETS_32}"}}"#
            ),
        ),
        (
            "EC to agree",
            format!(
                r#"{{"kty":"EC","kid":"a","crv":"P-256","key_ops":["deriveBits"],"x":"{OCTETS_32}","y":"{OCTETS_32}"}}"#
            ),
        ),
        ("Ed25519", format!(r#"{{"kty":"OKP","kid":"a","crv":"Ed25519","x":"{OCTETS_32}"}}"#)),
        (
            "Ed25519 and y",
            format!(r#"{{"kty":"OKP","kid":"a","crv":"Ed25519","x":"{OCTETS_32}","y":"{OCTETS_32}"}}"#),
        ),
        ("X25519", format!(r#"{{"kty":"OKP","kid":"a","crv":"X25519","x":"{OCTETS_32}"}}"#)),
        ("Ed448", format!(r#"{{"kty":"OKP","kid":"a","crv":"Ed448","x":"{OCTETS_32}"}}"#)),
        ("OKP, crv P-256", format!(r#"{{"kty":"OKP","kid":"a","crv":"P-256","x":"{OCTETS_32}"}}"#)),
        ("OKP without x", r#"{"kty":"OKP","kid":"a","crv":"Ed25519"}"#.to_owned()),
        ("OKP, x too short", r#"{"kty":"OKP","kid":"a","crv":"Ed25519","x":"AAAA"}"#.to_owned()),
        ("crv not a text", format!(r#"{{"kty":"OKP","kid":"a","crv":7,"x":"{OCTETS_32}"}}"#)),
        ("a secret", r#"{"kty":"oct","kid":"a","k":"AAAA"}"#.to_owned()),
    ];
    let mut table = String::new();
    for (name, key) in rows {
        writeln!(table, "{name:16} {}", described(&format!(r#"{{"keys":[{key}]}}"#))).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn sets_row_by_row() {
    let rows = [
        ("empty set", r#"{"keys":[]}"#),
        ("one key", r#"{"keys":[{"kty":"RSA","kid":"a","n":"sw","e":"AQAB"}]}"#),
        ("unknown member", r#"{"keys":[{"kty":"RSA","kid":"a","n":"sw","e":"AQAB","x":1}],"y":2}"#),
        (
            "two of a name",
            r#"{"keys":[{"kty":"RSA","kid":"a","n":"sw","e":"AQAB"},{"kty":"RSA","kid":"a","n":"sg","e":"AQAB"}]}"#,
        ),
        ("no name", r#"{"keys":[{"kty":"RSA","n":"sw","e":"AQAB"}]}"#),
        (
            "elliptic curve",
            r#"{"keys":[{"kty":"EC","kid":"e"},{"kty":"RSA","kid":"a","n":"sw","e":"AQAB"}]}"#,
        ),
        ("unknown type", r#"{"keys":[{"kty":"XYZ","kid":"x"}]}"#),
        ("no type", r#"{"keys":[{"kid":"x"}]}"#),
        ("not an object", r#"{"keys":[7,null,"k"]}"#),
        ("for encryption", r#"{"keys":[{"kty":"RSA","kid":"a","use":"enc","n":"sw","e":"AQAB"}]}"#),
        ("for signatures", r#"{"keys":[{"kty":"RSA","kid":"a","use":"sig","n":"sw","e":"AQAB"}]}"#),
        ("to sign only", r#"{"keys":[{"kty":"RSA","kid":"a","key_ops":["sign"],"n":"sw","e":"AQAB"}]}"#),
        ("to verify", r#"{"keys":[{"kty":"RSA","kid":"a","key_ops":["verify"],"n":"sw","e":"AQAB"}]}"#),
        ("unknown alg", r#"{"keys":[{"kty":"RSA","kid":"a","alg":"PS256","n":"sw","e":"AQAB"}]}"#),
        ("no modulus", r#"{"keys":[{"kty":"RSA","kid":"a","e":"AQAB"}]}"#),
        ("modulus zero", r#"{"keys":[{"kty":"RSA","kid":"a","n":"AA","e":"AQAB"}]}"#),
        ("padded exponent", r#"{"keys":[{"kty":"RSA","kid":"a","n":"sw","e":"AQAB="}]}"#),
        ("leading zero", r#"{"keys":[{"kty":"RSA","kid":"a","n":"ALM","e":"AQAB"}]}"#),
        ("keys not a list", r#"{"keys":{}}"#),
        ("no keys", "{}"),
        ("a list", "[]"),
        ("not JSON", "<html>"),
        ("nothing", ""),
    ];
    let mut table = String::new();
    for (name, text) in rows {
        writeln!(table, "{name:16} {}", described(text)).unwrap();
    }
    insta::assert_snapshot!(table);
}

/// What becomes of a set, in a line of a table.
fn described(text: &str) -> String {
    match JwkSet::parse(text.as_bytes()) {
        Ok(set) => {
            let aside: Vec<String> = set
                .aside()
                .iter()
                .map(|one| format!("{} {}: {}", one.kid.as_deref().unwrap_or("-"), one.why.code(), one.why))
                .collect();
            let found = set.find("a").map(|key| (key.kty(), key.modulus().unwrap_or_default()));
            format!("{} usable, a is {found:?}, aside {aside:?}", set.keys().len())
        }
        Err(error) => format!("{}: {error}", error.code()),
    }
}

#[test]
fn a_set_reads_what_it_wrote() {
    let key = jwk(RFC_7638_KEY);
    let set = JwkSet::new([key]);
    assert_eq!(JwkSet::parse(set.to_json().to_string().as_bytes()).unwrap(), set);
    assert_eq!(set.kids().collect::<Vec<_>>(), ["2011-04-29"]);
    assert!(!set.is_empty());
}
