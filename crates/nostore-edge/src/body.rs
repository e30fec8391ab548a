//! Bodies towards the visitor: from memory, or streamed while a copy is made.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use nostore_proxy::{BodyError, ResponseBody};

use crate::store::Copy;
use crate::tally::Tally;

/// How the copying of a body ended.
#[derive(Debug)]
pub(crate) enum Copied {
    /// The body is complete, and this is it.
    Complete(Vec<u8>),
    /// The origin broke off; the text says so.
    Broken(String),
    /// There is no room for another copy at present.
    NoRoom,
    /// The body is longer than the edge keeps.
    TooLong,
    /// The visitor went away before the end.
    VisitorLeft,
}

/// Called once, when the copying of a body has ended, before the visitor sees that the body did.
pub(crate) type Finish = Box<dyn FnOnce(Copied) + Send>;

/// What the edge sends to a visitor.
pub(crate) enum EdgeBody {
    /// A body that is all there.
    Memory(Full<Bytes>),
    /// The origin's body as it comes.
    Stream {
        /// The body.
        body: ResponseBody,
        /// Where a broken one is counted.
        tally: Arc<Tally>,
    },
    /// The origin's body as it comes, with a copy on the side.
    Tee(Box<Tee>),
}

impl EdgeBody {
    pub(crate) fn memory(bytes: Bytes) -> Self {
        Self::Memory(Full::new(bytes))
    }

    /// Streams `body` and copies it. `finish` has been called on return if the body is empty.
    pub(crate) fn tee(body: ResponseBody, copy: Copy, finish: Finish) -> Self {
        let mut tee = Tee { body, keeping: Some((copy, finish)) };
        tee.finish_at_end();
        Self::Tee(Box::new(tee))
    }
}

/// A body that is copied while it streams.
pub(crate) struct Tee {
    body: ResponseBody,
    keeping: Option<(Copy, Finish)>,
}

impl Tee {
    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let (Some((copy, _)), Some(data)) = (&mut self.keeping, frame.data_ref())
            && let Err(full) = copy.push(data)
        {
            self.finish(|_| full);
        }
        self.finish_at_end();
    }

    /// The server does not ask again once it has as many bytes as `Content-Length` says, so the end has to be
    /// seen before the last frame is handed on.
    fn finish_at_end(&mut self) {
        if self.body.is_end_stream() {
            self.finish(|copy| Copied::Complete(copy.take()));
        }
    }

    fn finish(&mut self, copied: impl FnOnce(&mut Copy) -> Copied) {
        if let Some((mut copy, finish)) = self.keeping.take() {
            finish(copied(&mut copy));
        }
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.finish(|_| Copied::VisitorLeft);
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let tee = match self.get_mut() {
            Self::Memory(full) => {
                return Pin::new(full).poll_frame(cx).map_err(|never| match never {});
            }
            Self::Stream { body, tally } => {
                let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
                if matches!(frame, Some(Err(_))) {
                    tally.count_broken();
                }
                return Poll::Ready(frame);
            }
            Self::Tee(tee) => tee,
        };
        let frame = std::task::ready!(Pin::new(&mut tee.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => tee.keep(frame),
            Some(Err(error)) => {
                let text = error.to_string();
                tee.finish(|_| Copied::Broken(text));
            }
            None => tee.finish(|copy| Copied::Complete(copy.take())),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Memory(full) => full.is_end_stream(),
            Self::Stream { body, .. } => body.is_end_stream(),
            Self::Tee(tee) => tee.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Memory(full) => full.size_hint(),
            Self::Stream { body, .. } => body.size_hint(),
            Self::Tee(tee) => tee.body.size_hint(),
        }
    }
}
