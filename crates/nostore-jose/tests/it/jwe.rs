//! JWE: strict parsing, the worked vectors of the Auth.js format, and everything that must not open.

use std::fmt::Write as _;

use nostore_jose::{
    DecryptError, Encryption, EncryptionKey, Jwe, ProtectedHeader, decrypt, derive_kid, encrypt,
};
use proptest::prelude::*;

use crate::kit::base64url;

const SECRET: &str = "nostore-test-secret-0123456789abcdef";
const HTTPS_NAME: &str = "__Secure-authjs.session-token";
const HTTP_NAME: &str = "authjs.session-token";

/// Deterministic: the vector is 00 01 … 0f.
const A: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiLThTdUlfWUx3NDJWUkJIaUw1QUZGNFBMMEoyN3JPaUJtU3R5azFpLU9hOFpwUmJISEVnSHJLaWZjM25fN1I2ajdoelpkQ0xkOVppcjVOWFh2bzlHRFEifQ..AAECAwQFBgcICQoLDA0ODw.SlCla0i08vNkygDCfLyx-G36wod7df_sjBDUSC4cJZGyJvfbeIsf1Pg6j-w38cpy88nCaayFNfMiWwqouFM33blj49upbqwO1sTNhe8L_ld-w87UkZjvDKvjYEBXb2OEVw0g4uv1jeZza2FIYgQaPyIDQNo-HoysB0amnq2f9Fbil5eeiYZqqpXwwXY_RIOenrw1hVTCmFv13Ica6K-Usw.II5MTTe3wEs7srVS_0E1pne29LJOvYWDB11BPznBYsw";
const A_CONTENT: &str = r#"{"name":"Ada Lovelace","email":"ada@example.com","picture":null,"sub":"user_1","iat":1767225600,"exp":4920825600,"jti":"00000000-0000-4000-8000-000000000001"}"#;
const A_KID: &str = "-8SuI_YLw42VRBHiL5AFF4PL0J27rOiBmStyk1i-Oa8ZpRbHHEgHrKifc3n_7R6j7hzZdCLd9Zir5NXXvo9GDQ";
/// Made by Auth.js 5.
const B: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoicFh6N0Rud1BROTI2ak1xLWRIRnA0b1hacGFFRXdyMmZNMERqNjI0Q1p1SXlmT1F4N2JobVZBYjZNZHk5eXl1LTduSGV2cXlWdzVCZFBrQ1V5aWdRM3cifQ..QV8d9mYzCxWvDHmUB1XWDw.MMhe5hBJkrmKn3Eu__EoPjoSF676GbjbkXhy_ObBT2SqJWTQtXPezZlONxtrxw5f7IO4eZNjKjqvIJL8NN9bKIxQMuNEzXExHQgpnkbCBHMs9X_P3gsjcy_3xUK68bnhvJ2rSCEEC5DNBhdDA2rEQUCAT_KOgx3KRhmV3wDykQuG10_FbYZorSmUYdgc6YNoLTHzEZ1v8sXxShi4rwEBrg.DTciiiRq-yHIpBXFT4x0zmypCwUk6Ksb5DOMITTmcEQ";
/// Made by NextAuth 4.
const C: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..LHnw4Oc40JRvCNAi.S9LHIrYC40lhSIAL8g3s8GJpv4fwyMVaEFfUYn0PSap36x48Ly575-_ziyzyLCcSTtins40apXOeFVQhLWcMrtBVud-DkpExmmvnWCnufwvcYLXYZ_ep6Tvs4ZVsfUEg_xveAKD8z0aWtQyeaVtMkjGOM67uDwSsABGQAQkA3_R3wJ14a_eIsdhkn8rxSj0.uv3ycrte6nJ2BNYPgJS5aw";

fn version_5(name: &str) -> EncryptionKey {
    let info = format!("Auth.js Generated Encryption Key ({name})");
    EncryptionKey::derive(Encryption::A256CbcHs512, SECRET.as_bytes(), name.as_bytes(), info.as_bytes())
        .unwrap()
}

fn version_4() -> EncryptionKey {
    let info = b"NextAuth.js Generated Encryption Key";
    EncryptionKey::derive(Encryption::A256Gcm, SECRET.as_bytes(), b"", info).unwrap()
}

fn opened(token: &str, key: &EncryptionKey) -> Result<String, DecryptError> {
    decrypt(&Jwe::parse(token).unwrap(), key).map(|content| String::from_utf8(content).unwrap())
}

