//! The paths of a site's own sign-in, as routes of axum.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use nostore_signin::{MAX_FORM_BYTES, SignIn};

use crate::{Exchange, Refusal};

/// Makes the routes of a sign-in: merge them into the site's own, inside of the [`SessionLayer`](crate::SessionLayer)
/// with [`SignIn::sessions`].
pub fn sign_in<S: Clone + Send + Sync + 'static>(sign_in: &SignIn) -> Router<S> {
    let patterns = SignIn::PATHS.map(|pattern| pattern.replace('*', "{*rest}"));
    let router = patterns.iter().fold(Router::new(), |router, pattern| router.route(pattern, any(answer)));
    router.layer(DefaultBodyLimit::max(MAX_FORM_BYTES)).with_state(sign_in.clone())
}

async fn answer(
    State(sign_in): State<SignIn>,
    exchange: Exchange,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = match body {
        Ok(body) => sign_in.answer(&exchange.0, &body).await,
        // A form that is too long, or that did not arrive whole.
        Err(refused) => exchange.0.respond(refused.status().as_u16(), Vec::new(), refused.body_text()),
    };
    Refusal::from(answer).into_response()
}
