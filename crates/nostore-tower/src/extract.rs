//! Extractors for axum: who is asking.
//!
//! | extractor | signed in | signed out | unknown (a redirect would tell) |
//! |---|---|---|---|
//! | [`Auth`] | the session | signed out | refuses with the redirect |
//! | [`OptionalAuth`] | the session | signed out | signed out |
//! | [`RequireAuth`] | the session | refuses: 307 to the sign-in page for pages, else 401 | refuses with the redirect |
//!
//! Each marks the response as personalized. Without [`SessionLayer`](crate::SessionLayer) each refuses
//! with a 500 that says so and that no cache stores.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::IntoResponse;
use http::request::Parts;
use http::{Response, StatusCode};
use nostore_web::{Answer, Why};

use crate::response::{answer, protect};

/// Who is asking. Where that is unknown and a redirect can tell, the handler does not run.
#[derive(Clone, Debug)]
pub struct Auth(pub nostore_web::Auth);

/// Who is asking, as far as the request alone says. Never redirects.
#[derive(Clone, Debug)]
pub struct OptionalAuth(pub nostore_web::Auth);

/// A signed-in visitor. Everyone else is sent to sign in.
#[derive(Clone, Debug)]
pub struct RequireAuth(pub nostore_web::Auth);

/// The request on its way: signing out, safe return paths, raising the sensitivity. Taking it reads
/// nothing, so the response stays public.
#[derive(Clone, Debug)]
pub struct Exchange(pub Arc<nostore_web::Exchange>);

/// What is sent when an extractor refuses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The gate's answer: a redirect, a 401 or an error page.
    Answer(Answer),
    /// The router has no [`SessionLayer`](crate::SessionLayer).
    NoLayer,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        match self {
            Self::Answer(given) => answer(given).map(axum::body::Body::from),
            Self::NoLayer => {
                tracing::error!(
                    "an extractor of nostore ran without SessionLayer: add `.layer(SessionLayer::new(..))`"
                );
                let text = "500: this route asks who is signed in, but SessionLayer is missing\n";
                let mut response = Response::new(axum::body::Body::from(text));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                protect(response)
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Exchange {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        exchange(parts).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        exchange(parts)?.auth(Why::Extractor("Auth")).await.map(Self).map_err(Refusal::Answer)
    }
}

impl<S: Sync> FromRequestParts<S> for OptionalAuth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self(exchange(parts)?.peek(Why::Extractor("OptionalAuth")).await))
    }
}

impl<S: Sync> FromRequestParts<S> for RequireAuth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        exchange(parts)?.require(Why::Extractor("RequireAuth")).await.map(Self).map_err(Refusal::Answer)
    }
}

/// `Option<Exchange>`: for handlers that also run without the layer.
impl<S: Sync> OptionalFromRequestParts<S> for Exchange {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(exchange(parts).ok().map(Self))
    }
}

fn exchange(parts: &Parts) -> Result<Arc<nostore_web::Exchange>, Refusal> {
    parts.extensions.get::<Arc<nostore_web::Exchange>>().cloned().ok_or(Refusal::NoLayer)
}

macro_rules! reads_as {
    ($($wrapper:ty => $inner:ty),+ $(,)?) => {$(
        impl Deref for $wrapper {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }
    )+};
}

reads_as!(
    Auth => nostore_web::Auth,
    OptionalAuth => nostore_web::Auth,
    RequireAuth => nostore_web::Auth,
    Exchange => nostore_web::Exchange,
);
