//! What is sent instead of a handler's response.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Response, StatusCode};
use nostore_web::{Answer, Exchange};

use crate::response::{answer, protect};

/// What is sent when a handler, or an extractor before it, refuses.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a refusal refuses nobody until it is sent"]
pub enum Refusal {
    /// The gate's answer: a redirect, a 401, a 403 or an error page.
    Answer(Answer),
    /// The service has no [`SessionLayer`](crate::SessionLayer) around it.
    NoLayer,
}

impl Refusal {
    /// Makes the response.
    pub fn response<B: From<Bytes>>(self) -> Response<B> {
        match self {
            Self::Answer(given) => answer(given).map(B::from),
            Self::NoLayer => {
                tracing::error!(
                    "a handler asked nostore who is there without SessionLayer: add `.layer(SessionLayer::new(..))`"
                );
                let text = "500: this route asks who is signed in, but SessionLayer is missing\n";
                let mut response = Response::new(B::from(Bytes::from_static(text.as_bytes())));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
                response.headers_mut().insert(http::header::CONTENT_TYPE, plain);
                protect(response)
            }
        }
    }
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// Finds the request on its way, for services without extractors.
///
/// ```
/// # use nostore_web::Why;
/// # use nostore_tower::Refusal;
/// async fn greeting<B>(request: http::Request<B>) -> Result<String, Refusal> {
///     let exchange = nostore_tower::exchange(request.extensions())?;
///     let auth = exchange.auth(Why::here()).await?;
///     Ok(format!("hello {}", auth.email().unwrap_or("stranger")))
/// }
/// ```
///
/// # Errors
///
/// [`Refusal::NoLayer`] where no [`SessionLayer`](crate::SessionLayer) has put it there.
pub fn exchange(extensions: &Extensions) -> Result<Arc<Exchange>, Refusal> {
    extensions.get::<Arc<Exchange>>().cloned().ok_or(Refusal::NoLayer)
}
