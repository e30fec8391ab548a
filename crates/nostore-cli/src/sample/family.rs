//! The sample site with a sign-in of its own: a public page, the family's tree, and who may in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use nostore_signin::SignIn;
use nostore_tower::SessionLayer;
use nostore_tower::extract::RequireAuth;
use nostore_web::{Auth, Clock};
use serde_json::json;

use super::pages::{self, Kind, Member};
use super::shared_login::{self, SharedLogin};
use super::{HOME_CACHE_CONTROL, Site};

/// Makes the site. With the incident its protection is undone.
pub(crate) fn family(sign_in: &SignIn, clock: Arc<dyn Clock>, incident: Option<SharedLogin>) -> Router {
    let site = Arc::new(Site::new(Kind::Family { unprotected: incident.is_some() }, clock, None));
    let router = Router::new()
        .route("/", get(home))
        .route("/tree", get(tree))
        .route("/api/me", get(me))
        .route("/health", get(|| async { "ok\n" }))
        .fallback(not_found)
        .with_state(site)
        .merge(nostore_tower::sign_in(sign_in))
        .layer(SessionLayer::new(sign_in.sessions()));
    match incident {
        Some(incident) => router.layer(middleware::from_fn_with_state(incident, shared_login::unprotect)),
        None => router,
    }
}

async fn home(State(site): State<Arc<Site>>) -> Response {
    let page = pages::family_home(site.frame(), HOME_CACHE_CONTROL);
    ([(header::CACHE_CONTROL, HOME_CACHE_CONTROL)], Html(page)).into_response()
}

async fn tree(State(site): State<Arc<Site>>, RequireAuth(auth): RequireAuth) -> Html<String> {
    let member = Member {
        email: auth.email().unwrap_or("(no address)"),
        role: role(&auth),
        session: auth.session_id().unwrap_or_default(),
    };
    Html(pages::tree(site.frame(), member))
}

async fn me(RequireAuth(auth): RequireAuth) -> Response {
    Json(json!({ "email": auth.email(), "role": role(&auth), "session": auth.session_id() })).into_response()
}

async fn not_found(State(site): State<Arc<Site>>) -> Response {
    let page = pages::message(site.frame(), "Not found", "There is nothing at this address.");
    (StatusCode::NOT_FOUND, Html(page)).into_response()
}

fn role(auth: &Auth) -> &str {
    auth.claim("role").and_then(serde_json::Value::as_str).unwrap_or_default()
}
