//! The future: waits for the app and applies the edits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::dev::ServiceResponse;
use nostore_message::ResponseHead;
use nostore_web::{CookieProtection, Marks, Observed};
use pin_project_lite::pin_project;

use crate::ProtectedError;
use crate::head::response_head;
use crate::response::{marks, write};

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

impl<F, B> Future for ProtectFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (protection, observed) = (this.protection, this.observed);
        let edits = |marks: Marks, head: &ResponseHead<'_>| protection.finish(observed, marks, head);
        Poll::Ready(match ready!(this.future.poll(context)) {
            Ok(mut response) => {
                let marks = marks(&response.response().extensions());
                let edits = edits(marks, &response_head(response.response()));
                write(&edits, response.response_mut());
                Ok(response)
            }
            Err(error) => Err(ProtectedError::new(error, edits).into()),
        })
    }
}
