//! The handshake, with every token decoded.

use nostore_issuer::core::{Change, Mode, Nonce, User};
use nostore_jose::{JwkSet, Jws, verify};
use nostore_message::SetCookie;

use crate::world::{NOW, World, cookies, directives, parameter, result, show};

const HANDSHAKE: &str =
    "/v1/client/handshake?redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fdashboard%3Fa%3D1%26b";

fn sign_in(world: &mut World) -> String {
    world.sign_in("alice@example.com")
}

#[test]
fn r1_12_a_new_development_browser_gets_a_name_and_is_signed_out() {
    let mut world = World::new(Mode::Test);
    insta::assert_snapshot!(show(&world.get(HANDSHAKE, &[])));
}

#[test]
fn r1_12_a_development_browser_with_a_session_gets_both_cookie_families() {
    let mut world = World::new(Mode::Test);
    let browser = sign_in(&mut world);
    world.now = NOW.plus_secs(5);
    insta::assert_snapshot!(show(&world.get(&format!("{HANDSHAKE}&__clerk_db_jwt={browser}"), &[])));
}

#[test]
fn r1_12_a_live_browser_without_cookie_is_signed_out_and_not_remembered() {
    let mut world = World::new(Mode::Live);
    insta::assert_snapshot!(show(&world.get(HANDSHAKE, &[])));
    assert_eq!(world.issuer.state().clients().len(), 0);
}

#[test]
fn r1_12_a_live_browser_with_a_session_gets_the_result_in_a_cookie() {
    let mut world = World::new(Mode::Live);
    let client = sign_in(&mut world);
    insta::assert_snapshot!(show(&world.get(HANDSHAKE, &[("cookie", &format!("__client={client}"))])));
}

#[test]
fn r1_12_every_token_is_signed_with_the_published_key() {
    for mode in [Mode::Live, Mode::Test] {
        let mut world = World::new(mode);
        let name = sign_in(&mut world);
        let target = format!("{HANDSHAKE}&__clerk_db_jwt={name}");
        let answer = world.get(&target, &[("cookie", &format!("__client={name}"))]);
        let keys = JwkSet::parse(world.get("/.well-known/jwks.json", &[]).body.as_bytes()).unwrap();
        let mut tokens = vec![result(&answer)];
        for line in directives(&answer) {
            let cookie = SetCookie::parse(&line);
            if cookie.name.starts_with("__session") {
                tokens.push(cookie.value.into_owned());
            }
        }
        assert_eq!(tokens.len(), 3);
        for token in tokens {
            let jws = Jws::parse(&token).unwrap();
            let key = keys.find(jws.header().kid().unwrap()).unwrap();
            verify(&jws, key).unwrap();
        }
    }
}

/// The rule that `iat` is never before `__client_uat`, with the clock before, at and after sign-in.
#[test]
fn r1_12_a_token_is_never_older_than_the_client() {
    for step in [-3_600, -1, 0, 1, 3_600] {
        let mut world = World::new(Mode::Test);
        let browser = sign_in(&mut world);
        world.now = NOW.plus_secs(step);
        let answer = world.get(&format!("{HANDSHAKE}&__clerk_db_jwt={browser}"), &[]);
        let lines = directives(&answer);
        let value = |name: &str| {
            let found = lines.iter().map(|line| SetCookie::parse(line)).rfind(|cookie| cookie.name == name);
            found.unwrap().value.into_owned()
        };
        let updated: i64 = value("__client_uat").parse().unwrap();
        let token = value("__session");
        let issued = Jws::parse(&token).unwrap().payload()["iat"].as_i64().unwrap();
        assert!((1..=issued).contains(&updated), "clock at {step}: uat {updated}, iat {issued}");
        assert_eq!(issued, world.now.secs());
    }
}

#[test]
fn r1_12_deletions_come_first() {
    for mode in [Mode::Live, Mode::Test] {
        let mut world = World::new(mode);
        let name = sign_in(&mut world);
        let (query, cookie) = (format!("{HANDSHAKE}&__clerk_db_jwt={name}"), format!("__client={name}"));
        for (target, cookie) in [(HANDSHAKE, ""), (query.as_str(), cookie.as_str())] {
            let lines = directives(&world.get(target, &[("cookie", cookie)]));
            let deletes: Vec<bool> =
                lines.iter().map(|line| line.contains("Expires=Thu, 01 Jan 1970")).collect();
            assert!(deletes.is_sorted_by_key(|deletes| !deletes), "{lines:?}");
            assert!(deletes[0] && deletes[1], "{lines:?}");
        }
    }
}

