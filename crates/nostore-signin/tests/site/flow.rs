//! Signing in and out.

use nostore_session::Check;
use nostore_web::Routes;

use crate::mock::Faults;
use crate::world::{ADMIN, NO_STORE, SESSION, Visitor, World};

#[tokio::test]
async fn r3_8_who_is_on_the_list_is_in_after_signing_in_at_the_provider() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);

    let sent = alice.get("/tree?branch=2").await;
    assert_eq!((sent.status, sent.location()), (307, "/auth/sign-in?callbackUrl=%2Ftree%3Fbranch%3D2"));
    let page = alice.get(sent.location()).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Continue with the provider"), "{}", page.body);
    assert!(page.body.contains("name=\"callbackUrl\" value=\"/tree?branch=2\""), "{}", page.body);

    world.provider_says(ADMIN, true);
    let callback = alice.ask_provider(&world, "/tree?branch=2").await;
    let back = alice.get(&callback).await;
    assert_eq!((back.status, back.location()), (303, "/tree?branch=2"));
    for answer in [&sent, &page, &back] {
        assert_eq!(answer.field("cache-control"), NO_STORE);
        assert_eq!(answer.field("x-accel-expires"), "0");
    }
    let line = back.fields.all("set-cookie").find(|line| line.starts_with(SESSION)).unwrap();
    for attribute in ["; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
        assert!(line.contains(attribute), "{line}");
    }
    assert_eq!(
        alice.jar.len(),
        2,
        "the session, and the count of redirects: the attempt is gone: {:?}",
        alice.jar.keys()
    );
    assert_eq!(alice.get("/tree").await.body, "the tree");
    assert_eq!(alice.who().await, "alice@example.com admin");
}

#[tokio::test]
async fn r3_8_a_stranger_is_told_so_and_offered_another_account_and_never_goes_round() {
    let world = World::new().await;
    let mut stranger = Visitor::new(&world.site);
    let told = stranger.sign_in(&world, "mallory@example.com").await;
    assert_eq!((told.status, told.location()), (403, ""));
    assert!(
        told.body.contains("<strong>mallory@example.com</strong>, who is not on the list"),
        "{}",
        told.body
    );
    assert!(told.body.contains("name=\"another\" value=\"1\""));
    assert_eq!(told.field("cache-control"), NO_STORE);
    assert!(!stranger.is_signed_in());
    let gone = stranger.post("/auth/sign-in", &[("another", "1"), ("callbackUrl", "/tree")]).await;
    assert!(gone.location().contains("prompt=select_account"), "{}", gone.location());

    // An address that the provider has not verified is nobody's.
    world.provider_says(ADMIN, false);
    let callback = stranger.ask_provider(&world, "/").await;
    let told = stranger.get(&callback).await;
    assert_eq!(told.status, 403);
    assert!(told.body.contains("has not verified an address"), "{}", told.body);
    assert!(!stranger.is_signed_in());
}

#[tokio::test]
async fn two_tabs_sign_in_at_once_and_each_comes_back_to_its_page() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    world.provider_says(ADMIN, true);
    let first = alice.ask_provider(&world, "/tree/first").await;
    let second = alice.ask_provider(&world, "/tree/second").await;
    assert_eq!(alice.get(&second).await.location(), "/tree/second");
    assert_eq!(alice.get(&first).await.location(), "/tree/first");
    assert_eq!(alice.who().await, "alice@example.com admin");
    // Back in the browser's history: the sign-in is over, the session is not.
    let again = alice.get(&first).await;
    assert_eq!((again.status, again.location()), (303, "/"));
    assert!(alice.is_signed_in());
}

