//! RS256, RS384 and RS512: verification.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_jose::{Jwk, Jws, verify};

use crate::kit::{jwk, named, outcome, rsa};

/// The key of RFC 7515 appendix A.2.1, its public part.
const RFC_7515_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;

/// The JWS of RFC 7515 appendix A.2.1.
const RFC_7515_JWS: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

fn key() -> Jwk {
    jwk(RFC_7515_KEY)
}

#[test]
fn r1_12_the_example_of_rfc_7515_appendix_a_2_verifies() {
    let jws = Jws::parse(RFC_7515_JWS).unwrap();
    assert_eq!(verify(&jws, &key()), Ok(()));
    assert_eq!(jws.payload()["iss"], "joe");
}

#[test]
fn r1_12_signatures_row_by_row() {
    let (input, signature) = RFC_7515_JWS.rsplit_once('.').unwrap();
    let payload = input.split_once('.').unwrap().1;
    let with_header =
        |header: &str| format!("{}.{payload}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(header));
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with_signature = |bytes: &[u8]| format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let named = |alg: &str| named(&key(), Some(alg));
    let mut flipped = bytes.clone();
    flipped[17] ^= 1;
    let rows = [
        ("as in the RFC", RFC_7515_JWS.to_owned(), key()),
        ("key for RS256", RFC_7515_JWS.to_owned(), named("RS256")),
        ("key for RS512", RFC_7515_JWS.to_owned(), named("RS512")),
        ("key for HS256", RFC_7515_JWS.to_owned(), named("HS256")),
        ("alg none", with_header(r#"{"alg":"none"}"#), key()),
        (
            "alg none, no signature",
            format!("{}.{payload}.", BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#)),
            key(),
        ),
        ("alg HS256", with_header(r#"{"alg":"HS256"}"#), key()),
        ("alg rs256", with_header(r#"{"alg":"rs256"}"#), key()),
        ("alg absent", with_header("{}"), key()),
        ("alg a list", with_header(r#"{"alg":["RS256"]}"#), key()),
        ("alg RS384", with_header(r#"{"alg":"RS384"}"#), key()),
        ("another header", with_header(r#"{"alg":"RS256","x":1}"#), key()),
        ("another payload", RFC_7515_JWS.replacen(".eyJpc3Mi", ".eyJpc3Qi", 1), key()),
        ("one bit flipped", with_signature(&flipped), key()),
        ("truncated", with_signature(&bytes[..255]), key()),
        ("a zero in front", with_signature(&[&[0], bytes.as_slice()].concat()), key()),
        ("no signature", format!("{input}."), key()),
        ("another key", RFC_7515_JWS.to_owned(), rsa().jwk().clone()),
        ("no modulus", RFC_7515_JWS.to_owned(), Jwk::rsa(None, None, &[], &[3])),
        ("a short modulus", RFC_7515_JWS.to_owned(), Jwk::rsa(None, None, &[0xff; 128], &[3])),
    ];
    let mut table = String::new();
    for (name, text, key) in rows {
        writeln!(table, "{name:24} {}", outcome(&text, &key)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_longer_digests_verify_what_openssl_signed() {
    let public = rsa().jwk().clone();
    let key = named(&public, None);
    for text in [include_str!("keys/rs384.jws"), include_str!("keys/rs512.jws")] {
        let jws = Jws::parse(text.trim_end()).unwrap();
        assert_eq!(verify(&jws, &key), Ok(()), "{:?}", jws.header());
        // The published key is for RS256 alone.
        assert!(verify(&jws, &public).is_err());
    }
}

/// With the exponent 1 a signature would be what it should come out as: anyone could write one.
#[test]
fn an_exponent_of_one_verifies_nothing() {
    let (input, _) = RFC_7515_JWS.rsplit_once('.').unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, input.as_bytes());
    // EMSA-PKCS1-v1_5 with the DigestInfo of SHA-256 (RFC 8017 section 9.2).
    let info = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let padding = [&[0, 1], [0xff; 202].as_slice(), &[0]].concat();
    let forged = [padding.as_slice(), info, digest.as_ref()].concat();
    assert_eq!(forged.len(), 256);
    let text = format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(&forged));
    let exponents: [&[u8]; 4] = [&[1], &[2], &[1, 0, 0], &[1; 9]];
    for exponent in exponents {
        let key = Jwk::rsa(None, None, key().modulus().unwrap(), exponent);
        assert_eq!(outcome(&text, &key), "verify-signature: signature does not match", "{exponent:?}");
    }
}
