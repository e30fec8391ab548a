//! An identity service of a few lines, counted, and tokens signed with its key.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nostore_jose::SigningKey;
use nostore_message::{Secret, UnixTime};
use nostore_session::{Config, Instance, PublishableKey};
use nostore_web::{Clock, Sessions, SessionsBuilder};
use serde_json::{Map, Value, json};

/// 2026-01-01.
pub(crate) const NOW: i64 = 1_767_225_600;

/// The key that the service signs with, made once.
pub(crate) fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate().unwrap())
}

/// A clock that stands until it is set.
#[derive(Clone, Debug)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW * 1_000)))
    }

    pub(crate) fn forward(&self, secs: i64) {
        self.forward_millis(secs * 1_000);
    }

    pub(crate) fn forward_millis(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What the service answers to one path: status and body; none: it hangs up.
type Script = Arc<dyn Fn(&str) -> Option<(u16, String)> + Send + Sync>;

/// The service.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    door: Arc<tokio::sync::RwLock<()>>,
    script: Arc<Mutex<Script>>,
}

impl Identity {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let identity = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            door: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(healthy))),
        };
        let serving = identity.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let identity = serving.clone();
                let service = service_fn(move |request| {
                    let answer = identity.answer(&request);
                    let door = Arc::clone(&identity.door);
                    async move {
                        drop(door.read().await);
                        answer
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        identity
    }

    /// Answers from now on with `script`.
    pub(crate) fn script(&self, script: impl Fn(&str) -> Option<(u16, String)> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    /// Keeps every answer back until the guard is dropped.
    pub(crate) async fn close(&self) -> tokio::sync::OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.door).write_owned().await
    }

    /// The requests so far: method and target.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn config(&self, instance: Instance) -> Config {
        config(instance).api_url(&format!("http://{}", self.address)).unwrap()
    }

    pub(crate) fn sessions(&self, instance: Instance) -> SessionsBuilder {
        Sessions::builder(self.config(instance)).platform(None).dev(false).clock(Hand::new())
    }

    fn answer(&self, request: &Request<Incoming>) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let target = request.uri().path_and_query().unwrap().as_str().to_owned();
        self.seen.lock().unwrap().push(format!("{} {target}", request.method()));
        assert_eq!(request.headers()["authorization"], "Bearer sk_hush");
        let script = Arc::clone(&self.script.lock().unwrap());
        let (status, body) = script(&target).ok_or_else(|| std::io::Error::other("hung up"))?;
        Ok::<_, Infallible>(
            Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(body)))
                .unwrap(),
        )
        .map_err(|never| match never {})
    }
}

/// The set with the key, an empty handshake, and a revocation.
pub(crate) fn healthy(target: &str) -> Option<(u16, String)> {
    Some(match target {
        "/v1/jwks" => (200, key_set(key().kid())),
        _ => (200, "{}".to_owned()),
    })
}

/// A JWK Set that knows the key under this name.
pub(crate) fn key_set(kid: &str) -> String {
    let mut jwk = key().jwk().to_json();
    jwk["kid"] = kid.into();
    json!({ "keys": [jwk] }).to_string()
}

pub(crate) fn config(instance: Instance) -> Config {
    let host = match instance {
        Instance::Development => "http://127.0.0.1:8081",
        Instance::Production => "accounts.nostore.example",
    };
    let publishable = PublishableKey::parse(&PublishableKey::encode(instance, host)).unwrap();
    Config::new(publishable, Secret::new("sk_hush"))
}

/// A session token for Alice, issued at `NOW` plus `offset` seconds, valid for a minute.
pub(crate) fn token(offset: i64) -> String {
    let iat = NOW + offset;
    sign(json!({
        "sub": "user_alice", "sid": "sess_1", "email": "alice@example.com",
        "iat": iat, "nbf": iat - 10, "exp": iat + 60,
    }))
}

/// The same token, said to be signed with another key.
pub(crate) fn forged(kid: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(json!({ "alg": "RS256", "kid": kid }).to_string());
    let token = token(0);
    format!("{header}.{}", token.split_once('.').unwrap().1)
}

/// A handshake's result that signs Alice in.
pub(crate) fn handshake_token() -> String {
    let uat = format!("__client_uat={NOW}; Path=/");
    let session = format!("__session={}; Path=/", token(0));
    let browser = "__clerk_db_jwt=dvb_1; Path=/";
    sign(json!({ "handshake": [uat, session, browser] }))
}

pub(crate) fn sign(claims: Value) -> String {
    let Value::Object(claims) = claims else { panic!("expected an object") };
    let header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
    key().sign(&header, &claims).unwrap()
}

/// The cookies of a browser in which Alice is signed in.
pub(crate) fn alice() -> String {
    cookies(&token(0))
}

/// The same with another token.
pub(crate) fn cookies(token: &str) -> String {
    format!("__clerk_db_jwt=dvb_1; __client_uat={}; __session={token}", NOW - 100)
}
