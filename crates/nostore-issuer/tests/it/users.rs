//! Users, for sites with the secret key.

use std::fmt::Write as _;

use nostore_issuer::core::{Mode, SessionStatus};
use serde_json::json;

use crate::world::{NOW, World, code, pretty};

#[test]
fn a_user_is_created_found_and_deleted_with_everything() {
    let mut world = World::new(Mode::Test);
    let body =
        json!({ "email_address": ["Carol@Example.com"], "first_name": "Carol", "last_name": "Danvers" });
    let (status, carol) = world.backend("POST", "/v1/users", &body.to_string());
    assert_eq!(status, 200);
    insta::assert_snapshot!(pretty(&carol));
    let id = carol["id"].as_str().unwrap().to_owned();
    assert_eq!(world.backend("GET", &format!("/v1/users/{id}"), ""), (200, carol));
    world.sow(r#"{"organizations":[{"slug":"acme","members":[{"user":"carol@example.com"}]}]}"#);
    let browser = world.sign_in("carol@example.com");
    let session = world.session_of(&browser);

    world.now = NOW.plus_secs(5);
    let (status, gone) = world.backend("DELETE", &format!("/v1/users/{id}"), "");
    assert_eq!((status, &gone), (200, &json!({ "object": "user", "id": id, "deleted": true })));
    assert_eq!(world.backend("GET", &format!("/v1/users/{id}"), "").0, 404);
    assert_eq!(world.backend("DELETE", &format!("/v1/users/{id}"), "").0, 404);
    let state = world.issuer.state();
    assert!(state.session(&session.id).is_none() && state.memberships().len() == 0);
    let client = state.client(&browser).unwrap();
    assert_eq!((client.session_id.as_ref(), client.updated_at), (None, world.now));
    assert!(state.sessions().all(|session| session.status != SessionStatus::Active));
}

#[test]
fn lists_are_filtered_and_paged() {
    let mut world = World::new(Mode::Test);
    for number in 0..12 {
        world.now = NOW.plus_secs(1 + number);
        let body = json!({ "email_address": [format!("u{number}@example.org")] });
        world.backend("POST", "/v1/users", &body.to_string());
    }
    let rows = [
        ("/v1/users", 10),
        ("/v1/users?limit=500", 14),
        ("/v1/users?limit=0", 0),
        ("/v1/users?limit=5&offset=12", 2),
        ("/v1/users?offset=14", 0),
        ("/v1/users?email_address=ALICE%40example.com", 1),
        ("/v1/users?email_address[]=alice%40example.com&email_address[]=bob%40example.com", 2),
        ("/v1/users?user_id=user_bob", 1),
        ("/v1/users?query=example.org&limit=100", 12),
        ("/v1/users?query=ALIC", 1),
        ("/v1/users?query=nobody", 0),
    ];
    for (target, expected) in rows {
        let (status, answer) = world.backend("GET", target, "");
        assert_eq!((status, answer.as_array().map(Vec::len)), (200, Some(expected)), "{target}");
    }
    let first = world.backend("GET", "/v1/users?limit=1", "").1;
    assert_eq!(first[0]["id"], "user_alice", "those who were there first");
    let (_, count) = world.backend("GET", "/v1/users/count?query=example.org", "");
    assert_eq!(count, json!({ "object": "total_count", "total_count": 12 }));
    let (_, wrapped) = world.backend("GET", "/v1/users?paginated=true&limit=2", "");
    assert_eq!((wrapped["data"].as_array().map(Vec::len), &wrapped["total_count"]), (Some(2), &json!(14)));
    for target in ["/v1/users?limit=x", "/v1/users?limit=-1", "/v1/users?offset=1.5"] {
        assert_eq!(world.backend("GET", target, "").0, 422, "{target}");
    }
}

#[test]
fn what_is_no_user_is_refused_with_what_was_expected() {
    let mut world = World::new(Mode::Test);
    let long = "n".repeat(257);
    let rows = [
        ("".to_owned(), 422),
        ("{".to_owned(), 400),
        ("[]".to_owned(), 400),
        (json!({ "email_address": [] }).to_string(), 422),
        (json!({ "email_address": ["a@b", "c@d"] }).to_string(), 422),
        (json!({ "email_address": [1] }).to_string(), 422),
        (json!({ "email_address": "carol" }).to_string(), 422),
        (json!({ "email_address": ["ALICE@example.com"] }).to_string(), 422),
        (json!({ "email_address": ["n@b"], "first_name": 1 }).to_string(), 422),
        (json!({ "email_address": ["n@b"], "first_name": &long[..256] }).to_string(), 200),
        (json!({ "email_address": ["m@b"], "first_name": long }).to_string(), 422),
        (json!({ "email_address": "o@b" }).to_string(), 200),
    ];
    let mut table = String::new();
    for (body, expected) in rows {
        let (status, answer) = world.backend("POST", "/v1/users", &body);
        assert_eq!(status, expected, "{body}: {answer}");
        if status != 200 {
            let _ =
                writeln!(table, "{body:.60} {status} {} {}", code(&answer), answer["errors"][0]["message"]);
        }
    }
    insta::assert_snapshot!(table);
    assert_eq!(world.issuer.state().user_count(), 4);
}
