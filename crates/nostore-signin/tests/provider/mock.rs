//! An OpenID Provider in the test's own process, which does wrong on request.
//!
//! # Invariants
//!
//! - Nothing but [`Faults`] makes it do wrong: with none it does what the specifications say, PKCE and single use of
//!   codes included.
//! - Its clock is the test's. It listens on loopback, on a port of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nostore_jose::{Algorithm, SigningKey};
use nostore_message::UnixTime;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

/// The present.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const CLIENT_ID: &str = "site";
pub(crate) const CLIENT_SECRET: &str = "hush: 100%";
pub(crate) const REDIRECT: &str = "https://www.example.com/auth/callback";

/// How an endpoint behaves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fate {
    #[default]
    Well,
    Closes,
    Garbage,
    Hangs,
    Oversized,
    /// Nobody listens there.
    Refuses,
    Status(u16),
}

/// What is wrong with the provider.
#[derive(Default)]
pub(crate) struct Faults {
    /// By path.
    pub(crate) fates: BTreeMap<&'static str, Fate>,
    /// Members of the discovery document; null removes one.
    pub(crate) document: Vec<(&'static str, Value)>,
    /// Claims of ID tokens; null removes one.
    pub(crate) claims: Vec<(&'static str, Value)>,
    /// Claims of userinfo.
    pub(crate) userinfo: Vec<(&'static str, Value)>,
    /// Members of the token endpoint's answer; null removes one.
    pub(crate) answer: Vec<(&'static str, Value)>,
    /// Parameters of the callback; empty removes one.
    pub(crate) callback: Vec<(&'static str, String)>,
    /// The header's `alg` without a signature.
    pub(crate) unsigned: Option<&'static str>,
    /// Another key's signature.
    pub(crate) forged: bool,
    /// A refresh token is good once.
    pub(crate) rotates: bool,
    /// Bodies of GitHub's API.
    pub(crate) github: BTreeMap<&'static str, Value>,
}

pub(crate) struct Mock {
    pub(crate) origin: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
    /// A port that is taken, and nobody listens.
    refusing: (SocketAddr, TcpSocket),
}

struct State {
    origin: String,
    refusing: SocketAddr,
    faults: Faults,
    keys: Vec<Arc<SigningKey>>,
    /// Codes that were given out: nonce and challenge.
    codes: BTreeMap<String, (String, String)>,
    refresh_tokens: BTreeSet<String>,
    issued: u32,
    asked: BTreeMap<String, u32>,
    seen: Vec<String>,
}

impl Mock {
    pub(crate) async fn start() -> Self {
        let refusing = TcpSocket::new_v4().unwrap();
        refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refusing = (refusing.local_addr().unwrap(), refusing);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            origin: origin.clone(),
            refusing: refusing.0,
            faults: Faults::default(),
            keys: vec![key()],
            codes: BTreeMap::new(),
            refresh_tokens: BTreeSet::new(),
            issued: 0,
            asked: BTreeMap::new(),
            seen: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { origin, state, server, refusing }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Makes it do wrong from now on, and nothing else wrong.
    pub(crate) fn fail(&self, faults: Faults) {
        self.state().faults = faults;
    }

    pub(crate) fn hangs(&self) -> bool {
        self.state().faults.fates.values().any(|fate| *fate == Fate::Hangs)
    }

    /// The origin of the port where nobody listens.
    pub(crate) fn nowhere(&self) -> String {
        format!("http://{}", self.refusing.0)
    }

    /// Signs with a new key from now on. The old one is gone from the JWK Set.
    pub(crate) fn rotate(&self) {
        self.state().keys = vec![key()];
    }

    /// Refuses every refresh token that it has issued so far.
    pub(crate) fn forget_refresh_tokens(&self) {
        self.state().refresh_tokens.clear();
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> u32 {
        self.state().asked.get(path).copied().unwrap_or_default()
    }

    /// The last request's field `Authorization` and body at the token endpoint.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    /// What a visitor does who says yes: follows `location`, and returns the callback's query.
    pub(crate) fn authorize(&self, location: &str) -> String {
        let (_, query) = location.split_once('?').unwrap();
        let asked: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut state = self.state();
        state.issued += 1;
        let code = format!("code-{}", state.issued);
        let nonce = asked.get("nonce").cloned().unwrap_or_default();
        state.codes.insert(code.clone(), (nonce, asked["code_challenge"].clone()));
        let mut parameters =
            vec![("code", code), ("state", asked["state"].clone()), ("iss", state.origin.clone())];
        for (name, value) in &state.faults.callback {
            parameters.retain(|(known, _)| known != name);
            if !value.is_empty() {
                parameters.push((name, value.replace("{op}", &state.origin)));
            }
        }
        form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
    }

    /// Signs claims as the provider, those of a logout token included.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let state = self.state();
        let text = claims.to_string().replace("{op}", &state.origin);
        let claims: Map<String, Value> = serde_json::from_str(&text).unwrap();
        state.sign(header.as_object().unwrap(), &claims)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate_for(Algorithm::Es256).unwrap())
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(Arc::clone(&state), request));
        drop(tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }));
    }
}

/// Ends the connection instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed")]
struct Closed;

impl From<Infallible> for Closed {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let method = request.method().clone();
    let body = request.into_body().collect().await.map_err(|_| Closed)?.to_bytes();
    let form: BTreeMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
    let fate = {
        let mut state = state.lock().unwrap();
        *state.asked.entry(path.clone()).or_default() += 1;
        if path == "/token" {
            state.seen = vec![authorization.clone(), String::from_utf8_lossy(&body).into_owned()];
        }
        state.faults.fates.get(path.as_str()).copied().unwrap_or_default()
    };
    let (status, body) = match fate {
        Fate::Well | Fate::Refuses => state.lock().unwrap().well(&method, &path, &authorization, &form),
        Fate::Closes => return Err(Closed),
        Fate::Garbage => (200, "<!doctype html>".to_owned()),
        Fate::Hangs => std::future::pending().await,
        Fate::Oversized => (200, format!("{{\"a\":\"{}\"}}", "a".repeat(300_000))),
        Fate::Status(status) => (status, json!({ "why": "trouble" }).to_string()),
    };
    let response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", if body.starts_with('<') { "text/html" } else { "application/json" });
    let response = if status == 302 { response.header("location", "/elsewhere") } else { response };
    Ok(response.body(Full::new(Bytes::from(body))).unwrap())
}

impl State {
    fn well(
        &mut self,
        method: &Method,
        path: &str,
        authorization: &str,
        form: &BTreeMap<String, String>,
    ) -> (u16, String) {
        let (status, body) = match (method.as_str(), path) {
            ("GET", "/.well-known/openid-configuration") => (200, self.document()),
            ("GET", "/keys") => {
                (200, json!({ "keys": self.keys.iter().map(|key| key.jwk().to_json()).collect::<Vec<_>>() }))
            }
            ("POST", "/token") => self.token(authorization, form),
            ("GET", "/userinfo") => (200, self.userinfo(authorization)),
            ("GET", path) => match self.faults.github.get(path) {
                Some(body) => (200, body.clone()),
                None => (404, json!({ "message": "Not Found" })),
            },
            _ => (405, Value::Null),
        };
        (status, body.to_string())
    }

    fn url(&self, path: &'static str) -> String {
        match self.faults.fates.get(path) {
            Some(Fate::Refuses) => format!("http://{}{path}", self.refusing),
            _ => format!("{}{path}", self.origin),
        }
    }

    fn document(&self) -> Value {
        let document = json!({
            "issuer": self.origin,
            "authorization_endpoint": self.url("/authorize"),
            "token_endpoint": self.url("/token"),
            "userinfo_endpoint": self.url("/userinfo"),
            "jwks_uri": self.url("/keys"),
            "end_session_endpoint": self.url("/logout"),
            "authorization_response_iss_parameter_supported": true,
        });
        self.edited(document, &self.faults.document)
    }

    fn edited(&self, mut object: Value, edits: &[(&'static str, Value)]) -> Value {
        let members = object.as_object_mut().unwrap();
        for (name, value) in edits {
            let text = value.to_string().replace("{op}", &self.origin);
            match serde_json::from_str(&text).unwrap() {
                Value::Null => drop(members.remove(*name)),
                value => drop(members.insert((*name).to_owned(), value)),
            }
        }
        object
    }

    fn token(&mut self, authorization: &str, form: &BTreeMap<String, String>) -> (u16, Value) {
        let error = |name: &str| (400, json!({ "error": name, "error_description": "as\nyou wish" }));
        if !is_client(authorization, form) {
            return (401, json!({ "error": "invalid_client" }));
        }
        let nonce = match form.get("grant_type").map(String::as_str) {
            Some("authorization_code") => {
                let Some((nonce, challenge)) = self.codes.remove(&form["code"]) else {
                    return error("invalid_grant");
                };
                let verifier = aws_lc_rs::digest::digest(
                    &aws_lc_rs::digest::SHA256,
                    form.get("code_verifier").map_or("", String::as_str).as_bytes(),
                );
                if URL_SAFE_NO_PAD.encode(verifier) != challenge || form["redirect_uri"] != REDIRECT {
                    return error("invalid_grant");
                }
                Some(nonce)
            }
            Some("refresh_token") if self.refresh_tokens.contains(&form["refresh_token"]) => None,
            Some("refresh_token") => return error("invalid_grant"),
            _ => return error("unsupported_grant_type"),
        };
        self.issued += 1;
        let access = format!("access-{}", self.issued);
        let mut answer = json!({ "access_token": access, "token_type": "Bearer", "expires_in": 300 });
        answer["id_token"] = self.id_token(nonce.as_deref(), &access).into();
        if nonce.is_some() || self.faults.rotates {
            let refresh = format!("refresh-{}", self.issued);
            if let Some(used) = form.get("refresh_token") {
                self.refresh_tokens.remove(used);
            }
            self.refresh_tokens.insert(refresh.clone());
            answer["refresh_token"] = refresh.into();
        }
        (200, self.edited(answer, &self.faults.answer))
    }

    fn id_token(&self, nonce: Option<&str>, access: &str) -> String {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access.as_bytes());
        let claims = json!({
            "iss": self.origin,
            "aud": CLIENT_ID,
            "sub": "alice",
            "iat": NOW.secs(),
            "exp": NOW.secs() + 300,
            "nonce": nonce,
            "at_hash": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]),
            "email": "Alice@Example.com",
            "email_verified": true,
            "name": "Alice",
            "sid": "session-1",
        });
        let claims = self.edited(claims, &self.faults.claims);
        self.sign(&Map::new(), claims.as_object().unwrap())
    }

    fn sign(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        if let Some(alg) = self.faults.unsigned {
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            return format!("{}.{}.", encode(&json!({ "alg": alg })), encode(&json!(claims)));
        }
        let token = self.keys[0].sign(header, claims).unwrap();
        if self.faults.forged {
            let other = key().sign(header, claims).unwrap();
            let (input, _) = token.rsplit_once('.').unwrap();
            return format!("{input}.{}", other.rsplit_once('.').unwrap().1);
        }
        token
    }

    fn userinfo(&self, authorization: &str) -> Value {
        assert!(authorization.starts_with("Bearer access-"), "{authorization}");
        let userinfo = json!({ "sub": "alice", "email": "Alice@Userinfo.example", "email_verified": true });
        self.edited(userinfo, &self.faults.userinfo)
    }
}

/// RFC 6749 section 2.3.1, in both ways, or a public client.
fn is_client(authorization: &str, form: &BTreeMap<String, String>) -> bool {
    let Some(basic) = authorization.strip_prefix("Basic ") else {
        let secret = form.get("client_secret").map(String::as_str);
        return form.get("client_id").map(String::as_str) == Some(CLIENT_ID)
            && secret.is_none_or(|secret| secret == CLIENT_SECRET);
    };
    let decoded = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
    let (id, secret) = decoded.split_once(':').unwrap();
    let text = |text: &str| form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned());
    text(id).as_deref() == Some(CLIENT_ID) && text(secret).as_deref() == Some(CLIENT_SECRET)
}
