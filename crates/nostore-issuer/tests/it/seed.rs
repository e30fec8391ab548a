//! Seeds: what they add, what they refuse and how they say it.

use std::fmt::Write as _;
use std::fs;

use nostore_issuer::Server;
use nostore_issuer::core::{Change, Mode, SeedError};
use serde_json::json;

use crate::data_dir::{config, fresh};
use crate::world::{NOW, World};

/// Everything that a seed may have.
const FULL: &str = r#"{
    "users": [{ "email": "Carol@example.com", "name": "Carol", "features": ["beta"], "plan": "free" },
              { "id": "user_dave", "email": "dave@example.com" }],
    "organizations": [{ "id": "org_1", "slug": "acme", "name": "Acme", "plan": "pro", "features": ["invoices"],
        "members": [{ "user": "carol@example.com", "role": "org:admin", "permissions": ["org:invoices:read"] },
                    { "user": "user_dave" }] }],
    "machines": [{ "id": "mch_reports", "secret_key": "ak_reports_0123456789" }],
    "api_keys": [{ "name": "ci", "secret": "ak_ci_0123456789", "subject": "acme", "scopes": ["read"],
                   "claims": { "a": 1 }, "expires_at": 1900000000 }],
    "m2m_tokens": [{ "name": "nightly", "token": "mt_0123456789", "subject": "mch_reports" }],
    "oauth_tokens": [{ "name": "app", "access_token": "oat_0123456789", "client_id": "app", "subject": "user_dave" }],
    "jwt_templates": [{ "name": "hasura", "claims": { "aud": "hasura" }, "lifetime": 600 }],
    "sessions": [{ "id": "sess_carol", "user": "carol@example.com", "organization": "acme",
                   "client": "0123456789abcdef" }]
}"#;

fn refusal(text: &str) -> SeedError {
    let world = World::new(Mode::Test);
    world.issuer.seed(text, NOW, &mut || [7; 32]).unwrap_err()
}

#[test]
fn a_seed_adds_everything_once() {
    for (mode, token) in [(Mode::Test, "dvb_0123456789abcdef"), (Mode::Live, "cl_0123456789abcdef")] {
        let mut world = World::new(mode);
        world.sow(FULL);
        let state = world.issuer.state();
        assert_eq!(state.user_count(), 4);
        assert_eq!(state.user_by_email("carol@example.com").unwrap().id, "user_carol_example_com");
        assert_eq!(state.membership("org_1", "user_dave").unwrap().role, "org:member");
        assert_eq!((state.machines().len(), state.machine_tokens().len()), (1, 3));
        assert!(state.machine_tokens().any(|token| token.subject == "org_1"));
        let session = world.session_of(token);
        assert_eq!((session.id.as_str(), session.organization_id.as_deref()), ("sess_carol", Some("org_1")));
        let again = world.issuer.seed(FULL, NOW.plus_secs(9), &mut || panic!("no new session")).unwrap();
        assert!(again.is_empty(), "{again:?}");
    }
}

