//! An axum site with sessions: a page for everyone, a page for signed-in visitors, sign-in and sign-out.
//!
//! ```console
//! $ nostore dev -- cargo run -p nostore-tower --example axum
//! ```
//!
//! Then open <http://localhost:8080/dashboard>. Without `nostore dev` it needs the keys that `nostore issuer`
//! prints, in `NOSTORE_PUBLISHABLE_KEY` and `NOSTORE_SECRET_KEY`, and listens on port 8080.

use axum::Router;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use nostore_tower::{Auth, Exchange, RequireAuth, SessionLayer};
use nostore_web::SessionsBuilder;

/// The same for everyone: shared caches may keep it for a minute.
async fn home() -> impl IntoResponse {
    ([("cache-control", "public, s-maxage=60")], "Welcome. Your orders are at /dashboard.")
}

/// For signed-in visitors; others are sent to sign in. No shared cache ever stores it.
async fn dashboard(auth: RequireAuth) -> String {
    format!("The orders of {}.", auth.email().unwrap_or("somebody without address"))
}

/// Where signed-out visitors are sent: on to the identity service, and from there back.
async fn sign_in(auth: Auth, exchange: Exchange, RawQuery(query): RawQuery) -> Redirect {
    let query = query.unwrap_or_default();
    let back = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "redirect_url");
    let back = back.map_or_else(|| "/".into(), |(_, back)| back);
    if auth.is_signed_in() {
        Redirect::to(&exchange.safe_return_path(&back))
    } else {
        Redirect::to(&exchange.identity_sign_in_url(&back))
    }
}

async fn sign_out(exchange: Exchange) -> Redirect {
    // The cookies are cleared in any case; the log says why a session was not revoked.
    let _outcome = exchange.sign_out().await;
    Redirect::to("/")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = SessionsBuilder::from_env()?.sign_in_path("/sign-in").build()?;
    let app = Router::new()
        .route("/", get(home))
        .route("/dashboard", get(dashboard))
        .route("/sign-in", get(sign_in))
        .route("/sign-out", post(sign_out))
        .layer(SessionLayer::new(sessions));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port())).await?;
    axum::serve(listener, app).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example has no other place for its port")]
fn port() -> u16 {
    std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080)
}
