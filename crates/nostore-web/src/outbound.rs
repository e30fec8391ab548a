//! The pooled HTTP(S) client for the few requests that a decision needs.
//!
//! # Invariants
//!
//! - The provider of cryptography is given, never the process default: two at once panic at run time.
//! - A request ends after [`TIMEOUT`] at the latest, and an answer is read up to [`MAX_ANSWER_BYTES`].
//! - Redirects are not followed: the identity service is where the configuration says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use nostore_session::OutboundRequest;

/// How long a request to the identity service may take, from the first byte to the last.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 * 1_024;

/// Why the identity service gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OutboundError {
    /// The answer is longer than the limit, or broke off.
    #[error("expected an answer of at most {MAX_ANSWER_BYTES} bytes")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody answers there.
    #[error("expected the identity service to answer")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The law wants a request that is none: a misconfigured address.
    #[error("expected the address of the identity service to be a URL")]
    Request(#[source] http::Error),
    /// Time ran out.
    #[error("expected the identity service to answer within {} s", TIMEOUT.as_secs())]
    Timeout,
}

/// The client. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Outbound {
    /// Makes a client that speaks plain HTTP and, with the web's root certificates, HTTPS.
    ///
    /// # Errors
    ///
    /// When the provider has no protocol version in common with rustls.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends one request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// See [`OutboundError`]. An answer with any status is an answer.
    pub(crate) async fn send(
        &self,
        outbound: &OutboundRequest,
    ) -> Result<(u16, Option<String>, Bytes), OutboundError> {
        let request = request(outbound).map_err(OutboundError::Request)?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(OutboundError::Connect)?;
            let status = response.status().as_u16();
            let content_type = response.headers().get(http::header::CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            Ok((status, content_type, body.map_err(OutboundError::Answer)?.to_bytes()))
        };
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or(Err(OutboundError::Timeout))
    }
}

fn request(outbound: &OutboundRequest) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut builder = Request::builder()
        .method(Method::from_bytes(outbound.method.as_bytes())?)
        .uri(Uri::try_from(outbound.url.as_str())?);
    for line in &outbound.fields {
        builder = builder.header(&*line.name, &*line.value);
    }
    builder.body(Full::new(Bytes::from(outbound.body.clone())))
}
