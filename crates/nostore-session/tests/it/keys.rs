//! Publishable keys and cookie suffixes.

use std::fmt::Write as _;

use nostore_session::{Instance, PublishableKey};

#[test]
fn r1_12_suffix_vectors() {
    let rows = [
        ("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k", "l2OS3d9k"),
        ("pk_live_ZmFwaS5hY21lLWF1dGguZXhhbXBsZSQ", "7wQlGAW7"),
        ("pk_test_ZmFwaS5hY21lLWF1dGguZXhhbXBsZSQ", "raF6W9By"),
        ("pk_test_ZmFwaS5hY21lLWF1dGguZXhhbXBsZSQ=", "z-1rnZAm"),
        ("pk_live_Y2xlcmsuY2xlcmsuZGV2JA", "1Z8AzTQD"),
        ("pk_test_Y2xlcmsuY2xlcmsuZGV2JA", "QvfNY2dr"),
    ];
    for (key, suffix) in rows {
        assert_eq!(PublishableKey::parse(key).unwrap().suffix(), suffix, "{key}");
    }
}

#[test]
fn r1_7_r1_12_keys_row_by_row() {
    let encode = |host: &str| PublishableKey::encode(Instance::Development, host);
    let rows = [
        ("test", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".to_owned()),
        ("live", "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k".to_owned()),
        ("padded", "pk_test_ZmFwaS5hY21lLWF1dGguZXhhbXBsZSQ=".to_owned()),
        ("white space inside", "pk_test_Y2xlcmsu ZXhhbXBsZS5jb20k".to_owned()),
        ("with a port", encode("127.0.0.1:4000")),
        ("with a scheme", encode("http://127.0.0.1:8081")),
        ("a host that begins with http", encode("http.example")),
        ("no dot", encode("localhost:4000")),
        ("two dollars", encode("a.example$")),
        ("no dollar", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20".to_owned()),
        ("no host", encode("")),
        ("a space in the host", encode("a b.example")),
        ("nothing", String::new()),
        ("nothing behind the prefix", "pk_test_".to_owned()),
        ("secret key", "sk_test_hushhushhush".to_owned()),
        ("another prefix", "pk_prod_Y2xlcmsuZXhhbXBsZS5jb20k".to_owned()),
        ("no prefix", "Y2xlcmsuZXhhbXBsZS5jb20k".to_owned()),
        ("upper case", "PK_TEST_Y2xlcmsuZXhhbXBsZS5jb20k".to_owned()),
        ("an underscore more", "pk_test_Y2xlcmsu_ZXhhbXBsZS5jb20k".to_owned()),
        ("length 1 mod 4", "pk_test_Y2xlc".to_owned()),
        ("padding inside", "pk_test_Y2=cms".to_owned()),
        ("not text", "pk_test_\u{1f511}".to_owned()),
    ];
    let mut table = String::new();
    for (name, text) in rows {
        let outcome = match PublishableKey::parse(&text) {
            Ok(key) => format!("{} {}", key.instance(), key.frontend_api()),
            Err(error) => format!("{}: {error}", error.code()),
        };
        writeln!(table, "{name:28} {outcome}").unwrap();
        assert!(!outcome.contains("hush"), "a secret key must not be shown");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_key_encodes_what_it_parses() {
    for host in ["127.0.0.1:4000", "http://127.0.0.1:8081", "accounts.nostore.example"] {
        for instance in [Instance::Development, Instance::Production] {
            let text = PublishableKey::encode(instance, host);
            let key = PublishableKey::parse(&text).unwrap();
            assert_eq!((key.frontend_api(), key.instance(), key.as_str()), (host, instance, text.as_str()));
        }
    }
    assert_eq!(
        PublishableKey::encode(Instance::Development, "http://127.0.0.1:8081"),
        "pk_test_aHR0cDovLzEyNy4wLjAuMTo4MDgxJA"
    );
}
