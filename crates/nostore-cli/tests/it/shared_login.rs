//! The shared login in Chromium: a middleware refreshes the session on the page of who may in, which says nothing about
//! caching (or carries a framework's stamp), and everybody is whoever was there last. Protected, none of it happens.
//!
//! Alice (an admin) adds Aunty M. Somebody comes in a fresh profile on Android, somebody else on an iPhone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use nostore_cache::Profile;
use nostore_cli::Rotation;
use nostore_cli::args::{Keys, SessionKind};
use nostore_cli::sample::Incident;
use nostore_cli::stage::App;
use nostore_edge::Record;
use nostore_test::{Browser, WebDriver};
use serde_json::Value;

use crate::chromium::{ALICE, submit};
use crate::site::Folder;
use crate::world::{World, is_protected, is_protected_but_for};

const AUNTY: &str = "aunty.m@example.com";
const COOKIE: &str = "nostore.session";
const WHO_MAY_IN: &str = "/admin/users";

const EDGE: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0";
const ANDROID: &str = "Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile Safari/604.1";

/// The platforms, and whether the page must carry a framework's stamp to be kept there.
const PLATFORMS: [(&str, bool); 4] =
    [("cloudfront", false), ("amplify", true), ("netlify", false), ("nginx/ignore-headers", false)];

/// The site, its events, and what the edge said.
struct Family {
    world: World,
    said: Arc<Mutex<Vec<Record>>>,
    folder: Folder,
}

impl Family {
    async fn start(profile: &str, incident: Option<Incident>, protect_all: bool) -> Self {
        let (folder, said) = (Folder::new(), Arc::<Mutex<Vec<Record>>>::default());
        let (data, kept) = (folder.0.join("data"), Arc::clone(&said));
        let world = World::start(profile, Keys::Test, |options| {
            options.app = App::Sample(incident);
            options.sessions = SessionKind::Cookie;
            options.data = Some(data);
            options.protect_all = protect_all;
            options.edge_sink = Arc::new(move |record| kept.lock().unwrap().push(record));
        })
        .await;
        Self { world, said, folder }
    }

    fn at(&self, path: &str) -> String {
        self.world.at(path)
    }

