//! The page of who may in.

use crate::world::{ADMIN, NO_STORE, Visitor, World};

async fn world_with_bob() -> (World, Visitor, Visitor) {
    let world = World::new().await;
    let (mut alice, mut bob) = (Visitor::new(&world.site), Visitor::new(&world.site));
    alice.sign_in(&world, ADMIN).await;
    let added =
        alice.post("/admin/users", &[("act", "add"), ("who", " Bob@Example.com "), ("role", "member")]).await;
    assert_eq!((added.status, added.location()), (303, "/admin/users?done=added"));
    bob.sign_in(&world, "bob@example.com").await;
    (world, alice, bob)
}

#[tokio::test]
async fn r3_8_admins_extend_the_list_and_see_sessions() {
    let (_world, mut alice, _bob) = world_with_bob().await;
    let page = alice.get("/admin/users?done=added").await;
    assert_eq!((page.status, page.field("cache-control")), (200, NO_STORE));
    for shown in [
        "bob@example.com",
        "alice@example.com",
        "the configuration",
        "Added. They can sign in now.",
        "(this one)",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(page.body.contains("chrome/linux"));
    assert!(!page.body.contains("<script"));
}

#[tokio::test]
async fn only_admins_see_the_page_and_change_the_list() {
    let (world, _alice, mut bob) = world_with_bob().await;
    let mut stranger = Visitor::new(&world.site);
    let asked = stranger.get("/admin/users").await;
    assert_eq!((asked.status, asked.location()), (307, "/auth/sign-in?callbackUrl=%2Fadmin%2Fusers"));
    for visitor in [&mut stranger, &mut bob] {
        let form = [("act", "add"), ("who", "mallory@example.com"), ("role", "admin")];
        let refused = visitor.post("/admin/users", &form).await;
        assert!(matches!(refused.status, 401 | 403), "{}", refused.status);
        assert_eq!(refused.field("cache-control"), NO_STORE);
    }
    assert_eq!(bob.get("/admin/users").await.status, 403);
    let mut mallory = Visitor::new(&world.site);
    assert_eq!(mallory.sign_in(&world, "mallory@example.com").await.status, 403);
}

#[tokio::test]
async fn admins_end_one_session_or_all_of_a_person() {
    let (world, mut alice, mut phone) = world_with_bob().await;
    let mut laptop = Visitor::new(&world.site);
    laptop.sign_in(&world, "bob@example.com").await;
    let page = alice.get("/admin/users").await.body;
    let sids: Vec<&str> = page
        .split("name=\"person\" value=\"bob@example.com\"><input type=\"hidden\" name=\"sid\" value=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(sids.len(), 2, "{page}");
    let ended =
        alice.post("/admin/users", &[("act", "end"), ("person", "bob@example.com"), ("sid", sids[0])]).await;
    assert_eq!(ended.location(), "/admin/users?done=ended");
    let left = [phone.who().await, laptop.who().await];
    assert_eq!(left.iter().filter(|who| who.is_empty()).count(), 1, "{left:?}");
    let again =
        alice.post("/admin/users", &[("act", "end"), ("person", "bob@example.com"), ("sid", sids[0])]).await;
    assert_eq!(again.location(), "/admin/users?done=nothing");

    phone.sign_in(&world, "bob@example.com").await;
    let all = alice.post("/admin/users", &[("act", "end-all"), ("person", "bob@example.com")]).await;
    assert_eq!(all.location(), "/admin/users?done=all-ended");
    assert_eq!([phone.who().await, laptop.who().await], ["", ""]);
    assert!(
        !alice
            .get("/admin/users")
            .await
            .body
            .contains("value=\"bob@example.com\"><input type=\"hidden\" name=\"sid\"")
    );
    phone.sign_in(&world, "bob@example.com").await;
    assert_eq!(phone.who().await, "bob@example.com member", "who is on the list signs in again");
}

#[tokio::test]
async fn domains_and_groups_let_people_in() {
    let (world, mut alice, _bob) = world_with_bob().await;
    alice.post("/admin/users", &[("act", "add"), ("who", "@Family.Example"), ("role", "member")]).await;
    let mut cousin = Visitor::new(&world.site);
    cousin.sign_in(&world, "cousin@family.example").await;
    assert_eq!(cousin.who().await, "cousin@family.example member");
    for outside in ["x@sub.family.example", "x@family.example.evil", "x@notfamily.example"] {
        let mut visitor = Visitor::new(&world.site);
        assert_eq!(visitor.sign_in(&world, outside).await.status, 403, "{outside}");
    }
    alice.post("/admin/users", &[("act", "remove"), ("who", "@family.example")]).await;
    assert_eq!(cousin.who().await, "");
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_said_and_nothing_is_lost() {
    let (_world, mut alice, mut bob) = world_with_bob().await;
    let rows: [(&[(&str, &str)], &str); 6] = [
        (
            &[("act", "add"), ("who", "<b>nobody"), ("role", "member")],
            "Expected an address (aunt@example.com)",
        ),
        (
            &[("act", "add"), ("who", "carol@example.com"), ("role", "king")],
            "Expected the role member or admin.",
        ),
        (
            &[("act", "add"), ("who", ADMIN), ("role", "member")],
            "You cannot take the role of admin from yourself.",
        ),
        (&[("act", "remove"), ("who", ADMIN)], "You cannot remove yourself."),
        (&[("act", "explode")], "Expected one of the page&#39;s own buttons."),
        (&[], "Expected one of the page&#39;s own buttons."),
    ];
    for (form, expected) in rows {
        let page = alice.post("/admin/users", form).await;
        assert_eq!(page.status, 400, "{form:?}");
        assert!(page.body.contains(expected), "{form:?}: {}", page.body);
        assert!(!page.body.contains("<b>"), "{form:?}");
    }
    assert_eq!(bob.who().await, "bob@example.com member");
}
