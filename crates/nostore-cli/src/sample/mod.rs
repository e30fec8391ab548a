//! The sample site: what a small app looks like with nostore around it.
//!
//! A public page that caches may keep, a dashboard for one person, a JSON interface, sign-in and
//! sign-out. With an [`Incident`] the same site runs the way the famous failures did. `family` is its sister, whose
//! sign-in is its own.

mod family;
mod incident;
mod module;
mod pages;
mod shared_login;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use nostore_message::UnixTime;
use nostore_tower::SessionLayer;
use nostore_tower::extract::{Exchange, OptionalAuth, RequireAuth};
use nostore_web::{Clock, Sessions, SignOut};
use serde::Deserialize;
use serde_json::json;

use crate::args::Failure;
pub(crate) use family::family;
pub use incident::Incident;
pub use module::Module;
pub(crate) use pages::clock_time;
use pages::{Frame, Kind, Person};
pub(crate) use shared_login::{SampleStore, SharedLogin};

/// What the author of the public page says about its caching.
pub(crate) const HOME_CACHE_CONTROL: &str = "public, s-maxage=60";

/// What every handler knows.
struct Site {
    clock: Arc<dyn Clock>,
    copies: AtomicU32,
    kind: Kind,
    module: Option<Module>,
}

impl Site {
    fn new(kind: Kind, clock: Arc<dyn Clock>, module: Option<Module>) -> Self {
        // Copies of two runs should differ too: start anywhere.
        let start = u32::try_from(clock.now().millis().rem_euclid(60_000)).unwrap_or_default();
        Self { clock, copies: AtomicU32::new(start), kind, module }
    }

    fn frame(&self) -> Frame<'_> {
        let copy = self.copies.fetch_add(1, Ordering::Relaxed);
        Frame { kind: self.kind, now: self.clock.now(), copy, module: self.module.as_ref() }
    }
}

/// Makes the site. With an incident its protection is undone. With a module its pages keep their visitor's session warm.
pub(crate) fn app(
    sessions: Sessions,
    clock: Arc<dyn Clock>,
    incident: Option<Incident>,
    module: Option<Module>,
) -> Router {
    let unprotected = incident.map(|incident| match incident {
        Incident::Loop => Failure::Loop,
        Incident::Leak | Incident::ReferenceFields | Incident::SharedLogin => Failure::Leak,
    });
    let files = module.as_ref().map(Module::routes).unwrap_or_default();
    let site = Arc::new(Site::new(Kind::Dashboard { unprotected }, clock, module));
    let router = Router::new()
        .route("/", get(home))
        .route("/dashboard", get(dashboard))
        .route("/api/me", get(me))
        .route("/sign-in", get(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/health", get(|| async { "ok\n" }))
        .fallback(not_found)
        .with_state(site)
        .merge(files)
        .layer(SessionLayer::new(sessions));
    match incident {
        Some(incident) => router.layer(middleware::from_fn_with_state(incident, incident::unprotect)),
        None => router,
    }
}

async fn home(State(site): State<Arc<Site>>) -> Response {
    let page = pages::home(site.frame(), HOME_CACHE_CONTROL);
    ([(header::CACHE_CONTROL, HOME_CACHE_CONTROL)], Html(page)).into_response()
}

async fn dashboard(State(site): State<Arc<Site>>, RequireAuth(auth): RequireAuth) -> Html<String> {
    let person = Person {
        email: auth.email().unwrap_or("(no address)"),
        user: auth.user_id().unwrap_or_default(),
        session: auth.session_id().unwrap_or_default(),
        until: UnixTime::from_secs(auth.claim("exp").and_then(serde_json::Value::as_i64).unwrap_or_default()),
    };
    Html(pages::dashboard(site.frame(), person))
}

async fn me(OptionalAuth(auth): OptionalAuth) -> Response {
    let status = if auth.is_signed_in() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let me = json!({ "signedIn": auth.is_signed_in(), "userId": auth.user_id(), "email": auth.email() });
    (status, Json(me)).into_response()
}

#[derive(Deserialize)]
struct SignIn {
    redirect_url: Option<String>,
}

async fn sign_in(
    Query(query): Query<SignIn>,
    OptionalAuth(auth): OptionalAuth,
    exchange: Exchange,
) -> Redirect {
    if auth.is_signed_in() {
        return Redirect::temporary("/");
    }
    Redirect::temporary(&exchange.identity_sign_in_url(query.redirect_url.as_deref().unwrap_or("/")))
}

async fn sign_out(State(site): State<Arc<Site>>, exchange: Exchange) -> Response {
    // Nobody else's page may sign a visitor out. Browsers say where a form was sent from (Fetch Metadata).
    if exchange
        .head()
        .fields
        .first("sec-fetch-site")
        .is_some_and(|from| !matches!(from, "same-origin" | "none"))
    {
        let page = pages::message(site.frame(), "Not from here", "This form was sent from another site.");
        return (StatusCode::FORBIDDEN, Html(page)).into_response();
    }
    match exchange.sign_out().await {
        SignOut::NoSession | SignOut::Revoked => Redirect::to("/").into_response(),
        SignOut::NotRevoked => {
            let text = "You are signed out here, but the identity service did not answer: at its sign-in page you may still be \
                        signed in. Try again.";
            let page = pages::message(site.frame(), "Signed out here only", text);
            (StatusCode::BAD_GATEWAY, Html(page)).into_response()
        }
    }
}

async fn not_found(State(site): State<Arc<Site>>) -> Response {
    let page = pages::message(site.frame(), "Not found", "There is nothing at this address.");
    (StatusCode::NOT_FOUND, Html(page)).into_response()
}
