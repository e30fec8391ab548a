//! The server that visitors talk to: HTTP/1.1 and, over TLS, HTTP/2, with bounds, upgrades, and an end that lets what is
//! under way finish.
//!
//! # Invariants
//!
//! - Nobody holds a connection without using it for longer than [`ServeLimits::head`], whatever the protocol.
//! - There are never more connections than [`ServeLimits::connections`]; who comes then waits to be accepted.
//! - A visitor who was accepted is answered: the end of the server waits a moment for a first request that is on its way.
//! - Handlers see one `Cookie` line, however HTTP/2 split it (RFC 9113 section 8.2.3).

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use nostore_message::Scheme;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::{Tls, Tunnel};

/// How long accepting pauses after it failed, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection that was accepted may take for its first request when the server ends already.
const LAST_CALL: Duration = Duration::from_millis(500);

/// The most requests that a visitor may have under way in one connection of HTTP/2.
const STREAMS: u32 = 128;

/// What a visitor may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServeLimits {
    /// How long a visitor may take for the TLS handshake, for a request head, and keep a connection without one.
    pub head: Duration,
    /// The longest request head in bytes: one that is longer and not read at once is refused. It bounds what a connection
    /// keeps in memory.
    pub head_bytes: usize,
    /// The most field lines in a request head. HTTP/2 counts bytes alone.
    pub head_fields: usize,
    /// The most connections at a time.
    pub connections: usize,
    /// How long the end waits for responses under way.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            head_fields: 256,
            connections: 10_000,
            grace: Duration::from_secs(3),
        }
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// How it is connected: `https` over TLS.
    pub scheme: Scheme,
}

/// Tells those who serve a request that the server ends, and keeps the connection's place while one of them is there.
#[derive(Clone, Debug)]
pub struct Closing {
    ended: watch::Receiver<()>,
    /// Is given back when the last clone is gone: with a tunnel, when that ends.
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Closing {
    /// Completes when the server ends.
    async fn wait(mut self) {
        // An error says the same: whoever would tell is gone.
        drop(self.ended.changed().await);
    }

    /// Carries bytes through a tunnel, in the background, until it or the server ends.
    pub fn carry(self, tunnel: Tunnel) {
        tokio::spawn(async move {
            tokio::select! {
                // How a tunnel ends concerns only those who talk through it.
                _ = tunnel.run() => {}
                () = self.wait() => {}
            }
        });
    }
}

/// Serves visitors until `shutdown` completes; then accepts no more, lets what is under way finish for as long as
/// [`ServeLimits::grace`] says, and cuts the rest. Tunnels are cut at once. With `tls`, nobody is served without it.
pub async fn serve<H, F, B>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
    handler: H,
) where
    H: Fn(Request<Incoming>, Peer, Closing) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (close, closing) = watch::channel(());
    let closing = Closing { ended: closing, _place: None };
    let places = Arc::new(Semaphore::new(limits.connections.max(1)));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            () = &mut shutdown => break,
            (place, accepted) = accepted => match accepted {
                Ok((stream, address)) => {
                    let ended = closing.ended.clone();
                    let closing = Closing { ended, _place: place.ok().map(Arc::new) };
                    connections.spawn(connection(stream, address, tls.clone(), limits, closing, handler.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, closing));
    // Connections and tunnels wait for the end of this channel.
    drop(close);
    let finished = async { while connections.join_next().await.is_some() {} };
    drop(tokio::time::timeout(limits.grace, finished).await);
    connections.shutdown().await;
}

async fn connection<H, F, B>(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Tls>,
    limits: ServeLimits,
    closing: Closing,
    handler: H,
) where
    H: Fn(Request<Incoming>, Peer, Closing) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Only a hint to the kernel: without it small frames wait for each other.
    drop(stream.set_nodelay(true));
    let Some(tls) = tls else {
        return first(stream, Peer { address, scheme: Scheme::Http }, limits, closing, handler).await;
    };
    // A visitor who does not come to an agreement in time has been told so by TLS.
    let Ok(Ok(stream)) = tokio::time::timeout(limits.head, tls.acceptor().accept(stream)).await else {
        return;
    };
    let peer = Peer { address, scheme: Scheme::Https };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        second(stream, peer, limits, closing, handler).await;
    } else {
        first(stream, peer, limits, closing, handler).await;
    }
}

/// HTTP/1.1.
async fn first<S, H, F, B>(stream: S, peer: Peer, limits: ServeLimits, closing: Closing, handler: H)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Fn(Request<Incoming>, Peer, Closing) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let use_of = Use::default();
    let service = service_fn(|request| use_of.count(handler(request, peer, closing.clone())));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(limits.head_fields)
        .max_buf_size(limits.head_bytes.max(8 * 1024))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // An error here is a visitor that broke off or sent no HTTP: hyper has answered what can be answered.
    let mut connection = pin!(connection);
    let closed = async {
        closing.clone().wait().await;
        use_of.begun(limits.grace.min(LAST_CALL)).await;
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = closed => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

/// HTTP/2 (RFC 9113).
async fn second<S, H, F, B>(stream: S, peer: Peer, limits: ServeLimits, closing: Closing, handler: H)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Fn(Request<Incoming>, Peer, Closing) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let use_of = Use::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        one_cookie_line(request.headers_mut());
        use_of.count(handler(request, peer, closing.clone()))
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Some(limits.head))
        .keep_alive_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = closing.clone().wait() => {}
        () = use_of.ended(limits.head) => {
            // Whoever has not even begun to speak is not asked to end.
            if use_of.0.begun.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    drop(connection.await);
}

/// What goes on in a connection.
#[derive(Clone, Default)]
struct Use(Arc<UseCounts>);

#[derive(Default)]
struct UseCounts {
    begun: AtomicU64,
    answered: AtomicU64,
    first: Notify,
}

/// One request that is being answered.
struct Counted(Use);

impl Use {
    /// Counts a request until its answer is there, or nobody waits for it any more.
    fn count<F: Future>(&self, answer: F) -> impl Future<Output = Result<F::Output, Infallible>> + use<F> {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.first.notify_one();
        let counted = Counted(self.clone());
        async move {
            let answer = answer.await;
            drop(counted);
            Ok(answer)
        }
    }

    /// Completes when something was asked at all, or after `patience`.
    async fn begun(&self, patience: Duration) {
        if self.0.begun.load(Ordering::Relaxed) == 0 {
            // Whoever says nothing in time has nothing to lose.
            drop(tokio::time::timeout(patience, self.0.first.notified()).await);
        }
    }

    /// Completes when nothing was asked, and nothing left to answer, for `pause`.
    async fn ended(&self, pause: Duration) {
        let mut seen = u64::MAX;
        loop {
            let begun = self.0.begun.load(Ordering::Relaxed);
            let idle = begun == self.0.answered.load(Ordering::Relaxed);
            if std::mem::replace(&mut seen, begun) == begun && idle {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Joins the lines into which HTTP/2 may split cookies, before anybody reads them.
fn one_cookie_line(fields: &mut HeaderMap) {
    let lines: Vec<&[u8]> = fields.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(line) = HeaderValue::from_bytes(&lines.join(&b"; "[..]))
    {
        fields.insert(COOKIE, line);
    }
}
