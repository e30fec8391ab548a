//! Key rotation: what signs, what is published, and for how long.

use nostore_issuer::core::{MARGIN_SECS, Mode};
use nostore_issuer::{Server, rotate_key};
use nostore_jose::{JwkSet, Jws};
use serde_json::json;

use crate::data_dir::{config, fresh};
use crate::world::{NOW, World};

fn kids(world: &mut World) -> Vec<String> {
    let set = world.get("/.well-known/jwks.json", &[]).body;
    let with_key = world.backend("GET", "/v1/jwks", "").1.to_string();
    assert_eq!(with_key, set);
    JwkSet::parse(set.as_bytes()).unwrap().kids().map(str::to_owned).collect()
}

fn token_kid(world: &mut World, id: &str, body: &str) -> String {
    let (status, answer) = world.backend("POST", &format!("/v1/sessions/{id}/tokens"), body);
    assert_eq!(status, 200, "{answer}");
    Jws::parse(answer["jwt"].as_str().unwrap()).unwrap().header().kid().unwrap().to_owned()
}

#[test]
fn a_new_key_signs_and_the_old_one_stays_until_its_last_token_has_run_out() {
    let mut world = World::new(Mode::Test);
    let browser = world.sign_in("alice@example.com");
    let id = world.session_of(&browser).id;
    let old = token_kid(&mut world, &id, "");
    assert_eq!(kids(&mut world), [old.as_str()]);
    let (status, answer) = world.backend("POST", "/v1/instance/rotate_key", "");
    assert_eq!(status, 200, "{answer}");
    let new = token_kid(&mut world, &id, "");
    assert_ne!(new, old);
    // 60 seconds of the last token, 30 days of margin.
    let end = 60 + MARGIN_SECS;
    let until = NOW.plus_secs(end).millis();
    let expected = json!({
        "object": "signing_key", "kid": new, "previous": { "kid": old, "published_until": until },
    });
    assert_eq!(answer, expected);
    for (secs, published) in [(0, true), (60, true), (end - 1, true), (end, false), (end + 1, false)] {
        world.now = NOW.plus_secs(secs);
        let expected = if published { vec![new.clone(), old.clone()] } else { vec![new.clone()] };
        assert_eq!(kids(&mut world), expected, "{secs}");
    }
    assert_eq!(world.issuer.keys().over(world.now).len(), 1, "still on disk");
    world.backend("POST", "/v1/instance/rotate_key", "");
    assert_eq!(world.issuer.keys().over(world.now).len(), 0, "the next rotation forgets it");
    assert_eq!(kids(&mut world).len(), 2);
}

/// A site asked for a token of an hour: the key stays published for an hour more than the margin.
#[test]
fn a_long_token_keeps_its_key_published() {
    for (body, lifetime) in
        [("", 60), (r#"{"expires_in_seconds":60}"#, 60), (r#"{"expires_in_seconds":3600}"#, 3_600)]
    {
        let secs = lifetime + MARGIN_SECS;
        let mut world = World::new(Mode::Test);
        let browser = world.sign_in("alice@example.com");
        let id = world.session_of(&browser).id;
        token_kid(&mut world, &id, body);
        world.backend("POST", "/v1/instance/rotate_key", "");
        for (at, count) in [(secs - 1, 2), (secs, 1)] {
            world.now = NOW.plus_secs(at);
            assert_eq!(kids(&mut world).len(), count, "{body} at {at}");
        }
    }
}

/// A key that has leaked is dropped at once, or when somebody says so.
#[test]
fn a_rotation_says_how_long_the_key_before_stays() {
    for (body, status, secs) in [
        (r#"{"keep_previous_seconds":0}"#, 200, 0),
        (r#"{"keep_previous_seconds":1}"#, 200, 1),
        (r#"{"keep_previous_seconds":315360000}"#, 200, 315_360_000),
        (r#"{"keep_previous_seconds":-1}"#, 422, 0),
        (r#"{"keep_previous_seconds":315360001}"#, 422, 0),
        (r#"{"keep_previous_seconds":"0"}"#, 422, 0),
        ("x", 400, 0),
    ] {
        let mut world = World::new(Mode::Test);
        let before = kids(&mut world);
        let (found, answer) = world.backend("POST", "/v1/instance/rotate_key", body);
        assert_eq!(found, status, "{body}: {answer}");
        if status != 200 {
            assert_eq!(kids(&mut world), before, "{body}");
            continue;
        }
        for (at, published) in [(secs - 1, true), (secs, false)] {
            world.now = NOW.plus_secs(at);
            assert_eq!(kids(&mut world).len() == 2, published, "{body} at {at}");
        }
    }
}

#[test]
fn retired_keys_are_bounded_and_the_oldest_goes() {
    let mut world = World::new(Mode::Test);
    let first = kids(&mut world).remove(0);
    for number in 1..=12 {
        world.now = NOW.plus_secs(number);
        world.backend("POST", "/v1/instance/rotate_key", "");
        let found = kids(&mut world);
        assert_eq!(found.len() as i64, (number + 1).min(11), "{number}");
        assert_eq!(found.contains(&first), number <= 10, "{number}");
    }
}

#[test]
fn only_the_secret_key_rotates() {
    let mut world = World::new(Mode::Test);
    let before = kids(&mut world);
    for value in ["", "Bearer sk_test_hus"] {
        let (answer, changes) =
            world.send("POST", "/v1/instance/rotate_key", &[("authorization", value)], "");
        assert_eq!((answer.status, changes.len()), (401, 0));
    }
    assert_eq!(kids(&mut world), before);
}

#[test]
fn a_service_that_does_not_run_is_rotated_on_disk() {
    let path = fresh("rotate");
    let missing = rotate_key(path.clone(), NOW, None).unwrap_err();
    assert_eq!(missing.code(), "no-data");
    assert!(missing.to_string().contains("start the service first"), "{missing}");
    assert!(!path.exists(), "asking for data that there is not makes none");

    let running = Server::open(config(&path, Mode::Test)).unwrap();
    assert_eq!(rotate_key(path.clone(), NOW, None).unwrap_err().code(), "data-dir-in-use");
    let secret = running.secret_key().expose().to_owned();
    drop(running);
    let first = rotate_key(path.clone(), NOW, None).unwrap();
    assert_eq!(first.published_until, NOW.plus_secs(60 + MARGIN_SECS));
    let second = rotate_key(path.clone(), NOW.plus_secs(10), None).unwrap();
    assert_eq!(second.previous, first.kid);
    // It never signed: the margin alone.
    assert_eq!(second.published_until, NOW.plus_secs(10 + 1 + MARGIN_SECS));
    let third = rotate_key(path.clone(), NOW.plus_secs(20), Some(7)).unwrap();
    assert_eq!(third.published_until, NOW.plus_secs(27));
    let again = Server::open(config(&path, Mode::Test)).unwrap();
    assert!(again.secret_key().matches(&secret));
}
