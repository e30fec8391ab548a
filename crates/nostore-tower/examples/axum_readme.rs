//! The app of `axum_plain.rs` with sessions: needs `NOSTORE_PUBLISHABLE_KEY` and `NOSTORE_SECRET_KEY`.

use axum::{Router, routing::get};

async fn home() -> &'static str {
    "Welcome."
}

async fn dashboard(auth: nostore_tower::RequireAuth) -> String {
    format!("The orders of {}.", auth.email().unwrap_or("you"))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", get(home)).route("/dashboard", get(dashboard));
    let app = app.layer(nostore_tower::SessionLayer::from_env()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app).await
}
