//! The labelled traffic is what it says it is.

use nostore_logs::synth::{Act, Scene, Traffic, Written, write};

#[test]
fn the_same_seed_gives_the_same_traffic_and_another_one_does_not() {
    let text = |seed| {
        let mut out = String::new();
        Traffic::mixed(1, seed).hits.iter().for_each(|hit| write(Written::Combined, hit, &mut out));
        out
    };
    let one = text(1);
    assert_eq!(one, text(1));
    assert_ne!(one, text(2));
    assert!(one.lines().count() > 5_000, "{}", one.lines().count());
}

#[test]
fn every_scene_is_played_and_labelled() {
    let traffic = Traffic::mixed(1, 3);
    for scene in Scene::ALL {
        assert!(traffic.labels.iter().any(|label| label.scene == scene), "{scene:?}");
    }
    for (at, label) in traffic.labels.iter().enumerate() {
        assert_eq!(label.session as usize, at, "a label for each session");
        assert_eq!(label.since != 0, label.scene.is_leak(), "{label:?}");
        assert!(!label.visible || label.scene.is_leak(), "{label:?}");
    }
}

/// Counted from the requests, not from the label.
#[test]
fn the_incident_is_one_sign_in_and_29_uses_by_11_clients_over_10_h_04_min() {
    let traffic = Traffic::post_mortem();
    let label = traffic.labels.iter().find(|label| label.scene == Scene::CachedCookie).unwrap();
    let hits: Vec<_> = traffic.hits.iter().filter(|hit| hit.session == Some(label.session)).collect();
    let count = |act| hits.iter().filter(|hit| hit.act == act).count();
    assert_eq!((count(Act::SignIn), count(Act::Use), hits.len()), (1, 29, 30));
    let mut clients: Vec<_> = hits.iter().map(|hit| (hit.agent.class(), hit.address)).collect();
    clients.sort_unstable();
    clients.dedup();
    assert_eq!(clients.len(), 11);
    let span = hits[29].at / 1_000 - hits[0].at / 1_000;
    assert_eq!((span / 3_600, span / 60 % 60), (10, 4));
}

#[test]
fn one_stream_has_every_format() {
    let traffic = Traffic::post_mortem();
    let mut table = String::new();
    for format in Written::ALL {
        let mut out = format.head().to_owned();
        traffic.hits.iter().for_each(|hit| write(format, hit, &mut out));
        let shown: Vec<&str> = out.lines().take(6).collect();
        table += &format!("{format:?}, {} lines\n{}\n\n", out.lines().count(), shown.join("\n"));
    }
    insta::assert_snapshot!(table);
}
