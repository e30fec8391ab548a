//! One protected page in several frameworks, answered in this process: a request is made, sent through the layers, and its
//! answer is taken. The page says who is asking.
//!
//! # Invariants
//!
//! - Everybody signs the visitor in by their own means, once, and must then answer 200 with the address.
//! - Everybody's requests have the same fields beside the session's cookie. Making one is part of what is measured.
//! - Nobody is asked over a network once the visitor is signed in.
//!
//! # Not covered
//!
//! Servers and sockets; users in a database, of which axum-login has none here either.

use std::convert::Infallible;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_session::SessionMiddleware;
use actix_session::storage::CookieSessionStore;
use actix_web::HttpResponse;
use actix_web::cookie::Key;
use actix_web::dev::Service;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::IntoResponse;
use axum::routing::get;
use axum_login::tower_sessions::{MemoryStore as TowerStore, SessionManagerLayer};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, UserId};
use http::{Request, Response, StatusCode};
use nostore_behaviour::{CLIENT_ID, NOW, consent, issuer};
use nostore_message::{Origin, Secret, UnixTime};
use nostore_signin::provider::Provider;
use nostore_signin::store::MemoryStore;
use nostore_signin::{SignIn, SignInBuilder, Who};
use nostore_tower::{RequireAuth, SessionLayer};
use nostore_web::Routes;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::world::Broken;

/// Who signs in.
pub const EMAIL: &str = "alice@example.com";
const ORIGIN: &str = "https://shop.example";
const SECRET: &str = "a secret for measurements, of more than 32 octets";
const OTHER_COOKIES: &str = "theme=dark; consent=yes";

/// A site made of tower services, and the cookies of a visitor who is signed in.
pub struct TowerSite {
    runtime: Rc<Runtime>,
    app: Router,
    cookies: String,
}

impl TowerSite {
    /// Ours, with the list and the sessions in memory.
    ///
    /// # Errors
    ///
    /// When the visitor cannot be signed in.
    pub fn in_memory(runtime: &Rc<Runtime>) -> Result<Self, Broken> {
        Self::ours(runtime, builder()?.store(MemoryStore::default()))
    }

    /// Ours, with the list and the sessions in SQLite.
    ///
    /// # Errors
    ///
    /// When the visitor cannot be signed in.
    pub fn in_sqlite(runtime: &Rc<Runtime>, path: &Path) -> Result<Self, Broken> {
        Self::ours(runtime, builder()?.sqlite(path))
    }

    fn ours(runtime: &Rc<Runtime>, builder: SignInBuilder) -> Result<Self, Broken> {
        let sign_in = runtime.block_on(builder.build())?;
        let page =
            get(async |auth: RequireAuth| auth.email().map(str::to_owned).ok_or(StatusCode::FORBIDDEN));
        let app = Router::new().route("/tree", page).merge(nostore_tower::sign_in(&sign_in));
        let app = app.layer(SessionLayer::new(sign_in.sessions()));
        let cookies = runtime.block_on(signed_in(&app))?;
        Self { runtime: Rc::clone(runtime), app, cookies }.checked()
    }

    /// axum-login on tower-sessions, with sessions in memory.
    ///
    /// # Errors
    ///
    /// When the visitor cannot be signed in.
    pub fn axum_login(runtime: &Rc<Runtime>) -> Result<Self, Broken> {
        let layer = SessionManagerLayer::new(TowerStore::default());
        let layer = AuthManagerLayerBuilder::new(Everyone, layer).build();
        let app = Router::new().route("/tree", get(axum_login_page)).route("/login", get(axum_login_begin));
        let app = app.layer(layer);
        let begun = runtime.block_on(app.clone().oneshot(request("/login", OTHER_COOKIES)?))?;
        let cookies = format!("{OTHER_COOKIES}; {}", set(&begun, "id=")?);
        Self { runtime: Rc::clone(runtime), app, cookies }.checked()
    }

    /// Asks for the page so many times. `None`: it was not what it should be.
    pub fn turn(&self, times: u64) -> Option<Duration> {
        self.runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..times {
                let request = request("/tree", &self.cookies).ok()?;
                let response = self.app.clone().oneshot(request).await.ok()?;
                (response.status() == StatusCode::OK).then_some(())?;
                drop(std::hint::black_box(response));
            }
            Some(start.elapsed())
        })
    }

    fn checked(self) -> Result<Self, Broken> {
        let page = self.runtime.block_on(self.app.clone().oneshot(request("/tree", &self.cookies)?))?;
        let body = self.runtime.block_on(to_bytes(page.into_body(), 1_000))?;
        if body == EMAIL { Ok(self) } else { Err(format!("expected {EMAIL}, found {body:?}").into()) }
    }
}

