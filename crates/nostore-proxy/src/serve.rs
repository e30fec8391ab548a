//! The server that visitors talk to: HTTP/1.1, with bounds, upgrades, and an end that lets what is under way finish.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Tunnel;

/// How long accepting pauses after it failed, so that a lack of file descriptors is not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a visitor may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServeLimits {
    /// How long a visitor may take for a request head, and keep a connection without one.
    pub head: Duration,
    /// The longest request head in bytes: one that is longer and not read at once is refused. It bounds what a connection
    /// keeps in memory.
    pub head_bytes: usize,
    /// The most field lines in a request head.
    pub head_fields: usize,
    /// How long the end waits for responses under way.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            head_fields: 256,
            grace: Duration::from_secs(3),
        }
    }
}

/// Tells those who serve a request that the server ends.
#[derive(Clone, Debug)]
pub struct Closing(watch::Receiver<()>);

impl Closing {
    /// Completes when the server ends.
    async fn wait(mut self) {
        // An error says the same: whoever would tell is gone.
        drop(self.0.changed().await);
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
/// [`ServeLimits::grace`] says, and cuts the rest. Tunnels are cut at once.
pub async fn serve<H, F, B>(
    listener: TcpListener,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()>,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr, Closing) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (close, closing) = watch::channel(());
    let closing = Closing(closing);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, visitor)) => {
                    connections.spawn(connection(stream, visitor, limits, closing.clone(), handler.clone()));
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
    visitor: SocketAddr,
    limits: ServeLimits,
    closing: Closing,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr, Closing) -> F + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Only a hint to the kernel: without it small frames wait for each other.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| {
        let response = handler(request, visitor, closing.clone());
        async move { Ok::<_, Infallible>(response.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(limits.head_fields)
        .max_buf_size(limits.head_bytes.max(8 * 1024))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // An error here is a visitor that broke off or sent no HTTP: hyper has answered what can be answered.
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = closing.clone().wait() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}