    /// Ends the site and returns its events.
    async fn events(self) -> Vec<Value> {
        self.world.stage.stop().await;
        let text = std::fs::read_to_string(self.folder.0.join("data/events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn hazards(&self) -> BTreeSet<&'static str> {
        let said = self.said.lock().unwrap();
        said.iter().flat_map(|record| &record.hazards).map(|hazard| hazard.code).collect()
    }

    /// Opens a page and tells whether that led to the sign-in page.
    async fn is_asked_to_sign_in(&self, visitor: &Browser, path: &str) -> bool {
        visitor.open(&self.at(path)).await;
        let asked = visitor.url().await.starts_with(&self.at("/auth/sign-in?"));
        assert!(asked || visitor.url().await == self.at(path), "{path}: {}", visitor.url().await);
        asked
    }

    /// Opens the tree and tells whose session that is; nobody's: the sign-in page.
    async fn who(&self, visitor: &Browser) -> Option<String> {
        if self.is_asked_to_sign_in(visitor, "/tree").await { None } else { visitor.text("#who").await }
    }

    /// Opens the page of who may in and tells for whom it was made.
    async fn admin(&self, visitor: &Browser) -> Option<String> {
        if self.is_asked_to_sign_in(visitor, WHO_MAY_IN).await {
            return None;
        }
        visitor.text("main > p > strong").await
    }

    /// Signs in at the provider, where the visitor may be known already.
    async fn sign_in(&self, visitor: &Browser, email: &str, path: &str) {
        assert!(self.is_asked_to_sign_in(visitor, path).await, "{email} at {path}");
        visitor.click("button.main").await;
        // At the provider's form, or back already.
        visitor.wait_for("input[type=email][name=email], #who, input[name=who]").await;
        if visitor.url().await.starts_with(&self.world.stage.issuer().origin().to_string()) {
            submit(visitor, email).await;
        }
        visitor.wait_for_url(&self.at(path)).await;
        visitor.wait_for("#who, input[name=who]").await;
    }

    async fn sign_out(&self, visitor: &Browser) {
        visitor.open(&self.at("/auth/sign-out")).await;
        visitor.click("button.main").await;
        visitor.wait_for("a[href='/']").await;
        assert_eq!(session(visitor).await, None);
    }

    /// Alice adds Aunty M.
    async fn add_aunty(&self, alice: &Browser) {
        self.sign_in(alice, ALICE, WHO_MAY_IN).await;
        alice.fill("input[name=who]", AUNTY).await;
        alice.click("option[value=admin]").await;
        alice.click("form.row button").await;
        alice.wait_for_url(&self.at("/admin/users?done=added")).await;
    }
}

/// The visitors: one browser each, for all platforms.
struct Visitors {
    alice: Browser,
    aunty: Browser,
    android: Browser,
    iphone: Browser,
}

impl Visitors {
    async fn come(driver: &WebDriver) -> Self {
        Self {
            alice: driver.browser().await,
            aunty: driver.browser_as(EDGE).await,
            android: driver.browser_as(ANDROID).await,
            iphone: driver.browser_as(IPHONE).await,
        }
    }

    async fn forget(&self) {
        for visitor in [&self.alice, &self.aunty, &self.android, &self.iphone] {
            visitor.forget().await;
        }
    }

    async fn go(self) {
        for visitor in [self.alice, self.aunty, self.android, self.iphone] {
            visitor.close().await;
        }
    }
}

async fn session(visitor: &Browser) -> Option<String> {
    visitor.cookie(COOKIE).await.filter(|value| !value.is_empty())
}

/// What the events tell of one session: how often it was begun, and the clients that used it.
#[derive(Debug, Default)]
struct Used {
    sign_ins: usize,
    person: String,
    clients: BTreeSet<String>,
}

fn by_session(events: &[Value]) -> BTreeMap<String, Used> {
    let mut sessions = BTreeMap::<String, Used>::new();
    for event in events {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        if !matches!(&*text("event"), "sign-in" | "use") {
            continue;
        }
        let used = sessions.entry(text("session")).or_default();
        used.clients.insert(text("client"));
        if text("event") == "sign-in" {
            used.sign_ins += 1;
            used.person = text("person");
        }
    }
    sessions
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_1_r3_2_r3_11_unprotected_everybody_is_whoever_was_on_the_page_last() {
    let driver = WebDriver::start().await;
    let visitors = Visitors::come(&driver).await;
    for (name, is_stamped) in PLATFORMS {
        visitors.forget().await;
        let profile = Profile::named(name).unwrap();
        assert_eq!(Incident::SharedLogin.does_not_show(&profile), None, "{name}");
        assert_eq!(Incident::SharedLogin.stamp(&profile).is_some(), is_stamped, "{name}");
        let family = Family::start(name, Some(Incident::SharedLogin), false).await;
        family.add_aunty(&visitors.alice).await;
        everybody_is_alice(&family, &visitors, name).await;
        only_another_secret_ends_it(&family, &visitors, name).await;
        assert!(family.hazards().contains("stored-set-cookie"), "{name}: {:?}", family.hazards());
        let sessions = by_session(&family.events().await);
        let shared: Vec<&Used> = sessions.values().filter(|used| used.clients.len() > 1).collect();
        println!("{name}: {shared:?}");
        assert!(shared.iter().all(|used| used.sign_ins == 1), "{name}: {sessions:?}");
        let of = |person: &str| shared.iter().find(|used| used.person == person).unwrap();
        let clients: Vec<&str> = of(ALICE).clients.iter().map(String::as_str).collect();
        assert_eq!(clients, ["chrome/linux", "edge/windows", "firefox/android", "safari/ios"], "{name}");
        assert!(of(AUNTY).clients.len() > 1, "{name}: it returned with the next user");
    }
    visitors.go().await;
}

/// The symptoms, one by one.
async fn everybody_is_alice(family: &Family, visitors: &Visitors, case: &str) {
    let Visitors { alice, aunty, android, iphone } = visitors;
    // The trigger: the cookie comes with the page, and with no interface.
    let start = family.world.mark();
    alice.open(&family.at(WHO_MAY_IN)).await;
    // The page itself lets no script run.
    alice.open(&family.at("/")).await;
    assert_eq!(alice.fetch("/api/me").await.status, 200, "{case}");
    let sets = |path: &str| {
        family.world.got(&start, path).iter().any(|got| got.values("set-cookie").next().is_some())
    };
    assert!(sets(WHO_MAY_IN) && !sets("/api/me"), "{case}");

    family.sign_in(aunty, AUNTY, "/tree").await;
    assert_eq!(family.who(aunty).await.as_deref(), Some(AUNTY), "{case}: as long as she stays there");
    for (visitor, who) in [(aunty, "Aunty M"), (android, "a fresh profile"), (iphone, "another device")] {
        assert_eq!(family.admin(visitor).await.as_deref(), Some(ALICE), "{case}: {who}");
        assert_eq!(family.who(visitor).await.as_deref(), Some(ALICE), "{case}: {who} is Alice");
    }
    // "Deleting the cookies helps", everybody hopes.
    android.delete_cookies().await;
    assert_eq!(family.who(android).await, None, "{case}: for a moment");
    family.admin(android).await;
    assert!(session(android).await.is_some(), "{case}: deleted cookies come back");
    assert_eq!(family.who(android).await.as_deref(), Some(ALICE), "{case}");
    // Signing out blinks.
    family.sign_out(iphone).await;
    assert_eq!(family.who(iphone).await, None, "{case}: for a moment");
    family.admin(iphone).await;
    assert_eq!(family.who(iphone).await.as_deref(), Some(ALICE), "{case}: and undone by the next page");
    assert_eq!(family.who(alice).await.as_deref(), Some(ALICE), "{case}: nor did it end anything");
}

/// A new secret is a new deployment: it ends all sessions and purges the cache. The next user brings it back.
async fn only_another_secret_ends_it(family: &Family, visitors: &Visitors, case: &str) {
    let Visitors { alice, aunty, android, iphone } = visitors;
    family.world.stage.redeploy(Rotation::EndSessions).await.unwrap();
    for visitor in [alice, aunty, android, iphone] {
        assert_eq!(
            (family.who(visitor).await, family.admin(visitor).await),
            (None, None),
            "{case}: it is over"
        );
    }
    family.sign_in(aunty, AUNTY, WHO_MAY_IN).await;
    for visitor in [alice, android, iphone] {
        assert_eq!(family.admin(visitor).await.as_deref(), Some(AUNTY), "{case}");
        assert_eq!(
            family.who(visitor).await.as_deref(),
            Some(AUNTY),
            "{case}: and returns with the next user"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_3_r3_11_protected_everybody_stays_who_they_are() {
    let driver = WebDriver::start().await;
    let visitors = Visitors::come(&driver).await;
    for (name, _) in PLATFORMS {
        visitors.forget().await;
        let family = Family::start(name, None, false).await;
        protected(&family, &visitors, name).await;
        assert_eq!(family.hazards(), BTreeSet::new(), "{name}");
        if name == "nginx/ignore-headers" {
            // What the operator's configuration does not hear is told all the same.
            let said = family.said.lock().unwrap();
            let of = |path: &str| said.iter().find(|record| record.target == path).unwrap().why.clone();
            let (public, personal) = (of("/"), of("/tree"));
            assert!(public.contains("Cache-Control does not count here"), "{public}");
            assert!(personal.contains("X-Accel-Expires"), "{personal}");
            let told = Profile::named(name).unwrap().operator_override().unwrap();
            assert!(told.what.contains("proxy_ignore_headers") && !told.is_total, "{told:?}");
        }
        let sessions = by_session(&family.events().await);
        assert_eq!(sessions.len(), 2, "{name}: Alice's and Aunty M's");
        for used in sessions.values() {
            assert_eq!((used.sign_ins, used.clients.len()), (1, 1), "{name}: {used:?}");
        }
    }
    visitors.go().await;
}

async fn protected(family: &Family, visitors: &Visitors, case: &str) {
    let Visitors { alice, aunty, android, iphone } = visitors;
    let start = family.world.mark();
    family.add_aunty(alice).await;
    family.sign_in(aunty, AUNTY, "/tree").await;
    for path in ["/", "/"] {
        aunty.open(&family.at(path)).await;
    }
    let is_hit = |record: &Record| record.target == "/" && record.outcome.as_str() == "HIT";
    assert!(family.said.lock().unwrap().iter().any(is_hit), "{case}: the public page is kept");
    assert_eq!(family.admin(aunty).await.as_deref(), Some(AUNTY), "{case}");
    assert_eq!(family.who(aunty).await.as_deref(), Some(AUNTY), "{case}");
    for visitor in [android, iphone] {
        assert_eq!((family.admin(visitor).await, family.who(visitor).await), (None, None), "{case}");
        assert_eq!(session(visitor).await, None, "{case}: and no cookie comes");
    }
    // Sessions outlast a deployment that keeps the old secret.
    family.world.stage.redeploy(Rotation::KeepSessions).await.unwrap();
    assert_eq!(family.who(alice).await.as_deref(), Some(ALICE), "{case}");
    family.sign_out(aunty).await;
    assert_eq!((family.admin(aunty).await, family.who(aunty).await), (None, None), "{case}: sign-out sticks");
    assert_eq!(family.admin(alice).await.as_deref(), Some(ALICE), "{case}: for her alone");
    alice.delete_cookies().await;
    assert_eq!((family.admin(alice).await, session(alice).await), (None, None), "{case}: deleted is deleted");
    for path in ["/tree", WHO_MAY_IN, "/auth/sign-in", "/auth/callback", "/auth/sign-out"] {
        let got = family.world.got(&start, path);
        assert!(!got.is_empty(), "{case}: {path}");
        for got in got {
            // nginx takes its own field away, as Netlify does.
            if case.starts_with("nginx") {
                is_protected_but_for(&got, "x-accel-expires", case);
            } else {
                is_protected(&got, case);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_5_in_the_mode_of_the_post_mortem_every_response_is_protected() {
    let driver = WebDriver::start().await;
    let alice = driver.browser().await;
    let family = Family::start("cloudfront", None, true).await;
    let start = family.world.mark();
    family.sign_in(&alice, ALICE, WHO_MAY_IN).await;
    let paths = ["/", "/health", "/tree", "/no-such-page", WHO_MAY_IN];
    for path in paths {
        alice.open(&family.at(path)).await;
    }
    for path in paths {
        for got in family.world.got(&start, path) {
            is_protected(&got, path);
        }
        let is_kept = |record: &Record| record.target == path && record.outcome.as_str() != "MISS";
        assert!(!family.said.lock().unwrap().iter().any(is_kept), "{path}");
    }
    alice.close().await;
}

/// The verification of the post-mortem: one browser, the old user out, the new one in.
#[tokio::test(flavor = "multi_thread")]
async fn r3_13_after_a_sign_out_the_trace_reads_as_in_the_post_mortem() {
    let driver = WebDriver::start().await;
    let visitor = driver.browser().await;
    let family = Family::start("cloudfront", None, false).await;
    family.add_aunty(&visitor).await;
    family.sign_out(&visitor).await;
    visitor.open(&family.at("/")).await;
    assert_eq!(visitor.fetch("/api/me").await.status, 401);
    // The provider's own session is another matter: somebody else uses it now.
    assert_eq!(family.who(&visitor).await, None);
    visitor.forget().await;
    family.sign_in(&visitor, AUNTY, "/tree").await;
    assert_eq!(visitor.text("#who").await.as_deref(), Some(AUNTY));
    visitor.close().await;

    let events = family.events().await;
    let behind = events.iter().position(|event| event["event"] == "sign-out").unwrap();
    let mut trace = Vec::new();
    for event in &events[behind..] {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        println!(
            "{} {:9} {:12} {} {}",
            text("time"),
            text("event"),
            text("session"),
            text("person"),
            text("path")
        );
        trace.push(match text("event") {
            "sign-out" => "sign-out",
            "refusal" => "not authenticated",
            "redirect" => "redirect to sign-in",
            "sign-in" => text("person"),
            "use" => "use",
            other => panic!("{other}: {event}"),
        });
    }
    trace.dedup();
    assert_eq!(trace, ["sign-out", "not authenticated", "redirect to sign-in", AUNTY, "use"]);
    let of = |kind: &str| events.iter().rfind(|event| event["event"] == kind).unwrap()["session"].clone();
    assert_ne!(of("sign-out"), of("sign-in"), "another session");
    assert_eq!(of("use"), of("sign-in"));
}
