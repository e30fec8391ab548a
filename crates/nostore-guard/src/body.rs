//! Bodies of responses: the app's, streamed, or a page of the guard's own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use nostore_proxy::{BodyError, ResponseBody};

/// The body of a response.
#[derive(Debug)]
pub enum GuardBody {
    /// The app's.
    App(ResponseBody),
    /// The guard's own; `None` once it is on its way.
    Own(Option<Bytes>),
}

impl Body for GuardBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::App(body) => Pin::new(body).poll_frame(context),
            Self::Own(page) => Poll::Ready(page.take().map(|page| Ok(Frame::data(page)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::App(body) => body.is_end_stream(),
            Self::Own(page) => page.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::App(body) => body.size_hint(),
            Self::Own(page) => SizeHint::with_exact(page.as_ref().map_or(0, |page| page.len() as u64)),
        }
    }
}