#[test]
fn an_old_result_in_the_address_is_replaced_and_the_rest_keeps_its_bytes() {
    let rows = [
        ("http://localhost:8080", "http://localhost:8080/?R"),
        ("http://localhost:8080/", "http://localhost:8080/?R"),
        ("http://localhost:8080?a", "http://localhost:8080/?a&R"),
        ("http://localhost:8080/a?", "http://localhost:8080/a?R"),
        ("http://localhost:8080/a?x=%7e&y=a+b#frag?ment", "http://localhost:8080/a?x=%7e&y=a+b&R#frag?ment"),
        ("http://localhost:8080/a?__clerk_handshake=old&x=1", "http://localhost:8080/a?x=1&R"),
        ("http://localhost:8080/a?x=1&__clerk_handshake_nonce=old", "http://localhost:8080/a?x=1&R"),
        ("http://localhost:8080/a?%5F_clerk_handshake=old&x=1", "http://localhost:8080/a?x=1&R"),
        ("http://localhost:8080//evil.example/", "http://localhost:8080//evil.example/?R"),
        ("HTTP://LOCALHOST:8080/a", "HTTP://LOCALHOST:8080/a?R"),
    ];
    for (address, expected) in rows {
        let mut world = World::new(Mode::Test);
        let address: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
        let answer = world.get(&format!("/v1/client/handshake?redirect_url={address}"), &[]);
        let location = answer.fields.first("location").unwrap();
        let result = format!("__clerk_handshake={}", parameter(location, "__clerk_handshake").unwrap());
        assert_eq!(location.replace(&result, "R"), expected);
    }
}

#[test]
fn a_name_that_is_not_known_is_never_taken_over() {
    let forged = format!("dvb_{}", "0".repeat(44));
    let mut world = World::new(Mode::Test);
    let answer = world.get(&format!("{HANDSHAKE}&__clerk_db_jwt={forged}"), &[]);
    assert!(!directives(&answer).concat().contains(&forged));
    assert!(world.issuer.state().client(&forged).is_none());
}

/// Signs in somebody whose name makes the result too large for a cookie, and returns the live cookie
/// and the handshake that follows.
fn sign_in_at_length(world: &mut World) -> (String, String) {
    let user = User::new("user_long", "long@example.com", NOW).named("n".repeat(300));
    world.issuer.apply(&[Change::PutUser(user)]);
    let answer = world.post("/sign-in", &[], "email=long%40example.com&redirect_url=http://localhost:8080/");
    let cookie = format!("__client={}", cookies(&answer).remove(0).1);
    (cookie, answer.fields.first("location").unwrap().to_owned())
}

#[test]
fn a_result_too_large_for_a_cookie_waits_behind_a_nonce_once() {
    let mut world = World::new(Mode::Live);
    let (cookie, location) = sign_in_at_length(&mut world);
    let answer = world.get(&location, &[("cookie", &cookie)]);
    let (name, nonce) = cookies(&answer).remove(0);
    assert_eq!(name, "__clerk_handshake_nonce");

    let target = format!("/v1/clients/handshake_payload?nonce={nonce}");
    let bearer = ("authorization", "Bearer sk_live_hush");
    assert_eq!(world.get(&target, &[]).status, 401);
    let payload = world.get(&target, &[bearer]);
    assert_eq!(payload.status, 200);
    assert!(payload.body.contains("__session="), "{}", payload.body);
    assert_eq!(world.get(&target, &[bearer]).status, 404, "a nonce is good for one time");

    // Without `format=nonce` the token format is what was asked for, but a cookie of that size is dropped.
    let plain = location.replace("&format=nonce", "");
    assert_eq!(cookies(&world.get(&plain, &[("cookie", &cookie)])).remove(0).0, "__clerk_handshake_nonce");
}

/// Every size, both kinds of instance: `format=nonce` means a nonce, anything else a token.
#[test]
fn the_format_decides_between_nonce_and_token() {
    let rows = [
        ("", "__clerk_handshake"),
        ("&format=", "__clerk_handshake"),
        ("&format=token", "__clerk_handshake"),
        ("&format=nonce", "__clerk_handshake_nonce"),
        ("&format=Nonce", "__clerk_handshake"),
        ("&format=token&format=nonce", "__clerk_handshake"),
    ];
    for mode in [Mode::Live, Mode::Test] {
        for (format, expected) in rows {
            let mut world = World::new(mode);
            let answer = world.get(&format!("{HANDSHAKE}{format}"), &[]);
            let found = match mode {
                Mode::Live => cookies(&answer).remove(0).0,
                Mode::Test => {
                    let location = answer.fields.first("location").unwrap();
                    let both = ["__clerk_handshake", "__clerk_handshake_nonce"];
                    both.into_iter().find(|name| parameter(location, name).is_some()).unwrap().to_owned()
                }
            };
            assert_eq!(found, expected, "{mode:?} {format}");
        }
    }
}

