//! Sessions in Chromium, over time: handshakes, expiry, rotation, several sites, and an identity service that dies.

use nostore_cli::args::Keys;
use nostore_test::{Opened, WebDriver};

use crate::chromium::ALICE;
use crate::world::{World, is_protected, who};

/// DESIGN section 5, statement 2.
const MOST_REDIRECTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_by_nonce_is_fetched_once_and_leaves_the_url_clean() {
    let driver = WebDriver::start().await;
    for keys in [Keys::Test, Keys::Live] {
        let world = World::start("rfc9111", keys, |_| {}).await;
        let alice = driver.browser().await;
        let start = world.mark();
        world.sign_in(&alice).await;
        let asked = world.asked(&start, "GET /v1/client/handshake?");
        let handshakes: Vec<_> = asked.iter().filter(|asked| asked.status == 307).collect();
        assert!(
            !handshakes.is_empty() && handshakes.iter().all(|asked| asked.request.contains("format=nonce"))
        );
        let mut nonces: Vec<String> = world
            .asked(&start, "GET /v1/clients/handshake_payload?")
            .into_iter()
            .map(|asked| asked.request)
            .collect();
        assert_eq!(nonces.len(), handshakes.len(), "{keys:?}: each result is fetched once: {nonces:?}");
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), handshakes.len(), "{keys:?}: and no nonce twice");
        let in_url =
            |name: &str| world.got(&start, "/dashboard").iter().any(|got| got.request.contains(name));
        assert_eq!(
            in_url("__clerk_handshake_nonce="),
            keys == Keys::Test,
            "only development has it in the URL"
        );
        assert!(!in_url("__clerk_handshake="), "{keys:?}");
        assert_eq!(alice.cookie("__clerk_handshake_nonce").await, None, "{keys:?}: nothing of it stays");
        assert_eq!(alice.url().await, world.at("/dashboard"), "{keys:?}");
        alice.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_on_the_same_host_does_not_disturb() {
    let driver = WebDriver::start().await;
    let first = World::start("rfc9111", Keys::Test, |_| {}).await;
    for keys in [Keys::Test, Keys::Live] {
        let second = World::start("rfc9111", keys, |_| {}).await;
        assert_ne!(first.suffixed("__session"), second.suffixed("__session"));
        let alice = driver.browser().await;
        first.sign_in(&alice).await;
        let (own, _) = first.token(&alice).await;
        assert_eq!(alice.cookie("__session").await, Some(own.clone()), "the browser holds both families");
        for name in ["__session", "__client_uat", "__refresh"] {
            assert!(alice.cookie(&first.suffixed(name)).await.is_some(), "{name}");
        }
        // Cookies know no ports: the second site writes over the plain family of the first.
        second.sign_in(&alice).await;
        assert_ne!(
            alice.cookie("__session").await,
            Some(own.clone()),
            "the plain cookie is the other instance's"
        );
        assert_eq!(first.token(&alice).await.0, own);
        let start = first.mark();
        first.dashboard_is_alices(&alice, "first").await;
        second.dashboard_is_alices(&alice, "second").await;
        assert_eq!((first.redirects(&start), who(&alice).await.as_deref()), (0, Some(ALICE)));
        // What is left of an instance that is long gone.
        alice.set_cookie("__session", "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl").await;
        alice.set_cookie("__client_uat", "1").await;
        first.dashboard_is_alices(&alice, "first, beside leftovers").await;
        second.dashboard_is_alices(&alice, "second, beside leftovers").await;
        alice.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_satellite_on_a_second_host_learns_who_is_signed_in_and_signs_out() {
    let driver = WebDriver::start().await;
    let world = World::start("rfc9111", Keys::Test, |options| options.satellite = true).await;
    let satellite = world.stage.satellite().unwrap().to_owned();
    let alice = driver.browser().await;
    world.sign_in(&alice).await;

    let page = format!("{satellite}/dashboard");
    let start = world.mark();
    assert_eq!(alice.open(&page).await, Opened::At(format!("{page}?__clerk_synced=true")));
    assert_eq!(alice.text("#who").await.as_deref(), Some(ALICE), "signed in on the satellite without a form");
    assert!(!world.got(&start, "/sign-in").is_empty(), "the primary site was asked");
    assert!(world.asked(&start, "POST /sign-in").is_empty());
    assert_eq!(alice.open(&page).await, Opened::At(page.clone()), "and it stays so at a clean address");
    let quiet = world.mark();
    alice.open(&page).await;
    assert_eq!(world.redirects(&quiet), 0, "nobody is asked again");

    alice.click("form[action='/sign-out'] button").await;
    // Sign-out sticks, whatever the primary site still believes. Nobody clicks as fast as this test: whoever came
    // from the form is told why, and reloads.
    for said in [None, Some("you are signed out. Reload the page to sign in."), None] {
        // The protocol's counter lives two of the browser's own seconds.
        alice.delete_cookie("__clerk_redirect_count").await;
        let opened = alice.open(&page).await;
        let body = alice.text("body").await.unwrap_or_default();
        let at_form = matches!(&opened, Opened::At(url) if url.contains("/sign-in"));
        assert_eq!(at_form, said.is_none(), "{opened:?}: {body}");
        assert!(body.contains(said.unwrap_or_default()), "{body}");
    }
    // The primary site sees it when its own token has run out.
    world.let_tokens_expire();
    alice.open(&world.at("/")).await;
    alice.delete_cookie("__clerk_redirect_count").await;
    let opened = alice.open(&world.at("/dashboard")).await;
    let said = alice.text("body").await;
    assert!(matches!(&opened, Opened::At(url) if url.contains("/sign-in")), "{opened:?}: {said:?}");
    alice.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_at_a_satellite_is_sent_round_once() {
    let driver = WebDriver::start().await;
    let world = World::start("rfc9111", Keys::Test, |options| options.satellite = true).await;
    let stranger = driver.browser().await;
    let start = world.mark();
    let opened = stranger.open(&format!("{}/dashboard", world.stage.satellite().unwrap())).await;
    let said = stranger.text("body").await;
    assert!(matches!(&opened, Opened::At(url) if url.contains("/sign-in")), "{opened:?}: {said:?}");
    assert_eq!(
        world.got(&start, "/sign-in").len(),
        2,
        "the primary site was asked who is there, then to sign in"
    );
    assert_eq!(world.redirects(&start), 3, "two of the primary site, one of the identity service");
    assert_eq!(world.asked(&start, "GET /v1/client/handshake?").len(), 1, "and so was the identity service");
    stranger.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_replaced_without_a_redirect() {
    let driver = WebDriver::start().await;
    for profile in ["netlify", "cloudfront", "amplify"] {
        for keys in [Keys::Test, Keys::Live] {
            let case = format!("{profile}, {keys:?}");
            let world = World::start(profile, keys, |_| {}).await;
            let alice = driver.browser().await;
            world.sign_in(&alice).await;
            let (before, _) = world.token(&alice).await;
            world.let_tokens_expire();
            let start = world.mark();
            world.dashboard_is_alices(&alice, &case).await;
            assert_eq!(world.redirects(&start), 0, "{case}: silently");
            assert_eq!(world.asked(&start, "POST /v1/sessions/").len(), 1, "{case}: one refresh");
            let (after, _) = world.token(&alice).await;
            assert_ne!(after, before, "{case}");
            let got = world.got(&start, "/dashboard");
            let set = |name: &str| {
                got[0].values("set-cookie").any(|line| line.starts_with(&format!("{name}={after}")))
            };
            assert!(got.len() == 1 && got[0].status == 200, "{case}: {got:?}");
            assert!(
                set("__session") && set(&world.suffixed("__session")),
                "{case}: both families are renewed"
            );
            is_protected(&got[0], &case);

            // The same on a request that a script makes: the answer is told apart by the browser itself.
            world.let_tokens_expire();
            let start = world.mark();
            assert_eq!(who(&alice).await.as_deref(), Some(ALICE), "{case}");
            is_protected(&world.got(&start, "/api/me")[0], &case);

            let stranger = driver.browser().await;
            let opened = stranger.open(&world.at("/dashboard")).await;
            assert!(matches!(&opened, Opened::At(url) if url.contains("/sign-in")), "{case}: {opened:?}");
            assert_eq!(
                world.kept("/dashboard") + world.kept("/api/me"),
                0,
                "{case}: nothing of it was stored"
            );
            stranger.close().await;
            alice.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_without_a_refresh_token_costs_one_handshake() {
    let driver = WebDriver::start().await;
    for keys in [Keys::Test, Keys::Live] {
        let world = World::start("netlify", keys, |_| {}).await;
        let alice = driver.browser().await;
        world.sign_in(&alice).await;
        alice.delete_cookie(&world.suffixed("__refresh")).await;
        world.let_tokens_expire();
        let start = world.mark();
        world.dashboard_is_alices(&alice, "by a handshake").await;
        assert_eq!(world.asked(&start, "GET /v1/client/handshake?").len(), 1, "{keys:?}");
        assert!(world.redirects(&start) <= MOST_REDIRECTS, "{keys:?}: {}", world.redirects(&start));
        assert_eq!(world.kept("/dashboard"), 0, "{keys:?}");
        for got in world.got(&start, "/dashboard") {
            is_protected(&got, &format!("{keys:?}"));
        }
        alice.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_that_the_key_was_rotated() {
    let driver = WebDriver::start().await;
    let world = World::start("rfc9111", Keys::Live, |_| {}).await;
    let alice = driver.browser().await;
    world.sign_in(&alice).await;
    let (old_token, old_key) = world.token(&alice).await;

    world.rotate().await;
    let start = world.mark();
    world.dashboard_is_alices(&alice, "with the old token").await;
    assert_eq!(world.token(&alice).await.0, old_token);
    assert!(world.asked(&start, "").is_empty(), "the old token needs nobody");

    world.let_tokens_expire();
    let start = world.mark();
    for case in ["at the refresh", "after it"] {
        world.dashboard_is_alices(&alice, case).await;
    }
    assert_ne!(world.token(&alice).await.1, old_key, "the new key signed");
    assert_eq!(world.redirects(&start), 0);
    let keys: Vec<_> =
        world.asked(&start, "GET ").into_iter().filter(|asked| asked.request.contains("jwks")).collect();
    assert_eq!(keys.len(), 1, "the key set is fetched once: {keys:?}");
    alice.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eager_decides_every_page_and_ends() {
    let driver = WebDriver::start().await;
    for keys in [Keys::Test, Keys::Live] {
        let redirects = async |eager: bool| {
            let world = World::start("rfc9111", keys, |options| options.eager = eager).await;
            let alice = driver.browser().await;
            world.sign_in(&alice).await;
            alice.delete_cookie(&world.suffixed("__refresh")).await;
            world.let_tokens_expire();
            let start = world.mark();
            assert_eq!(alice.open(&world.at("/")).await, Opened::At(world.at("/")), "{keys:?}");
            let (asked, redirects) =
                (world.asked(&start, "GET /v1/client/handshake?").len(), world.redirects(&start));
            assert_eq!(who(&alice).await.is_some(), eager, "{keys:?}: the stale cookie was replaced, or not");
            alice.close().await;
            (asked, redirects)
        };
        assert_eq!(redirects(false).await, (0, 0), "{keys:?}: a public page asks nobody");
        let (asked, redirects) = redirects(true).await;
        assert_eq!(asked, 1, "{keys:?}");
        assert!(redirects <= MOST_REDIRECTS, "{keys:?}: {redirects}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn protect_all_lets_nothing_be_stored() {
    let driver = WebDriver::start().await;
    for profile in ["netlify", "cloudfront", "amplify"] {
        let world = World::start(profile, Keys::Live, |options| options.protect_all = true).await;
        let alice = driver.browser().await;
        let start = world.mark();
        world.sign_in(&alice).await;
        for path in ["/", "/", "/no-such-page"] {
            alice.open(&world.at(path)).await;
        }
        for path in ["/", "/health", "/api/me", "/no-such-page"] {
            alice.fetch(path).await;
        }
        for path in ["/", "/health", "/api/me", "/no-such-page", "/dashboard", "/sign-in"] {
            let got = world.got(&start, path);
            assert!(!got.is_empty(), "{profile}: {path}");
            for got in got {
                is_protected(&got, profile);
            }
            assert_eq!(world.kept(path), 0, "{profile}: {path}");
        }
        alice.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_token_does_not_notice_that_the_identity_service_is_dead() {
    let driver = WebDriver::start().await;
    let world = World::start("netlify", Keys::Test, |_| {}).await;
    let alice = driver.browser().await;
    world.sign_in(&alice).await;
    world.identity.cut();
    let start = world.mark();
    for _ in 0..2 {
        world.dashboard_is_alices(&alice, "while it is dead").await;
        assert_eq!(who(&alice).await.as_deref(), Some(ALICE));
    }
    assert_eq!(world.redirects(&start), 0);

    // A refresh that fails takes nothing away.
    world.let_tokens_expire();
    let (token, refresh) = (world.token(&alice).await, alice.cookie(&world.suffixed("__refresh")).await);
    assert_eq!(who(&alice).await, None, "nobody can say who it is");
    assert_eq!(world.token(&alice).await, token);
    assert_eq!(alice.cookie(&world.suffixed("__refresh")).await, refresh);

    world.identity.mend();
    let start = world.mark();
    world.dashboard_is_alices(&alice, "at the first request after it is back").await;
    assert_eq!(world.redirects(&start), 0, "by a refresh");
    assert_ne!(world.token(&alice).await, token);
    alice.close().await;
}
