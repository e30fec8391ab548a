//! What a visitor may do (6.5: `has`).

use std::fmt::Write as _;

use nostore_session::{AuthClaims, Check, FactorLevel, Reverification};
use serde_json::{Value, json};

use crate::kit::{object, with};

fn has(claims: &Value, check: &Check) -> bool {
    AuthClaims::new(claims.as_object().unwrap()).has(check)
}

/// A visitor with all that can be asked, in the second form.
fn visitor() -> Value {
    json!({
        "v": 2, "sub": "user_1", "fva": [5, 5],
        "fea": "o:dash,u:imp,ou:both", "pla": "o:team,u:pro",
        "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "read,write", "fpm": "1,3"},
    })
}

fn everything() -> Check {
    Check::role("org:admin")
        .and(Check::permission("org:dash:read"))
        .and(Check::feature("dash"))
        .and(Check::plan("team"))
        .and(Check::reverification(Reverification::Strict))
}

#[test]
fn p6_5_roles_and_permissions_row_by_row() {
    let first = |role: &str, permissions: Value| json!({"sub": "user_1", "org_id": "org_1", "org_role": role, "org_permissions": permissions});
    let role = Check::role;
    let permission = Check::permission;
    let rows = [
        ("a role", first("org:admin", json!([])), role("org:admin"), true),
        ("its prefix left out", first("org:admin", json!([])), role("admin"), true),
        ("its prefix twice", first("org:admin", json!([])), role("org:org:admin"), true),
        ("a token without prefix", first("admin", json!([])), role("org:admin"), true),
        ("another role", first("org:member", json!([])), role("org:admin"), false),
        ("case counts", first("org:Admin", json!([])), role("org:admin"), false),
        ("no role in the token", first("", json!([])), role(""), false),
        ("a role of the second form", visitor(), role("admin"), true),
        ("a permission", first("", json!(["org:a:read"])), permission("org:a:read"), true),
        ("its prefix left out", first("", json!(["org:a:read"])), permission("a:read"), true),
        ("its prefix missing in the token", first("", json!(["a:read"])), permission("a:read"), false),
        ("its prefix twice in the token", first("", json!(["org:org:a"])), permission("org:org:a"), false),
        ("another permission", first("", json!(["org:a:read"])), permission("org:a:write"), false),
        ("permissions as a text", first("", json!("org:a:read")), permission("org:a:read"), false),
        ("a permission of the second form", visitor(), permission("org:both:write"), true),
        ("one that is not granted", visitor(), permission("org:dash:write"), false),
        ("one of a user's feature", visitor(), permission("org:imp:read"), false),
        ("no organization", json!({"sub": "user_1", "org_role": "org:admin"}), role("admin"), false),
        ("nobody", with(first("org:admin", json!([])), json!({"sub": ""})), role("admin"), false),
        (
            "a number for somebody",
            with(first("org:admin", json!([])), json!({"sub": 1})),
            role("admin"),
            false,
        ),
    ];
    for (name, claims, check, expected) in rows {
        assert_eq!(has(&claims, &check), expected, "{name}");
    }
}

