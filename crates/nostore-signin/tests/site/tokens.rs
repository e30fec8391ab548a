//! The provider's tokens: one refresh, however many ask, in however many processes.

use nostore_signin::AccessError;

use crate::mock::{Fate, Faults};
use crate::world::{ADMIN, SECRET, Visitor, World};

async fn world() -> World {
    World::with(|builder| builder.keep_tokens(true)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_requests_of_two_processes_make_one_refresh() {
    let world = world().await;
    let other = world.beside(&[SECRET], |builder| builder.keep_tokens(true)).await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    let first = alice.get("/token").await.body;
    for round in 1..=20 {
        // The mock's access tokens live 300 s; ten seconds before their end they are refreshed.
        world.time.pass_secs(290);
        let asked = world.mock.asked("/token");
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let mut visitor = alice.clone();
                if number % 2 == 1 {
                    visitor.site = other.clone();
                }
                tokio::spawn(async move { visitor.get("/token").await.body })
            })
            .collect();
        let mut tokens = Vec::new();
        for task in tasks {
            tokens.push(task.await.unwrap());
        }
        assert_eq!(world.mock.asked("/token") - asked, 1, "round {round}");
        assert!(
            tokens.iter().all(|token| *token == tokens[0] && *token != first),
            "round {round}: {tokens:?}"
        );
    }
    assert_eq!(alice.who().await, "alice@example.com admin");
}

#[tokio::test]
async fn a_token_is_refreshed_ten_seconds_before_its_end_and_not_before() {
    let world = world().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    let first = alice.get("/token").await.body;
    world.time.pass_secs(289);
    assert_eq!(alice.get("/token").await.body, first);
    world.time.pass_secs(1);
    assert_ne!(alice.get("/token").await.body, first);
}

#[tokio::test]
async fn a_provider_that_is_down_signs_nobody_out_and_is_asked_again() {
    let world = world().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    world.time.pass_secs(300);
    for fate in [Fate::Closes, Fate::Status(503)] {
        world.mock.fail(Faults { fates: [("/token", fate)].into(), rotates: true, ..Faults::default() });
        let told = alice.get("/token").await;
        assert_eq!(told.body, "expected the provider to renew the access token", "{fate:?}");
        assert_eq!(alice.who().await, "alice@example.com admin", "{fate:?}");
    }
    world.mock.fail(Faults { rotates: true, ..Faults::default() });
    assert_eq!(alice.get("/token").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_was_lost_costs_the_tokens_and_not_the_session() {
    let world = world().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    world.time.pass_secs(300);
    // The provider takes the token, issues another, and the answer breaks off.
    world.mock.fail(Faults { fates: [("/token", Fate::Garbage)].into(), rotates: true, ..Faults::default() });
    assert_eq!(alice.get("/token").await.status, 409);
    // From now on it refuses the old one, as a provider does that rotates.
    let refused = vec![("error", "invalid_grant".into()), ("access_token", serde_json::Value::Null)];
    world.mock.fail(Faults {
        answer: refused,
        fates: [("/token", Fate::Status(400))].into(),
        ..Faults::default()
    });
    let told = alice.get("/token").await.body;
    assert_ne!(told, AccessError::SignedOut.to_string());
    assert_eq!(alice.who().await, "alice@example.com admin");
}

#[tokio::test]
async fn a_visitor_without_tokens_is_told_what_to_ask_for() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    assert_eq!(alice.get("/token").await.body, "expected a signed-in visitor");
    alice.sign_in(&world, ADMIN).await;
    assert!(alice.get("/token").await.body.starts_with("expected tokens in the session"));
}

#[tokio::test]
async fn who_was_removed_gets_no_token_either() {
    let world = world().await;
    let (mut alice, mut bob) = (Visitor::new(&world.site), Visitor::new(&world.site));
    alice.sign_in(&world, ADMIN).await;
    alice.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "member")]).await;
    bob.sign_in(&world, "bob@example.com").await;
    assert_eq!(bob.get("/token").await.status, 200);
    alice.post("/admin/users", &[("act", "remove"), ("who", "bob@example.com")]).await;
    let told = bob.get("/token").await;
    assert_eq!((told.status, told.body.as_str()), (409, "expected a signed-in visitor"));
}

#[tokio::test]
async fn a_provider_that_takes_the_grant_back_ends_the_session() {
    let world = world().await;
    let (mut alice, mut other) = (Visitor::new(&world.site), Visitor::new(&world.site));
    alice.sign_in(&world, ADMIN).await;
    other.sign_in(&world, ADMIN).await;
    world.mock.forget_refresh_tokens();
    world.time.pass_secs(300);
    assert_eq!(alice.get("/token").await.body, "expected a signed-in visitor");
    assert_eq!(alice.who().await, "");
    assert_eq!(
        other.who().await,
        "alice@example.com admin",
        "of the session whose grant it was, and of no other"
    );
}