#[tokio::test]
async fn a_sign_in_that_goes_wrong_ends_at_a_page_that_offers_another_try() {
    let world = World::new().await;
    let denied = vec![("code", String::new()), ("error", "access_denied".to_owned())];
    let wrong_iss = vec![("iss", "https://evil.example".to_owned())];
    let rows = [
        ("denied", Faults { callback: denied, ..Faults::default() }, 403, "You did not sign in"),
        ("wrong iss", Faults { callback: wrong_iss, ..Faults::default() }, 400, "This sign-in is over"),
        (
            "wrong nonce",
            Faults { claims: vec![("nonce", "another".into())], ..Faults::default() },
            502,
            "The provider&#39;s answer cannot be used",
        ),
        (
            "forged",
            Faults { forged: true, ..Faults::default() },
            502,
            "The provider&#39;s answer cannot be used",
        ),
        (
            "down",
            Faults { fates: [("/token", crate::mock::Fate::Closes)].into(), ..Faults::default() },
            503,
            "The provider does not answer",
        ),
    ];
    for (name, faults, status, title) in rows {
        let mut visitor = Visitor::new(&world.site);
        world.mock.fail(faults);
        let callback = visitor.ask_provider(&world, "/tree").await;
        let told = visitor.get(&callback).await;
        assert_eq!(told.status, status, "{name}: {}", told.body);
        assert!(told.body.contains(title), "{name}: {}", told.body);
        assert!(told.body.contains("action=\"/auth/sign-in\""), "{name}");
        assert_eq!(told.field("cache-control"), NO_STORE, "{name}");
        assert!(!visitor.is_signed_in(), "{name}");
        assert!(!visitor.jar.keys().any(|name| name.contains("attempt")), "{name}: the attempt is over");
    }
}

#[tokio::test]
async fn a_callback_counts_in_the_browser_that_began_and_for_ten_minutes() {
    let world = World::new().await;
    world.provider_says(ADMIN, true);
    let (mut alice, mut mallory) = (Visitor::new(&world.site), Visitor::new(&world.site));
    // Mallory has a victim open the callback of Mallory's own sign-in.
    let callback = mallory.ask_provider(&world, "/").await;
    let told = alice.get(&callback).await;
    assert_eq!(told.status, 400);
    assert!(!alice.is_signed_in());

    let callback = alice.ask_provider(&world, "/").await;
    world.time.pass_secs(600);
    assert_eq!(alice.get(&callback).await.status, 400);
    assert!(!alice.is_signed_in());
    for nonsense in
        ["/auth/callback", "/auth/callback?state=x&code=y", "/auth/callback?code=a&code=b&state=c"]
    {
        assert_eq!(alice.get(nonsense).await.status, 400, "{nonsense}");
    }
}

#[tokio::test]
async fn r3_10_signed_in_visitors_leave_the_sign_in_page_and_fetches_get_a_401() {
    let world = World::new().await;
    let mut visitor = Visitor::new(&world.site);
    let fetched = visitor.send("GET", "/tree", &[("sec-fetch-dest", "empty"), ("accept", "*/*")], "").await;
    assert_eq!((fetched.status, fetched.field("www-authenticate")), (401, "Cookie"));
    assert_eq!(fetched.field("cache-control"), NO_STORE);
    visitor.sign_in(&world, ADMIN).await;
    let sent = visitor.get("/auth/sign-in?callbackUrl=%2Ftree%2F7").await;
    assert_eq!((sent.status, sent.location()), (303, "/tree/7"));
    assert_eq!(sent.field("cache-control"), NO_STORE);
}

#[tokio::test]
async fn r3_10_open_paths_pass_and_only_health_loses_its_caching() {
    let world = World::new().await;
    let mut visitor = Visitor::new(&world.site);
    visitor.sign_in(&world, ADMIN).await;
    for (path, expected) in
        [("/", "public, s-maxage=60"), ("/assets/logo.svg", "public, s-maxage=60"), ("/healthz", NO_STORE)]
    {
        let answer = visitor.get(path).await;
        assert_eq!((answer.status, answer.field("cache-control")), (200, expected), "{path}");
        assert!(!answer.fields.all("set-cookie").any(|line| line.contains("session")), "{path}");
    }
}

#[tokio::test]
async fn roles_open_what_asks_for_them() {
    let world = World::new().await;
    let (mut alice, mut bob) = (Visitor::new(&world.site), Visitor::new(&world.site));
    alice.sign_in(&world, ADMIN).await;
    alice.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "member")]).await;
    bob.sign_in(&world, "bob@example.com").await;
    assert_eq!(alice.get("/vault").await.status, 200);
    let refused = bob.get("/vault").await;
    assert_eq!((refused.status, refused.location()), (403, ""));
    assert_eq!(refused.field("cache-control"), NO_STORE);
    let asked = Visitor::new(&world.site).get("/vault").await;
    assert_eq!((asked.status, asked.location()), (307, "/auth/sign-in?callbackUrl=%2Fvault"));
}

