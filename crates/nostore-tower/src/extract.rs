//! Extractors for axum: who is asking.
//!
//! | extractor | signed in | signed out | unknown (a redirect would tell) |
//! |---|---|---|---|
//! | [`Auth`] | the session | signed out | refuses with the redirect |
//! | [`OptionalAuth`] | the session | signed out | signed out |
//! | [`RequireAuth`] | the session | refuses: 307 to the sign-in page for pages, else 401 | refuses with the redirect |
//! | [`Require<R>`](Require) | the session where it has what `R` asks, else 403 | as `RequireAuth` | refuses with the redirect |
//!
//! Each marks the response as personalized. Without [`SessionLayer`](crate::SessionLayer) each refuses
//! with a 500 that says so and that no cache stores.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::IntoResponse;
use http::request::Parts;
use nostore_web::{Requirement, Why};

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

/// A signed-in visitor who has what `R` asks. Who is signed in without it gets a 403.
///
/// ```
/// use nostore_session::Check;
/// use nostore_tower::{Refusal, Require, RequireAuth};
/// use nostore_web::Requirement;
///
/// struct Editors;
///
/// impl Requirement for Editors {
///     fn check() -> Check {
///         Check::permission("org:posts:write")
///     }
/// }
///
/// async fn publish(auth: Require<Editors>) -> String {
///     format!("published by {}", auth.user_id().unwrap_or_default())
/// }
///
/// // The same with a check that is known only in the handler:
/// async fn erase(auth: RequireAuth) -> Result<&'static str, Refusal> {
///     auth.require(&Check::role("org:admin"))?;
///     Ok("erased")
/// }
/// ```
#[derive(Debug)]
pub struct Require<R>(pub nostore_web::Auth, PhantomData<fn() -> R>);

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

impl<S: Sync, R: Requirement> FromRequestParts<S> for Require<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let exchange = exchange(&parts.extensions)?;
        let auth = exchange.require_check(Why::Extractor("Require"), &R::check()).await?;
        Ok(Self(auth, PhantomData))
    }
}

impl<R> Deref for Require<R> {
    type Target = nostore_web::Auth;

    fn deref(&self) -> &nostore_web::Auth {
        &self.0
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
