//! [`ProtectLayer`] on an app that signs people in with axum-login, behind the cache law.
//!
//! The app does what the post-mortem's did: a framework stamps `s-maxage` on its pages, and the session
//! middleware writes the session cookie on each of them.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use axum_login::tower_sessions::{Expiry, MemoryStore, SessionManagerLayer};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, UserId, login_required};
use http::{HeaderMap, Request, StatusCode};
use nostore_cache::{Lookup, PrimaryKey, Profile, Selection, Storability, Variants, lookup, storability};
use nostore_message::http1::{apply, request_head, response_head};
use nostore_message::{Scheme, UnixTime};
use nostore_tower::{MethodRouterExt as _, ProtectLayer};
use tower_sessions::cookie::time::Duration;

use crate::support::{NOW, Seen, send};

#[derive(Clone, Debug)]
struct User(String);

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.0.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[derive(Clone, Debug)]
struct Everyone;

impl AuthnBackend for Everyone {
    type User = User;
    type Credentials = String;
    type Error = Infallible;

    async fn authenticate(&self, name: String) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name)))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok(Some(User(id.clone())))
    }
}

const STAMP: [(&str, &str); 1] = [("cache-control", "s-maxage=60")];

async fn login(mut session: AuthSession<Everyone>, name: String) -> impl IntoResponse {
    let user = session.authenticate(name).await.unwrap().unwrap();
    session.login(&user).await.unwrap();
    Redirect::to("/dashboard")
}

async fn greeting(session: AuthSession<Everyone>) -> impl IntoResponse {
    let name = session.user.map_or_else(|| "nobody".to_owned(), |user| user.0);
    (STAMP, format!("hello {name}"))
}

fn app(protection: Protection) -> Router {
    let store = SessionManagerLayer::new(MemoryStore::default())
        .with_secure(false)
        .with_always_save(true)
        .with_expiry(Expiry::OnInactivity(Duration::minutes(30)));
    let router = Router::new()
        .route("/", get(|| async { (STAMP, "welcome") }).public())
        .route("/about", get(|| async { (STAMP, "about us") }))
        .route("/greeting", get(greeting))
        .route("/login", post(login))
        .merge(
            Router::new()
                .route("/dashboard", get(greeting))
                .route_layer(login_required!(Everyone, login_url = "/sign-in")),
        )
        .layer(AuthManagerLayerBuilder::new(Everyone, store).build());
    match protection {
        Protection::None => router,
        Protection::Layer => router.layer(ProtectLayer::cookies(["id"]).public("/about").dev(true)),
        Protection::UnlessPublic => {
            router.layer(ProtectLayer::cookies(["id"]).public("/about").unless_public(true))
        }
    }
}

/// What stands between the app and the cache.
#[derive(Clone, Copy, Debug)]
enum Protection {
    None,
    Layer,
    UnlessPublic,
}

/// A shared cache in front of the app, as the law says.
struct Cdn {
    app: Router,
    profile: Profile,
    stored: BTreeMap<PrimaryKey, Variants<(StatusCode, HeaderMap, String)>>,
}

impl Cdn {
    fn new(profile: &str, protection: Protection) -> Self {
        Self { app: app(protection), profile: Profile::named(profile).unwrap(), stored: BTreeMap::new() }
    }

    /// Answers a request; tells whether from the cache.
    async fn answer(&mut self, request: Request<Body>) -> (bool, Seen) {
        let now = UnixTime::from_secs(NOW);
        let (parts, body) = request.into_parts();
        let head = request_head(&parts.method, &parts.uri, &parts.headers, Scheme::Http, "shop.example");
        let key = match lookup(&self.profile, &head) {
            Lookup::Bypass(_) => None,
            Lookup::Key(key) => Some(key),
        };
        if let Some(variants) = key.as_ref().and_then(|key| self.stored.get(key)) {
            if let Selection::Fresh { payload: (status, fields, body), .. } =
                variants.select(&self.profile, &head, now)
            {
                return (true, Seen { status: *status, fields: fields.clone(), body: body.clone() });
            }
        }
        let seen = send(&self.app, Request::from_parts(parts.clone(), body)).await;
        let response = response_head(seen.status, &seen.fields);
        if let (Some(key), Storability::Store(plan)) =
            (key, storability(&self.profile, &head, &response, now, now))
        {
            let mut copy = seen.fields.clone();
            apply(plan.edits(), &mut copy);
            let payload = (seen.status, copy, seen.body.clone());
            self.stored.entry(key).or_default().insert(&self.profile, &head, &plan, payload, now);
        }
        (false, seen)
    }

    async fn get(&mut self, browser: &mut Browser, target: &str) -> (bool, Seen) {
        let request = Request::get(target).header("cookie", &browser.0).body(Body::empty()).unwrap();
        self.visit(browser, request).await
    }

