//! The future: waits for the gate where it must, then for the app, then applies the edits.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use actix_web::{Error, HttpMessage as _};
use nostore_message::ResponseHead;
use nostore_web::{Answer, Begin, BeginFuture, Exchange, Marks};
use pin_project_lite::pin_project;

use crate::ProtectedError;
use crate::head::response_head;
use crate::response::{answer, marks, write};

pin_project! {
    /// The response of a [`SessionService`](crate::SessionService). Boxes nothing, unless the identity
    /// service must be asked before the app.
    pub struct SessionFuture<S>
    where
        S: Service<ServiceRequest>,
    {
        inner: Rc<S>,
        #[pin]
        state: State<S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        /// The gate is asking the identity service.
        Gate { future: BeginFuture, request: Option<ServiceRequest> },
        /// The app is answering.
        App { #[pin] future: F, exchange: Arc<Exchange> },
        /// The gate answered instead.
        Answered { given: Option<(ServiceRequest, Answer)> },
    }
}

impl<S: Service<ServiceRequest>> SessionFuture<S> {
    pub(super) fn begun(begin: Begin, request: ServiceRequest, inner: Rc<S>) -> Self {
        Self { state: begun(begin, request, &*inner), inner }
    }

    pub(super) fn pending(future: BeginFuture, request: ServiceRequest, inner: Rc<S>) -> Self {
        Self { inner, state: State::Gate { future, request: Some(request) } }
    }
}

fn begun<S: Service<ServiceRequest>>(begin: Begin, request: ServiceRequest, inner: &S) -> State<S::Future> {
    match begin {
        Begin::Answer(answer) => State::Answered { given: Some((request, answer)) },
        Begin::Continue(exchange) => {
            request.extensions_mut().insert(Arc::clone(&exchange));
            State::App { future: inner.call(request), exchange }
        }
    }
}

impl<S, B> Future for SessionFuture<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<EitherBody<B, BoxBody>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut state = this.state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Gate { future, request } => {
                    let begin = ready!(future.as_mut().poll(context));
                    let Some(request) = request.take() else { return Poll::Pending };
                    begun(begin, request, &**this.inner)
                }
                StateProjection::App { future, exchange } => {
                    let outcome = ready!(future.poll(context));
                    return Poll::Ready(finish(exchange, outcome));
                }
                StateProjection::Answered { given } => {
                    let Some((request, given)) = given.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(request.into_response(answer(given)).map_into_right_body()));
                }
            };
            state.set(next);
        }
    }
}

fn finish<B: MessageBody>(
    exchange: &Arc<Exchange>,
    outcome: Result<ServiceResponse<B>, Error>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let edits =
        |marks: Marks, head: &ResponseHead<'_>| exchange.sessions().finish_marked(exchange, marks, head);
    match outcome {
        Ok(mut response) => {
            let marks = marks(&response.response().extensions());
            let edits = edits(marks, &response_head(response.response()));
            write(&edits, response.response_mut());
            Ok(response.map_into_left_body())
        }
        Err(error) => Err(ProtectedError::new(error, edits).into()),
    }
}