#[tokio::test]
async fn a_role_is_asked_for_however_the_path_is_written_where_everything_is_protected() {
    let routes = || Routes::new().protected("/*").requires("/vault", Check::role("admin"));
    let world = World::with(|builder| builder.routes(routes())).await;
    let (mut alice, mut bob) = (Visitor::new(&world.site), Visitor::new(&world.site));
    alice.sign_in(&world, ADMIN).await;
    alice.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "member")]).await;
    bob.sign_in(&world, "bob@example.com").await;
    assert_eq!(bob.get("/tree").await.status, 200);
    for path in ["/vault", "//vault", "/vault/", "/%76ault", "/x/../vault", "/./vault", "/x%2f..%2fvault"] {
        assert_eq!(bob.get(path).await.status, 403, "{path}");
        assert_eq!(alice.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn r3_13_signing_out_sticks_and_the_next_one_is_somebody_else() {
    let world = World::new().await;
    let mut browser = Visitor::new(&world.site);
    browser.sign_in(&world, ADMIN).await;
    browser.post("/admin/users", &[("act", "add"), ("who", "@family.example"), ("role", "member")]).await;
    let copied = browser.clone();

    let asked = browser.get("/auth/sign-out").await;
    assert!(asked.body.contains("alice@example.com"));
    assert!(browser.is_signed_in(), "a link signs nobody out");
    let out = browser.post("/auth/sign-out", &[]).await;
    assert_eq!((out.status, out.location()), (303, "/auth/sign-out"));
    assert_eq!(out.field("clear-site-data"), "\"cache\", \"storage\"");
    assert!(!browser.is_signed_in());
    assert_eq!(browser.who().await, "");
    // A copy of the cookie is over, too.
    assert_eq!(copied.clone().who().await, "");
    assert_eq!(browser.get("/tree").await.status, 307);
    browser.sign_in(&world, "aunty@family.example").await;
    assert_eq!(browser.who().await, "aunty@family.example member");
}

#[tokio::test]
async fn another_site_makes_nobody_sign_in_sign_out_or_change_the_list() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    let elsewhere: [&[(&str, &str)]; 4] = [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://shop.example.com")],
        &[("origin", "null")],
        &[],
    ];
    for fields in elsewhere {
        for (path, body) in [
            ("/auth/sign-out", ""),
            ("/auth/sign-in", "callbackUrl=%2F"),
            ("/admin/users", "act=add&who=mallory%40example.com&role=admin"),
        ] {
            let answer = alice.send("POST", path, fields, body).await;
            assert_eq!((answer.status, answer.location()), (403, ""), "{path} {fields:?}");
            assert_eq!(answer.field("cache-control"), NO_STORE);
        }
    }
    // The app's own forms are as safe where a browser says where they come from.
    let forged = alice.send("POST", "/order", elsewhere[0], "").await;
    assert_eq!(forged.status, 403);
    assert_eq!(forged.field("cache-control"), NO_STORE);
    let program = alice.send("POST", "/order", &[], "").await;
    assert_eq!(program.status, 200);
    assert_eq!(alice.who().await, "alice@example.com admin");
    assert!(!alice.get("/admin/users").await.body.contains("mallory"));
}

#[tokio::test]
async fn one_network_signs_in_twenty_times_at_once_and_others_do_not_wait() {
    let world = World::new().await;
    let mut visitor = Visitor::new(&world.site);
    for _ in 0..20 {
        assert_eq!(visitor.post("/auth/sign-in", &[]).await.status, 303);
    }
    assert!(visitor.jar.len() <= 6, "attempts do not pile up: {}", visitor.jar.len());
    let slow = visitor.post("/auth/sign-in", &[]).await;
    assert_eq!((slow.status, slow.field("retry-after")), (429, "3"));
    let mut other = Visitor::new(&world.site);
    other.network = "192.0.2.2".parse().ok();
    assert_eq!(other.post("/auth/sign-in", &[]).await.status, 303);
    world.time.pass_secs(3);
    assert_eq!(visitor.post("/auth/sign-in", &[]).await.status, 303);
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_uncached() {
    let world = World::new().await;
    let mut visitor = Visitor::new(&world.site);
    let own = [("sec-fetch-site", "same-origin")];
    let rows = [
        ("PUT", "/auth/sign-in", 405),
        ("POST", "/auth/callback", 405),
        ("GET", "/auth/backchannel-logout", 405),
        ("POST", "/auth/backchannel-logout", 400),
        ("GET", "/auth/nothing", 404),
        ("HEAD", "/auth/sign-in", 200),
        ("DELETE", "/admin/users", 405),
    ];
    for (method, path, status) in rows {
        let answer = visitor.send(method, path, &own, "logout_token=nonsense").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.field("cache-control"), NO_STORE, "{method} {path}");
    }
}
