//! How long sessions live, what ends them, and what no cache is given.

use nostore_message::Secret;
use nostore_session::{Lifetimes, SealedFormat};
use nostore_signin::{SessionMode, SignIn, Who};

use crate::world::{ADMIN, NO_STORE, ORIGIN, SECRET, SESSION, Visitor, World};

const OTHER: &str = "another secret of the tests, of more than 32 octets";

#[tokio::test]
async fn r3_9_rotating_the_secret_ends_sessions_or_keeps_them() {
    let world = World::new().await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;

    let kept = world.beside(&[OTHER, SECRET], |builder| builder).await;
    let mut later = Visitor { site: kept, ..alice.clone() };
    let page = later.get("/who").await;
    assert_eq!(page.body, "alice@example.com admin");
    assert!(
        page.fields.all("set-cookie").any(|line| line.starts_with(SESSION)),
        "sealed anew with the first secret"
    );
    let only_new = world.beside(&[OTHER], |builder| builder).await;
    assert_eq!(Visitor { site: only_new.clone(), ..later }.who().await, "alice@example.com admin");

    let mut ended = Visitor { site: only_new, ..alice.clone() };
    let page = ended.get("/who").await;
    assert_eq!(page.body, "");
    // A cookie that does not open may be that of another release of the site: it is left alone.
    assert!(!page.fields.all("set-cookie").any(|line| line.starts_with(SESSION)));
}

#[tokio::test]
async fn removing_somebody_ends_their_sessions_at_the_next_request_in_every_process() {
    for mode in [SessionMode::Stateless, SessionMode::ServerSide] {
        let world = World::with(|builder| builder.mode(mode)).await;
        let other = world.beside(&[SECRET], |builder| builder.mode(mode)).await;
        let (mut alice, mut bob) = (Visitor::new(&world.site), Visitor::new(&other));
        alice.sign_in(&world, ADMIN).await;
        alice.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "member")]).await;
        bob.sign_in(&world, "bob@example.com").await;
        assert_eq!(bob.who().await, "bob@example.com member", "{mode:?}");
        alice.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "admin")]).await;
        assert_eq!(bob.who().await, "bob@example.com admin", "a role holds at once, too: {mode:?}");

        let copy = bob.clone();
        alice.post("/admin/users", &[("act", "remove"), ("who", "bob@example.com")]).await;
        assert_eq!(bob.who().await, "", "{mode:?}");
        assert!(!bob.is_signed_in(), "the cookie of a session that is over goes: {mode:?}");
        // Who is added again signs in again: what was ended stays over.
        alice.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "member")]).await;
        assert_eq!(copy.clone().who().await, "", "{mode:?}");
        bob.sign_in(&world, "bob@example.com").await;
        assert_eq!(bob.who().await, "bob@example.com member", "{mode:?}");
    }
}

#[tokio::test]
async fn a_session_lives_while_it_is_used_and_never_longer_than_its_lifetime() {
    let lifetimes = Lifetimes::new(1_000, 3_000, 500).unwrap();
    let world = World::with(|builder| builder.lifetimes(lifetimes)).await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    let idle = alice.clone();
    for (passed, renewed) in [(499, false), (1, true), (499, false), (1, true)] {
        world.time.pass_secs(passed);
        let page = alice.get("/who").await;
        assert_eq!(page.body, "alice@example.com admin");
        assert_eq!(page.fields.all("set-cookie").any(|line| line.starts_with(SESSION)), renewed);
        assert_eq!(page.field("cache-control"), NO_STORE);
    }
    // 1000 s after the sign-in, and 15 for clocks that differ.
    world.time.pass_secs(14);
    assert_eq!(idle.clone().who().await, "alice@example.com admin");
    world.time.pass_secs(1);
    let mut late = idle.clone();
    assert_eq!(late.who().await, "");
    assert!(!late.is_signed_in());
    // Used again and again it lives until 3000 s after the sign-in, and no longer.
    for passed in [400, 400, 400, 400, 399] {
        world.time.pass_secs(passed);
        assert_eq!(alice.who().await, "alice@example.com admin");
    }
    world.time.pass_secs(1);
    assert_eq!(alice.who().await, "");
}

#[tokio::test]
async fn a_page_that_its_author_made_cacheable_is_not_given_a_cookie_for_a_renewal() {
    let lifetimes = Lifetimes::new(1_000, 3_000, 10).unwrap();
    let world = World::with(|builder| builder.lifetimes(lifetimes)).await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    world.time.pass_secs(100);
    let stamped = alice.get("/stamped").await;
    assert_eq!((stamped.body.as_str(), stamped.field("cache-control")), (ADMIN, NO_STORE));
    assert!(!stamped.fields.contains("set-cookie"), "the renewal waits");
    let public = alice.get("/").await;
    assert_eq!(public.field("cache-control"), "public, s-maxage=60");
    assert!(!public.fields.contains("set-cookie"));
    assert!(
        alice.get("/who").await.fields.contains("set-cookie"),
        "it comes with the next page that nobody keeps"
    );
}

