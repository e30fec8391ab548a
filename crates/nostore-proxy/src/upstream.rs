//! One upstream: its pool, its limits, and the way a request takes to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use nostore_message::{Origin, OriginError};

use crate::connect::{Connector, Seen};
use crate::error::ProxyError;
use crate::field::{Forwarded, clean_request, clean_response, passes, upgrade_protocol};
use crate::resolve::Resolver;
use crate::{RequestBody, ResponseBody, Tunnel};

/// How often a request may come by the same pseudonym before it counts as going in circles. One edge in
/// front of another is lawful.
const MAX_PASSES: usize = 3;

/// What an upstream may take. Bodies have no limit here: they are never held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest wait for a connection, TLS included.
    pub connect: Duration,
    /// The longest wait for the response head, counted from the last byte of the request.
    pub head: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// The longest response head, in bytes; at least 8192.
    pub head_bytes: usize,
    /// The most field lines in a response head.
    pub head_fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            head_bytes: 64 * 1024,
            head_fields: 256,
        }
    }
}

/// Why an upstream cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The origin is not one.
    #[error("expected an origin such as `http://127.0.0.1:3000`, found `{found}`: {source}")]
    Origin {
        /// What was given.
        found: String,
        /// What is wrong with it.
        source: OriginError,
    },
    /// TLS cannot be set up with the built-in provider.
    #[error("expected a TLS client with the built-in provider, found none")]
    Tls {
        /// What TLS said.
        source: rustls::Error,
    },
}

/// An upstream's answer.
#[derive(Debug)]
pub struct Answer {
    /// The response, its fields cleaned for the visitor.
    pub response: Response<ResponseBody>,
    /// Both ends of the connection, when the response is a 101: to be run once the response is on its way.
    pub tunnel: Option<Tunnel>,
}

/// One upstream and its pool of connections. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Upstream {
    origin: Origin,
    name: Arc<str>,
    scheme: UriScheme,
    authority: Authority,
    limits: Limits,
    client: Client<Connector, RequestBody>,
}

impl Upstream {
    /// Sets up an upstream at `origin`, `http://host:port` or `https://host:port`. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// `origin` is not an origin, or TLS cannot be set up.
    pub fn new(origin: &str, limits: Limits) -> Result<Self, UpstreamError> {
        let wrong = |source| UpstreamError::Origin { found: origin.to_owned(), source };
        let parsed = Origin::parse(origin).map_err(wrong)?;
        let authority = Authority::try_from(parsed.authority()).map_err(|_| wrong(OriginError::Host))?;
        let scheme = UriScheme::try_from(parsed.scheme().as_str()).map_err(|_| wrong(OriginError::Scheme))?;
        let client = client(limits).map_err(|source| UpstreamError::Tls { source })?;
        let name = Arc::from(parsed.to_string());
        Ok(Self { origin: parsed, name, scheme, authority, limits, client })
    }

    /// Returns the upstream's origin.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Sends a visitor's request and returns the answer as soon as its head is there.
    ///
    /// The request is sent a second time when it is idempotent (RFC 9110 section 9.2.2), has no body, and went out
    /// on a kept connection that was closed without any answer.
    ///
    /// # Errors
    ///
    /// See [`ProxyError`]; [`crate::error_page`] makes the answer for the visitor.
    pub async fn send(
        &self,
        mut request: Request<RequestBody>,
        forwarded: &Forwarded<'_>,
    ) -> Result<Answer, ProxyError> {
        if passes(request.headers(), forwarded.pseudonym) >= MAX_PASSES {
            return Err(ProxyError::Loop { upstream: self.name.to_string() });
        }
        *request.uri_mut() = self.target(request.method(), request.uri())?;
        let received = std::mem::replace(request.version_mut(), Version::HTTP_11);
        let asked = upgrade_protocol(request.headers()).is_some();
        let visitor = asked.then(|| hyper::upgrade::on(&mut request));
        clean_request(request.headers_mut(), received, forwarded);

        let mut response = self.exchange(request).await?;
        let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let tunnel = match visitor {
            Some(visitor) if switching => {
                Some(Tunnel { visitor, upstream: hyper::upgrade::on(&mut response) })
            }
            None if switching => {
                return Err(ProxyError::UnaskedUpgrade { upstream: self.name.to_string() });
            }
            _ => None,
        };
        clean_response(response.headers_mut(), switching);
        *response.version_mut() = Version::HTTP_11;
        let response = response.map(|body| ResponseBody::new(body, Arc::clone(&self.name)));
        Ok(Answer { response, tunnel })
    }

    fn target(&self, method: &Method, uri: &Uri) -> Result<Uri, ProxyError> {
        let path = match uri.path_and_query() {
            _ if method == Method::CONNECT => return Err(ProxyError::Target { found: "a CONNECT request" }),
            Some(path) if path.as_str().starts_with('/') => path.clone(),
            Some(path) if path.as_str() == "*" => return Err(ProxyError::Target { found: "`*`" }),
            Some(path) => PathAndQuery::try_from(format!("/{path}"))
                .map_err(|_| ProxyError::Target { found: "something else" })?,
            None => PathAndQuery::from_static("/"),
        };
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        uri.path_and_query(path).build().map_err(|_| ProxyError::Target { found: "something else" })
    }