#[test]
fn a_nonce_holds_what_the_token_would_have_said() {
    let mut world = World::new(Mode::Test);
    let browser = sign_in(&mut world);
    let target = format!("{HANDSHAKE}&__clerk_db_jwt={browser}");
    let expected = directives(&world.get(&target, &[]));
    let answer = world.get(&format!("{target}&format=nonce"), &[]);
    let nonce = parameter(answer.fields.first("location").unwrap(), "__clerk_handshake_nonce").unwrap();
    let (status, payload) = world.backend("GET", &format!("/v1/clients/handshake_payload?nonce={nonce}"), "");
    assert_eq!((status, &payload), (200, &serde_json::json!({ "directives": expected })));
}

#[test]
fn nonces_are_bounded_and_the_oldest_makes_room() {
    let mut world = World::new(Mode::Test);
    for number in 0..10_000 {
        let payload = Nonce { directives: Vec::new(), expires_at: NOW.plus_secs(30 + number % 7) };
        world.issuer.apply(&[Change::PutNonce { nonce: format!("hsn_{number}"), payload }]);
    }
    let fields = [("authorization", "Bearer sk_test_hush")];
    let (_, changes) = world.send("GET", &format!("{HANDSHAKE}&format=nonce"), &[], "");
    let dropped: Vec<_> =
        changes.iter().filter(|change| matches!(change, Change::DropNonce { .. })).collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!(world.get("/v1/clients/handshake_payload?nonce=hsn_0", &fields).status, 404);
    assert_eq!(world.get("/v1/clients/handshake_payload?nonce=hsn_1", &fields).status, 200);
    world.now = NOW.plus_secs(36);
    let (_, changes) = world.send("GET", &format!("{HANDSHAKE}&format=nonce"), &[], "");
    let dropped = changes.iter().filter(|change| matches!(change, Change::DropNonce { .. })).count();
    assert_eq!(dropped, 9_998, "all that are over");
}

/// A second site of the same instance: what the protocol calls a satellite, in development.
#[test]
fn a_second_site_gets_its_own_tokens_from_the_same_browser() {
    const OTHER: &str = "http://127.0.0.1:8082";
    let mut world = World::with_sites(Mode::Test, &[crate::world::SITE, OTHER]);
    let browser = sign_in(&mut world);
    let target = format!(
        "/v1/client/handshake?redirect_url=http%3A%2F%2F127.0.0.1%3A8082%2Fa%3F__clerk_synced%3Dtrue&__clerk_db_jwt={browser}"
    );
    let answer = world.get(&target, &[]);
    let location = answer.fields.first("location").unwrap();
    assert!(
        location.starts_with("http://127.0.0.1:8082/a?__clerk_synced=true&__clerk_handshake="),
        "{location}"
    );
    let lines = directives(&answer);
    let session = lines.iter().map(|line| SetCookie::parse(line)).rfind(|cookie| cookie.name == "__session");
    let said = crate::world::claims(&session.unwrap().value);
    assert_eq!((&said["azp"], &said["sub"]), (&OTHER.into(), &"user_alice".into()));
    let mut stranger = World::new(Mode::Test);
    assert_eq!(stranger.get(&target, &[]).status, 400, "a site that is not allowed");
}

#[test]
fn a_nonce_ends_after_a_minute() {
    for (secs, status) in [(59, 200), (60, 404), (61, 404)] {
        let mut world = World::new(Mode::Live);
        let (cookie, location) = sign_in_at_length(&mut world);
        let nonce = cookies(&world.get(&location, &[("cookie", &cookie)])).remove(0).1;
        world.now = NOW.plus_secs(secs);
        let target = format!("/v1/clients/handshake_payload?nonce={nonce}");
        assert_eq!(world.get(&target, &[("authorization", "Bearer sk_live_hush")]).status, status, "{secs}");
    }
}

/// What a `{:?}` in a log would show.
#[test]
fn nothing_that_is_decided_prints_a_token() {
    for mode in [Mode::Live, Mode::Test] {
        let mut world = World::new(mode);
        let name = sign_in(&mut world);
        let target = format!("{HANDSHAKE}&__clerk_db_jwt={name}");
        let decided = world.send("GET", &target, &[("cookie", &format!("__client={name}"))], "");
        let nonce = Nonce { directives: directives(&decided.0), expires_at: NOW };
        let kept = [
            Change::PutNonce { nonce: "hsn_hush".into(), payload: nonce },
            Change::DropNonce { nonce: "hsn_hush".into() },
        ];
        let page = world.get(&format!("/sign-out?__clerk_db_jwt={name}"), &[]);
        let printed = format!("{decided:?} {kept:?} {page:?}");
        for secret in [&*name, "eyJ", "hsn_hush"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
