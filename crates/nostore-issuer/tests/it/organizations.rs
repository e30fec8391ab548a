//! Organizations: who is a member, which one is active, and what tokens say of it.

use std::fmt::Write as _;

use nostore_issuer::core::Mode;
use nostore_message::SetCookie;
use serde_json::{Value, json};

use crate::world::{SITE, World, claims, code, directives, pretty};

const SEED: &str = r#"{
    "users": [{ "email": "alice@example.com", "name": "Alice", "features": ["imp", "both"], "plan": "free" }],
    "organizations": [
        { "slug": "acme", "name": "Acme", "plan": "pro", "features": ["dash", "both"],
          "members": [{ "user": "alice@example.com", "role": "org:admin",
                        "permissions": ["org:dash:read", "org:dash:write", "org:both:delete"] }] },
        { "slug": "beta", "members": [{ "user": "user_alice" }] },
        { "slug": "closed", "members": [{ "user": "user_bob" }] }
    ]
}"#;

struct Visit {
    world: World,
    browser: String,
    session: String,
}

fn alice() -> Visit {
    let mut world = World::new(Mode::Test);
    world.sow(SEED);
    let browser = world.sign_in("alice@example.com");
    let session = world.session_of(&browser).id;
    Visit { world, browser, session }
}

impl Visit {
    fn handshake(&mut self, more: &str) -> Value {
        let target =
            format!("/v1/client/handshake?redirect_url={SITE}/&__clerk_db_jwt={}{more}", self.browser);
        let lines = directives(&self.world.get(&target, &[]));
        let token =
            lines.iter().map(|line| SetCookie::parse(line)).rfind(|cookie| cookie.name == "__session");
        claims(&token.unwrap().value)
    }

    fn script(&mut self, path: &str, form: &str) -> (u16, Value) {
        let target = format!("/v1/client/sessions/{}/{path}?__clerk_db_jwt={}", self.session, self.browser);
        let (answer, body) = self.world.script("POST", &target, form);
        (answer.status, body)
    }

    fn active(&self) -> Option<String> {
        self.world.session_of(&self.browser).organization_id
    }
}

/// The expansion in the protocol's section 6.5, taken back.
#[test]
fn claims_of_the_second_version_say_features_permissions_role_and_plan() {
    let mut visit = alice();
    insta::assert_snapshot!(pretty(&visit.handshake("&organization_id=acme")));
    insta::assert_snapshot!("claims_personal", pretty(&visit.handshake("&organization_id=")));
    let beta = visit.handshake("&organization_id=beta");
    assert_eq!(beta["o"], json!({ "id": "org_beta", "slg": "beta", "rol": "member" }));
}

/// `organization_id` by identifier and slug; what is none of hers keeps the one before.
#[test]
fn a_handshake_activates_an_organization() {
    let rows = [
        ("", Some("org_acme")),
        ("&organization_id=beta", Some("org_beta")),
        ("&organization_id=org_beta", Some("org_beta")),
        ("&organization_id=", None),
        ("&organization_id", None),
        ("&organization_id=closed", Some("org_acme")),
        ("&organization_id=org_none", Some("org_acme")),
        ("&organization_id=BETA", Some("org_acme")),
        ("&organization_id=beta&organization_id=acme", Some("org_beta")),
    ];
    for (more, expected) in rows {
        let mut visit = alice();
        visit.handshake("&organization_id=acme");
        let said = visit.handshake(more);
        assert_eq!(said["o"]["id"].as_str(), expected, "{more}");
        assert_eq!(visit.active().as_deref(), expected, "{more}: the session keeps it");
        assert_eq!(visit.handshake("")["o"]["id"].as_str(), expected, "{more}: the next one, too");
    }
}

#[test]
fn a_token_for_another_organization_leaves_the_session_as_it_is() {
    let rows = [
        ("", 200, Some("org_acme")),
        ("organization_id=beta", 200, Some("org_beta")),
        ("organization_id=", 200, None),
        ("organization_id=closed", 404, None),
        ("organization_id=none", 404, None),
    ];
    for (form, status, expected) in rows {
        let mut visit = alice();
        visit.handshake("&organization_id=acme");
        let (found, answer) = visit.script("tokens", form);
        assert_eq!(found, status, "{form}: {answer}");
        if status == 200 {
            let said = claims(answer["jwt"].as_str().unwrap());
            assert_eq!((said["o"]["id"].as_str(), &said["azp"]), (expected, &json!(SITE)), "{form}");
        } else {
            assert_eq!(code(&answer), "organization_not_found_or_unauthorized");
        }
        assert_eq!(visit.active().as_deref(), Some("org_acme"), "{form}");
    }
}