#[tokio::test]
async fn server_side_sessions_have_nothing_in_the_cookie_and_end_with_their_record() {
    let world = World::with(|builder| builder.mode(SessionMode::ServerSide)).await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    assert_eq!(alice.who().await, "alice@example.com admin");
    let forgetful = World::with(|builder| builder.mode(SessionMode::ServerSide)).await;
    assert_eq!(Visitor { site: forgetful.site.clone(), ..alice.clone() }.who().await, "");
    let stateless = World::new().await;
    assert_eq!(Visitor { site: stateless.site.clone(), ..alice }.who().await, "alice@example.com admin");
}

#[tokio::test]
async fn sessions_in_the_format_of_authjs_are_shared_with_its_half_of_the_site() {
    let world = World::with(|builder| builder.format(SealedFormat::AuthJsV5)).await;
    let mut alice = Visitor::new(&world.site);
    alice.sign_in(&world, ADMIN).await;
    assert!(alice.jar.contains_key("__Secure-authjs.session-token"), "{:?}", alice.jar.keys());
    assert_eq!(alice.who().await, "alice@example.com admin");
}

#[tokio::test]
async fn a_browser_has_one_session() {
    let world = World::new().await;
    let mut browser = Visitor::new(&world.site);
    browser.sign_in(&world, ADMIN).await;
    let before = browser.clone();
    browser.post("/admin/users", &[("act", "add"), ("who", "bob@example.com"), ("role", "member")]).await;
    browser.sign_in(&world, "bob@example.com").await;
    assert_eq!(browser.who().await, "bob@example.com member");
    assert_eq!(
        before.clone().who().await,
        "",
        "who signs in as somebody else has left the session of before"
    );
}

#[tokio::test]
async fn a_provider_that_ends_a_session_ends_ours() {
    let world = World::new().await;
    let (mut alice, mut other) = (Visitor::new(&world.site), Visitor::new(&world.site));
    alice.sign_in(&world, ADMIN).await;
    other.sign_in(&world, ADMIN).await;
    let now = world.time.now().secs();
    let claims = serde_json::json!({
        "iss": "{op}", "aud": "site", "sub": format!("sub of {ADMIN}"), "jti": "1", "iat": now, "exp": now + 120,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    let token = world.mock.sign(&serde_json::json!({"typ": "logout+jwt"}), &claims);
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
    let told = Visitor::new(&world.site).send("POST", "/auth/backchannel-logout", &[], &body).await;
    assert_eq!((told.status, told.field("cache-control")), (200, NO_STORE));
    assert_eq!((alice.who().await.as_str(), other.who().await.as_str()), ("", ""));
}

#[tokio::test]
async fn a_site_says_at_start_up_what_is_missing_or_contradicts_itself() {
    let world = World::new().await;
    let builder = || {
        SignIn::builder([Secret::new(SECRET)], nostore_message::Origin::parse(ORIGIN).unwrap())
            .store(world.store.clone())
            .quiet(true)
            .platform(None)
            .dev(false)
    };
    let provider =
        || nostore_signin::provider::Provider::oidc("https://op.example", "site", Some(Secret::new("hush")));
    let none = builder().build().await.unwrap_err();
    assert!(none.to_string().starts_with("expected a provider to sign in with, found none"), "{none}");
    let twice = builder().provider(provider()).provider(provider()).build().await.unwrap_err();
    assert_eq!(twice.code(), "provider-twice");
    let routes = nostore_web::Routes::new().protected("/admin/*").cacheable("/*");
    let both = builder().provider(provider()).routes(routes).build().await.unwrap_err().to_string();
    assert!(
        both.starts_with("expected what caches may keep for everybody to need no sign-in, but `/admin/*`"),
        "{both}"
    );
    let short = SignIn::builder([Secret::new("short")], nostore_message::Origin::parse(ORIGIN).unwrap());
    let short = short.provider(provider()).build().await.unwrap_err().to_string();
    assert!(short.contains("NOSTORE_SECRET") && short.contains("`nostore secret new`"), "{short}");
    let admin = builder().provider(provider()).admin(Who::parse(ADMIN).unwrap());
    assert_eq!(admin.build().await.unwrap().redirect_uri(), "https://www.example.com/auth/callback");
}

#[test]
fn variables_that_are_missing_are_named_with_what_makes_them() {
    let none = SignIn::from_variables(|_| None).err().unwrap().to_string();
    assert_eq!(
        none,
        "expected the variable NOSTORE_SECRET, found nothing: `nostore secret new` makes one; keep it out of the repository"
    );
    let secret = std::ffi::OsStr::new(SECRET);
    let origin = SignIn::from_variables(|name| (name == "NOSTORE_SECRET").then_some(secret)).err().unwrap();
    assert!(
        origin.to_string().starts_with("expected the variable NOSTORE_ORIGIN, found nothing"),
        "{origin}"
    );
    let wrong = SignIn::from_variables(|name| match name {
        "NOSTORE_SECRET" => Some(secret),
        "NOSTORE_ORIGIN" => Some(std::ffi::OsStr::new("family.example")),
        _ => None,
    });
    assert!(wrong.err().unwrap().to_string().starts_with("NOSTORE_ORIGIN: "));
}
