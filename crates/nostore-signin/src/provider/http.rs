//! The HTTP(S) client for what is asked of a provider.
//!
//! # Invariants
//!
//! - The provider of cryptography is given, never the process default: two at once panic at run time.
//! - A request ends in time, and an answer is read up to [`MAX_ANSWER_BYTES`].
//! - Redirects are not followed: a provider is where its configuration and its discovery document say.
//! - What spends a code or a refresh token is sent once, on a connection of its own. A connection that had been idle may
//!   be closing, and then nobody knows what the provider has seen.
//!
//! # Not covered
//!
//! Certificates of a private authority: roots are the web's (webpki-roots). A proxy for outgoing requests.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use super::callback::fit;
use super::error::Fault;

/// How long an answer may take by default, from the first byte sent to the last byte read.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);

/// The longest answer that is read.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 * 1_024;

/// GitHub's API refuses whoever does not say who they are.
const USER_AGENT: &str = concat!("nostore/", env!("CARGO_PKG_VERSION"));

type Legacy = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The client. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pooled: Legacy,
    fresh: Legacy,
    patience: Duration,
    /// Answers instead of the network.
    #[cfg(any(test, fuzzing))]
    script: Option<Arc<dyn Script>>,
}

/// What answers in the network's place.
#[cfg(any(test, fuzzing))]
pub(crate) trait Script: std::fmt::Debug + Send + Sync {
    /// Answers a request. `body` is empty where nothing is sent.
    fn answer(&self, url: &http::Uri, body: &[u8]) -> Result<Answered, Fault>;
}

/// A whole answer, with any status.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

impl Http {
    /// Makes a client that waits that long for each answer.
    pub(crate) fn new(patience: Duration) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT.min(patience)));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = |idle: usize| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(Duration::from_secs(30))
                .pool_max_idle_per_host(idle)
                .build(connector.clone())
        };
        Ok(Self {
            pooled: client(2),
            fresh: client(0),
            patience,
            #[cfg(any(test, fuzzing))]
            script: None,
        })
    }

    /// The same client with somebody else in the network's place.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn scripted(&self, script: Arc<dyn Script>) -> Self {
        Self { script: Some(script), ..self.clone() }
    }

    /// Asks for a document; once more where the connection was closed instead of an answer.
    pub(crate) async fn get(&self, url: &Url, bearer: Option<&str>) -> Result<Answered, Fault> {
        let mut request = Request::builder().method(Method::GET).uri(url.as_str());
        request = request.header(header::ACCEPT, "application/json").header(header::USER_AGENT, USER_AGENT);
        if let Some(token) = bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::default()).map_err(|_| Fault::Unreadable {
            why: "the access token or the URL cannot stand in a request".to_owned(),
        })?;
        #[cfg(any(test, fuzzing))]
        if let Some(script) = &self.script {
            return script.answer(request.uri(), b"");
        }
        self.in_time(async {
            match once(&self.pooled, request.clone()).await {
                Err(Fault::NoAnswer | Fault::Broken) => once(&self.fresh, request).await,
                answered => answered,
            }
        })
        .await
    }

    /// Sends what is not to be sent twice.
    pub(crate) async fn send(&self, request: Request<Vec<u8>>) -> Result<Answered, Fault> {
        #[cfg(any(test, fuzzing))]
        if let Some(script) = &self.script {
            return script.answer(request.uri(), request.body());
        }
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        request.headers_mut().insert(header::USER_AGENT, header::HeaderValue::from_static(USER_AGENT));
        self.in_time(once(&self.fresh, request)).await
    }

    async fn in_time(
        &self,
        answer: impl Future<Output = Result<Answered, Fault>>,
    ) -> Result<Answered, Fault> {
        let millis = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        tokio::time::timeout(self.patience, answer).await.unwrap_or(Err(Fault::Timeout { millis }))
    }
}

async fn once(client: &Legacy, request: Request<Full<Bytes>>) -> Result<Answered, Fault> {
    let response = client.request(request).await.map_err(|error| {
        if error.is_connect() { Fault::Connect { why: root(&error) } } else { Fault::NoAnswer }
    })?;
    let status = response.status().as_u16();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Fault::TooLong { limit: MAX_ANSWER_BYTES }
        } else {
            Fault::Broken
        }
    })?;
    Ok(Answered { status, content_type, body: body.to_bytes() })
}

/// The last cause says what an operator can mend: a refused connection, an unknown name, a bad certificate.
fn root(error: &hyper_util::client::legacy::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    fit(&text)
}