/// What differs is updated, and everything else stays.
#[test]
fn a_changed_seed_updates_what_it_names() {
    let mut world = World::new(Mode::Test);
    world.sow(FULL);
    world.backend("POST", "/v1/sessions/sess_carol/revoke", "");
    let changed = FULL.replace("\"name\": \"Carol\"", "\"name\": \"Caroline\"").replace("\"pro\"", "\"max\"");
    let changes = world.issuer.seed(&changed, NOW.plus_secs(9), &mut || panic!("no new session")).unwrap();
    let names: Vec<String> = changes.iter().map(|change| format!("{change:?}")).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(matches!(&changes[0], Change::PutUser(user)
        if user.name.as_deref() == Some("Caroline") && user.created_at == NOW));
    assert!(matches!(&changes[1], Change::PutOrganization(organization)
        if organization.entitled.plan.as_deref() == Some("max")));
    world.sow(r#"{"users":[{"email":"alice@example.com","name":"Alicia"}]}"#);
    let alice = world.issuer.state().user("user_alice").unwrap();
    assert_eq!(alice.name.as_deref(), Some("Alicia"), "who is there already keeps the identifier");
    world.sow("{}");
    assert_eq!(world.issuer.state().user_count(), 4);
}

/// Seeds with one mistake each.
fn mistakes() -> Vec<String> {
    let user = |value: serde_json::Value| json!({ "users": [value] }).to_string();
    let organization = |value: serde_json::Value| json!({ "organizations": [value] }).to_string();
    let member = |value: serde_json::Value| organization(json!({ "slug": "acme", "members": [value] }));
    let key = |value: serde_json::Value| json!({ "api_keys": [value] }).to_string();
    let session = |value: serde_json::Value| json!({ "sessions": [value] }).to_string();
    let many: Vec<String> = (0..129).map(|number| format!("org:f:p{number}")).collect();
    let secret = "ak_0123456789";
    vec![
        String::new(),
        "{\n  \"users\": [,]\n}".to_owned(),
        "[]".to_owned(),
        json!({ "user": [] }).to_string(),
        json!({ "users": {} }).to_string(),
        json!({ "users": ["alice"] }).to_string(),
        user(json!({})),
        user(json!({ "email": 7 })),
        user(json!({ "email": "nobody" })),
        user(json!({ "email": "x@y", "mail": "z" })),
        user(json!({ "email": "x@y", "id": "x" })),
        user(json!({ "email": "x@y", "id": "user_" })),
        user(json!({ "email": "alice@example.com", "id": "user_other" })),
        user(json!({ "email": "x@y", "name": "" })),
        user(json!({ "email": "x@y", "features": ["a,b"] })),
        user(json!({ "email": "x@y", "plan": "a:b" })),
        json!({ "users": [{ "email": "x@y" }, { "email": "X@Y" }] }).to_string(),
        json!({ "users": [{ "email": "a.b@y" }, { "email": "a_b@y" }] }).to_string(),
        organization(json!({ "name": "Acme" })),
        organization(json!({ "slug": "Acme" })),
        json!({ "organizations": [{ "slug": "a" }, { "slug": "a", "id": "org_b" }] }).to_string(),
        member(json!({ "user": "nobody@example.com" })),
        member(json!({ "user": "user_bob", "role": "admin" })),
        member(json!({ "user": "user_bob", "permissions": ["invoices:read"] })),
        member(json!({ "user": "user_bob", "permissions": many })),
        json!({ "machines": [{ "id": "mch_a", "secret_key": "short" }] }).to_string(),
        json!({ "machines": [{ "id": "reports", "secret_key": "ak_0123456789" }] }).to_string(),
        key(json!({ "secret": secret, "subject": "user_bob" })),
        key(json!({ "name": "ci", "secret": "sk_0123456789", "subject": "user_bob" })),
        key(json!({ "name": "ci", "secret": secret, "subject": "mch_a" })),
        key(json!({ "name": "ci", "secret": secret, "subject": "user_bob", "expires_at": "tomorrow" })),
        key(json!({ "name": "ci", "secret": secret, "subject": "user_bob", "expires_at": -1 })),
        key(json!({ "name": "ci", "secret": secret, "subject": "user_bob", "claims": [] })),
        json!({ "api_keys": [{ "name": "a", "secret": secret, "subject": "user_bob" },
                             { "name": "b", "secret": secret, "subject": "user_bob" }] })
        .to_string(),
        json!({ "oauth_tokens": [{ "name": "a", "access_token": "oat_0123456789", "subject": "user_bob" }] })
            .to_string(),
        json!({ "jwt_templates": [{ "claims": {} }] }).to_string(),
        json!({ "jwt_templates": [{ "name": "a", "lifetime": 0 }] }).to_string(),
        session(json!({ "user": "user_bob", "client": "0123456789abcdef" })),
        session(json!({ "id": "sess_a", "user": "user_bob", "client": "0123456789abcde" })),
        session(json!({ "id": "sess_a", "user": "user_bob", "client": "dvb_0123456789abcdef" })),
        session(
            json!({ "id": "sess_a", "user": "user_bob", "organization": "acme", "client": "0123456789abcdef" }),
        ),
    ]
}

#[test]
fn each_mistake_is_one_sentence_that_says_where() {
    let mut table = String::new();
    for text in mistakes() {
        let error = refusal(&text);
        let said = error.to_string();
        assert!(!said.contains('\n') && !said.contains("0123456789"), "{said}");
        let _ = writeln!(table, "{}: {said}", error.code());
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_server_reads_its_seed_at_every_start() {
    let path = fresh("seed");
    fs::create_dir_all(&path).unwrap();
    let file = path.with_extension("json");
    let mut with_seed = config(&path, Mode::Test);
    with_seed.seed = Some(file.clone());

    let _ = fs::remove_file(&file);
    let error = Server::open(with_seed.clone()).unwrap_err();
    assert_eq!(error.code(), "seed-file");
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");

    fs::write(&file, r#"{"users":[{"email":"nobody"}]}"#).unwrap();
    let error = Server::open(with_seed.clone()).unwrap_err();
    assert_eq!(error.code(), "seed-unexpected");
    assert!(error.to_string().contains("at `users[0].email`: expected an address"), "{error}");

    fs::write(&file, FULL).unwrap();
    let counts = || {
        let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        [
            "users",
            "organizations",
            "memberships",
            "sessions",
            "clients",
            "machines",
            "machine_tokens",
            "templates",
        ]
        .map(count)
    };
    // A row that is written again gets a new number: what is read back is what the seed says.
    let numbers = || {
        let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
        let number = |table: &str| {
            let sql = format!("SELECT max(rowid) FROM {table}");
            database.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        ["memberships", "machines", "machine_tokens", "templates"].map(number)
    };
    for _ in 0..3 {
        drop(Server::open(with_seed.clone()).unwrap());
        assert_eq!(counts(), [4, 1, 2, 1, 1, 1, 3, 1]);
        assert_eq!(numbers(), [2, 1, 3, 1]);
    }
    let again = Server::open(config(&path, Mode::Test)).unwrap();
    drop(again);
    assert_eq!(counts(), [4, 1, 2, 1, 1, 1, 3, 1]);
}
