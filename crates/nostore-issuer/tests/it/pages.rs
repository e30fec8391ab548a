//! The pages: what they offer, and that nothing anybody brings becomes markup.

use nostore_issuer::core::{Change, Mode, User};

use crate::world::{NOW, World};

#[test]
fn the_sign_in_page_offers_alice_bob_and_one_field_named_email() {
    let mut world = World::new(Mode::Test);
    let page = world.get("/sign-in?redirect_url=http://localhost:8080/dashboard", &[]).body;
    for expected in [
        "value=\"alice@example.com\"",
        "value=\"bob@example.com\"",
        "type=\"email\"",
        "autofocus",
        "localhost:8080",
        "There is no password in development.",
        "nostore issuer · development · no passwords",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert_eq!(page.matches("name=\"email\"").count(), 1);
    for foreign in ["<script", "http-equiv", "<link", "src=", "url(", "@import"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn text_of_others_stays_text() {
    const EVIL: &str = "\"><script>alert('x')</script>&";
    let encoded: String = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    let mut world = World::new(Mode::Test);
    let user = User {
        id: "user_evil".to_owned(),
        email: format!("{EVIL}@example.com"),
        name: Some(EVIL.to_owned()),
        created_at: NOW,
    };
    world.issuer.apply(&[Change::PutUser(user)]);
    let back = format!("redirect_url=http://localhost:8080/{encoded}");
    let pages = [
        world.get(&format!("/sign-in?{back}"), &[]),
        world.get(&format!("/sign-in?redirect_url=http://{encoded}/"), &[]),
        world.get(&format!("/sign-in?__clerk_db_jwt={encoded}"), &[]),
        world.get(&format!("/v1/client/handshake?redirect_url={encoded}"), &[]),
        world.get(&format!("/sign-out?{back}"), &[]),
        world.get(&format!("/{encoded}"), &[("accept", "text/html")]),
        world.post("/sign-in", &[], &format!("email={encoded}&{back}")),
    ];
    for page in pages {
        assert!(!page.body.contains("<script"), "{}", page.body);
        assert!(!page.body.contains("alert('x')"), "{}", page.body);
    }
    let again = world.post("/sign-in", &[], &format!("email={encoded}"));
    assert!(again.body.contains("value=\"&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\""));
}

#[test]
fn a_refused_address_keeps_what_was_entered_and_is_announced() {
    let mut world = World::new(Mode::Test);
    let page = world.post("/sign-in", &[], "email=not-an-address&redirect_url=http://localhost:8080/x").body;
    for expected in [
        "value=\"not-an-address\"",
        "aria-invalid=\"true\"",
        "role=\"alert\"",
        "value=\"http://localhost:8080/x\"",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn the_home_page_says_who_is_signed_in_and_no_secret() {
    let mut world = World::new(Mode::Live);
    let nobody = world.get("/", &[]).body;
    assert!(nobody.contains("Nobody is signed in") && nobody.contains("pk_live_"));
    assert!(!nobody.contains("sk_live_"));
    let answer = world.post("/sign-in", &[], "email=bob%40example.com");
    let cookie = crate::world::cookies(&answer).remove(0).1;
    let home = world.get("/", &[("cookie", &format!("__client={cookie}"))]).body;
    assert!(home.contains("bob@example.com") && home.contains("Sign out"));
    assert!(!home.contains(&cookie));
}
