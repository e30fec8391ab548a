//! A Backend API whose answers are all in the request, so that whoever asks, and whenever, is told the same.
//!
//! - The JWK Set is the one that the secret key names: see [`key_set`].
//! - Nonces, refresh tokens and opaque tokens hold the answer that they lead to: see [`Reply`].
//!
//! What a refresh was asked with comes back in one more cookie, [`SEEN_COOKIE`], so that two who asked
//! differently end differently.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::token::jwk;

/// The cookie in which a refresh tells what it was asked with.
pub const SEEN_COOKIE: &str = "__seen";

const JSON: &str = "application/json";

/// What the Backend API answers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reply {
    /// The status; 0 closes the connection without an answer.
    #[serde(rename = "s")]
    pub status: u16,
    /// The media type.
    #[serde(rename = "t", default = "json_type", skip_serializing_if = "is_json_type")]
    pub content_type: String,
    /// The body.
    #[serde(rename = "b")]
    pub body: String,
}

impl Reply {
    /// Makes an answer in JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: JSON.to_owned(), body: body.to_string() }
    }

    /// Makes an error as the Backend API tells it.
    #[must_use]
    pub fn error(status: u16, code: &str) -> Self {
        let error = json!({"code": code, "message": format!("it is {code}"), "long_message": "at length"});
        Self::json(status, &json!({"errors": [error]}))
    }

    /// Makes the answer that there is none.
    #[must_use]
    pub fn hang_up() -> Self {
        Self { status: 0, content_type: JSON.to_owned(), body: String::new() }
    }

    /// Changes the media type.
    #[must_use]
    pub fn typed(mut self, content_type: &str) -> Self {
        content_type.clone_into(&mut self.content_type);
        self
    }

    /// Writes the answer into a text that may stand in a cookie, a query or a token.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what [`Reply::encode`] has written.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// The Backend API while it runs.
pub struct Backend {
    address: SocketAddr,
}

impl Backend {
    /// Starts it on a free port of loopback, within the present tokio runtime and as long as that.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(serve(listener));
        Ok(Self { address })
    }

    /// Returns its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        // Small answers; nobody waits for the next one to fill the packet.
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).max_buf_size(256 * 1_024);
            let service = service_fn(answer);
            // A connection that broke off concerns its client alone.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("hung up as asked")]
struct HungUp;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Arc<HungUp>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let bearer = head.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = bearer.strip_prefix("Bearer ").unwrap_or_default();
    let reply = reply(&head.method, head.uri.path(), head.uri.query(), bearer, &body);
    if reply.status == 0 {
        return Err(Arc::new(HungUp));
    }
    let response = Response::builder().status(reply.status).header("content-type", reply.content_type);
    let response = response.body(Full::new(Bytes::from(reply.body)));
    Ok(response.unwrap_or_default())
}

/// Decides the answer to a request.
fn reply(method: &Method, path: &str, query: Option<&str>, bearer: &str, body: &[u8]) -> Reply {
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let opaque = |field: &str, prefix: &str| {
        let token = sent[field].as_str().and_then(|token| token.strip_prefix(prefix));
        token.and_then(Reply::decode).unwrap_or_else(|| Reply::error(404, "resource_not_found"))
    };
    match (method.as_str(), path) {
        ("GET", "/v1/jwks") => key_set(bearer),
        _ if !bearer_is_known(bearer) => Reply::error(401, "clerk_key_invalid"),
        ("GET", "/v1/clients/handshake_payload") => {
            let nonce = pair(query, "nonce").unwrap_or_default();
            Reply::decode(&nonce).unwrap_or_else(|| Reply::error(404, "resource_not_found"))
        }
        ("POST", "/m2m_tokens/verify") => opaque("token", "mt_"),
        ("POST", "/oauth_applications/access_tokens/verify") => opaque("access_token", "oat_"),
        ("POST", "/api_keys/verify") => opaque("secret", "ak_"),
        ("POST", _) => {
            match path.strip_prefix("/v1/sessions/").and_then(|rest| rest.strip_suffix("/refresh")) {
                Some(session) => refresh(session, query, &sent),
                None => Reply::error(404, "not_found"),
            }
        }
        _ => Reply::error(404, "not_found"),
    }
}

fn refresh(session: &str, query: Option<&str>, sent: &Value) -> Reply {
    let token = sent["refresh_token"].as_str().unwrap_or_default();
    let mut reply = Reply::decode(token).unwrap_or_else(|| Reply::error(404, "resource_not_found"));
    let Ok(Value::Object(mut told)) = serde_json::from_str::<Value>(&reply.body) else { return reply };
    if let Some(Value::Array(cookies)) =
        told.get_mut("cookies").filter(|cookies| cookies.as_array().is_some_and(|list| !list.is_empty()))
    {
        // Where the request came in is told by its origin; a known difference changes those fields.
        let mut headers = sent["request_headers"].as_object().cloned().unwrap_or_default();
        headers.retain(|name, _| name != "host" && !name.starts_with("x-forwarded-"));
        let seen = json!([
            session,
            query.unwrap_or_default(),
            sent["format"],
            sent["request_origin"],
            headers,
            sent["expired_token"]
        ]);
        let seen = form_urlencoded::byte_serialize(seen.to_string().as_bytes()).collect::<String>();
        cookies.insert(0, Value::String(format!("{SEEN_COOKIE}={seen}")));
        reply.body = Value::Object(told).to_string();
    }
    reply
}

fn pair(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A secret key whose name says so is refused, as one that was revoked.
fn bearer_is_known(bearer: &str) -> bool {
    !bearer.is_empty() && key_set_name(bearer) != "denied"
}

fn key_set_name(bearer: &str) -> &str {
    bearer.rsplit('_').next().unwrap_or_default()
}

/// Returns the JWK Set that a secret key such as `sk_test_main` names by its last word.
fn key_set(bearer: &str) -> Reply {
    let keys = |list: &[Value]| Reply::json(200, &json!({"keys": list}));
    let main = || {
        [
            jwk("a", "kid-a", Some("RS256")),
            jwk("b", "kid-b", Some("RS256")),
            jwk("a", "kid-a-bare", None),
            jwk("a", "kid-a-512", Some("RS512")),
            jwk("long", "kid-long", Some("RS256")),
            jwk("ec", "kid-ec", Some("ES256")),
        ]
    };
    match key_set_name(bearer) {
        "main" => keys(&main()),
        "swapped" => keys(&[jwk("b", "kid-a", Some("RS256")), jwk("a", "kid-b", Some("RS256"))]),
        "charset" => keys(&main()).typed("application/json; charset=utf-8"),
        "text" => keys(&main()).typed("text/plain"),
        "empty" => keys(&[]),
        "bare" => Reply::json(200, &json!({})),
        "denied" => Reply::error(401, "clerk_key_invalid"),
        "locked" => Reply::error(403, "forbidden"),
        "broken" => Reply::error(500, "internal"),
        "html" => Reply { status: 200, content_type: "text/html".to_owned(), body: "<p>busy</p>".to_owned() },
        "crash" => {
            Reply { status: 502, content_type: "text/html".to_owned(), body: "<p>down</p>".to_owned() }
        }
        "gone" => Reply::hang_up(),
        _ => Reply::error(401, "authentication_invalid"),
    }
}

fn json_type() -> String {
    JSON.to_owned()
}

fn is_json_type(text: &str) -> bool {
    text == JSON
}
