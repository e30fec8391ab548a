//! What sites ask for with the secret key, and what every response carries.

use nostore_issuer::core::Mode;
use nostore_jose::JwkSet;

use crate::world::{World, parameter, show};

const BEARER: (&str, &str) = ("authorization", "Bearer sk_test_hush");

#[test]
fn r1_12_the_key_set_is_public_and_for_the_secret_key() {
    let mut world = World::new(Mode::Test);
    let public = world.get("/.well-known/jwks.json", &[]);
    insta::assert_snapshot!(show(&public));
    let set = JwkSet::parse(public.body.as_bytes()).unwrap();
    assert_eq!(set.kids().count(), 1);
    assert!(!public.body.contains("\"d\""), "no private part");
    let backend = world.get("/v1/jwks", &[BEARER]);
    assert_eq!((backend.status, backend.body), (200, public.body));
    assert_eq!(backend.fields.first("content-type"), Some("application/json"));
}

#[test]
fn the_backend_api_wants_the_secret_key() {
    let refused = [
        None,
        Some(""),
        Some("sk_test_hush"),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer sk_test_hus"),
        Some("Bearer sk_test_husha"),
        Some("Bearer sk_live_hush"),
        Some("Basic sk_test_hush"),
    ];
    let paths = [
        ("GET", "/v1/jwks"),
        ("GET", "/v1/clients/handshake_payload?nonce=x"),
        ("POST", "/v1/sessions/sess_x/revoke"),
    ];
    for (method, path) in paths {
        for value in refused {
            let mut world = World::new(Mode::Test);
            let fields: Vec<_> = value.iter().map(|value| ("authorization", *value)).collect();
            let (answer, changes) = world.send(method, path, &fields, "");
            assert_eq!((answer.status, changes.len()), (401, 0), "{path} {value:?}");
            assert!(answer.body.contains(r#""code":"clerk_key_invalid""#), "{}", answer.body);
        }
    }
    let mut world = World::new(Mode::Test);
    for value in ["bearer sk_test_hush", "Bearer  sk_test_hush"] {
        assert_eq!(world.get("/v1/jwks", &[("authorization", value)]).status, 200, "{value}");
    }
}

#[test]
fn a_revoked_session_is_over() {
    let mut world = World::new(Mode::Test);
    let answer = world.post("/sign-in", &[], "email=alice%40example.com&redirect_url=http://localhost:8080/");
    let browser = parameter(answer.fields.first("location").unwrap(), "__clerk_db_jwt").unwrap();
    let id = world.session_of(&browser).id;
    let path = format!("/v1/sessions/{id}/revoke");
    let (revoked, changes) = world.send("POST", &path, &[BEARER], "");
    assert_eq!((revoked.status, changes.len()), (200, 2));
    assert!(revoked.body.contains(r#""status":"revoked""#), "{}", revoked.body);
    assert_eq!(revoked.client.as_deref(), Some("alice@example.com"));
    let page =
        world.get(&format!("/sign-in?__clerk_db_jwt={browser}&redirect_url=http://localhost:8080/"), &[]);
    assert_eq!(page.status, 200, "no way back without signing in");
    assert_eq!(world.send("POST", &path, &[BEARER], "").0.status, 404);
    assert_eq!(world.get(&path, &[BEARER]).status, 405);
}

#[test]
fn unknown_paths_and_methods_answer_in_the_words_of_who_asks() {
    let rows = [
        ("GET", "/nope", "text/html,*/*", 404, "text/html; charset=utf-8"),
        ("GET", "/nope", "*/*", 404, "application/json"),
        ("GET", "/v1/sessions//revoke", "", 404, "application/json"),
        ("POST", "/v1/sessions/a/b/revoke", "", 404, "application/json"),
        ("GET", "/sign-in/", "text/html", 404, "text/html; charset=utf-8"),
        ("DELETE", "/sign-in", "text/html", 405, "text/html; charset=utf-8"),
        ("POST", "/v1/client/handshake", "", 405, "application/json"),
        ("PUT", "/", "", 405, "application/json"),
        ("POST", "/v1/clients/handshake_payload", "", 405, "application/json"),
        ("HEAD", "/health", "", 200, "text/plain; charset=utf-8"),
    ];
    for (method, target, accept, status, kind) in rows {
        let mut world = World::new(Mode::Test);
        let (answer, _) = world.send(method, target, &[("accept", accept)], "");
        assert_eq!(
            (answer.status, answer.fields.first("content-type")),
            (status, Some(kind)),
            "{method} {target}"
        );
        assert_eq!(answer.fields.contains("allow"), status == 405, "{method} {target}");
    }
}

#[test]
fn no_response_but_the_key_set_is_kept_by_a_cache() {
    for mode in [Mode::Live, Mode::Test] {
        let mut world = World::new(mode);
        let back = "redirect_url=http://localhost:8080/";
        let answers = [
            world.get("/", &[]),
            world.get("/sign-in", &[]),
            world.get("/sign-out", &[]),
            world.get("/health", &[]),
            world.get("/nope", &[]),
            world.get("/v1/jwks", &[]),
            world.get("/v1/client/handshake", &[]),
            world.get(&format!("/v1/client/handshake?{back}"), &[]),
            world.post("/sign-in", &[], "email=x"),
            world.post("/sign-in", &[], &format!("email=alice%40example.com&{back}")),
            world.post("/sign-out", &[], ""),
            world.post("/sign-in", &[("origin", "null")], ""),
        ];
        for answer in answers {
            let all: Vec<_> = answer.fields.all("cache-control").collect();
            assert_eq!(all, ["no-store"], "{}", show(&answer));
            let page = answer.fields.contains("content-security-policy");
            let policy = if page { "same-origin" } else { "no-referrer" };
            assert_eq!(answer.fields.all("referrer-policy").collect::<Vec<_>>(), [policy]);
        }
        let keys = world.get("/.well-known/jwks.json", &[]);
        assert_eq!(keys.fields.first("cache-control"), Some("public, max-age=60"));
    }
}

#[test]
fn a_record_never_shows_a_secret() {
    let mut world = World::new(Mode::Test);
    let answer = world.post("/sign-in", &[], "email=alice%40example.com&redirect_url=http://localhost:8080/");
    let browser = parameter(answer.fields.first("location").unwrap(), "__clerk_db_jwt").unwrap();
    let target = format!("/v1/client/handshake?redirect_url=http://localhost:8080/&__clerk_db_jwt={browser}");
    for answer in
        [answer, world.get(&target, &[]), world.get("/v1/jwks", &[BEARER]), world.get("/v1/jwks", &[])]
    {
        let line = format!("{:?} {}", answer.client, answer.note);
        for secret in [browser.as_str(), "dvb_", "hush", "sk_", "eyJ"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
