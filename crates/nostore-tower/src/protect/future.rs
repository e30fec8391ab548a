//! The future: waits for the app and applies the edits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use nostore_message::http1::{apply, response_head};
use nostore_web::{CookieProtection, Observed};
use pin_project_lite::pin_project;

use crate::response::marks;

pin_project! {
    /// The response of a [`ProtectService`](crate::ProtectService).
    #[derive(Debug)]
    pub struct ProtectFuture<F> {
        #[pin]
        pub(super) future: F,
        pub(super) protection: Arc<CookieProtection>,
        pub(super) observed: Observed,
    }
}

impl<F, R, E> Future for ProtectFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.future.poll(context))?;
        let head = response_head(response.status(), response.headers());
        let edits = this.protection.finish(this.observed, marks(response.extensions()), &head);
        let unwritable = apply(&edits, response.headers_mut());
        if unwritable > 0 {
            tracing::error!(unwritable, "fields that cannot be written were left out of a response");
        }
        Poll::Ready(Ok(response))
    }
}
