//! The app of `actix_plain.rs` with sessions: needs `NOSTORE_PUBLISHABLE_KEY` and `NOSTORE_SECRET_KEY`.

use actix_web::{App, HttpServer, web};

async fn home(shop: web::Data<String>) -> String {
    format!("Welcome to {}.", **shop)
}

async fn dashboard(_: nostore_actix::RequireAuth) -> &'static str {
    "Your orders."
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let shop = web::Data::new("the shop".to_owned());
    let sessions = nostore_actix::SessionMiddleware::from_env()?;
    HttpServer::new(move || {
        App::new()
            .app_data(shop.clone())
            .route("/", web::get().to(home))
            .route("/dashboard", web::get().to(dashboard))
            .wrap(sessions.clone())
    })
    .bind("127.0.0.1:8080")?
    .run()
    .await
}
