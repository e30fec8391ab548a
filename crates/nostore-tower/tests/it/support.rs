//! An identity service that serves one key, tokens signed with it, and requests to an app in-process.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use nostore_jose::{JwkSet, SigningKey};
use nostore_message::{Secret, UnixTime};
use nostore_session::{Config, Instance, PublishableKey};
use nostore_web::{Sessions, SessionsBuilder};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

/// 2026-01-01.
pub(crate) const NOW: i64 = 1_767_225_600;

/// DESIGN section 5, spelt out.
pub(crate) const FIELD_SET: [(&str, &str); 9] = [
    ("cache-control", "no-store, no-cache, must-revalidate, max-age=0, private"),
    ("pragma", "no-cache"),
    ("expires", "0"),
    ("cdn-cache-control", "no-store"),
    ("netlify-cdn-cache-control", "no-store"),
    ("vercel-cdn-cache-control", "no-store"),
    ("cloudflare-cdn-cache-control", "no-store"),
    ("surrogate-control", "no-store"),
    ("x-accel-expires", "0"),
];

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate().unwrap())
}

/// Starts an identity service and sets up sessions with it.
pub(crate) async fn sessions(instance: Instance) -> SessionsBuilder {
    let keys = || async { JwkSet::new([key().jwk().clone()]).to_json().to_string() };
    let service = Router::new()
        .route("/v1/jwks", get(keys))
        .route("/v1/sessions/{sid}/revoke", post(|| async { "{}" }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let host = match instance {
        Instance::Development => "http://127.0.0.1:8081",
        Instance::Production => "accounts.nostore.example",
    };
    let publishable = PublishableKey::parse(&PublishableKey::encode(instance, host)).unwrap();
    let config =
        Config::new(publishable, Secret::new("sk_hush")).api_url(&format!("http://{address}")).unwrap();
    Sessions::builder(config).platform(None).dev(false).clock(|| UnixTime::from_secs(NOW))
}

/// The cookies of a browser whose token for Alice was issued at `NOW` plus `offset` seconds.
pub(crate) fn alice(offset: i64) -> String {
    let iat = NOW + offset;
    let token = sign(json!({
        "sub": "user_alice", "sid": "sess_1", "email": "alice@example.com",
        "iat": iat, "nbf": iat - 10, "exp": iat + 60,
    }));
    format!("__clerk_db_jwt=dvb_1; __client_uat={}; __session={token}", NOW - 1_000)
}

/// The result of a handshake that signs Alice in.
pub(crate) fn handshake() -> String {
    let session = alice(0);
    let (_, session) = session.rsplit_once(' ').unwrap();
    sign(json!({ "handshake": [format!("__client_uat={NOW}; Path=/"), format!("{session}; Path=/")] }))
}

fn sign(claims: Value) -> String {
    let Value::Object(claims) = claims else { panic!("expected an object") };
    key().sign(&Map::new(), &claims).unwrap()
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// Tells whether the response holds the field set, byte for byte and once.
    pub(crate) fn is_protected(&self) -> bool {
        FIELD_SET.iter().all(|(name, value)| self.all(name) == [*value])
            && self.all("vary").join(",").to_ascii_lowercase().contains("cookie")
    }

    /// Tells whether the response holds nothing of the field set but what `cache_control` says.
    pub(crate) fn keeps(&self, cache_control: Option<&str>) -> bool {
        self.field("cache-control") == cache_control
            && FIELD_SET.iter().skip(1).all(|(name, _)| !self.fields.contains_key(*name))
            && !self.fields.contains_key("vary")
    }
}

/// A request for a page.
pub(crate) fn page(target: &str, cookie: &str) -> Request<Body> {
    let request = Request::get(target).header("host", "localhost:8080").header("accept", "text/html");
    request.header("cookie", cookie).body(Body::empty()).unwrap()
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Seen {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Seen { status: parts.status, fields: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}