#[test]
fn p6_5_features_and_plans_row_by_row() {
    let claims =
        json!({"sub": "user_1", "fea": "o:dash, u:imp ,ou:both,uo:two,x:no,o:a:b,o:", "pla": "u:pro,o:team"});
    let asked = [
        "dash",
        "o:dash",
        "org:dash",
        "organization:dash",
        "u:dash",
        "user:dash",
        "imp",
        "u:imp",
        "user:imp",
        "o:imp",
        "both",
        "o:both",
        "u:both",
        "o:two",
        "u:two",
        "no",
        "x:no",
        "O:dash",
        "Dash",
        "a:b",
        "o:a:b",
        "o:a",
        "dash:",
        "dash:dash",
        "",
        "o:",
        "u:",
        ":",
        ":dash",
        "pro",
    ];
    let mut table = String::new();
    for name in asked {
        let (feature, plan) = (has(&claims, &Check::feature(name)), has(&claims, &Check::plan(name)));
        writeln!(table, "{name:20}feature {feature:5}  plan {plan:5}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn p6_5_malformed_and_missing_lists_deny() {
    for list in [
        json!(null),
        json!(""),
        json!(1),
        json!(["o:dash"]),
        json!({"o": "dash"}),
        json!("dash"),
        json!("o:dash,x"),
    ] {
        let claims = json!({"sub": "user_1", "fea": list, "pla": list});
        assert!(!has(&claims, &Check::feature("dash")), "{list}");
        assert!(!has(&claims, &Check::plan("dash")), "{list}");
    }
    // What the organization cannot be computed from denies everything.
    let claims = with(visitor(), json!({"fea": "o:dash,x"}));
    assert!(!has(&claims, &Check::plan("team")));
    assert!(has(&with(claims, json!({"v": 1})), &Check::plan("team")));
}

#[test]
fn p6_5_dimensions_must_all_pass_and_one_must_be_asked() {
    assert!(has(&visitor(), &everything()));
    assert!(!has(&visitor(), &Check::default()));
    let lacking = [
        ("subject", json!({"sub": null})),
        ("organization", json!({"o": null})),
        ("role", json!({"o": {"id": "org_1", "rol": "member", "per": "read", "fpm": "1"}})),
        ("permission", json!({"o": {"id": "org_1", "rol": "admin", "per": "read", "fpm": "0"}})),
        ("feature", json!({"fea": "o:other"})),
        ("plan", json!({"pla": "o:free"})),
        ("verification", json!({"fva": [5, 10]})),
    ];
    for (name, change) in lacking {
        assert!(!has(&with(visitor(), change), &everything()), "{name}");
    }
    let both = Check::permission("both:read").and(Check::permission("both:write"));
    assert!(has(&visitor(), &both));
    assert!(
        !has(&visitor(), &both.and(Check::permission("dash:write"))),
        "also of one kind every one must pass"
    );
}

#[test]
fn p6_5_verification_before_at_and_after() {
    let limits = [
        (Reverification::StrictMfa, 10.0),
        (Reverification::Strict, 10.0),
        (Reverification::Moderate, 60.0),
        (Reverification::Lax, 1_440.0),
        (Reverification::Custom { level: FactorLevel::First, after_minutes: 3 }, 3.0),
    ];
    for (wanted, limit) in limits {
        let check = Check::reverification(wanted);
        let fresh = |age: f64| has(&json!({"sub": "user_1", "fva": [age, age]}), &check);
        assert_eq!(
            [fresh(limit - 0.5), fresh(limit), fresh(limit + 0.5)],
            [true, false, false],
            "{wanted:?}"
        );
    }
    let never = Check::reverification(Reverification::Custom { level: FactorLevel::First, after_minutes: 0 });
    assert!(!has(&json!({"sub": "user_1", "fva": [0, 0]}), &never));
}

#[test]
fn p6_5_factor_which_counts_row_by_row() {
    let mut table = String::new();
    let ages = [
        json!([1, 1]),
        json!([1, 99]),
        json!([99, 1]),
        json!([99, 99]),
        json!([1, -1]),
        json!([99, -1]),
        json!([-1, 1]),
        json!([-1, 99]),
        json!([-1, -1]),
        json!([0, 0]),
        json!([-2, 1]),
        json!([1, -0.5]),
        json!([1]),
        json!([1, 1, 1]),
        json!(["1", 1]),
        json!(1),
        json!(null),
    ];
    for fva in ages {
        let claims = Value::Object(object(json!({"sub": "user_1", "fva": fva})));
        let level = |level| {
            let wanted = Reverification::Custom { level, after_minutes: 10 };
            has(&claims, &Check::reverification(wanted))
        };
        let (first, second, multi) =
            (level(FactorLevel::First), level(FactorLevel::Second), level(FactorLevel::Multi));
        writeln!(table, "{:10}first {first:5}  second {second:5}  multi {multi:5}", fva.to_string()).unwrap();
    }
    insta::assert_snapshot!(table);
}
