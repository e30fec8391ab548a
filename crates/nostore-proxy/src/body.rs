//! Bodies on their way through: streamed, never collected.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::measure::size;

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
    /// The request's body is longer than allowed.
    #[error("expected a request body of at most {}, found a longer one", size(*.limit_bytes))]
    TooLong {
        /// The limit in bytes.
        limit_bytes: u64,
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
    /// The most bytes that it may have, and how many are left of them.
    limit: Option<(u64, u64)>,
    /// Counts frames, so that a long upload does not look like a silent upstream.
    progress: Arc<AtomicU64>,
}

impl RequestBody {
    /// Makes a body without content.
    #[must_use]
    pub fn empty() -> Self {
        Self { incoming: None, limit: None, progress: Arc::default() }
    }

    /// Lets the body have at most that many bytes: with the first beyond, it ends in an error.
    #[must_use]
    pub const fn at_most(mut self, limit_bytes: u64) -> Self {
        self.limit = Some((limit_bytes, limit_bytes));
        self
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
        let frame = frame.map(|frame| frame.map_err(|source| BodyError::Visitor { source }));
        Poll::Ready(match (frame, &mut self.limit) {
            (Some(Ok(frame)), Some((limit, left))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                let limit_bytes = *limit;
                Some(left.checked_sub(length).map_or(Err(BodyError::TooLong { limit_bytes }), |rest| {
                    *left = rest;
                    Ok(frame)
                }))
            }
            (frame, _) => frame,
        })
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
