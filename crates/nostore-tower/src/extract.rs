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
use nostore_web::Why;

use crate::{Refusal, exchange};

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

impl IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        self.response()
    }
}

impl<S: Sync> FromRequestParts<S> for Exchange {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        exchange(&parts.extensions).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self(exchange(&parts.extensions)?.auth(Why::Extractor("Auth")).await?))
    }
}

impl<S: Sync> FromRequestParts<S> for OptionalAuth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self(exchange(&parts.extensions)?.peek(Why::Extractor("OptionalAuth")).await))
    }
}

impl<S: Sync> FromRequestParts<S> for RequireAuth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self(exchange(&parts.extensions)?.require(Why::Extractor("RequireAuth")).await?))
    }
}

/// `Option<Exchange>`: for handlers that also run without the layer.
impl<S: Sync> OptionalFromRequestParts<S> for Exchange {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(exchange(&parts.extensions).ok().map(Self))
    }
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
