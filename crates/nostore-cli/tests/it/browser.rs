//! The module of a page in Chromium: several tabs and two users over real time, sign-out, a tab that closes in the middle of
//! its work, and the sample site's own pages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nostore_cli::args::Keys;
use nostore_cli::sample::Module;
use nostore_test::{Browser, Tab, WebDriver};
use serde_json::{Value, json};

use crate::site::Folder;
use crate::world::{Moment, World};

/// How long tokens live here, and how long after its issue each is replaced: 5 s before its end, and 2 s before that.
const TOKEN_SECS: i64 = 20;
const REFRESH_SECS: f64 = 13.0;

/// So long the tabs are watched, unless told otherwise in minutes.
const WATCHED: Duration = Duration::from_secs(60);
const MINUTES: &str = "NOSTORE_PROVE_MINUTES";

/// How often a condition is looked at, and for how long.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);

/// How soon a tab hears of another: long before it would find out by itself.
const SOON: Duration = Duration::from_secs(3);

const SEED: &str = r#"{ "sessions": [
    { "id": "sess_alice", "user": "alice@example.com", "client": "0123456789abcdef" },
    { "id": "sess_bob", "user": "bob@example.com", "client": "0123456789abcdef" }
], "jwt_templates": [{ "name": "shop", "claims": { "sid": "{{session.id}}" } }] }"#;

/// Starts the module on a page that has none, and asks for a token ten times a second.
const START: &str = r#"
const [publishableKey, session] = args;
document.cookie = "__clerk_db_jwt=dvb_0123456789abcdef; path=/";
const { startSession } = await import("/_nostore/nostore.js");
// Windows side by side: each believes that it is the one.
document.hasFocus = () => true;
// A fetch hangs where the test wants one to.
const fetched = window.fetch;
window.fetch = (url, init) => {
    if (String(url).includes("/tokens") && localStorage.hang === session) {
        window.hung = true;
        return new Promise(() => {});
    }
    return fetched(url, init);
};
const kept = await startSession({ publishableKey, session });
const told = { calls: 0, blocked: [], absent: 0, foreign: [], tokens: [], ended: [], failed: [] };
Object.assign(window, { kept, told });
kept.on("ended", id => told.ended.push(id));
kept.on("degraded", error => told.failed.push(error.code));
await kept.getToken();
const turn = () => new Promise(next => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = next;
    port2.postMessage(0);
});
const claims = token => JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
window.claims = claims;
const look = async () => {
    if (told.ended.length) return;
    const there = kept.peek();
    let token;
    // Promises that are settled at once are settled before the next task.
    kept.getToken().then(found => { token = found; }, error => told.failed.push(error.code));
    await turn();
    told.calls += 1;
    if (there === null || token === undefined) told.blocked.push(Date.now());
    if (!token) return void (told.absent += 1);
    const { sid, sub } = claims(token);
    if (sid !== session) told.foreign.push(`${sid} ${sub}`);
    if (told.tokens.at(-1) !== token) told.tokens.push(token);
};
window.looking = setInterval(look, 100);
return kept.id;
"#;

/// What a tab has seen.
const TOLD: &str = r#"
const { calls, blocked, absent, foreign, ended, failed, tokens } = told;
return { calls, blocked, absent, foreign, ended, failed, tokens: tokens.length, focus: document.hasFocus(),
         visible: document.visibilityState, subs: [...new Set(tokens.map(token => claims(token).sub))] };
"#;

const COOKIE: &str = r#"
const value = document.cookie.match(/(?:^|; )__session=([^;]*)/)?.[1];
return value ? claims(value).sid : null;
"#;

/// Builds the module, so that no old one is tested, and returns where it is.
fn module() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let arguments = ["run", "--quiet", "--profile", "ci", "--package", "xtask", "--", "browser"];
        let status = Command::new(env!("CARGO")).args(arguments).current_dir(&root).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the module was not built: `cargo xtask browser` says why"
        );
        root.join("target/browser")
    })
}

