//! Key rotation: what signs, what is published, and for how long.

use nostore_issuer::core::Mode;
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
    // 60 seconds of the last token, 300 of margin.
    let until = NOW.plus_secs(360).millis();
    let expected = json!({
        "object": "signing_key", "kid": new, "previous": { "kid": old, "published_until": until },
    });
    assert_eq!(answer, expected);
    for (secs, published) in [(0, true), (60, true), (359, true), (360, false), (361, false)] {
        world.now = NOW.plus_secs(secs);
        let expected = if published { vec![new.clone(), old.clone()] } else { vec![new.clone()] };
        assert_eq!(kids(&mut world), expected, "{secs}");
    }
    assert_eq!(world.issuer.keys().over(world.now).len(), 1, "still on disk");
    world.backend("POST", "/v1/instance/rotate_key", "");
    assert_eq!(world.issuer.keys().over(world.now).len(), 0, "the next rotation forgets it");
    assert_eq!(kids(&mut world).len(), 2);
}

/// A site asked for a token of an hour: the key stays published for an hour.
#[test]
fn a_long_token_keeps_its_key_published() {
    for (body, secs) in
        [("", 360), (r#"{"expires_in_seconds":60}"#, 360), (r#"{"expires_in_seconds":3600}"#, 3_900)]
    {
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
    let missing = rotate_key(path.clone(), NOW).unwrap_err();
    assert_eq!(missing.code(), "no-data");
    assert!(missing.to_string().contains("start the service first"), "{missing}");
    assert!(!path.exists(), "asking for data that there is not makes none");

    let running = Server::open(config(&path, Mode::Test)).unwrap();
    assert_eq!(rotate_key(path.clone(), NOW).unwrap_err().code(), "data-dir-in-use");
    let secret = running.secret_key().expose().to_owned();
    drop(running);
    let first = rotate_key(path.clone(), NOW).unwrap();
    assert_eq!(first.published_until, NOW.plus_secs(360));
    let second = rotate_key(path.clone(), NOW.plus_secs(10)).unwrap();
    assert_eq!(second.previous, first.kid);
    // It never signed: the margin alone.
    assert_eq!(second.published_until, NOW.plus_secs(10 + 1 + 300));
    let again = Server::open(config(&path, Mode::Test)).unwrap();
    assert!(again.secret_key().matches(&secret));
}
