//! The pooled HTTP(S) client of the fetchers: one POST at a time, and the whole answer.

use std::error::Error as StdError;
use std::fmt;
use std::io::{Error as IoError, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use zeroize::Zeroizing;

use super::resolver::{Resolver, Unresolved};
use super::setup::SetupError;
use crate::failure::Failure;

/// The longest answer that is read, in bytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1_024;

/// How long a request may take, from its first byte to the last of its answer, unless set otherwise: less than whoever
/// waits for a token waits.
pub const TOTAL: Duration = Duration::from_secs(8);

/// How long a connection may take to be made.
pub const CONNECT: Duration = Duration::from_secs(3);

/// Connections over which fetchers ask. Cheap to clone, and clones share them.
///
/// It speaks HTTP/1.1, with the web's root certificates, follows no redirects, and does not say what it is.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    total: Duration,
}

/// A POST request.
pub(super) struct Post {
    pub(super) uri: Uri,
    pub(super) content_type: &'static str,
    pub(super) fields: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Zeroizing<String>,
}

/// An answer with any status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) date: Option<String>,
    pub(super) body: Bytes,
}

/// There was no answer.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) failure: Failure,
    /// Whether the service may have seen the request.
    pub(super) seen: bool,
}

impl HttpClient {
    /// Makes a client. Connections are made when they are needed, on the runtime that asks.
    ///
    /// # Errors
    ///
    /// [`SetupError::Tls`].
    pub fn new() -> Result<Self, SetupError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|_| SetupError::Tls)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build(connector);
        Ok(Self { client, total: TOTAL })
    }

    /// Lets a request take so long. [`crate::Policy::fetch_timeout_ms`] should be more: whoever waits is told by then.
    #[must_use]
    pub const fn timeout(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    pub(super) async fn post(&self, post: Post) -> Result<Answer, Lost> {
        let request = request(post);
        let answered = tokio::time::timeout(self.total, self.answer(request)).await;
        answered.unwrap_or_else(|_| {
            let after_ms = u64::try_from(self.total.as_millis()).unwrap_or(u64::MAX);
            Err(Lost { failure: Failure::TimedOut { after_ms }, seen: true })
        })
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Answer, Lost> {
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                return Lost { failure: unconnected(&error), seen: false };
            }
            Lost { failure: Failure::Transient { what: "no answer" }, seen: true }
        })?;
        let (retry_after, date) = (field(&response, &RETRY_AFTER), field(&response, &DATE));
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| {
            let too_long = error.is::<LengthLimitError>();
            let what = if too_long { "an answer that is too long" } else { "an answer that broke off" };
            Lost { failure: Failure::Transient { what }, seen: true }
        })?;
        Ok(Answer { status, retry_after, date, body: body.to_bytes() })
    }
}

impl Answer {
    /// The fields that tell times.
    pub(super) fn times(&self) -> (Option<&str>, Option<&str>) {
        (self.retry_after.as_deref(), self.date.as_deref())
    }
}

impl From<Lost> for Failure {
    fn from(lost: Lost) -> Self {
        lost.failure
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("total", &self.total).finish_non_exhaustive()
    }
}

fn request(post: Post) -> Request<Full<Bytes>> {
    // Wiped when it has been sent.
    let mut request = Request::new(Full::new(Bytes::from_owner(Wiped(post.body))));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = post.uri;
    let fields = request.headers_mut();
    fields.insert(ACCEPT, HeaderValue::from_static("application/json"));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(post.content_type));
    fields.extend(post.fields);
    request
}

struct Wiped(Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn field<B>(response: &Response<B>, name: &HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// Why there is no connection: there is no network, or nobody there.
fn unconnected(error: &(dyn StdError + 'static)) -> Failure {
    let away = [ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable, ErrorKind::NetworkDown];
    let mut cause = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref().map(IoError::kind);
        if error.is::<Unresolved>() || kind.is_some_and(|kind| away.contains(&kind)) {
            return Failure::Offline;
        }
        cause = error.source();
    }
    Failure::Transient { what: "no connection" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_known_is_no_network() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A label of 64 bytes: no resolver asks anybody for it (RFC 1035 section 2.3.4). No certificate names it either,
        // so that it is asked without TLS.
        let uri = format!("http://{}.example/", "a".repeat(64)).parse().unwrap();
        let post = Post { uri, content_type: "text/plain", fields: Vec::new(), body: Zeroizing::default() };
        let lost = runtime.block_on(async { HttpClient::new().unwrap().post(post).await }).err().unwrap();
        assert_eq!((lost.failure, lost.seen), (Failure::Offline, false));
        let away = IoError::from(ErrorKind::NetworkUnreachable);
        assert_eq!(unconnected(&away), Failure::Offline);
        let closed = IoError::from(ErrorKind::ConnectionRefused);
        assert_eq!(unconnected(&closed), Failure::Transient { what: "no connection" });
    }
}
