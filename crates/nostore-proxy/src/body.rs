//! Bodies on their way through: streamed, never collected.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The upstream closed the connection, or broke the framing, before the body was complete.
    #[error("expected the rest of the response body from {upstream}, found it broken off")]
    Upstream {
        /// The upstream's origin.
        upstream: Arc<str>,
        /// What the HTTP implementation said.
        source: hyper::Error,
    },
    /// The visitor broke off the request's body.
    #[error("expected the rest of the visitor's request body, found it broken off")]
    Visitor {
        /// What the HTTP implementation said.
        source: hyper::Error,
    },
}

/// A request's body: the visitor's, or none. Trailer fields end here (RFC 9110 section 6.5.1 allows that): they could
/// say what [`crate::clean_request`] takes out of the head.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Option<Incoming>,
    /// Counts frames, so that a long upload does not look like a silent upstream.
    progress: Arc<AtomicU64>,
}

impl RequestBody {
    /// Makes a body without content.
    #[must_use]
    pub fn empty() -> Self {
        Self { incoming: None, progress: Arc::default() }
    }

    pub(crate) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }
}

impl From<Incoming> for RequestBody {
    fn from(incoming: Incoming) -> Self {
        let incoming = (!incoming.is_end_stream()).then_some(incoming);
        Self { incoming, ..Self::empty() }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(incoming).poll_frame(cx));
        self.progress.fetch_add(1, Ordering::Relaxed);
        let frame = frame.filter(|frame| !frame.as_ref().is_ok_and(Frame::is_trailers));
        Poll::Ready(frame.map(|frame| frame.map_err(|source| BodyError::Visitor { source })))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// The upstream's response body. An error means that the body is not complete.
#[derive(Debug)]
pub struct ResponseBody {
    incoming: Incoming,
    upstream: Arc<str>,
}

impl ResponseBody {
    pub(crate) fn new(incoming: Incoming, upstream: Arc<str>) -> Self {
        Self { incoming, upstream }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        let upstream = &self.upstream;
        let failed = |source| BodyError::Upstream { upstream: Arc::clone(upstream), source };
        Poll::Ready(frame.map(|frame| frame.map_err(failed)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
