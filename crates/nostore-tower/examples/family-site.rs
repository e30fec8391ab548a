//! A family's site: whoever is on the list signs in and sees the tree. Nine lines are the sign-in.
//!
//! ```console
//! $ export NOSTORE_SECRET=$(nostore secret new) NOSTORE_ORIGIN=http://localhost:8080 NOSTORE_ADMIN=you@example.com
//! $ export NOSTORE_OIDC_ISSUER=https://accounts.google.com NOSTORE_OIDC_CLIENT_ID=… NOSTORE_OIDC_CLIENT_SECRET=…
//! $ cargo run -p nostore-tower --features signin --example family-site
//! ```

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use nostore_signin::{SetupError, SignIn, SignInBuilder};
use nostore_tower::{RequireAuth, SessionLayer};
use nostore_web::Routes;

async fn home() -> ([(&'static str, &'static str); 1], Html<&'static str>) {
    // The same for everyone: any cache may keep it for a minute.
    ([("cache-control", "public, s-maxage=60")], Html("<h1>Our family</h1><a href=\"/tree\">The tree</a>"))
}

async fn tree(auth: RequireAuth) -> Html<String> {
    Html(format!("<h1>The tree</h1><p>You are {}.", auth.email().unwrap_or("one of us")))
}

pub(crate) async fn app(settings: SignInBuilder) -> Result<Router, SetupError> {
    let sign_in = settings.routes(Routes::new().protected("/tree/*")).build().await?;
    Ok(Router::new()
        .route("/", get(home))
        .route("/tree", get(tree))
        .merge(nostore_tower::sign_in(&sign_in))
        .layer(SessionLayer::new(sign_in.sessions())))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = app(SignIn::from_env()?).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app).await
}
