//! The same without a framework: a tower service on hyper.
//!
//! ```console
//! $ nostore dev -- cargo run -p nostore-tower --example hyper
//! ```
//!
//! Then open <http://localhost:8080/dashboard>. Without `nostore dev` it needs the keys that `nostore issuer`
//! prints, in `NOSTORE_PUBLISHABLE_KEY` and `NOSTORE_SECRET_KEY`, and listens on port 8080.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use nostore_tower::{Refusal, SessionLayer, exchange};
use nostore_web::Why;
use tower::{Layer as _, service_fn};

type Body = Full<Bytes>;

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(route(&request).await.unwrap_or_else(Refusal::response))
}

async fn route(request: &Request<Incoming>) -> Result<Response<Body>, Refusal> {
    match (request.method(), request.uri().path()) {
        // The same for everyone: shared caches may keep it for a minute.
        (&Method::GET, "/") => {
            let mut response = text("Welcome. Your orders are at /dashboard.");
            let shared = http::HeaderValue::from_static("public, s-maxage=60");
            response.headers_mut().insert(http::header::CACHE_CONTROL, shared);
            Ok(response)
        }
        // For signed-in visitors; others are sent to sign in. No shared cache ever stores it.
        (&Method::GET, "/dashboard") => {
            let auth = exchange(request.extensions())?.require(Why::here()).await?;
            Ok(text(format!("The orders of {}.", auth.email().unwrap_or("somebody without address"))))
        }
        (&Method::POST, "/sign-out") => {
            // The cookies are cleared in any case; the log says why a session was not revoked.
            let _outcome = exchange(request.extensions())?.sign_out().await;
            let mut response = text("");
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(http::header::LOCATION, http::HeaderValue::from_static("/"));
            Ok(response)
        }
        _ => {
            let mut response = text("There is nothing here.");
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok(response)
        }
    }
}

fn text(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(Full::new(text.into()))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let service = SessionLayer::from_env()?.layer(service_fn(answer));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port())).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        // A visitor who goes away in the middle is nobody's mistake.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

#[expect(clippy::disallowed_methods, reason = "an example has no other place for its port")]
fn port() -> u16 {
    std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080)
}
