//! An actix site with sessions: a page for everyone, a page for signed-in visitors, sign-in and sign-out.
//!
//! ```console
//! $ nostore dev -- cargo run -p nostore-actix --example actix
//! ```
//!
//! Then open <http://localhost:8080/dashboard>. Without `nostore dev` it needs the keys that `nostore issuer`
//! prints, in `NOSTORE_PUBLISHABLE_KEY` and `NOSTORE_SECRET_KEY`, and listens on port 8080.

use std::collections::BTreeMap;

use actix_web::web::{Query, Redirect};
use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use nostore_actix::{Auth, Exchange, RequireAuth, SessionMiddleware};
use nostore_web::SessionsBuilder;

/// The same for everyone: shared caches may keep it for a minute.
async fn home() -> impl Responder {
    let text = "Welcome. Your orders are at /dashboard.";
    HttpResponse::Ok().insert_header(("cache-control", "public, s-maxage=60")).body(text)
}

/// For signed-in visitors; others are sent to sign in. No shared cache ever stores it.
async fn dashboard(auth: RequireAuth) -> String {
    format!("The orders of {}.", auth.email().unwrap_or("somebody without address"))
}

/// Where signed-out visitors are sent: on to the identity service, and from there back.
async fn sign_in(auth: Auth, exchange: Exchange, query: Query<BTreeMap<String, String>>) -> Redirect {
    let back = query.get("redirect_url").map_or("/", String::as_str);
    let location = if auth.is_signed_in() {
        exchange.safe_return_path(back)
    } else {
        exchange.identity_sign_in_url(back)
    };
    Redirect::to(location).see_other()
}

async fn sign_out(exchange: Exchange) -> Redirect {
    // The cookies are cleared in any case; the log says why a session was not revoked.
    let _outcome = exchange.sign_out().await;
    Redirect::to("/").see_other()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = SessionsBuilder::from_env()?.sign_in_path("/sign-in").build()?;
    let sessions = SessionMiddleware::new(sessions);
    let app = move || {
        App::new()
            .wrap(sessions.clone())
            .route("/", web::get().to(home))
            .route("/dashboard", web::get().to(dashboard))
            .route("/sign-in", web::get().to(sign_in))
            .route("/sign-out", web::post().to(sign_out))
    };
    HttpServer::new(app).bind(("127.0.0.1", port()))?.run().await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example has no other place for its port")]
fn port() -> u16 {
    std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080)
}
