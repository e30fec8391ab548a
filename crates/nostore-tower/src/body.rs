//! The response body: the app's own, untouched, or the few bytes of an answer of the gate.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// A response body. Frames of the app's body pass as they come, trailers included.
    #[derive(Debug)]
    pub struct GateBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        App { #[pin] body: B },
        Gate { #[pin] body: Full<Bytes> },
    }
}

impl<B> GateBody<B> {
    pub(crate) const fn app(body: B) -> Self {
        Self { kind: Kind::App { body } }
    }

    pub(crate) fn gate(body: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Gate { body: Full::new(body.into()) } }
    }
}

/// Empty, as where a framework makes a response of its own.
impl<B> Default for GateBody<B> {
    fn default() -> Self {
        Self::gate(Bytes::new())
    }
}

impl<B: Body<Data = Bytes>> Body for GateBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::App { body } => body.poll_frame(context),
            KindProjection::Gate { body } => body.poll_frame(context).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::App { body } => body.is_end_stream(),
            Kind::Gate { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::App { body } => body.size_hint(),
            Kind::Gate { body } => body.size_hint(),
        }
    }
}
