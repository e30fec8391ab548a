//! Puts a fresh token on the requests of a `reqwest` client, as a middleware of `reqwest-middleware`.
//!
//! ```no_run
//! use nostore_token::TokenHandle;
//! use nostore_token::middleware::BearerMiddleware;
//!
//! # async fn run(handle: TokenHandle) -> Result<(), Box<dyn std::error::Error>> {
//! let client = BearerMiddleware::new(handle).client(reqwest::Client::builder())?;
//! let answer = client.get("https://reports.example/daily").send().await?;
//! # let _ = answer;
//! # Ok(())
//! # }
//! ```
//!
//! The law is the one of [`crate::BearerLayer`]: a field of the caller's own stays, and a request that is answered with 401
//! is sent once more with another token, where another can be had and the body can be cloned.
//!
//! # Redirects
//!
//! `reqwest` takes `Authorization` off a request that is redirected to another origin, but puts it back when that origin
//! redirects once more within itself (0.13.5). [`BearerMiddleware::client`] therefore makes a client that follows
//! redirects within an origin only: one that leads elsewhere is the answer, and the caller decides.

use std::convert::Infallible;
use std::fmt;

use async_trait::async_trait;
use http::{Extensions, StatusCode, header::AUTHORIZATION};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Request, Response, Url};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Middleware, Next, Result};

use crate::bearer::{BearerError, another, field};
use crate::client::TokenHandle;

/// So many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// Puts the token of a handle on each request that has no `Authorization` of its own.
#[derive(Clone)]
pub struct BearerMiddleware(TokenHandle);

impl BearerMiddleware {
    /// For the tokens of `handle`. A client that is not made by [`Self::client`] must follow redirects by
    /// [`within_origin`], or none.
    #[must_use]
    pub const fn new(handle: TokenHandle) -> Self {
        Self(handle)
    }

    /// Makes a client whose requests carry a token, and which follows redirects by [`within_origin`]. More middleware is
    /// added with [`ClientBuilder::from_client`].
    ///
    /// # Errors
    ///
    /// When `reqwest` cannot make one.
    pub fn client(self, builder: reqwest::ClientBuilder) -> reqwest::Result<ClientWithMiddleware> {
        let client = builder.redirect(within_origin()).build()?;
        Ok(ClientBuilder::new(client).with(self).build())
    }
}

/// Follows up to ten redirects, and none that leads to another origin (RFC 6454 section 4): that one is the answer.
#[must_use]
pub fn within_origin() -> Policy {
    Policy::custom(|attempt: Attempt<'_>| {
        let next = attempt.url().origin();
        // The first is what was asked, which is no redirect.
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(TooMany);
        }
        let inside = attempt.previous().iter().all(|url| url.origin() == next);
        if inside { attempt.follow() } else { attempt.stop() }
    })
}

#[derive(Debug, thiserror::Error)]
#[error("expected at most {MAX_REDIRECTS} redirects")]
struct TooMany;

#[async_trait]
impl Middleware for BearerMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        if request.headers().contains_key(AUTHORIZATION) {
            return next.run(request, extensions).await;
        }
        let token = self.0.get().await.map_err(|failure| refused(BearerError::Token(failure)))?;
        let (again, asked) = (request.try_clone(), request.url().clone());
        let response = next.clone().run(bearing(request, &token)?, extensions).await?;
        if response.status() != StatusCode::UNAUTHORIZED || !is_of(&response, &asked) {
            return Ok(response);
        }
        let other = another(&self.0, &token).await;
        match again.zip(other) {
            Some((again, other)) => next.run(bearing(again, &other)?, extensions).await,
            // There is no other, or no second body: the service's answer says what is wrong.
            None => Ok(response),
        }
    }
}

impl fmt::Debug for BearerMiddleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BearerMiddleware").field(&self.0).finish()
    }
}

fn bearing(mut request: Request, token: &crate::SessionToken) -> Result<Request> {
    let value = field(token).ok_or_else(|| refused(BearerError::Field))?;
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(request)
}

/// Tells whether the service that was asked answered: what another says of a request without a token means nothing.
fn is_of(response: &Response, asked: &Url) -> bool {
    response.url().origin() == asked.origin()
}

fn refused(error: BearerError<Infallible>) -> Error {
    Error::middleware(error)
}