#[test]
fn the_worked_vectors_open_and_the_first_seals() {
    let key = version_5(HTTPS_NAME);
    assert_eq!(key.thumbprint(), A_KID);
    assert_eq!(opened(A, &key).unwrap(), A_CONTENT);
    let header = ProtectedHeader::new(Encryption::A256CbcHs512, &[("kid", A_KID)]);
    let vector: Vec<u8> = (0..16).collect();
    assert_eq!(encrypt(&header, &key, &vector, A_CONTENT.as_bytes()).unwrap(), A);
    let key = version_5(HTTP_NAME);
    assert_eq!(Jwe::parse(B).unwrap().header().kid(), Some(key.thumbprint()));
    assert!(opened(B, &key).unwrap().contains("1ab0e131-c6af-4726-90b7-c2263f7df5bc"));
    assert!(opened(C, &version_4()).unwrap().contains("a49bafd0-cb78-4aae-a459-3f5050ae06e7"));
}

#[test]
fn a_key_opens_nothing_of_another_name_secret_or_algorithm() {
    assert_eq!(opened(A, &version_5(HTTP_NAME)), Err(DecryptError));
    assert_eq!(opened(B, &version_5(HTTPS_NAME)), Err(DecryptError));
    assert_eq!(opened(C, &version_5(HTTPS_NAME)), Err(DecryptError));
    assert_eq!(opened(A, &version_4()), Err(DecryptError));
    let other = EncryptionKey::from_octets(Encryption::A256Gcm, &[0; 32]).unwrap();
    assert_eq!(opened(C, &other), Err(DecryptError));
}

