//! An identity service of a few lines, and what it signs.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::OnceLock;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nostore_jose::{JwkSet, SigningKey};
use nostore_message::{Secret, UnixTime};
use nostore_session::{Config, Instance, PublishableKey};
use nostore_web::{Sessions, SessionsBuilder};
use serde_json::{Map, Value, json};

use crate::own::provider;

/// 2026-01-01: what every clock shows.
pub const NOW: i64 = 1_767_225_600;

/// What the service signed, made once: signing the same twice would do, but not for nothing.
pub(crate) struct Signed {
    pub(crate) key: SigningKey,
    /// The cookies of a browser in which Alice is signed in.
    pub(crate) alice: String,
    /// The same for Bob.
    pub(crate) bob: String,
    /// The same for Alice, her token expired.
    pub(crate) expired: String,
    /// The result of a handshake that signs Alice in.
    pub(crate) handshake: String,
    /// The `Set-Cookie` line of it that brings the token.
    pub(crate) session_line: String,
}

pub(crate) fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let key = SigningKey::generate().expect("keys can be made");
        let browser =
            |token: &str| format!("__clerk_db_jwt=dvb_1; __client_uat={}; __session={token}", NOW - 1_000);
        let alice = token(&key, "alice", 0);
        let session_line = format!("__session={alice}; Path=/");
        let handshake =
            sign(&key, json!({ "handshake": [format!("__client_uat={NOW}; Path=/"), session_line] }));
        Signed {
            alice: browser(&alice),
            bob: browser(&token(&key, "bob", 0)),
            expired: browser(&token(&key, "alice", -90)),
            handshake,
            session_line,
            key,
        }
    })
}

/// Sets up sessions with the service.
pub(crate) fn sessions(instance: Instance) -> SessionsBuilder {
    let host = match instance {
        Instance::Development => "http://127.0.0.1:8081",
        Instance::Production => "accounts.nostore.example",
    };
    let key = PublishableKey::parse(&PublishableKey::encode(instance, host)).expect("a key that we made");
    let config = Config::new(key, Secret::new("sk_hush")).api_url(&format!("http://{}", service()));
    Sessions::builder(config.expect("an address")).dev(false).clock(|| UnixTime::from_secs(NOW))
}

/// A token, valid for a minute from `NOW` plus `offset` seconds on.
fn token(key: &SigningKey, name: &str, offset: i64) -> String {
    let iat = NOW + offset;
    let role = if name == "alice" { "org:admin" } else { "org:member" };
    let claims = json!({
        "sub": format!("user_{name}"), "sid": format!("sess_{name}"), "email": format!("{name}@example.com"),
        "iat": iat, "nbf": iat - 10, "exp": iat + 60,
        "org_id": "org_1", "org_role": role, "org_slug": "one", "org_permissions": [],
    });
    sign(key, claims)
}

pub(crate) fn sign(key: &SigningKey, claims: Value) -> String {
    let Value::Object(claims) = claims else { unreachable!("claims are an object") };
    key.sign(&Map::new(), &claims).expect("keys can sign")
}

/// Starts the service at the first call; it serves from a thread of its own until the process ends.
pub(crate) fn service() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve(listener));
        });
        address
    })
}

async fn serve(listener: std::net::TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
    while let Ok((stream, _)) = listener.accept().await {
        let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
            let path = request.uri().path().to_owned();
            let content = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
            let body = match &*path {
                "/v1/jwks" => JwkSet::new([signed().key.jwk().clone()]).to_json().to_string(),
                "/v1/clients/handshake_payload" => json!({ "directives": [
                    format!("__client_uat={NOW}; Path=/"), signed().session_line,
                ] })
                .to_string(),
                path => provider(path, &content.unwrap_or_default()).unwrap_or_else(|| "{}".to_owned()),
            };
            let response = Response::builder().header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).expect("a response"))
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}