    async fn sign_in(&mut self, browser: &mut Browser, name: &'static str) -> (bool, Seen) {
        let request = Request::post("/login").header("cookie", &browser.0).body(Body::from(name)).unwrap();
        self.visit(browser, request).await
    }

    async fn visit(&mut self, browser: &mut Browser, request: Request<Body>) -> (bool, Seen) {
        let (hit, seen) = self.answer(request).await;
        if let Some(line) = seen.all("set-cookie").last() {
            browser.0 = line.split(';').next().unwrap().to_owned();
        }
        (hit, seen)
    }
}

/// A browser with at most one cookie.
#[derive(Default)]
struct Browser(String);

#[tokio::test]
async fn r3_2_without_the_layer_everyone_is_alice() {
    for profile in ["amplify", "cloudfront"] {
        let mut cdn = Cdn::new(profile, Protection::None);
        let (mut alice, mut stranger) = (Browser::default(), Browser::default());
        cdn.sign_in(&mut alice, "alice").await;
        assert_eq!(cdn.get(&mut alice, "/dashboard").await.1.body, "hello alice");
        let (hit, seen) = cdn.get(&mut stranger, "/dashboard").await;
        assert_eq!((hit, &*seen.body), (true, "hello alice"), "{profile}");
        // Not only the page: her session.
        assert!(stranger.0.starts_with("id=") && stranger.0 == alice.0, "{profile}");
    }
}

#[tokio::test]
async fn r3_3_with_it_nobody_is_and_public_pages_are_still_hits() {
    for profile in ["amplify", "cloudfront", "rfc9111"] {
        let mut cdn = Cdn::new(profile, Protection::Layer);
        let (mut alice, mut stranger, mut bob) = (Browser::default(), Browser::default(), Browser::default());
        let (_, seen) = cdn.sign_in(&mut alice, "alice").await;
        assert!(seen.is_protected() && alice.0.starts_with("id="), "{profile}");
        let (_, seen) = cdn.get(&mut alice, "/dashboard").await;
        assert_eq!(seen.body, "hello alice", "{profile}");
        assert!(seen.is_protected(), "{profile}");

        // The stranger is sent to sign in, and that redirect meets nobody who has.
        let (hit, seen) = cdn.get(&mut stranger, "/dashboard").await;
        assert_eq!((hit, seen.status), (false, StatusCode::TEMPORARY_REDIRECT), "{profile}");
        assert_ne!(stranger.0, alice.0, "{profile}");
        cdn.sign_in(&mut bob, "bob").await;
        assert_eq!(cdn.get(&mut bob, "/dashboard").await.1.body, "hello bob", "{profile}");
        assert_eq!(cdn.get(&mut alice, "/dashboard").await.1.body, "hello alice", "{profile}");

        for target in ["/", "/about"] {
            let (_, first) = cdn.get(&mut alice, target).await;
            assert_eq!(first.all("set-cookie"), <[&str; 0]>::default(), "{profile} {target}");
            let (hit, second) = cdn.get(&mut Browser::default(), target).await;
            assert!(hit, "{profile} {target}");
            assert_eq!(second.body, first.body, "{profile} {target}");
            assert!(second.keeps(Some("s-maxage=60")), "{profile} {target}: {:?}", second.fields);
        }
    }
}

#[tokio::test]
async fn one_url_with_a_page_for_each_needs_the_wider_rule() {
    for (protection, expected) in
        [(Protection::Layer, "hello nobody"), (Protection::UnlessPublic, "hello bob")]
    {
        let mut cdn = Cdn::new("amplify", protection);
        let (_, seen) = cdn.get(&mut Browser::default(), "/greeting").await;
        assert_eq!(seen.body, "hello nobody", "{protection:?}");
        let mut bob = Browser::default();
        cdn.sign_in(&mut bob, "bob").await;
        // Without it: nothing leaks, but the page of nobody is shown to Bob.
        assert_eq!(cdn.get(&mut bob, "/greeting").await.1.body, expected, "{protection:?}");
        let (_, seen) = cdn.get(&mut Browser::default(), "/greeting").await;
        assert_eq!(seen.body, "hello nobody", "{protection:?}");
        let (_, first) = cdn.get(&mut bob, "/").await;
        assert!(cdn.get(&mut Browser::default(), "/").await.0, "{:?}", first.fields);
    }
}

#[tokio::test]
async fn under_dev_it_says_why() {
    let app = app(Protection::Layer);
    let request = Request::get("/greeting").header("cookie", "id=x").body(Body::empty()).unwrap();
    let why = "lost its caching: the request carried the session cookie `id` and the route is not public";
    assert_eq!(send(&app, request).await.field("nostore-why"), Some(why));
}