#[test]
fn forms_row_by_row() {
    let gcm = |header: &str| {
        format!("{}..{}.{}.{}", base64url(header), base64url([1; 12]), "AA", base64url([2; 16]))
    };
    let parts: Vec<&str> = A.split('.').collect();
    let put = |at: usize, text: &str| {
        let mut parts = parts.clone();
        parts[at] = text;
        parts.join(".")
    };
    let rows = [
        ("good", A.to_owned()),
        ("good, the other algorithm", C.to_owned()),
        ("empty", String::new()),
        ("a JWS", "e30.e30.AA".to_owned()),
        ("four parts", parts[..4].join(".")),
        ("six parts", format!("{A}.AA")),
        ("an encrypted key", put(1, "AA")),
        ("header not base64url", put(0, "e30=")),
        ("header not JSON", put(0, &base64url("{"))),
        ("header an array", put(0, &base64url("[]"))),
        ("header not UTF-8", put(0, &base64url(b"{\"a\":\"\xff\"}"))),
        ("header too deep", put(0, &base64url("[".repeat(100_000)))),
        ("header empty", put(0, &base64url("{}"))),
        ("alg of a wrapped key", gcm(r#"{"alg":"A256KW","enc":"A256GCM"}"#)),
        ("alg not a text", gcm(r#"{"alg":1,"enc":"A256GCM"}"#)),
        ("alg in another case", gcm(r#"{"alg":"DIR","enc":"A256GCM"}"#)),
        ("enc of a shorter key", gcm(r#"{"alg":"dir","enc":"A128GCM"}"#)),
        ("enc absent", gcm(r#"{"alg":"dir"}"#)),
        ("critical", gcm(r#"{"alg":"dir","enc":"A256GCM","crit":["exp"],"exp":1}"#)),
        ("compressed", gcm(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#)),
        ("vector one octet short", put(2, &base64url([0; 15]))),
        ("vector one octet long", put(2, &base64url([0; 17]))),
        ("vector far too long", put(2, &"A".repeat(4_000))),
        ("vector with leftover bits", put(2, "AAECAwQFBgcICQoLDA0ODx")),
        ("tag one octet short", put(4, &base64url([0; 31]))),
        ("tag one octet long", put(4, &base64url([0; 33]))),
        ("tag empty", put(4, "")),
        ("tag far too long", put(4, &"A".repeat(4_000))),
        ("ciphertext empty", put(3, "")),
        ("ciphertext no whole blocks", put(3, &base64url([0; 31]))),
        ("ciphertext not base64url", put(3, "+/")),
    ];
    let mut table = String::new();
    for (name, text) in rows {
        let outcome = match Jwe::parse(&text) {
            Ok(jwe) => format!("{} kid {:?}", jwe.encryption(), jwe.header().kid().map(|kid| &kid[..4])),
            Err(error) => format!("{}: {error}", error.code()),
        };
        writeln!(table, "{name:26} {outcome}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_is_not_encrypted_and_why() {
    let key = version_4();
    let header = |encryption| ProtectedHeader::new(encryption, &[]);
    let mut table = String::new();
    for (name, encryption, octets) in [
        ("short", Encryption::A256Gcm, 11),
        ("long", Encryption::A256Gcm, 16),
        ("none", Encryption::A256Gcm, 0),
        ("another key", Encryption::A256CbcHs512, 16),
    ] {
        let error = encrypt(&header(encryption), &key, &vec![0; octets], b"{}").unwrap_err();
        writeln!(table, "{name:12} {}: {error}", error.code()).unwrap();
    }
    for octets in [0, 31, 33, 64] {
        let error = EncryptionKey::from_octets(Encryption::A256Gcm, &vec![0; octets]).unwrap_err();
        writeln!(table, "{octets:<12} {}: {error}", error.code()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn no_character_can_be_changed() {
    for (token, key) in [(A, version_5(HTTPS_NAME)), (B, version_5(HTTP_NAME)), (C, version_4())] {
        for at in 0..token.len() {
            for other in ["A", "B", "_", "."] {
                let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                let accepted = Jwe::parse(&changed).is_ok_and(|jwe| decrypt(&jwe, &key).is_ok());
                assert_eq!(accepted, changed == token, "{at}: {changed}");
            }
        }
    }
}

#[test]
fn a_known_header_is_read_as_any_other() {
    let header = ProtectedHeader::new(Encryption::A256CbcHs512, &[("kid", A_KID)]);
    let jwe = Jwe::parse_under(A, &header).unwrap().unwrap();
    assert_eq!(decrypt(&jwe, &version_5(HTTPS_NAME)).unwrap(), A_CONTENT.as_bytes());
    assert_eq!(jwe.header().kid(), Some(A_KID));
    assert!(Jwe::parse_under(B, &header).is_none());
    let longer = A.replacen('.', "A.", 1);
    assert!(Jwe::parse_under(&longer, &header).is_none(), "a header that only begins like this one");
    assert!(Jwe::parse_under(header.encoded(), &header).is_none());
    assert!(Jwe::parse_under(&format!("{}.", header.encoded()), &header).unwrap().is_err());
    let quoted = ProtectedHeader::new(Encryption::A256Gcm, &[("kid", "a\"b\\"), ("typ", "x")]);
    let token = encrypt(&quoted, &version_4(), &[0; 12], b"").unwrap();
    assert_eq!(Jwe::parse(&token).unwrap().header().kid(), Some("a\"b\\"));
    assert_eq!(opened(&token, &version_4()).unwrap(), "");
}

#[test]
fn a_derived_name_is_another_for_another_secret_salt_or_info() {
    let name = |secret: &str, salt: &str, info: &str| {
        derive_kid(secret.as_bytes(), salt.as_bytes(), info.as_bytes()).unwrap()
    };
    let names = [name("a", "b", "c"), name("A", "b", "c"), name("a", "B", "c"), name("a", "b", "C")];
    for (at, one) in names.iter().enumerate() {
        assert_eq!(one.len(), 12);
        assert!(!names[at + 1..].contains(one), "{names:?}");
    }
}

#[test]
fn debug_shows_no_content() {
    let shown = format!("{:?}", Jwe::parse(A).unwrap());
    assert!(!shown.contains("SlCla0i08vNkygDCfLyx"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_encrypted_opens_and_what_is_changed_does_not(
        content in proptest::collection::vec(any::<u8>(), 0..300), octets in proptest::array::uniform32(any::<u8>()),
        vector in proptest::array::uniform16(any::<u8>()), gcm in any::<bool>(), kid in "\\PC{0,12}",
        at in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]",
    ) {
        let (encryption, octets, vector) = if gcm {
            (Encryption::A256Gcm, octets.to_vec(), &vector[..12])
        } else {
            (Encryption::A256CbcHs512, [octets, octets].concat(), &vector[..])
        };
        let key = EncryptionKey::from_octets(encryption, &octets).unwrap();
        let header = ProtectedHeader::new(encryption, &[("kid", &kid)]);
        let token = encrypt(&header, &key, vector, &content).unwrap();
        let jwe = Jwe::parse(&token).unwrap();
        prop_assert_eq!(jwe.header().kid(), Some(kid.as_str()));
        prop_assert_eq!(decrypt(&jwe, &key), Ok(content));
        let at = at.index(token.len());
        let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
        let accepted = Jwe::parse(&changed).is_ok_and(|jwe| decrypt(&jwe, &key).is_ok());
        prop_assert_eq!(accepted, changed == token, "{}", changed);
        let under = Jwe::parse_under(&changed, &header);
        prop_assert_eq!(under.is_some_and(|jwe| jwe.is_ok_and(|jwe| decrypt(&jwe, &key).is_ok())), changed == token);
    }

    #[test]
    fn any_text_gives_a_jwe_or_an_error(
        text in "\\PC*",
        header in "\\{(\"(alg|enc|kid|zip|crit)\":(\"(dir|A256GCM|A256CBC-HS512|x)\"|1|null),?){0,3}\\}?",
        parts in proptest::collection::vec("[A-Za-z0-9_-]{0,44}", 0..6),
    ) {
        let _ = Jwe::parse(&text);
        if let Ok(jwe) = Jwe::parse(&format!("{}.{}", base64url(&header), parts.join("."))) {
            prop_assert_eq!(decrypt(&jwe, &version_4()), Err(DecryptError));
            prop_assert_eq!(decrypt(&jwe, &version_5(HTTP_NAME)), Err(DecryptError));
        }
    }
}