/// A site with two sessions of one browser, and a tab for each user that was asked for.
struct Tabs {
    world: World,
    browser: Browser,
    _seed: Folder,
}

impl Tabs {
    async fn start(driver: &WebDriver) -> Self {
        let seed = Folder::new();
        let file = seed.0.join("seed.json");
        std::fs::write(&file, SEED).unwrap();
        let world = World::start("rfc9111", Keys::Test, |options| {
            options.seed = Some(file);
            options.token_secs = Some(TOKEN_SECS);
            options.module = Some(module().to_owned());
        })
        .await;
        Self { world, browser: driver.browser().await, _seed: seed }
    }

    /// Opens a tab for a session.
    async fn open(&self, session: &str) -> Tab {
        let tab = self.browser.open_tab().await;
        self.browser.open(&self.world.at("/health")).await;
        let key = self.world.stage.issuer().publishable_key();
        let id = self.browser.run(START, vec![json!(key), json!(session)]).await;
        assert_eq!(id, session);
        tab
    }

    async fn at(&self, tab: &Tab, script: &str) -> Value {
        self.browser.go_to(tab).await;
        self.browser.run(script, vec![]).await
    }

    /// Waits until a script in a tab returns what is true.
    async fn until(&self, tab: &Tab, script: &str, patience: Duration) {
        let start = Instant::now();
        while self.at(tab, script).await != true {
            let told = self.at(tab, TOLD).await;
            assert!(start.elapsed() < patience, "not within {patience:?}: {script}: {told}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Counts the requests for a session's token.
    fn fetches(&self, since: &Moment, session: &str) -> usize {
        self.world.asked(since, &format!("POST /v1/client/sessions/{session}/tokens")).len()
    }

    /// A tab has waited for nothing and has seen nobody else.
    async fn is_well(&self, tab: &Tab, user: &str) -> Value {
        let told = self.at(tab, TOLD).await;
        assert_eq!(told["blocked"], json!([]), "{user} waited: {told}");
        assert_eq!(told["foreign"], json!([]), "{user} saw another: {told}");
        assert_eq!((&told["absent"], &told["failed"]), (&json!(0), &json!([])), "{user}: {told}");
        assert_eq!(told["subs"], json!([user]), "{told}");
        told
    }
}

fn watched() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "how long to prove is for whoever runs the tests to say")]
    let minutes = std::env::var(MINUTES).ok().and_then(|text| text.parse::<f64>().ok());
    minutes.map_or(WATCHED, |minutes| Duration::from_secs_f64(minutes * 60.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_11_r2_12_three_tabs_and_two_users_fetch_once_a_refresh_and_nobody_waits() {
    let driver = WebDriver::start().await;
    let tabs = Tabs::start(&driver).await;
    let since = tabs.world.mark();
    let start = Instant::now();
    let first = tabs.open("sess_alice").await;
    let second = tabs.open("sess_alice").await;
    let bobs = tabs.open("sess_bob").await;
    tokio::time::sleep(watched()).await;
    let watched = start.elapsed().as_secs_f64();

    let mut said = Vec::new();
    for (tab, user) in [(&first, "user_alice"), (&second, "user_alice"), (&bobs, "user_bob")] {
        said.push(tabs.is_well(tab, user).await);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred at most")]
    let most = (watched / REFRESH_SECS * 1.05).floor() as usize + 1;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred at most")]
    let least = (watched / (REFRESH_SECS + 2.0)).floor() as usize;
    for session in ["sess_alice", "sess_bob"] {
        let fetches = tabs.fetches(&since, session);
        println!("{session}: {fetches} fetches in {watched:.0} s, {least} to {most} expected");
        assert!((least..=most).contains(&fetches), "{session}: {fetches}, not {least}..={most}: {said:?}");
    }
    // What one tab fetched the other has at once, and only those of the same user.
    let token = tabs.at(&first, "return await kept.getToken({ skipCache: true })").await;
    tabs.until(&second, &format!("return kept.peek() === {token}"), SOON).await;
    // No cookie tells of a template's token.
    let shop = tabs.at(&first, "return await kept.getToken({ template: 'shop' })").await;
    tabs.until(&second, &format!("return kept.peek({{ template: 'shop' }}) === {shop}"), SOON).await;
    assert_eq!(tabs.at(&bobs, "return kept.peek({ template: 'shop' })").await, Value::Null);
    assert_ne!(tabs.at(&bobs, "return kept.peek()").await, token);
    tabs.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_closes_with_the_lock_in_its_hand_loses_nothing() {
    let driver = WebDriver::start().await;
    let tabs = Tabs::start(&driver).await;
    let pair = [tabs.open("sess_alice").await, tabs.open("sess_alice").await];
    let bobs = tabs.open("sess_bob").await;
    tabs.at(&bobs, "localStorage.hang = 'sess_alice'").await;
    let start = Instant::now();
    // Whoever refreshes first never comes to an end.
    let (hung, other) = loop {
        if tabs.at(&pair[0], "return window.hung === true").await == true {
            break (&pair[0], &pair[1]);
        }
        if tabs.at(&pair[1], "return window.hung === true").await == true {
            break (&pair[1], &pair[0]);
        }
        assert!(start.elapsed() < PATIENCE, "nobody refreshes");
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let held =
        "return (await navigator.locks.query()).held.filter(lock => lock.name.includes('sess_alice')).length";
    assert_eq!(tabs.at(hung, held).await, 1, "the lock is around the fetch");
    tabs.at(&bobs, "localStorage.clear()").await;
    let before = tabs.at(other, "return told.tokens.length").await;
    tabs.browser.go_to(hung).await;
    tabs.browser.close_tab().await;
    tabs.until(other, &format!("return told.tokens.length > {before}"), PATIENCE).await;
    tabs.is_well(other, "user_alice").await;
    tabs.is_well(&bobs, "user_bob").await;
    tabs.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_out_in_one_tab_ends_all_of_them_and_nobody_elses() {
    let driver = WebDriver::start().await;
    let tabs = Tabs::start(&driver).await;
    let bobs = tabs.open("sess_bob").await;
    let (first, second) = (tabs.open("sess_alice").await, tabs.open("sess_alice").await);
    // The cookie is Alice's: her tab is looked at.
    tabs.at(&first, "window.dispatchEvent(new Event('focus'))").await;
    assert_eq!(tabs.at(&first, COOKIE).await, "sess_alice");
    assert_ne!(tabs.at(&second, "return kept.peek()").await, Value::Null);

    tabs.at(&first, "await kept.signOut()").await;
    let since = tabs.world.mark();
    let nobody = "return kept.peek() === null && await kept.getToken() === null && kept.id === null";
    assert_eq!(tabs.at(&first, nobody).await, true);
    tabs.until(&second, nobody, SOON).await;
    for tab in [&first, &second] {
        assert_eq!(tabs.at(tab, "return told.ended").await, json!(["sess_alice"]));
        tabs.at(tab, "window.dispatchEvent(new Event('focus'))").await;
        assert_ne!(tabs.at(tab, COOKIE).await, "sess_alice", "nobody is signed in again");
    }
    // Longer than a token lives: what is late is late.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(u64::try_from(TOKEN_SECS).unwrap() + 2) {
        assert_ne!(tabs.at(&second, COOKIE).await, "sess_alice");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    assert_eq!(tabs.fetches(&since, "sess_alice"), 0, "nobody asks for her tokens any more");
    let told = tabs.is_well(&bobs, "user_bob").await;
    assert_eq!(told["ended"], json!([]));
    assert!(tabs.fetches(&since, "sess_bob") >= 1, "and Bob's go on: {told}");
    tabs.browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_13_on_focus_the_cookie_is_written_in_the_same_turn() {
    let driver = WebDriver::start().await;
    let tabs = Tabs::start(&driver).await;
    let tab = tabs.open("sess_alice").await;
    let written = r#"
        const now = () => document.cookie.match(/(?:^|; )__session=([^;]*)/)?.[1];
        for (const name of document.cookie.split("; ").map(pair => pair.split("=")[0]).filter(name => name.startsWith("__session"))) {
            document.cookie = `${name}=; path=/; max-age=0`;
        }
        const before = now() ?? null;
        window.dispatchEvent(new Event("focus"));
        return [before, now() === kept.peek()];
    "#;
    assert_eq!(tabs.at(&tab, written).await, json!([null, true]));
    // What cannot be asked is left out: no tab state, and the token all the same.
    let since = tabs.world.mark();
    for broken in ["undefined", "() => { throw new Error() }", "() => 'yes'"] {
        let script = format!(
            "document.hasFocus = {broken}; window.dispatchEvent(new Event('blur')); return !!await kept.getToken({{ skipCache: true }})"
        );
        assert_eq!(tabs.at(&tab, &script).await, true, "{broken}");
    }
    assert_eq!(tabs.fetches(&since, "sess_alice"), 3);
    tabs.browser.close().await;
}

/// The sample site's pages: a minute's worth of visits, with tokens that live twelve seconds.
#[tokio::test(flavor = "multi_thread")]
async fn r2_11_the_sample_site_needs_no_handshake_once_its_pages_have_the_module() {
    let driver = WebDriver::start().await;
    for keys in [Keys::Test, Keys::Live] {
        let world = World::start("rfc9111", keys, |options| {
            options.token_secs = Some(12);
            options.module = Some(module().to_owned());
        })
        .await;
        let alice = driver.browser().await;
        world.sign_in(&alice).await;
        let (mut token, _) = world.token(&alice).await;
        let since = world.mark();
        for _ in 0..2 {
            let start = Instant::now();
            while world.token(&alice).await.0 == token {
                assert!(start.elapsed() < PATIENCE, "{keys:?}: the cookie is not refreshed");
                tokio::time::sleep(LOOK_EVERY).await;
            }
            (token, _) = world.token(&alice).await;
            assert_eq!(alice.cookie("__session").await.as_ref(), Some(&token), "{keys:?}: under both names");
        }
        let shown = alice.text("#until").await.unwrap_or_default();
        assert!(shown.ends_with("kept fresh"), "{keys:?}: {shown}");
        world.dashboard_is_alices(&alice, "warm").await;
        assert_eq!(world.redirects(&since), 0, "{keys:?}");
        assert_eq!(
            world.asked(&since, "POST /v1/sessions/").len(),
            0,
            "{keys:?}: nor did the server refresh"
        );
        // The site's server signs out: the module does not sign in again.
        alice.click("form[action='/sign-out'] button").await;
        alice.wait_for_url(&world.at("/")).await;
        assert_eq!(alice.cookie("__session").await.filter(|value| !value.is_empty()), None, "{keys:?}");
        alice.close().await;
    }
}

#[tokio::test]
async fn r2_18_the_module_is_served_to_everybody_and_within_its_budget() {
    let world =
        World::start("rfc9111", Keys::Test, |options| options.module = Some(module().to_owned())).await;
    let driver = WebDriver::start().await;
    let stranger = driver.browser().await;
    stranger.open(&world.at("/")).await;
    for (name, kind) in
        [("nostore.js", "text/javascript; charset=utf-8"), ("nostore.wasm", "application/wasm")]
    {
        let got = stranger.fetch(&format!("/_nostore/{name}")).await;
        assert_eq!((got.status, &got.fields["content-type"]), (200, &json!(kind)));
        assert_eq!(got.fields["cache-control"], "public, max-age=60");
        assert_eq!(got.fields["set-cookie"], Value::Null);
    }
    stranger.close().await;
    let program = module().with_file_name("ci").join("deps/it");
    assert_eq!(
        Module::beside(&program).as_deref(),
        Some(module()),
        "and is found beside what was built with it"
    );
}
