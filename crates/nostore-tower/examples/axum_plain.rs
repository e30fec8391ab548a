//! A plain axum app, to which `axum_readme.rs` adds sessions. The difference is in the README.

use axum::{Router, routing::get};

async fn home() -> &'static str {
    "Welcome."
}

async fn dashboard() -> String {
    "The orders of everybody.".to_owned()
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/", get(home)).route("/dashboard", get(dashboard));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app).await
}