#[test]
fn a_touch_activates_an_organization() {
    let rows = [
        ("", 200, Some("org_acme")),
        ("active_organization_id=beta", 200, Some("org_beta")),
        ("active_organization_id=", 200, None),
        ("active_organization_id=closed", 404, Some("org_acme")),
    ];
    for (form, status, expected) in rows {
        let mut visit = alice();
        visit.handshake("&organization_id=acme");
        let (found, answer) = visit.script("touch", form);
        assert_eq!((found, visit.active().as_deref()), (status, expected), "{form}");
        if status == 200 {
            let session = &answer["response"];
            assert_eq!(session["last_active_organization_id"].as_str(), expected, "{form}");
            let said = claims(session["last_active_token"]["jwt"].as_str().unwrap());
            assert_eq!(said["o"]["id"].as_str(), expected, "{form}");
            assert_eq!(answer["client"]["sessions"][0]["last_active_organization_id"].as_str(), expected);
        }
    }
}

/// Who is taken out of an organization loses it with the next token.
#[test]
fn the_end_of_a_membership_shows_in_the_next_token() {
    let mut visit = alice();
    visit.handshake("&organization_id=acme");
    let (status, _) = visit.world.backend("DELETE", "/v1/organizations/acme/memberships/user_alice", "");
    assert_eq!(status, 200);
    assert!(visit.handshake("").get("o").is_none());
    let mut visit = alice();
    visit.handshake("&organization_id=acme");
    assert_eq!(visit.world.backend("DELETE", "/v1/organizations/org_acme", "").0, 200);
    assert!(visit.handshake("").get("o").is_none());
    assert_eq!(visit.world.issuer.state().memberships().len(), 2);
}

#[test]
fn organizations_for_sites() {
    let mut world = World::new(Mode::Test);
    let body = r#"{"name":"Acme & Sons","created_by":"user_alice"}"#;
    let (status, acme) = world.backend("POST", "/v1/organizations", body);
    assert_eq!((status, &acme["slug"]), (200, &json!("acme-sons")));
    insta::assert_snapshot!("organization", pretty(&acme));
    assert_eq!(acme["members_count"], 0, "as of before");
    let (_, again) = world.backend("GET", "/v1/organizations/acme-sons", "");
    assert_eq!(again["members_count"], 1);
    let member = r#"{"user_id":"user_bob","role":"org:billing","permissions":["org:invoices:read"]}"#;
    assert_eq!(world.backend("POST", "/v1/organizations/acme-sons/memberships", member).0, 200);
    let (_, members) = world.backend("GET", "/v1/organizations/acme-sons/memberships", "");
    insta::assert_snapshot!("memberships", pretty(&members));
    assert_eq!(world.backend("GET", "/v1/organizations", "").1["total_count"], 1);
}

#[test]
fn what_is_no_organization_and_no_member() {
    let mut world = World::new(Mode::Test);
    world.sow(SEED);
    let many: Vec<String> = (0..129).map(|number| format!("org:f:p{number}")).collect();
    let member = |permissions: &[String]| {
        json!({ "user_id": "user_bob", "role": "org:x", "permissions": permissions }).to_string()
    };
    let rows = [
        ("/v1/organizations", "{}".to_owned()),
        ("/v1/organizations", r#"{"name":""}"#.to_owned()),
        ("/v1/organizations", json!({ "name": "n".repeat(257) }).to_string()),
        ("/v1/organizations", json!({ "name": "n".repeat(256) }).to_string()),
        ("/v1/organizations", r#"{"name":"x","slug":"Not a slug"}"#.to_owned()),
        ("/v1/organizations", r#"{"name":"x","slug":"acme"}"#.to_owned()),
        ("/v1/organizations", r#"{"name":"x","slug":"org_acme"}"#.to_owned()),
        ("/v1/organizations", r#"{"name":"x","created_by":"user_none"}"#.to_owned()),
        ("/v1/organizations/none/memberships", "{}".to_owned()),
        ("/v1/organizations/acme/memberships", r#"{"user_id":"user_none","role":"org:x"}"#.to_owned()),
        ("/v1/organizations/acme/memberships", r#"{"user_id":"user_bob","role":"admin"}"#.to_owned()),
        ("/v1/organizations/acme/memberships", member(&["dash:read".to_owned()])),
        ("/v1/organizations/acme/memberships", member(&["org:a,b:read".to_owned()])),
        ("/v1/organizations/acme/memberships", member(&many[..128])),
        ("/v1/organizations/acme/memberships", member(&many)),
    ];
    let mut table = String::new();
    for (path, body) in rows {
        let (status, answer) = world.backend("POST", path, &body);
        let what = if status == 200 { "made" } else { code(&answer) };
        let _ = writeln!(table, "{path} {body:.60} {status} {what} {}", answer["errors"][0]["message"]);
    }
    insta::assert_snapshot!(table);
}

/// One bit for each permission, as many as there may be.
#[test]
fn the_last_permission_has_its_bit() {
    let mut world = World::new(Mode::Test);
    let many: Vec<String> = (0..128).map(|number| format!("org:f:p{number}")).collect();
    let seed = json!({ "organizations": [{ "slug": "acme", "members": [
        { "user": "user_alice", "permissions": many },
    ] }] });
    world.sow(&seed.to_string());
    let browser = world.sign_in("alice@example.com");
    let mut visit = Visit { session: world.session_of(&browser).id, browser, world };
    let said = visit.handshake("&organization_id=acme");
    assert_eq!(said["o"]["fpm"], u128::MAX.to_string());
    assert_eq!(said["fea"], "o:f");
}