    async fn exchange(&self, request: Request<RequestBody>) -> Result<Response<Incoming>, ProxyError> {
        let again = repeatable(&request);
        match (self.attempt(request).await, again) {
            (Err(Failed::Idle(_)), Some(again)) => self.attempt(again).await.map_err(Failed::error),
            (outcome, _) => outcome.map_err(Failed::error),
        }
    }

    async fn attempt(&self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Failed> {
        let progress = request.body().progress();
        let mut seen = 0;
        let mut connection = capture_connection(&mut request);
        let mut answer = std::pin::pin!(self.client.request(request));
        // Connecting has a limit of its own; the one for the head begins when there is a connection.
        tokio::select! {
            biased;
            answered = &mut answer => return answered.map_err(|error| self.failed(&error)),
            _ = connection.wait_for_connection_metadata() => {}
        }
        loop {
            match tokio::time::timeout(self.limits.head, &mut answer).await {
                Ok(answered) => return answered.map_err(|error| self.failed(&error)),
                Err(_) if moved_on(&progress, &mut seen) => {}
                Err(_) => {
                    let upstream = self.name.to_string();
                    let limit_millis = millis(self.limits.head);
                    return Err(Failed::Final(ProxyError::HeadTimeout { upstream, limit_millis }));
                }
            }
        }
    }

    fn failed(&self, error: &ClientError) -> Failed {
        let cause = self.cause(error);
        let closed = matches!(cause, ProxyError::Closed { .. });
        let died_idle = error.connect_info().is_some_and(|connected| {
            let mut extras = http::Extensions::new();
            connected.get_extras(&mut extras);
            extras.get::<Seen>().is_some_and(Seen::died_idle)
        });
        if closed && died_idle { Failed::Idle(cause) } else { Failed::Final(cause) }
    }

    /// Finds out from the chain of causes what went wrong.
    fn cause(&self, error: &ClientError) -> ProxyError {
        let upstream = self.name.to_string();
        let root = innermost(error);
        match find::<BodyBroken>(error) {
            Some(BodyBroken::TooLong { limit_bytes }) => {
                return ProxyError::TooLong { limit_bytes: *limit_bytes };
            }
            Some(_) => return ProxyError::VisitorStopped,
            None => {}
        }
        let tls = find::<rustls::Error>(error);
        if let Some(tls) = tls {
            return ProxyError::Tls { upstream, detail: tls.to_string() };
        }
        let io = find::<std::io::Error>(error).map(std::io::Error::kind);
        if error.is_connect() {
            return match io {
                Some(std::io::ErrorKind::ConnectionRefused) => ProxyError::Refused { upstream },
                Some(std::io::ErrorKind::TimedOut) => {
                    ProxyError::ConnectTimeout { upstream, limit_millis: millis(self.limits.connect) }
                }
                _ => ProxyError::Unreachable { upstream, detail: root.to_string() },
            };
        }
        match find::<hyper::Error>(error) {
            Some(hyper) if hyper.is_parse_too_large() => {
                let Limits { head_bytes: limit_bytes, head_fields: limit_lines, .. } = self.limits;
                ProxyError::HeadTooLarge { upstream, limit_bytes, limit_lines }
            }
            Some(hyper) if hyper.is_parse() => ProxyError::Garbage { upstream, detail: root.to_string() },
            _ => ProxyError::Closed { upstream },
        }
    }
}

type BodyBroken = crate::BodyError;

/// A failed attempt: worth another one, or not.
enum Failed {
    Idle(ProxyError),
    Final(ProxyError),
}

impl Failed {
    fn error(self) -> ProxyError {
        match self {
            Self::Idle(error) | Self::Final(error) => error,
        }
    }
}

fn client(limits: Limits) -> Result<Client<Connector, RequestBody>, rustls::Error> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limits.connect));
    let inner = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(limits.idle)
        .http1_max_buf_size(limits.head_bytes.max(8 * 1024))
        .http1_max_headers(limits.head_fields)
        .build(Connector { inner, limit: limits.connect });
    Ok(client)
}

/// Copies a request that may be sent twice.
fn repeatable(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let upgrading = request.headers().contains_key(http::header::UPGRADE);
    if !request.method().is_idempotent() || !request.body().is_end_stream() || upgrading {
        return None;
    }
    let mut again = Request::new(RequestBody::empty());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = HeaderMap::clone(request.headers());
    Some(again)
}

fn moved_on(progress: &AtomicU64, seen: &mut u64) -> bool {
    let now = progress.load(Ordering::Relaxed);
    std::mem::replace(seen, now) != now
}

fn millis(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)
}

/// Walks down the causes. An I/O error hides what it wraps from `source`, so that is looked into first.
fn chain<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source())
    })
}

fn innermost<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    chain(error).last().unwrap_or(error)
}

fn find<'e, E: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e E> {
    chain(error).filter_map(|error| error.downcast_ref::<E>()).last()
}
