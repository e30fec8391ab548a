//! What those who run the guard ask it, on a port of its own: every path of the visitors' port is the app's.
//!
//! | path | |
//! |---|---|
//! | `/healthz` | 200 while the guard runs |
//! | `/readyz` | 200 while it takes visitors and somebody listens at the app's address, else 503 |
//! | `/metrics` | counts, in the text format that Prometheus reads |
//!
//! # Invariants
//!
//! - Nothing is changed by asking, and nothing of a visitor is told.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use nostore_proxy::ServeLimits;
use tokio::net::{TcpListener, TcpStream};

use crate::Guard;
use crate::body::GuardBody;

/// How long the app may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most who may ask at a time.
const MOST: usize = 64;

impl Guard {
    /// Answers those who run the guard until `shutdown` completes.
    pub async fn serve_control(self: &Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut limits = ServeLimits::default();
        (limits.connections, limits.grace) = (MOST, Duration::ZERO);
        let guard = Arc::clone(self);
        let handler = move |request: Request<Incoming>, _, _| {
            let guard = Arc::clone(&guard);
            async move { guard.told(request.uri().path()).await }
        };
        nostore_proxy::serve(listener, None, limits, shutdown, handler).await;
    }

    async fn told(&self, path: &str) -> Response<GuardBody> {
        match path {
            "/healthz" => answer(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.readiness().await,
            "/metrics" => answer(StatusCode::OK, self.prometheus()),
            _ => answer(StatusCode::NOT_FOUND, "expected /healthz, /readyz or /metrics\n".to_owned()),
        }
    }

    async fn readiness(&self) -> Response<GuardBody> {
        if self.ending.load(Ordering::Relaxed) {
            return answer(StatusCode::SERVICE_UNAVAILABLE, "the guard ends\n".to_owned());
        }
        let orders = self.orders.load_full();
        let origin = orders.upstream.origin();
        let connecting = TcpStream::connect((origin.host().trim_matches(['[', ']']), origin.port()));
        match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(Ok(_)) => answer(StatusCode::OK, "ready\n".to_owned()),
            _ => {
                let text = format!("expected an app at {origin}, found nobody listening\n");
                answer(StatusCode::SERVICE_UNAVAILABLE, text)
            }
        }
    }

    fn prometheus(&self) -> String {
        let identity = self.orders.load().identity.as_ref().map(crate::Identity::prometheus);
        self.tally.prometheus() + &identity.unwrap_or_default()
    }
}

fn answer(status: StatusCode, text: String) -> Response<GuardBody> {
    let mut answer = Response::new(GuardBody::Own(Some(Bytes::from(text))));
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    answer
}
