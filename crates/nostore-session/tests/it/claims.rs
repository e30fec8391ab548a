//! The claims of both forms (6.5).

use std::fmt::Write as _;

use nostore_session::{AuthClaims, Check, FactorAges};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::kit::object;

fn organization(claims: &Value) -> String {
    match AuthClaims::new(claims.as_object().unwrap()).organization() {
        Ok(Some(own)) => format!(
            "{} {} {} [{}]",
            own.id,
            own.slug.unwrap_or("-"),
            own.role.as_deref().unwrap_or("-"),
            own.permissions.join(", ")
        ),
        Ok(None) => "none".to_owned(),
        Err(error) => format!("{}: {error}", error.code()),
    }
}

/// Claims of the second form; `own` is the claim `o`.
fn second(fea: impl Into<Value>, own: impl Into<Value>) -> Value {
    let (fea, own): (Value, Value) = (fea.into(), own.into());
    json!({"v": 2, "fea": fea, "o": own})
}

fn matrix(fea: &str, per: &str, fpm: &str) -> Value {
    second(json!(fea), json!({"id": "org_1", "slg": "acme", "rol": "admin", "per": per, "fpm": fpm}))
}

#[test]
fn p6_5_first_form_row_by_row() {
    let whole = json!({
        "org_id": "org_1", "org_slug": "acme", "org_role": "org:admin", "org_permissions": ["org:a:read", "org:b:write"],
    });
    let rows = [
        ("nothing", json!({})),
        ("whole", whole.clone()),
        ("the id alone", json!({"org_id": "org_1"})),
        ("no id", json!({"org_slug": "acme", "org_role": "org:admin", "org_permissions": ["org:a:read"]})),
        ("an empty id", json!({"org_id": "", "org_role": "org:admin"})),
        ("a number for an id", json!({"org_id": 7, "org_role": "org:admin"})),
        (
            "other types",
            json!({"org_id": "org_1", "org_slug": 1, "org_role": ["org:admin"], "org_permissions": "org:a:read"}),
        ),
        (
            "permissions of other types",
            json!({"org_id": "org_1", "org_permissions": ["org:a", 1, null, ["org:b"]]}),
        ),
        ("version 1", json!({"v": 1, "org_id": "org_1", "o": {"id": "org_2"}})),
        ("version 2 as a text", json!({"v": "2", "org_id": "org_1", "o": {"id": "org_2"}})),
        ("version 2", json!({"v": 2, "org_id": "org_1", "o": {"id": "org_2"}})),
        ("version 2.0", json!({"v": 2.0, "org_id": "org_1", "o": {"id": "org_2"}})),
        ("version 2 without o", json!({"v": 2, "org_id": "org_1"})),
    ];
    let mut table = String::new();
    for (name, claims) in rows {
        writeln!(table, "{name:28}{}", organization(&claims)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn p6_5_second_form_row_by_row() {
    let id = || json!({"id": "org_1"});
    let with = |name: &str, value: Value| {
        let mut own = object(json!({"id": "org_1", "per": "read", "fpm": "1"}));
        own.insert(name.to_owned(), value);
        Value::Object(own)
    };
    let rows = [
        ("the example", matrix("o:dash,u:imp,ou:both", "read,write,delete", "3,4")),
        ("uo is ou", matrix("uo:both", "read", "1")),
        ("an unknown scope is no row", matrix("x:a,o:b", "read", "1")),
        ("a user's feature is no row", matrix("u:a,o:b", "read", "1,1")),
        ("white space", matrix(" o:a , o:b ", " read , write ", " 1 , 2 ")),
        ("a name with a colon", matrix("o:a:b", "read", "1")),
        ("fewer rows", matrix("o:a,o:b", "read", "1")),
        ("more rows", matrix("o:a", "read", "1,1,1")),
        ("more bits", matrix("o:a", "read", "255")),
        ("no bits", matrix("o:a", "read", "0")),
        ("leading zeros", matrix("o:a", "read,write", "0002")),
        ("hexadecimal", matrix("o:a,o:b", "read", "0x1,1")),
        ("signed", matrix("o:a,o:b,o:c", "read", "+1,-1,1")),
        ("broken", matrix("o:a,o:b", "read", "1.0,1")),
        ("empty entries", matrix("o:a,o:b", "read,,write", ",7")),
        ("no per", matrix("o:a", "", "1")),
        ("no fpm", matrix("o:a", "read", "")),
        ("no fea", matrix("", "read", "1")),
        ("an entry without a colon", matrix("o:a,b", "read", "1")),
        ("a trailing comma", matrix("o:a,", "read", "1")),
        ("no matrix, but a bad list", second(json!("a"), id())),
        ("no organization, a bad list", json!({"v": 2, "fea": "a"})),
        ("o is null", second(json!("a"), Value::Null)),
        ("o is a text", second(json!("o:a"), json!("org_1"))),
        ("o is a text, a bad list", second(json!("a"), json!("org_1"))),
        ("fea is a number", second(json!(5), id())),
        ("fea is 0", second(json!(0), id())),
        ("fea is null", second(Value::Null, id())),
        ("fea is a list", second(json!(["o:a"]), id())),
        ("per is a list", second(json!("o:a"), with("per", json!(["read"])))),
        ("fpm is a number", second(json!("o:a"), with("fpm", json!(1)))),
        ("fpm is true", second(json!("o:a"), with("fpm", json!(true)))),
        ("fpm is an object", second(json!("o:a"), with("fpm", json!({})))),
        ("fpm is a number, no per", second(json!("o:a"), json!({"id": "org_1", "fpm": 1}))),
        ("the role is a number", second(json!(""), with("rol", json!(5)))),
        ("the role is prefixed", second(json!(""), with("rol", json!("org:admin")))),
        ("the id is a number", second(json!(""), with("id", json!(5)))),
        ("the slug is a list", second(json!(""), with("slg", json!(["acme"])))),
    ];
    let mut table = String::new();
    for (name, claims) in rows {
        writeln!(table, "{name:30}{}", organization(&claims)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn p6_5_permissions_may_be_wider_than_any_number_type() {
    // 2^200 + 1, in a matrix with 201 columns.
    let columns: Vec<String> = (0..=200).map(|index| format!("p{index}")).collect();
    let two_to_the_200_and_1 = "1606938044258990275541962092341162602522202993782792835301377";
    let claims = matrix("o:a", &columns.join(","), two_to_the_200_and_1);
    assert_eq!(organization(&claims), "org_1 acme org:admin [org:a:p0, org:a:p200]");
}

#[test]
fn p6_5_permissions_a_long_matrix_is_read_at_once() {
    let claims = matrix("o:a", &"p,".repeat(4_000), &"9".repeat(8_000));
    assert!(organization(&claims).len() > 10_000);
}

#[test]
fn p6_5_ages_of_the_factors_row_by_row() {
    let ages = |fva: Value| AuthClaims::new(&object(json!({"fva": fva}))).factor_ages();
    let both = |first, second| Some(FactorAges { first, second });
    assert_eq!(ages(json!([0, -1])), both(Some(0.0), None));
    assert_eq!(ages(json!([-1, 7.5])), both(None, Some(7.5)));
    assert_eq!(ages(json!([-1, -1])), both(None, None));
    let malformed = [
        json!([-2, 0]),
        json!([0, -0.5]),
        json!(["0", 0]),
        json!([null, 0]),
        json!([0]),
        json!([0, 0, 0]),
        json!([]),
        json!({"0": 0, "1": 0}),
        json!(5),
        json!("0,0"),
        Value::Null,
    ];
    for fva in malformed {
        assert_eq!(ages(fva.clone()), None, "{fva}");
    }
    assert_eq!(AuthClaims::new(&Map::new()).factor_ages(), None);
}

#[test]
fn p6_5_subject_status_and_actor() {
    let claims =
        object(json!({"sub": "user_1", "sid": "sess_1", "sts": "pending", "act": {"sub": "user_2"}}));
    let view = AuthClaims::new(&claims);
    assert_eq!((view.user_id(), view.session_id()), (Some("user_1"), Some("sess_1")));
    assert_eq!((view.session_status(), view.is_pending()), (Some("pending"), true));
    assert_eq!(view.actor(), Some(&json!({"sub": "user_2"})));
    for (sts, pending) in [(json!("active"), false), (json!("Pending"), false), (json!(["pending"]), false)] {
        assert_eq!(AuthClaims::new(&object(json!({"sts": sts}))).is_pending(), pending);
    }
    let claims = object(json!({"sub": "", "act": "user_2"}));
    let view = AuthClaims::new(&claims);
    assert_eq!((view.user_id(), view.session_id(), view.session_status()), (None, None, None));
    assert_eq!(view.actor(), Some(&json!("user_2")), "nobody acts unseen for another's type");
    assert_eq!(AuthClaims::new(&object(json!({"act": null}))).actor(), None);
}

/// Halves a decimal number digit by digit: the slow way to its bits.
fn bits(decimal: &str) -> Vec<bool> {
    let mut digits: Vec<u8> = decimal.bytes().map(|byte| byte - b'0').collect();
    let mut bits = Vec::new();
    while digits.iter().any(|digit| *digit != 0) {
        bits.push(digits.last().is_some_and(|digit| digit % 2 == 1));
        let mut rest = 0;
        for digit in &mut digits {
            let value = rest * 10 + *digit;
            *digit = value / 2;
            rest = value % 2;
        }
    }
    bits
}

/// Names of claims and members that mean something somewhere.
const NAMES: &str = "v o sub sid sts fva act fea pla org_id org_slug org_role org_permissions id slg rol per fpm \
    jti aud scopes scp scope subject name claims client_id expiration created_at exp iat revoked expired";
/// Texts that mean something somewhere.
const TEXTS: &str = " 2 user_1 org_1 o:a,u:b a org:admin 1,7 read,write pending org:a:read : ,";

/// Any JSON, with the names that mean something more often than others.
pub(crate) fn any_claims() -> impl Strategy<Value = Map<String, Value>> {
    let word = |words: &'static str| prop::sample::select(words.split(' ').collect::<Vec<_>>());
    let names = move || word(NAMES);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..70_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word(TEXTS).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    });
    let claims = prop::collection::btree_map(names(), value, 0..10);
    (any::<bool>(), claims).prop_map(|(second, claims)| {
        let mut claims: Map<_, _> =
            claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if second {
            claims.insert("v".to_owned(), json!(2));
        }
        claims
    })
}

proptest! {
    #[test]
    fn p6_5_any_claims_give_an_answer(claims in any_claims()) {
        let view = AuthClaims::new(&claims);
        let organization = view.organization();
        let _ = (view.factor_ages(), view.actor(), view.is_pending());
        prop_assert!(!view.has(&Check::default()));
        if let Ok(Some(own)) = &organization {
            prop_assert!(!own.id.is_empty());
        }
        for name in ["org:admin", "org:a:read", "a", ""] {
            let member = matches!(organization, Ok(Some(_)));
            prop_assert!(member || !view.has(&Check::role(name)));
            prop_assert!(member || !view.has(&Check::permission(name)));
        }
    }

    #[test]
    fn p6_5_permissions_are_the_bits_of_the_matrix(
        rows in prop::collection::vec(prop_oneof!["[0-9]{1,60}", "[0-9]{0,3}[ x-][0-9]{1,3}"], 1..4), columns in 1..180_usize,
    ) {
        let features: Vec<String> = (0..rows.len()).map(|index| format!("o:f{index}")).collect();
        let names: Vec<String> = (0..columns).map(|index| format!("p{index}")).collect();
        let claims = matrix(&features.join(","), &names.join(","), &rows.join(","));
        let view = AuthClaims::new(claims.as_object().unwrap());
        let mut expected = Vec::new();
        for (row, decimal) in rows.iter().map(|row| row.trim_matches(' ')).enumerate() {
            let decimal = if decimal.bytes().all(|byte| byte.is_ascii_digit()) { decimal } else { "" };
            let granted = bits(decimal).into_iter().take(columns).enumerate().filter(|(_, bit)| *bit);
            expected.extend(granted.map(|(column, _)| format!("org:f{row}:p{column}")));
        }
        prop_assert_eq!(view.organization().unwrap().unwrap().permissions, expected);
    }
}
