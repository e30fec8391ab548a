//! The pooled HTTP(S) client for the few requests that a decision needs.
//!
//! # Invariants
//!
//! - The provider of cryptography is given, never the process default: two at once panic at run time.
//! - A request ends after [`TOTAL`] at the latest, all attempts counted, and an answer is read up to
//!   [`MAX_ANSWER_BYTES`].
//! - What the service may have acted upon is not sent twice, unless asking twice is the same ([`Retry`]).
//! - Redirects are not followed: the identity service is where the configuration says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use nostore_session::OutboundRequest;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::backoff::Backoff;

/// How long a request to the identity service may take with all its attempts, from the first byte of the
/// first to the last byte of the last.
pub(crate) const TOTAL: Duration = Duration::from_secs(5);

/// How long a visitor waits for a service that is known to be down, or who could do without.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How long one attempt may take: a service that is slow gets most of the time.
const ATTEMPT: Duration = Duration::from_secs(4);

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(2);

/// How many attempts there are.
const ATTEMPTS: u32 = 3;

/// The longest answer that is read.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 * 1_024;

/// What makes a request be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Retry {
    /// Any failure that may pass: asking twice is the same as asking once.
    Idempotent,
    /// Nothing.
    Never,
    /// That no connection could be made, so that the service has not seen it.
    Unsent,
}

/// Why the identity service gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OutboundError {
    /// The answer broke off.
    #[error("expected a whole answer, but the connection broke")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody answers there.
    #[error("expected the identity service to be there")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The service is down, and somebody else is finding out whether it is back.
    #[error("expected the identity service to be back")]
    Down,
    /// The connection was closed instead of an answer.
    #[error("expected the identity service to answer")]
    NoAnswer(#[source] hyper_util::client::legacy::Error),
    /// The law wants a request that is none: a misconfigured address.
    #[error("expected the address of the identity service to be a URL")]
    Request(#[source] http::Error),
    /// Time ran out.
    #[error("expected the identity service to answer in time: {} s at most", TOTAL.as_secs())]
    Timeout,
    /// The answer is longer than the limit.
    #[error("expected an answer of at most {MAX_ANSWER_BYTES} bytes")]
    TooLong,
}

/// An answer, with any status.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// The status.
    pub(crate) status: u16,
    /// The field `Content-Type` as it came, where it is text.
    pub(crate) content_type: Option<String>,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// The client. Cheap to clone; connections are shared.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    backoff: Backoff,
    down: AtomicBool,
    /// Held by the one request that finds out whether the service is back.
    probe: Semaphore,
}

impl Outbound {
    /// Makes a client that speaks plain HTTP and, with the web's root certificates, HTTPS.
    ///
    /// # Errors
    ///
    /// When the provider has no protocol version in common with rustls.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build(connector);
        Ok(Self { client, shared: Arc::new(Shared::new()) })
    }

    /// Makes one for another service, over the same connections.
    pub(crate) fn beside(&self) -> Self {
        Self { client: self.client.clone(), shared: Arc::new(Shared::new()) }
    }

    /// Tells whether the last request had no answer at all: whoever can do without should not wait.
    pub(crate) fn is_down(&self) -> bool {
        self.shared.down.load(Ordering::Acquire)
    }

    /// Sends one request and reads the whole answer, trying again as `retry` says. While the service is
    /// down one request at a time tries it, once; the others wait for [`PATIENCE`] to hear of it.
    ///
    /// # Errors
    ///
    /// See [`OutboundError`]. An answer with any status is an answer.
    pub(crate) async fn send(
        &self,
        outbound: &OutboundRequest,
        retry: Retry,
    ) -> Result<Answered, OutboundError> {
        let request = request(outbound).map_err(OutboundError::Request)?;
        let turn = if self.is_down() { Some(self.turn().await?) } else { None };
        // Whoever had the turn before may have found the service back.
        let turn = turn.filter(|_| self.is_down());
        let attempts = if turn.is_some() { 1 } else { ATTEMPTS };
        let tried = tokio::time::timeout(TOTAL, self.try_often(&request, retry, attempts)).await;
        let answered = tried.unwrap_or(Err(OutboundError::Timeout));
        let silent = matches!(
            answered,
            Err(OutboundError::Connect(_) | OutboundError::NoAnswer(_) | OutboundError::Timeout)
        );
        if self.shared.down.swap(silent, Ordering::AcqRel) != silent {
            tracing::warn!(
                down = silent,
                "the identity service {}",
                if silent { "is down" } else { "is back" }
            );
        }
        drop(turn);
        answered
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, OutboundError> {
        let turn = tokio::time::timeout(PATIENCE, self.shared.probe.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(OutboundError::Down)
    }

    async fn try_often(
        &self,
        request: &Request<Full<Bytes>>,
        retry: Retry,
        attempts: u32,
    ) -> Result<Answered, OutboundError> {
        let mut tried = 0;
        loop {
            let answered = match tokio::time::timeout(ATTEMPT, self.try_once(request.clone())).await {
                Ok(answered) => answered,
                Err(_) => Err(OutboundError::Timeout),
            };
            tried += 1;
            if tried >= attempts || !retry.calls_for_another(&answered) {
                return answered;
            }
            tokio::time::sleep(self.shared.backoff.delay(tried)).await;
        }
    }

    async fn try_once(&self, request: Request<Full<Bytes>>) -> Result<Answered, OutboundError> {
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() { OutboundError::Connect(error) } else { OutboundError::NoAnswer(error) }
        })?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() { OutboundError::TooLong } else { OutboundError::Broken(error) }
        })?;
        Ok(Answered { status, content_type, body: body.to_bytes() })
    }
}

impl Shared {
    fn new() -> Self {
        Self { backoff: Backoff::default(), down: AtomicBool::new(false), probe: Semaphore::new(1) }
    }
}

impl Retry {
    fn calls_for_another(self, answered: &Result<Answered, OutboundError>) -> bool {
        let passing = match answered {
            // RFC 9110 sections 15.6.1 to 15.6.5: the service itself has trouble.
            Ok(Answered { status, .. }) => matches!(status, 500 | 502..=504),
            Err(OutboundError::Request(_) | OutboundError::TooLong) => false,
            Err(_) => true,
        };
        match self {
            Self::Idempotent => passing,
            Self::Never => false,
            Self::Unsent => matches!(answered, Err(OutboundError::Connect(_))),
        }
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
