//! What is written down of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::world::{ADMIN, IPHONE, SESSION, Visitor, World};

fn of<'a>(told: &'a [Value], event: &str) -> Vec<&'a Value> {
    told.iter().filter(|line| line["event"] == event).collect()
}

/// Which clients used each session.
fn clients(told: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let mut clients: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in told.iter().filter(|line| line["event"] == "use" || line["event"] == "sign-in") {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        clients.entry(text("session")).or_default().insert(format!("{} {}", text("client"), text("network")));
    }
    clients
}

#[tokio::test]
async fn r3_11_every_act_is_one_record_without_a_secret() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    alice.get("/tree?secret=hush").await;
    alice.sign_in(&world, ADMIN).await;
    let cookie = alice.jar[SESSION].clone();
    for _ in 0..3 {
        alice.get("/tree").await;
    }
    alice.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "member")]).await;
    let mut mallory = Visitor::new(&world.site);
    mallory.sign_in(&world, "mallory@example.com").await;
    mallory.send("GET", "/tree", &[("accept", "*/*")], "").await;
    alice.post("/auth/sign-out", &[]).await;
    let metrics = world.site.prometheus();
    assert!(metrics.contains("nostore_signin_events_total{event=\"sign-in\"} 1\n"), "{metrics}");
    let file = std::fs::read_to_string(&world.events).unwrap_or_default();
    drop((alice, mallory));
    let told = world.told();

    let kinds: Vec<&str> = told.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(
        kinds,
        ["redirect", "sign-in", "use", "use", "admin", "refusal", "refusal", "sign-out"],
        "one record for each act; uses once a minute for each path"
    );
    assert_eq!(of(&told, "redirect")[0]["path"], "/tree");
    let sign_in = of(&told, "sign-in")[0];
    assert_eq!((&sign_in["person"], &sign_in["client"]), (&ADMIN.into(), &"chrome/linux".into()));
    let admin = of(&told, "admin")[0];
    assert_eq!([&admin["person"], &admin["act"], &admin["about"]], [ADMIN, "add", "bob@example.com"]);
    let refusals: Vec<_> = of(&told, "refusal").iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert_eq!(refusals, ["not-listed", "signed-out"]);
    for line in of(&told, "use").into_iter().chain(of(&told, "sign-out")) {
        assert_eq!(line["session"], sign_in["session"]);
        assert!(line["person"].is_null(), "{line}");
    }
    assert!(!file.contains("hush") && !file.contains(&cookie) && !file.contains("192.0.2"), "{file}");
}

#[tokio::test]
async fn r3_12_a_session_that_others_were_given_is_seen_from_its_records() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    alice.get("/tree").await;
    // What a cache does that stores a `Set-Cookie`.
    let mut others = [alice.clone(), alice.clone()];
    others[0].agent = IPHONE;
    others[1].network = "198.51.100.7".parse().ok();
    for other in &mut others {
        assert_eq!(other.who().await, "alice@example.com admin");
    }
    drop((alice, others));
    let told = world.told();
    assert_eq!(of(&told, "sign-in").len(), 1);
    let clients = clients(&told);
    assert_eq!(clients.len(), 1);
    assert_eq!(clients.values().next().map(BTreeSet::len), Some(3), "{clients:?}");
}
