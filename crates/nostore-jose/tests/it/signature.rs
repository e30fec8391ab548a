//! Verification and signing.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use nostore_jose::{Jwk, Jws, SigningKey, verify};
use serde_json::{Map, Value, json};

/// The key of RFC 7515 appendix A.2.1, its public part.
const RFC_7515_KEY: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#;

/// The JWS of RFC 7515 appendix A.2.1.
const RFC_7515_JWS: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

fn key() -> Jwk {
    Jwk::from_json(&serde_json::from_str(RFC_7515_KEY).unwrap()).unwrap()
}

fn test_key(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text.split_whitespace().collect::<String>()).unwrap()
}

fn signer() -> SigningKey {
    SigningKey::from_pkcs8(&test_key(include_str!("keys/a.b64"))).unwrap()
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
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
    let named = |alg: &str| Jwk::rsa(None, Some(alg.to_owned()), key().modulus(), key().exponent());
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
        ("another key", RFC_7515_JWS.to_owned(), signer().jwk().clone()),
        ("no modulus", RFC_7515_JWS.to_owned(), Jwk::rsa(None, None, &[], &[3])),
        ("a short modulus", RFC_7515_JWS.to_owned(), Jwk::rsa(None, None, &[0xff; 128], &[3])),
    ];
    let mut table = String::new();
    for (name, text, key) in rows {
        let outcome = match verify(&Jws::parse(&text).unwrap(), &key) {
            Ok(()) => "accepted".to_owned(),
            Err(error) => format!("{}: {error}", error.code()),
        };
        writeln!(table, "{name:24} {outcome}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_what_is_signed_verifies_and_signing_is_deterministic() {
    let signer = signer();
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
fn a_new_key_signs_and_survives_pkcs8() {
    let made = SigningKey::generate().unwrap();
    let read = SigningKey::from_pkcs8(made.to_pkcs8().unwrap().expose()).unwrap();
    assert_eq!(read.jwk(), made.jwk());
    assert_eq!(made.jwk().modulus().len(), 256);
    assert_eq!(made.kid(), made.jwk().thumbprint());
    let token = made.sign(&Map::new(), &Map::new()).unwrap();
    assert_eq!(verify(&Jws::parse(&token).unwrap(), read.jwk()), Ok(()));
    assert_ne!(SigningKey::generate().unwrap().kid(), made.kid());
    let shown = format!("{made:?} {:?}", made.to_pkcs8().unwrap());
    assert_eq!(shown, format!("SigningKey {{ kid: {:?}, .. }} Pkcs8(redacted)", made.kid()));
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    let good = test_key(include_str!("keys/a.b64"));
    let short = test_key(include_str!("keys/short.b64"));
    let rows: [(&str, &[u8]); 4] =
        [("nothing", &[]), ("junk", b"junk"), ("truncated", &good[..600]), ("1024 bits", &short)];
    for (name, bytes) in rows {
        let error = SigningKey::from_pkcs8(bytes).unwrap_err();
        assert_eq!(error.to_string(), "expected an RSA private key in PKCS#8 of 2048 to 8192 bits", "{name}");
    }
}

#[test]
fn the_longer_digests_verify_what_openssl_signed() {
    let public = signer().jwk().clone();
    let key = Jwk::rsa(None, None, public.modulus(), public.exponent());
    for text in [include_str!("keys/rs384.jws"), include_str!("keys/rs512.jws")] {
        let jws = Jws::parse(text.trim_end()).unwrap();
        assert_eq!(verify(&jws, &key), Ok(()), "{:?}", jws.header());
        // The published key is for RS256 alone.
        assert!(verify(&jws, &public).is_err());
    }
}
