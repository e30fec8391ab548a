//! The future: waits for the gate where it must, then for the app, then applies the edits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use nostore_message::http1::{apply, response_head};
use nostore_web::{Begin, BeginFuture, Exchange};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::GateBody;
use crate::response::{answer, marks};

pin_project! {
    /// The response of a [`SessionService`](crate::SessionService). Boxes nothing, unless the identity
    /// service must be asked before the app.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F> {
        /// The gate is asking the identity service.
        Gate { future: BeginFuture, request: Option<(Request<B>, S)> },
        /// The app is answering.
        App { #[pin] future: F, exchange: Arc<Exchange> },
        /// The gate answered instead.
        Answered { answer: Option<nostore_web::Answer> },
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(crate) fn begun(begin: Begin, request: Request<B>, inner: S) -> Self {
        Self { state: begun(begin, request, inner) }
    }

    pub(crate) const fn pending(future: BeginFuture, request: Request<B>, inner: S) -> Self {
        Self { state: State::Gate { future, request: Some((request, inner)) } }
    }
}

fn begun<S, B>(begin: Begin, mut request: Request<B>, mut inner: S) -> State<S, B, S::Future>
where
    S: Service<Request<B>>,
{
    match begin {
        Begin::Answer(answer) => State::Answered { answer: Some(answer) },
        Begin::Continue(exchange) => {
            request.extensions_mut().insert(Arc::clone(&exchange));
            State::App { future: inner.call(request), exchange }
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<GateBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Gate { future, request } => {
                    let begin = ready!(future.as_mut().poll(context));
                    let Some((request, inner)) = request.take() else { return Poll::Pending };
                    begun(begin, request, inner)
                }
                StateProjection::App { future, exchange } => {
                    let response = ready!(future.poll(context))?;
                    return Poll::Ready(Ok(finish(exchange, response)));
                }
                StateProjection::Answered { answer: given } => {
                    let Some(given) = given.take() else { return Poll::Pending };
                    return Poll::Ready(Ok(answer(given).map(GateBody::gate)));
                }
            };
            state.set(next);
        }
    }
}

fn finish<R>(exchange: &Arc<Exchange>, mut response: Response<R>) -> Response<GateBody<R>> {
    let marks = marks(response.extensions());
    let head = response_head(response.status(), response.headers());
    let edits = exchange.sessions().finish_marked(exchange, marks, &head);
    let unwritable = apply(&edits, response.headers_mut());
    if unwritable > 0 {
        tracing::error!(unwritable, "fields that cannot be written were left out of a response");
    }
    response.map(GateBody::app)
}
