//! A plain actix app, to which `actix_readme.rs` adds sessions. The difference is in the README.

use actix_web::{App, HttpServer, web};

async fn home(shop: web::Data<String>) -> String {
    format!("Welcome to {}.", **shop)
}

async fn dashboard() -> &'static str {
    "Your orders."
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let shop = web::Data::new("the shop".to_owned());
    HttpServer::new(move || {
        App::new()
            .app_data(shop.clone())
            .route("/", web::get().to(home))
            .route("/dashboard", web::get().to(dashboard))
    })
    .bind("127.0.0.1:8080")?
    .run()
    .await
}
