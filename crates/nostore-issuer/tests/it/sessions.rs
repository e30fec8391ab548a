//! Sessions and clients, for sites with the secret key.

use nostore_issuer::core::{Mode, SessionStatus};
use serde_json::{Value, json};

use crate::world::{NOW, World, claims, code, pretty};

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|session| session["id"].as_str().unwrap()).collect()
}

#[test]
fn a_session_is_made_listed_read_and_revoked() {
    let mut world = World::new(Mode::Test);
    let (status, session) = world.backend("POST", "/v1/sessions", r#"{"user_id":"user_alice"}"#);
    assert_eq!(status, 200);
    insta::assert_snapshot!(pretty(&session));
    let id = session["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{id}");
    assert_eq!(world.backend("GET", &path, ""), (200, session));
    world.now = NOW.plus_secs(1);
    let bob = world.sign_in("bob@example.com");
    let bobs = world.session_of(&bob).id;

    assert_eq!(ids(&world.backend("GET", "/v1/sessions", "").1), [bobs.as_str(), id.as_str()]);
    let client = world.issuer.state().session(&id).unwrap().client_id.clone();
    for (query, expected) in [
        ("user_id=user_alice".to_owned(), vec![id.as_str()]),
        ("user_id=user_none".to_owned(), vec![]),
        (format!("client_id={client}"), vec![id.as_str()]),
        ("status=active&user_id=user_bob".to_owned(), vec![bobs.as_str()]),
        ("status=revoked".to_owned(), vec![]),
        ("limit=1".to_owned(), vec![bobs.as_str()]),
        ("limit=1&offset=1".to_owned(), vec![id.as_str()]),
    ] {
        assert_eq!(ids(&world.backend("GET", &format!("/v1/sessions?{query}"), "").1), expected, "{query}");
    }
    assert_eq!(world.backend("GET", "/v1/sessions?status=nope", "").0, 422);

    world.now = NOW.plus_secs(9);
    let (status, revoked) = world.backend("POST", &format!("{path}/revoke"), "");
    assert_eq!((status, &revoked["status"]), (200, &json!("revoked")));
    assert_eq!(revoked["updated_at"], world.now.millis());
    assert_eq!(world.backend("GET", &path, "").1, revoked, "it is remembered");
    assert_eq!(ids(&world.backend("GET", "/v1/sessions?status=revoked", "").1), [id.as_str()]);
    assert_eq!(world.backend("POST", &format!("{path}/revoke"), "").0, 404, "revoking twice");
    assert_eq!(world.backend("POST", &format!("{path}/tokens"), "").0, 404);
    assert_eq!(world.issuer.state().session(&bobs).unwrap().status, SessionStatus::Active);
}

#[test]
fn what_makes_no_session() {
    let mut world = World::new(Mode::Test);
    world.sow(r#"{"organizations":[{"slug":"acme","members":[{"user":"user_bob"}]}]}"#);
    for (body, status, expected) in [
        ("", 422, "form_param_missing"),
        (r#"{"user_id":"user_none"}"#, 404, "resource_not_found"),
        (
            r#"{"user_id":"user_alice","active_organization_id":"acme"}"#,
            404,
            "organization_not_found_or_unauthorized",
        ),
    ] {
        let (found, answer) = world.backend("POST", "/v1/sessions", body);
        assert_eq!((found, code(&answer)), (status, expected), "{body}");
    }
    assert_eq!(world.issuer.state().sessions().len(), 0);
    let body = r#"{"user_id":"user_bob","active_organization_id":"acme"}"#;
    assert_eq!(world.backend("POST", "/v1/sessions", body).1["last_active_organization_id"], "org_acme");
}

#[test]
fn a_site_gets_tokens_of_the_lifetime_it_asks_for() {
    let mut world = World::new(Mode::Test);
    let browser = world.sign_in("alice@example.com");
    let path = format!("/v1/sessions/{}/tokens", world.session_of(&browser).id);
    for (body, lifetime) in [
        ("", Some(60)),
        ("{}", Some(60)),
        (r#"{"expires_in_seconds":0}"#, None),
        (r#"{"expires_in_seconds":1}"#, Some(1)),
        (r#"{"expires_in_seconds":315360000}"#, Some(315_360_000)),
        (r#"{"expires_in_seconds":315360001}"#, None),
        (r#"{"expires_in_seconds":"60"}"#, None),
        (r#"{"expires_in_seconds":1.5}"#, None),
    ] {
        let (status, answer) = world.backend("POST", &path, body);
        match lifetime {
            Some(secs) => {
                let said = claims(answer["jwt"].as_str().unwrap());
                assert_eq!(said["exp"].as_i64(), Some(NOW.secs() + secs), "{body}");
                assert!(said.get("azp").is_none(), "it is for no site");
            }
            None => assert_eq!((status, code(&answer)), (422, "form_param_format_invalid"), "{body}"),
        }
    }
}

const TEMPLATES: &str = r#"{
    "organizations": [{ "slug": "acme", "members": [{ "user": "user_alice", "role": "org:admin" }] }],
    "jwt_templates": [
        { "name": "hasura", "lifetime": 600, "claims": { "sub": "nobody", "aud": "hasura",
          "who": ["{{user.id}} {{user.email}}", { "in": "{{org.id}}/{{org.slug}}/{{org.role}}" }], "n": 7 } },
        { "name": "bare" }
    ]
}"#;

/// A template shapes the claims, but not who it is and how long; no site takes it for a session.
#[test]
fn a_template_shapes_tokens_for_other_services() {
    let mut world = World::new(Mode::Test);
    world.sow(TEMPLATES);
    let browser = world.sign_in("alice@example.com");
    let id = world.session_of(&browser).id;
    let (_, answer) = world.backend("POST", &format!("/v1/sessions/{id}/tokens/hasura"), "");
    insta::assert_snapshot!("template_personal", pretty(&answer));
    let target = format!("/v1/client/sessions/{id}/tokens/hasura?__clerk_db_jwt={browser}");
    let (_, answer) = world.script("POST", &target, "organization_id=acme");
    insta::assert_snapshot!("template_organization", pretty(&answer));
    for (body, lifetime) in [("", 60), (r#"{"expires_in_seconds":5}"#, 5)] {
        let (_, answer) = world.backend("POST", &format!("/v1/sessions/{id}/tokens/bare"), body);
        let said = claims(answer["jwt"].as_str().unwrap());
        assert_eq!(said["exp"].as_i64(), Some(NOW.secs() + lifetime), "{body}");
        assert!(said.get("sid").is_none() && said.get("v").is_none(), "{said}");
    }
    for path in [format!("/v1/sessions/{id}/tokens/none"), format!("/v1/sessions/{id}/tokens/")] {
        assert_eq!(world.backend("POST", &path, "").0, 404, "{path}");
    }
    let (answer, body) =
        world.script("POST", &format!("/v1/client/sessions/{id}/tokens/none?__clerk_db_jwt={browser}"), "");
    assert_eq!((answer.status, code(&body)), (404, "resource_not_found"));
    assert_eq!(world.issuer.keys().current().longest_secs, 600, "the key stays for it");
}

#[test]
fn a_client_is_known_by_its_token() {
    for mode in [Mode::Test, Mode::Live] {
        let mut world = World::new(mode);
        let browser = world.sign_in("alice@example.com");
        let session = world.session_of(&browser);
        let body = json!({ "token": browser }).to_string();
        let (status, client) = world.backend("POST", "/v1/clients/verify", &body);
        assert_eq!((status, &client["session_ids"]), (200, &json!([session.id])), "{mode:?}");
        assert!(!client.to_string().contains(&browser) && !client.to_string().contains("eyJ"), "{client}");
        let (status, _) = world.backend("POST", "/v1/clients/verify", r#"{"token":"dvb_none"}"#);
        assert_eq!(status, 404);
    }
}

/// Sessions that are over are remembered, but not for ever.
#[test]
fn sessions_are_bounded() {
    let mut world = World::new(Mode::Test);
    let browser = world.sign_in("alice@example.com");
    let template = world.session_of(&browser);
    for number in 1..20_000 {
        let mut over = template.clone();
        over.id = format!("sess_{number}");
        over.status = SessionStatus::Ended;
        over.updated_at = NOW.plus_secs(-number);
        world.issuer.apply(&[nostore_issuer::core::Change::PutSession(over)]);
    }
    assert_eq!(world.issuer.state().sessions().len(), 20_000);
    world.post("/sign-in", &[], &format!("email=bob%40example.com&__clerk_db_jwt={browser}"));
    assert_eq!(world.issuer.state().sessions().len(), 20_000);
    assert!(world.issuer.state().session("sess_19999").is_none(), "the one that ended first made room");
    assert!(world.issuer.state().session("sess_19998").is_some());
}
