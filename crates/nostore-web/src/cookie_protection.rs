//! The response side alone, for apps that keep their own cookie sessions.
//!
//! Which response is sensitive:
//!
//! 1. one that its handler protected, a 401 and a 403, one with `Auth-Sensitive: ?1`;
//! 2. one that sets a named cookie;
//! 3. on a route that is not public: one whose request carried a named cookie or `Authorization`, and
//!    every redirect, because to whom it is given says who is asking (a stored bounce to the sign-in
//!    page would meet the visitor who has just signed in);
//! 4. any other `Set-Cookie` on a response that its author made cacheable.
//!
//! On a *public* route a safe request's response keeps its caching also where rule 2 would end it: if
//! its author made it cacheable, the line with the named cookie is dropped, with a warning. Session
//! middlewares that extend a session on every visit meet this; the session is extended by the next
//! page that is not public.
//!
//! # Not covered
//!
//! A page of a route that is not public, for a visitor without cookie, keeps the caching its author gave
//! it. It is nobody's page, so it leaks nothing, but a cache that does not separate visitors may show it to
//! one who is signed in. Where one URL shows both, take [`CookieProtection::unless_public`].

use std::borrow::Cow;

use nostore_cache::{Intent, author_intent};
use nostore_message::{FieldEdit, RequestHead, ResponseHead, Sensitivity, SetCookie, apply};

use crate::{AUTH_SENSITIVE_FIELD, Circumstances, Routes, Why, protect_response};

/// The names of an app's session cookies and the routes that do not depend on them.
#[derive(Clone, Debug, Default)]
pub struct CookieProtection {
    cookies: Vec<String>,
    dev: bool,
    routes: Routes,
    unless_public: bool,
}

/// What there was to see on a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observed {
    credential: Option<Why>,
    public: bool,
    safe: bool,
}

/// What the app said about one response, beside its fields.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Marks {
    /// The route is public.
    pub public: bool,
    /// The handler takes the response for public although the route is not (`danger_mark_public`).
    pub lowered: bool,
    /// The handler protected the response.
    pub raised: bool,
}

impl CookieProtection {
    /// Protects responses to and with these cookies.
    #[must_use]
    pub fn cookies<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self { cookies: names.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Says that responses on these paths are the same for everyone. Patterns are those of [`Routes`].
    #[must_use]
    #[track_caller]
    pub fn public(mut self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.routes = self.routes.public(pattern);
        self
    }

    /// Protects every response of a route that is not public, also for visitors without cookie.
    #[must_use]
    pub const fn unless_public(mut self, on: bool) -> Self {
        self.unless_public = on;
        self
    }

    /// Says in a response field why a response lost its caching.
    #[must_use]
    pub const fn dev(mut self, on: bool) -> Self {
        self.dev = on;
        self
    }

    /// Notes what the response will depend on.
    #[must_use]
    pub fn observe(&self, request: &RequestHead<'_>) -> Observed {
        let cookies = request.cookies();
        let carried = self.cookies.iter().find(|name| cookies.contains(name));
        let credential = carried
            .map(|name| Why::CookieOnRequest(name.clone()))
            .or_else(|| request.fields.contains("authorization").then_some(Why::CredentialOnRequest));
        let public = self.routes.is_public(request.path());
        Observed { credential, public, safe: request.is_get_or_head() }
    }

    /// Decides what to change in the response, in order.
    #[must_use]
    pub fn finish(&self, observed: &Observed, marks: Marks, response: &ResponseHead<'_>) -> Vec<FieldEdit> {
        let public = observed.public || marks.public;
        let level = if marks.raised {
            Some((Sensitivity::AuthFlow, Why::ResponseProtected))
        } else if public || marks.lowered {
            None
        } else {
            let redirect = response.is_redirect().then_some(Why::Redirect);
            let strict = self.unless_public.then_some(Why::NotPublic);
            observed.credential.clone().or(redirect).or(strict).map(|why| (Sensitivity::Personalized, why))
        };
        let mut edits = Vec::new();
        if public && observed.safe && !marks.raised {
            edits = self.without_named_cookies(response);
        }
        let mut changed = response.clone();
        apply(&edits, &mut changed.fields);
        let circumstances = Circumstances {
            session_cookies: &self.cookies,
            level: level.as_ref().map(|(level, why)| (*level, why)),
            credentials: !public && !marks.lowered && observed.credential.is_some(),
            netlify_vary: None,
            dev: self.dev,
        };
        edits.extend(protect_response(&circumstances, &changed).edits);
        edits
    }

    /// Drops the lines that set a named cookie from a response that will stay cacheable.
    fn without_named_cookies(&self, response: &ResponseHead<'_>) -> Vec<FieldEdit> {
        let sensitive =
            matches!(response.status, 401 | 403) || response.fields.contains(AUTH_SENSITIVE_FIELD);
        if sensitive || author_intent(response) != Intent::Cacheable {
            return Vec::new();
        }
        let named = |line: &&str| self.cookies.iter().any(|own| *own == SetCookie::parse(line).name);
        let dropped: Vec<_> = response.fields.all("set-cookie").filter(named).collect();
        for line in &dropped {
            tracing::warn!(
                cookie = %SetCookie::parse(line).name,
                "a public, cacheable page sets a session cookie: the cookie is dropped, the page stays cacheable"
            );
        }
        if dropped.is_empty() {
            return Vec::new();
        }
        let kept = response.fields.all("set-cookie").filter(|line| !named(line));
        let kept = kept.map(|line| FieldEdit::append("set-cookie", line.to_owned()));
        std::iter::once(FieldEdit::remove("set-cookie")).chain(kept).collect()
    }
}
