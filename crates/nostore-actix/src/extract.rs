//! Extractors for actix-web: who is asking.
//!
//! | extractor | signed in | signed out | unknown (a redirect would tell) |
//! |---|---|---|---|
//! | [`Auth`] | the session | signed out | refuses with the redirect |
//! | [`OptionalAuth`] | the session | signed out | signed out |
//! | [`RequireAuth`] | the session | refuses: 307 to the sign-in page for pages, else 401 | refuses with the redirect |
//! | [`Require<R>`](Require) | the session where it has what `R` asks, else 403 | as `RequireAuth` | refuses with the redirect |
//!
//! Each marks the response as personalized. Without [`SessionMiddleware`](crate::SessionMiddleware) each
//! refuses with a 500 that says so and that no cache stores.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use nostore_web::{Answer, Requirement, Why};

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

/// A signed-in visitor who has what `R` asks. Who is signed in without it gets a 403.
///
/// ```
/// use nostore_actix::{Refusal, Require, RequireAuth};
/// use nostore_session::Check;
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

/// What is sent when an extractor refuses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The gate's answer: a redirect, a 401, a 403 or an error page.
    Answer(Answer),
    /// The app has no [`SessionMiddleware`](crate::SessionMiddleware).
    NoMiddleware,
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        let status = match self {
            Self::Answer(given) => given.status,
            Self::NoMiddleware => 500,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Answer(given) => answer(given.clone()),
            Self::NoMiddleware => {
                tracing::error!(
                    "an extractor of nostore ran without SessionMiddleware: add `.wrap(SessionMiddleware::new(..))`"
                );
                let text = "500: this route asks who is signed in, but SessionMiddleware is missing\n";
                protect(
                    HttpResponse::InternalServerError().content_type("text/plain; charset=utf-8").body(text),
                )
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(given) => write!(f, "the gate answered with {}", given.status),
            Self::NoMiddleware => f.write_str("expected SessionMiddleware around the app, found none"),
        }
    }
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>>>>;

impl FromRequest for Exchange {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(exchange(request).map(Self))
    }
}

impl FromRequest for Auth {
    type Error = Refusal;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let exchange = exchange(request);
        Box::pin(async move { Ok(Self(exchange?.auth(Why::Extractor("Auth")).await?)) })
    }
}

impl FromRequest for OptionalAuth {
    type Error = Refusal;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let exchange = exchange(request);
        Box::pin(async move { Ok(Self(exchange?.peek(Why::Extractor("OptionalAuth")).await)) })
    }
}

impl FromRequest for RequireAuth {
    type Error = Refusal;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let exchange = exchange(request);
        Box::pin(async move { Ok(Self(exchange?.require(Why::Extractor("RequireAuth")).await?)) })
    }
}

impl<R: Requirement> FromRequest for Require<R> {
    type Error = Refusal;
    type Future = Extraction<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let exchange = exchange(request);
        Box::pin(async move {
            let auth = exchange?.require_check(Why::Extractor("Require"), &R::check()).await?;
            Ok(Self(auth, PhantomData))
        })
    }
}

impl<R> Deref for Require<R> {
    type Target = nostore_web::Auth;

    fn deref(&self) -> &nostore_web::Auth {
        &self.0
    }
}

fn exchange(request: &HttpRequest) -> Result<Arc<nostore_web::Exchange>, Refusal> {
    request.extensions().get::<Arc<nostore_web::Exchange>>().cloned().ok_or(Refusal::NoMiddleware)
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
