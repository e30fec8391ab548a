//! The whole road in headless Chromium, for every profile and both kinds of key; and the two famous
//! failures, asserted, so that we know that the emulation bites.

use nostore_test::{Browser, Opened, WebDriver};
use serde_json::Value;

use crate::site::{PROFILES, Site};

pub(crate) const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
/// DESIGN section 5, statement 2.
const MOST_REDIRECTS_AFTER_THE_FORM: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn r0_2_r0_4_r1_1_r1_12_r1_13_r1_14_the_whole_road_with_test_keys() {
    whole_road_everywhere("test").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_2_r0_4_r1_12_the_whole_road_with_live_keys() {
    whole_road_everywhere("live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_1_unprotected_on_netlify_the_redirect_never_ends() {
    let driver = WebDriver::start().await;
    let site = Site::start(&["--cdn", "netlify", "--keys", "test", "--unprotected", "loop"]).await;
    for path in ["/dashboard", "/"] {
        let visitor = driver.browser().await;
        let mark = site.process.mark();
        assert_eq!(visitor.open(&site.at(path)).await, Opened::Loop, "{path}");
        let replayed = site.requests_since(mark, path);
        assert!(
            replayed.iter().any(|event| event["outcome"] == "HIT" && event["status"] == 307),
            "{path}: {replayed:?}"
        );
        visitor.close().await;
    }
    let warned = |event: &&Value| event["event"] == "warning" && event["code"] == "stored-sign-in-redirect";
    assert!(
        site.process.since(0).iter().find(warned).is_some(),
        "the moment it is stored there is a warning"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_1_unprotected_on_cloudfront_the_redirect_never_ends() {
    let driver = WebDriver::start().await;
    let site = Site::start(&["--cdn", "cloudfront", "--keys", "live", "--unprotected", "loop"]).await;
    let visitor = driver.browser().await;
    assert!(at_sign_in_page(&site, &visitor.open(&site.at("/dashboard")).await));
    submit(&visitor, ALICE).await;
    visitor.wait_for_redirect_loop().await;
    assert_eq!(visitor.open(&site.at("/dashboard")).await, Opened::Loop);
    visitor.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_2_unprotected_on_cloudfront_everybody_is_alice() {
    leak("cloudfront").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_2_unprotected_on_amplify_everybody_is_alice() {
    leak("amplify").await;
}

async fn whole_road_everywhere(keys: &str) {
    let driver = WebDriver::start().await;
    for profile in PROFILES {
        let mut site = Site::start(&["--cdn", profile, "--keys", keys]).await;
        whole_road(&driver, &mut site, &format!("{profile}, {keys} keys")).await;
    }
}

async fn whole_road(driver: &WebDriver, site: &mut Site, case: &str) {
    let alice = driver.browser().await;
    sign_in(site, &alice, ALICE, case).await;

    let bob = driver.browser().await;
    bob.open(&site.at("/")).await;
    assert_eq!(who_by_api(&bob).await, None, "{case}: a second browser is nobody at /");
    sign_in(site, &bob, BOB, case).await;
    assert_eq!(who_by_api(&alice).await.as_deref(), Some(ALICE), "{case}: Alice is still Alice");

    let stranger = driver.browser().await;
    // Cloudflare keeps files, never pages; Varnish asks the app for whoever has a cookie.
    if !case.starts_with("cloudflare") && !case.starts_with("varnish") {
        for visitor in [&alice, &bob, &stranger] {
            public_page_is_kept(site, visitor, case).await;
        }
    }
    stranger.close().await;

    sign_out(site, &alice).await;
    for path in ["/dashboard", "/dashboard", "/sign-in"] {
        let opened = alice.open(&site.at(path)).await;
        assert!(at_sign_in_page(site, &opened), "{case}: signed out at {path}, yet {opened:?}");
    }
    alice.open(&site.at("/")).await;
    assert_eq!(who_by_api(&alice).await, None, "{case}: sign-out sticks");
    assert_eq!(who_by_api(&bob).await.as_deref(), Some(BOB), "{case}: Bob is still Bob");
    alice.close().await;
    bob.close().await;
    let warnings: Vec<Value> =
        site.process.since(0).into_iter().filter(|event| event["event"] == "warning").collect();
    assert!(warnings.is_empty(), "{case}: {warnings:?}");
}

async fn sign_in(site: &Site, visitor: &Browser, email: &str, case: &str) {
    let opened = visitor.open(&site.at("/dashboard")).await;
    assert!(at_sign_in_page(site, &opened), "{case}: {opened:?}");
    let mark = site.process.mark();
    submit(visitor, email).await;
    assert_eq!(visitor.wait_for("#who").await, email, "{case}");
    assert_eq!(visitor.url().await, site.at("/dashboard"), "{case}");
    let redirects = site.redirects_since(mark);
    assert!(redirects <= MOST_REDIRECTS_AFTER_THE_FORM, "{case}: {redirects} redirects after the form");
}

/// Of two GETs of `/` in a row the second is a HIT, byte-identical, without `Set-Cookie`.
async fn public_page_is_kept(site: &mut Site, visitor: &Browser, case: &str) {
    visitor.open(&site.at("/")).await;
    // The handshake's loop counter lives for two seconds. Where cookies are in the key it makes another page.
    visitor.wait_until_without_cookie("__clerk_redirect_count").await;
    let first = visitor.fetch("/").await;
    let mark = site.process.mark();
    let second = visitor.fetch("/").await;
    assert_eq!(second.status, 200, "{case}");
    assert!(second.body == first.body, "{case}: the second copy of / is another one");
    assert_eq!(first.fields["cache-control"], "public, s-maxage=60", "{case}: exactly its author's caching");
    let status = second.fields["cache-status"].as_str().unwrap_or_default();
    assert!(status.contains("hit"), "{case}: Cache-Status: {status}");
    let seen = site.process.wait_for(mark, |event| event["event"] == "request" && event["path"] == "/").await;
    let seen = seen.unwrap();
    assert_eq!((&seen["outcome"], &seen["setCookie"]), (&"HIT".into(), &Value::Array(vec![])), "{case}");
}

async fn sign_out(site: &Site, visitor: &Browser) {
    visitor.open(&site.at("/dashboard")).await;
    visitor.click("form[action='/sign-out'] button").await;
    visitor.wait_for_url(&site.at("/")).await;
}

/// Types the address into the identity service's page and sends it.
pub(crate) async fn submit(visitor: &Browser, email: &str) {
    visitor.wait_for("input[name=email]").await;
    visitor.fill("input[type=email][name=email]", email).await;
    visitor.click("form:has(input[type=email][name=email]) button").await;
}

fn at_sign_in_page(site: &Site, opened: &Opened) -> bool {
    matches!(opened, Opened::At(url) if url.starts_with(&format!("{}/sign-in", site.issuer)))
}

async fn who_by_api(visitor: &Browser) -> Option<String> {
    let answer = visitor.fetch("/api/me").await;
    let me: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(me["signedIn"] == true, answer.status == 200, "{answer:?}");
    me["email"].as_str().map(ToOwned::to_owned)
}

/// The second browser is Alice without signing in, deleting its cookies does not help, sign-out is undone.
async fn leak(profile: &str) {
    let driver = WebDriver::start().await;
    let mut site = Site::start(&["--cdn", profile, "--keys", "live", "--unprotected", "leak"]).await;
    let alice = driver.browser().await;
    sign_in(&site, &alice, ALICE, profile).await;

    let warning = site.process.wait_for(0, |event| event["code"] == "stored-set-cookie").await.unwrap();
    // Three are named, in order; all of them belong to a session.
    assert!(warning["what"].as_str().unwrap().contains("`__client_uat`"), "{warning}");

    // The trigger: the session is refreshed on a page, not on an API route.
    alice.fetch("/api/me").await;
    assert_eq!(cookies_set(&site, "/api/me"), Vec::<String>::new(), "{profile}");
    assert!(cookies_set(&site, "/dashboard").iter().any(|name| name == "__session"), "{profile}");

    let second = driver.browser().await;
    for _ in 0..2 {
        assert_eq!(second.open(&site.at("/dashboard")).await, Opened::At(site.at("/dashboard")), "{profile}");
        assert_eq!(
            second.text("#who").await.as_deref(),
            Some(ALICE),
            "{profile}: the second browser is Alice"
        );
        second.open(&site.at("/sign-in")).await;
        assert_eq!(second.url().await, site.at("/"), "{profile}: and is sent away from the sign-in page");
        // "Deleting the cookies helps", everybody hopes.
        second.delete_cookies().await;
    }

    sign_out(&site, &alice).await;
    alice.open(&site.at("/dashboard")).await;
    assert_eq!(alice.text("#who").await.as_deref(), Some(ALICE), "{profile}: sign-out is undone");
    alice.open(&site.at("/sign-in")).await;
    assert_eq!(alice.url().await, site.at("/"), "{profile}: and stays undone");
    alice.close().await;
    second.close().await;
}

/// Lists the names of the cookies that the edge delivered for `path` so far.
fn cookies_set(site: &Site, path: &str) -> Vec<String> {
    let requests = site.requests_since(0, path);
    let names = requests.iter().filter_map(|event| event["setCookie"].as_array()).flatten();
    names.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}
