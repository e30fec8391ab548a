//! A site that says what it knows about who asks, as JSON: by cookies in a browser, or by `Authorization: Bearer`.
//!
//! `GET /whoami?permission=org:invoices:read` (or `role`, `feature`, `plan`) says whether the visitor has that.
//!
//! ```console
//! $ nostore dev -- cargo run -p nostore-tower --example whoami
//! ```

use axum::extract::RawQuery;
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Json, Router};
use nostore_session::Check;
use nostore_tower::{Auth, Exchange, SessionLayer};
use nostore_web::SessionsBuilder;
use serde_json::{Value, json};

async fn whoami(auth: Auth, RawQuery(query): RawQuery) -> Json<Value> {
    let asked = check(&query.unwrap_or_default());
    Json(json!({
        "userId": auth.user_id(),
        "sessionId": auth.session_id(),
        "orgId": auth.claim("o").map(|organization| &organization["id"]),
        "has": asked.map(|check| auth.has(&check)),
    }))
}

/// Reads what is asked for.
fn check(query: &str) -> Option<Check> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(name, value)| {
        let value = value.into_owned();
        match &*name {
            "feature" => Some(Check::feature(value)),
            "permission" => Some(Check::permission(value)),
            "plan" => Some(Check::plan(value)),
            "role" => Some(Check::role(value)),
            _ => None,
        }
    })
}

async fn sign_out(exchange: Exchange) -> Redirect {
    // The cookies are cleared in any case; the log says why a session was not revoked.
    let _outcome = exchange.sign_out().await;
    Redirect::to("/whoami")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = SessionsBuilder::from_env()?.eager(true).build()?;
    let app = Router::new()
        .route("/whoami", get(whoami))
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
