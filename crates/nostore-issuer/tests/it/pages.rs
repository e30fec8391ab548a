//! The pages: what they offer, and that nothing anybody brings becomes markup.

use nostore_issuer::core::{Change, Mode, User};

use crate::world::{NOW, World, directives};

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
    let user = User::new("user_evil", format!("{EVIL}@example.com"), NOW).named(EVIL);
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

/// With test keys a browser is known only through its site: nothing here may promise more.
#[test]
fn with_test_keys_pages_opened_by_hand_lead_to_the_site() {
    let mut world = World::new(Mode::Test);
    for target in ["/", "/sign-in", "/sign-in?__clerk_db_jwt=dvb_unknown", "/sign-out"] {
        let page = world.get(target, &[]).body;
        assert!(page.contains("knows a browser only through its site"), "{target}: {page}");
        let link = "<a class=\"button filled\" href=\"http://localhost:8080/\">Open localhost:8080</a>";
        assert!(page.contains(link), "{target}: {page}");
        assert_eq!(page.matches("filled\"").count(), 1, "{target}: one primary action");
        assert!(!page.contains("<form") && !page.contains("href=\"/sign-in"), "{target}: {page}");
    }
    let known = world.get("/sign-in?redirect_url=http://localhost:8080/", &[]).body;
    assert!(known.contains("name=\"email\""), "{known}");
    let mut live = World::new(Mode::Live);
    assert!(live.get("/", &[]).body.contains("<a class=\"button filled\" href=\"/sign-in\">Sign in</a>"));
    assert!(live.get("/sign-in", &[]).body.contains("name=\"email\""));
}

#[test]
fn with_test_keys_a_sign_in_by_hand_reaches_the_site_by_the_link_on_its_page() {
    let mut world = World::new(Mode::Test);
    let page = world.post("/sign-in", &[], "email=alice%40example.com").body;
    assert!(page.contains("You are signed in here as Alice"));
    assert!(!page.contains("You can close this page"), "{page}");
    let link = page.split("<a class=\"button filled\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let answer = world.get(&link.replace("&amp;", "&"), &[]);
    assert!(answer.fields.first("location").unwrap().starts_with("http://localhost:8080/?"));
    assert!(directives(&answer).iter().any(|line| line.starts_with("__session=ey")), "{link}");
}

#[test]
fn a_service_without_sites_says_how_to_allow_one() {
    let mut world = World::with_sites(Mode::Test, &[]);
    for target in ["/", "/sign-in", "/v1/client/handshake?redirect_url=http://localhost:8080/"] {
        let page = world.get(target, &[]).body;
        assert!(page.contains("<code>--allow-origin ORIGIN</code>"), "{target}: {page}");
    }
}
