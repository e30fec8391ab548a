//! The Frontend API: what the browser's script asks for.

use std::fmt::Write as _;

use nostore_issuer::core::{Mode, SessionStatus};
use serde_json::{Value, json};

use crate::world::{NOW, SITE, World, claims, code, cookies, pretty, show};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[test]
fn the_client_with_its_session_and_a_token() {
    let mut world = World::new(Mode::Test);
    let browser = world.sign_in("alice@example.com");
    world.now = NOW.plus_secs(90);
    let (answer, body) = world.script("GET", &format!("/v1/client?__clerk_db_jwt={browser}"), "");
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(format!("{}\n{}", show(&answer), pretty(&body)));
    let said = claims(body["response"]["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap());
    assert_eq!((&said["azp"], &said["fva"]), (&json!(SITE), &json!([1, -1])));
}

#[test]
fn a_browser_that_is_not_known_starts_afresh() {
    for path in
        ["client", "client/sessions/sess_x", "client/sessions/sess_x/tokens", "client/sessions/sess_x/touch"]
    {
        for query in ["", "__clerk_db_jwt=", "__clerk_db_jwt=dvb_none", "__clerk_db_jwt=cl_none"] {
            let mut world = World::new(Mode::Test);
            let method = if path.ends_with("tokens") || path.ends_with("touch") { "POST" } else { "GET" };
            let (answer, body) = world.script(method, &format!("/v1/{path}?{query}"), "");
            assert_eq!((answer.status, code(&body)), (401, "dev_browser_unauthenticated"), "{path} {query}");
        }
    }
    let mut world = World::new(Mode::Live);
    let (answer, body) = world.script("GET", "/v1/client", "");
    assert_eq!((answer.status, body), (200, json!({ "response": null, "client": null })));
    let (answer, body) = world.script("POST", "/v1/client/sessions/sess_x/tokens", "");
    assert_eq!((answer.status, code(&body)), (401, "authentication_invalid"));
}

#[test]
fn a_development_browser_is_made_and_known_from_then_on() {
    let mut world = World::new(Mode::Test);
    let (answer, body) = world.script("POST", "/v1/dev_browser", "");
    assert_eq!(answer.status, 200);
    let name = body["id"].as_str().unwrap().to_owned();
    assert!(name.starts_with("dvb_") && !answer.note.contains("dvb_"));
    let (_, client) = world.script("GET", &format!("/v1/client?__clerk_db_jwt={name}"), "");
    assert_eq!(client["response"]["sessions"], json!([]));
    let mut live = World::new(Mode::Live);
    let (answer, body) = live.script("POST", "/v1/dev_browser", "");
    assert_eq!((answer.status, code(&body)), (400, "instance_type_invalid"));
}

#[test]
fn a_live_client_is_made_once() {
    let mut world = World::new(Mode::Live);
    for method in ["PUT", "POST"] {
        let (answer, body) = world.script(method, "/v1/client", "");
        assert_eq!((answer.status, &body["response"]["sessions"]), (200, &json!([])));
        let cookie = format!("__client={}", cookies(&answer).remove(0).1);
        let count = world.issuer.state().clients().len();
        let (again, _) = world.send(method, "/v1/client", &[("origin", SITE), ("cookie", &cookie)], "");
        assert_eq!((again.status, world.issuer.state().clients().len()), (200, count), "{method}");
        assert_eq!(format!("__client={}", cookies(&again).remove(0).1), cookie);
    }
    assert_eq!(world.issuer.state().clients().len(), 2);
}

/// Ends it in each of the ways there are; `_method` stands for the method that scripts do not send.
#[test]
fn a_session_ends_in_each_way() {
    let rows = [
        ("POST", "client/sessions/ID/end", "", SessionStatus::Ended),
        ("POST", "client/sessions/ID/remove", "", SessionStatus::Removed),
        ("DELETE", "client/sessions", "", SessionStatus::Ended),
        ("POST", "client/sessions", "&_method=DELETE", SessionStatus::Ended),
        ("POST", "client/sessions", "&_method=delete", SessionStatus::Ended),
        ("DELETE", "client", "", SessionStatus::Removed),
        ("POST", "client", "&_method=DELETE", SessionStatus::Removed),
    ];
    for mode in [Mode::Test, Mode::Live] {
        for (method, path, more, expected) in rows {
            let mut world = World::new(mode);
            let browser = world.sign_in("alice@example.com");
            let session = world.session_of(&browser);
            world.now = NOW.plus_secs(7);
            let target = format!("/v1/{}?__clerk_db_jwt={browser}{more}", path.replace("ID", &session.id));
            let cookie = format!("__client={browser}");
            let fields = [("origin", SITE), ("cookie", cookie.as_str())];
            let (answer, _) = world.send(method, &target, &fields, "");
            assert_eq!(answer.status, 200, "{mode:?} {method} {path}: {}", answer.body);
            assert!(answer.body.contains("\"sessions\":[]"), "{}", answer.body);
            let state = world.issuer.state();
            assert_eq!(state.session(&session.id).unwrap().status, expected, "{method} {path}");
            let forgotten = mode == Mode::Live && !path.contains("sessions");
            assert_eq!(state.client(&browser).is_none(), forgotten, "{mode:?} {path}");
            let uat = cookies(&answer).into_iter().find(|(name, _)| name == "__client_uat");
            assert_eq!(uat.map(|(_, value)| value).as_deref(), (mode == Mode::Live).then_some("0"), "{path}");
            let (again, _) = world.send(method, &target, &fields, "");
            assert_ne!(again.status, 500);
        }
    }
}

#[test]
fn sessions_of_others_are_out_of_reach() {
    let mut world = World::new(Mode::Test);
    let alice = world.sign_in("alice@example.com");
    world.now = NOW.plus_secs(1);
    let bob = world.sign_in("bob@example.com");
    let bobs = world.session_of(&bob).id;
    for path in ["tokens", "touch", "end", "remove"] {
        let target = format!("/v1/client/sessions/{bobs}/{path}?__clerk_db_jwt={alice}");
        let (answer, body) = world.script("POST", &target, "");
        assert_eq!((answer.status, code(&body)), (404, "resource_not_found"), "{path}");
    }
    let (answer, _) = world.script("GET", &format!("/v1/client/sessions/{bobs}?__clerk_db_jwt={alice}"), "");
    assert_eq!(answer.status, 404);
    assert_eq!(world.session_of(&bob).status, SessionStatus::Active);
}

/// Which origins read an answer, and which change something.
#[test]
fn only_allowed_origins_ask() {
    let rows = [
        (None, 200, None),
        (Some(SITE), 200, Some(SITE)),
        (Some("http://127.0.0.1:8080"), 403, None),
        (Some("http://localhost:8081"), 403, None),
        (Some("https://localhost:8080"), 403, None),
        (Some("http://localhost:8080.evil.example"), 403, None),
        (Some("null"), 403, None),
        (Some(""), 403, None),
    ];
    for (origin, status, allowed) in rows {
        let mut world = World::new(Mode::Live);
        let browser = world.sign_in("alice@example.com");
        let cookie = format!("__client={browser}");
        let mut fields = vec![("cookie", cookie.as_str()), FORM];
        fields.extend(origin.map(|origin| ("origin", origin)));
        let (answer, changes) = world.send("POST", "/v1/client/sessions?_method=DELETE", &fields, "");
        assert_eq!((answer.status, changes.is_empty()), (status, status != 200), "{origin:?}");
        assert_eq!(answer.fields.first("access-control-allow-origin"), allowed, "{origin:?}");
        assert_eq!(answer.fields.contains("access-control-allow-credentials"), allowed.is_some());
        assert_eq!(answer.fields.combined("vary").as_deref(), Some("Origin"), "{origin:?}");
        if let Some(said) = answer.fields.first("access-control-expose-headers") {
            assert_eq!(said, "Clerk-Db-Jwt, Date, Retry-After");
        }
    }
}

#[test]
fn a_preflight_request_says_what_is_allowed() {
    let mut world = World::new(Mode::Test);
    let (answer, changes) = world.send("OPTIONS", "/v1/client/sessions/x/tokens", &[("origin", SITE)], "");
    assert!(changes.is_empty());
    insta::assert_snapshot!(show(&answer));
    let (answer, _) = world.send("OPTIONS", "/v1/client", &[("origin", "http://evil.example")], "");
    assert_eq!(answer.status, 403);
    assert!(!answer.fields.contains("access-control-allow-origin"));
    let (answer, _) = world.send("OPTIONS", "/v1/users", &[("origin", SITE)], "");
    assert_eq!(answer.status, 405, "nobody's script asks the Backend API");
}

#[test]
fn a_method_override_is_for_post_and_for_scripts_alone() {
    let rows = [
        ("GET", "/v1/client?_method=DELETE", 200),
        ("POST", "/v1/client?_method=GET", 200),
        ("POST", "/v1/client/sessions?_method=PATCH", 405),
        ("POST", "/v1/client/sessions?_method=TRACE", 405),
        ("POST", "/v1/environment?_method=PATCH", 200),
        ("POST", "/v1/environment", 405),
        ("POST", "/v1/nope?_method=DELETE", 404),
        ("POST", "/v1/client/nope?_method=DELETE", 404),
        ("POST", "/sign-out?_method=GET", 415),
    ];
    for (method, target, status) in rows {
        let mut world = World::new(Mode::Test);
        let browser = world.sign_in("alice@example.com");
        let joiner = if target.contains('?') { '&' } else { '?' };
        let target = format!("{target}{joiner}__clerk_db_jwt={browser}");
        let fields = [("sec-fetch-site", "same-origin")];
        let (answer, _) = world.send(method, &target, &fields, "");
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.body);
        assert_eq!(world.session_of(&browser).status, SessionStatus::Active, "{method} {target}");
    }
}

#[test]
fn a_body_is_a_form() {
    for (kind, body, status) in [
        ("application/x-www-form-urlencoded", "organization_id=", 200),
        ("application/json", "", 200),
        ("application/json", "{}", 415),
        ("", "organization_id=", 415),
    ] {
        let mut world = World::new(Mode::Test);
        let browser = world.sign_in("alice@example.com");
        let id = world.session_of(&browser).id;
        let target = format!("/v1/client/sessions/{id}/tokens?__clerk_db_jwt={browser}");
        let fields = [("origin", SITE), ("content-type", kind)];
        assert_eq!(world.send("POST", &target, &fields, body).0.status, status, "{kind} {body}");
    }
}

#[test]
fn a_touch_by_navigation_goes_back_to_allowed_sites_only() {
    let rows = [
        ("redirect_url=http://localhost:8080/a%3Fb=1", 307),
        ("redirect_url=http://evil.example/", 400),
        ("", 400),
    ];
    for (query, status) in rows {
        let mut world = World::new(Mode::Live);
        let browser = world.sign_in("alice@example.com");
        let cookie = format!("__client={browser}");
        let answer = world.get(&format!("/v1/client/touch?{query}"), &[("cookie", &cookie)]);
        assert_eq!(answer.status, status, "{query}");
        if status == 307 {
            assert_eq!(answer.fields.first("location"), Some("http://localhost:8080/a?b=1"));
            assert_eq!(cookies(&answer).remove(0), ("__client".to_owned(), browser));
        }
        let stranger = world.get(&format!("/v1/client/touch?{query}"), &[]);
        assert_eq!((stranger.status, cookies(&stranger).len()), (status, 0), "{query}");
    }
}

#[test]
fn the_environment_names_the_kind_of_instance_and_the_pages() {
    let mut table = String::new();
    for mode in [Mode::Test, Mode::Live] {
        let mut world = World::new(mode);
        let (answer, body) = world.script("GET", "/v1/environment", "");
        assert_eq!(answer.status, 200);
        let display = &body["display_config"];
        let auth = &body["auth_config"];
        let _ = writeln!(
            table,
            "{mode:?}: {} {} single session: {} in the URL: {}",
            display["instance_environment_type"],
            display["sign_in_url"],
            auth["single_session_mode"],
            auth["url_based_session_syncing"],
        );
    }
    insta::assert_snapshot!(table, @r#"
    Test: "development" "http://127.0.0.1:8081/sign-in" single session: true in the URL: true
    Live: "production" "http://localhost:8081/sign-in" single session: true in the URL: false
    "#);
}

/// No answer of a script's request is kept, and no record shows a token.
#[test]
fn answers_to_scripts_are_not_kept_and_not_recorded_with_tokens() {
    let mut world = World::new(Mode::Test);
    let browser = world.sign_in("alice@example.com");
    let id = world.session_of(&browser).id;
    for (method, path) in [
        ("GET", "client".to_owned()),
        ("GET", "environment".to_owned()),
        ("POST", "dev_browser".to_owned()),
        ("POST", format!("client/sessions/{id}/tokens")),
        ("POST", format!("client/sessions/{id}/touch")),
        ("POST", format!("client/sessions/{id}/end")),
        ("GET", "client".to_owned()),
    ] {
        let (answer, body) = world.script(method, &format!("/v1/{path}?__clerk_db_jwt={browser}"), "");
        assert_eq!(answer.status, 200, "{path}: {body}");
        assert_eq!(answer.fields.all("cache-control").collect::<Vec<_>>(), ["no-store"], "{path}");
        assert_eq!(answer.fields.first("content-type"), Some("application/json"));
        let line = format!("{:?} {} {answer:?}", answer.client, answer.note);
        for secret in [browser.as_str(), "dvb_", "eyJ", "rt_"] {
            assert!(!line.contains(secret), "{line}");
        }
        assert_ne!(body, Value::Null);
    }
}

/// A browser that is seeded with two sessions: each goes on by itself, and another is active when one ends.
#[test]
fn a_browser_may_hold_two_sessions() {
    for mode in [Mode::Test, Mode::Live] {
        let mut world = World::new(mode);
        world.sow(
            r#"{ "sessions": [{ "id": "sess_a", "user": "alice@example.com", "client": "0123456789abcdef" },
                              { "id": "sess_b", "user": "bob@example.com", "client": "0123456789abcdef" }] }"#,
        );
        let name = if mode == Mode::Test { "dvb_0123456789abcdef" } else { "cl_0123456789abcdef" };
        let mut ask = |method: &str, path: &str| {
            let cookie = format!("__client={name}");
            let fields = [("origin", SITE), ("cookie", cookie.as_str())];
            let (answer, _) = world.send(method, &format!("/v1/{path}?__clerk_db_jwt={name}"), &fields, "");
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            (answer.status, body)
        };
        let ids = |client: &Value| {
            let ids = client["sessions"].as_array().unwrap().iter().map(|session| session["id"].clone());
            (ids.collect::<Vec<_>>(), client["last_active_session_id"].clone())
        };
        let (_, client) = ask("GET", "client");
        assert_eq!(ids(&client["response"]), (vec![json!("sess_a"), json!("sess_b")], json!("sess_a")));
        for (session, user) in [("sess_a", "user_alice"), ("sess_b", "user_bob")] {
            let (status, token) = ask("POST", &format!("client/sessions/{session}/tokens"));
            let said = claims(token["jwt"].as_str().unwrap());
            assert_eq!((status, &said["sid"], &said["sub"]), (200, &json!(session), &json!(user)));
        }
        let (_, touched) = ask("POST", "client/sessions/sess_b/touch");
        assert_eq!(ids(&touched["client"]).0, ["sess_a", "sess_b"]);
        let (status, left) = ask("POST", "client/sessions/sess_a/remove");
        assert_eq!((status, ids(&left["client"])), (200, (vec![json!("sess_b")], json!("sess_b"))));
        assert_eq!(ask("POST", "client/sessions/sess_a/tokens").0, 404);
        assert_eq!(ask("POST", "client/sessions/sess_b/tokens").0, 200, "the other goes on");
        let (_, none) = ask("POST", "client/sessions/sess_b/end");
        assert_eq!(ids(&none["client"]), (vec![], Value::Null));
    }
}