fn builder() -> Result<SignInBuilder, Broken> {
    let builder = SignIn::builder([Secret::new(SECRET)], Origin::parse(ORIGIN)?);
    let provider = Provider::oidc(issuer(), CLIENT_ID, Some(Secret::new("hush")));
    let builder = builder.provider(provider).admin(Who::parse(EMAIL)?);
    let builder = builder.routes(Routes::new().protected("/tree/*"));
    Ok(builder.clock(|| UnixTime::from_secs(NOW)).platform(None).dev(false).quiet(true))
}

/// Signs the visitor in at the provider, and returns the browser's cookies.
async fn signed_in(app: &Router) -> Result<String, Broken> {
    let form =
        Request::post("/auth/sign-in").header("host", "shop.example").header("sec-fetch-site", "same-origin");
    let gone = app.clone().oneshot(form.body(Body::from("callbackUrl=%2Ftree"))?).await?;
    let location = gone.headers().get("location").ok_or("expected the way to the provider")?.to_str()?;
    let callback = consent(location, EMAIL).ok_or("expected the way to the provider")?;
    let attempt = set(&gone, "__Host-nostore.attempt.")?;
    let back = app.clone().oneshot(request(&callback, &attempt)?).await?;
    Ok(format!("{OTHER_COOKIES}; {}", set(&back, "__Host-nostore.session=")?))
}

fn request(target: &str, cookies: &str) -> Result<Request<Body>, http::Error> {
    let request = Request::get(target).header("host", "shop.example").header("accept", "text/html");
    request.header("cookie", cookies).body(Body::empty())
}

/// Finds the cookie that a response sets.
fn set<B>(response: &Response<B>, start: &str) -> Result<String, Broken> {
    let lines = response.headers().get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    let line = lines.into_iter().find(|line| line.starts_with(start));
    let line = line.ok_or_else(|| format!("expected a cookie {start}, found {:?}", response.headers()))?;
    Ok(line.split(';').next().unwrap_or_default().to_owned())
}

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

async fn axum_login_begin(mut session: AuthSession<Everyone>) -> StatusCode {
    match session.login(&User(EMAIL.to_owned())).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn axum_login_page(session: AuthSession<Everyone>) -> axum::response::Response {
    session.user.map_or_else(|| StatusCode::UNAUTHORIZED.into_response(), |user| user.0.into_response())
}

/// Asks actix-session for the page, in turns: sessions are encrypted in the cookie.
///
/// # Errors
///
/// When the visitor cannot be signed in.
pub fn actix_session() -> Result<impl FnMut(u64) -> Option<Duration>, Broken> {
    let system = actix_web::rt::System::new();
    let key = Key::derive_from(SECRET.as_bytes());
    let app = actix_web::App::new()
        .route("/login", actix_web::web::get().to(actix_begin))
        .route("/tree", actix_web::web::get().to(actix_page))
        .wrap(SessionMiddleware::new(CookieSessionStore::default(), key));
    let app = system.block_on(actix_web::test::init_service(app));
    let request = |target: &str, cookies: &str| {
        let request = actix_web::test::TestRequest::get().uri(target).insert_header(("host", "shop.example"));
        request.insert_header(("accept", "text/html")).insert_header(("cookie", cookies)).to_request()
    };
    let begun = system.block_on(app.call(request("/login", OTHER_COOKIES)))?;
    let line = begun.headers().get("set-cookie").ok_or("expected a cookie")?.to_str()?;
    let cookies = format!("{OTHER_COOKIES}; {}", line.split(';').next().unwrap_or_default());
    let page = system.block_on(app.call(request("/tree", &cookies)))?;
    let body = system.block_on(actix_web::test::read_body(page));
    if body != EMAIL {
        return Err(format!("expected {EMAIL}, found {body:?}").into());
    }
    Ok(move |times| {
        system.block_on(async {
            let start = Instant::now();
            for _ in 0..times {
                let response = app.call(request("/tree", &cookies)).await.ok()?;
                response.status().is_success().then_some(())?;
                drop(std::hint::black_box(response));
            }
            Some(start.elapsed())
        })
    })
}

async fn actix_begin(session: actix_session::Session) -> HttpResponse {
    match session.insert("email", EMAIL) {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn actix_page(session: actix_session::Session) -> HttpResponse {
    match session.get::<String>("email") {
        Ok(Some(email)) => HttpResponse::Ok().body(email),
        _ => HttpResponse::Unauthorized().finish(),
    }
}
