//! Connections to the upstream that know whether they answered since they were last written to.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use crate::resolve::Resolver;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// Plain TCP, by names that [`Resolver`] resolves.
pub(crate) type Tcp = HttpConnector<Resolver>;
type Stream = <HttpsConnector<Tcp> as Service<Uri>>::Response;

/// What a connection has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen(Arc<SeenBits>);

#[derive(Debug, Default)]
struct SeenBits {
    /// The upstream answered at least once.
    ever: AtomicBool,
    /// The upstream sent something after the last write.
    since_write: AtomicBool,
}

impl Seen {
    /// Tells whether the connection served an earlier request and was silent on the present one: it
    /// was closed while it lay idle, so the request was not acted upon (RFC 9112 section 9.3.1).
    pub(crate) fn died_idle(&self) -> bool {
        self.0.ever.load(Ordering::Acquire) && !self.0.since_write.load(Ordering::Acquire)
    }
}

/// Connects within a time limit, TLS handshake included.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) inner: HttpsConnector<Tcp>,
    pub(crate) limit: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Watched>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Watched>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            let late = |_| BoxError::from(io::Error::from(io::ErrorKind::TimedOut));
            let stream = tokio::time::timeout(limit, connecting).await.map_err(late)??;
            Ok(TokioIo::new(Watched { stream: TokioIo::new(stream), seen: Seen::default() }))
        })
    }
}

/// A stream that keeps [`Seen`] up to date. It speaks tokio's traits, whose read buffer can be looked at.
pub(crate) struct Watched {
    stream: TokioIo<Stream>,
    seen: Seen,
}

impl Watched {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TokioIo<Stream>> {
        Pin::new(&mut self.get_mut().stream)
    }

    fn will_write(&self) {
        self.seen.0.since_write.store(false, Ordering::Release);
    }
}

impl Connection for Watched {
    fn connected(&self) -> Connected {
        self.stream.inner().connected().extra(self.seen.clone())
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let seen = Arc::clone(&self.seen.0);
        let polled = self.stream().poll_read(cx, buf);
        if buf.filled().len() > before {
            seen.ever.store(true, Ordering::Release);
            seen.since_write.store(true, Ordering::Release);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.will_write();
        self.stream().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.will_write();
        self.stream().poll_write_vectored(cx, bufs)
    }
}
