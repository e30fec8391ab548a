//! JWK Sets: what is used and what is set aside.

use std::fmt::Write as _;

use nostore_jose::{Jwk, JwkSet};

/// The key of RFC 7638 section 3.1.
const RFC_7638_KEY: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;

#[test]
fn the_thumbprint_is_that_of_rfc_7638_section_3_1() {
    let key = Jwk::from_json(&serde_json::from_str(RFC_7638_KEY).unwrap()).unwrap();
    assert_eq!(key.kid(), Some("2011-04-29"));
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
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
        let outcome = match JwkSet::parse(text.as_bytes()) {
            Ok(set) => {
                let aside: Vec<String> = set
                    .aside()
                    .iter()
                    .map(|one| {
                        format!("{} {}: {}", one.kid.as_deref().unwrap_or("-"), one.why.code(), one.why)
                    })
                    .collect();
                let found = set.find("a").map(Jwk::modulus);
                format!("{} usable, a is {found:?}, aside {aside:?}", set.keys().len())
            }
            Err(error) => format!("{}: {error}", error.code()),
        };
        writeln!(table, "{name:16} {outcome}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_set_reads_what_it_wrote() {
    let key = Jwk::from_json(&serde_json::from_str(RFC_7638_KEY).unwrap()).unwrap();
    let set = JwkSet::new([key]);
    assert_eq!(JwkSet::parse(set.to_json().to_string().as_bytes()).unwrap(), set);
    assert_eq!(set.kids().collect::<Vec<_>>(), ["2011-04-29"]);
    assert!(!set.is_empty());
}
