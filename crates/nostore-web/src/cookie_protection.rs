//! The response side alone, for apps that keep their own cookie sessions.
//!
//! Which response is sensitive:
//!
//! 1. one that its handler protected, a 401 and a 403, one with `Auth-Sensitive: ?1`;
//! 2. one that sets a named cookie;
//! 3. on a route that is not public: one whose request carried a named cookie or `Authorization`, and
//!    every redirect, because to whom it is given says who is asking (a stored bounce to the sign-in
//!    page would meet the visitor who has just signed in);
//! 4. any other `Set-Cookie` on a response that its author made cacheable; with [`CookieProtection::drop_strays`], such a
//!    line is dropped instead, where the response is sensitive for nothing else, and the response stays cacheable.
//!
//! With [`CookieProtection::spell_out`] a response whose author says `no-store` is sensitive as well, so that the caches hear it
//! which read other fields.
//!
//! A cookie that is too long for one is in several, `name.0` and so on (`name__0` where Auth0 wrote it): those are named
//! with it.
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

use nostore_cache::{CacheControl, Intent, author_intent};
use nostore_message::{FieldEdit, RequestHead, ResponseHead, Sensitivity, SetCookie};

use crate::protection::changed;
use crate::{AUTH_SENSITIVE_FIELD, Circumstances, Protected, Routes, Why, protect_response};

/// The names of an app's session cookies and the routes that do not depend on them.
#[derive(Clone, Debug, Default)]
pub struct CookieProtection {
    cookies: Vec<String>,
    dev: bool,
    drop_strays: bool,
    routes: Routes,
    spell_out: bool,
    unless_public: bool,
}

/// What becomes of one response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// How sensitive it is, why, and what to change in it.
    pub protected: Protected,
    /// The names of the cookies that are taken out of it.
    pub dropped: Vec<String>,
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

    /// Drops cookies that are no session's from responses that their author made cacheable and that are sensitive for
    /// nothing else. For whoever stands in front of an app that cannot be changed: a cache would give them to everybody.
    #[must_use]
    pub const fn drop_strays(mut self, on: bool) -> Self {
        self.drop_strays = on;
        self
    }

    /// Says in every dialect what an author says in `Cache-Control` alone, that nobody may store a response. Some caches are
    /// told not to read that field.
    #[must_use]
    pub const fn spell_out(mut self, on: bool) -> Self {
        self.spell_out = on;
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
        let carried = cookies.iter().find(|(name, _)| self.is_named(name));
        let credential = carried
            .map(|(name, _)| Why::CookieOnRequest(name.to_owned()))
            .or_else(|| request.fields.contains("authorization").then_some(Why::CredentialOnRequest));
        let public = self.routes.is_public(request.path());
        Observed { credential, public, safe: request.is_get_or_head() }
    }

    /// Decides what to change in the response, in order.
    #[must_use]
    pub fn finish(&self, observed: &Observed, marks: Marks, response: &ResponseHead<'_>) -> Vec<FieldEdit> {
        self.decide(observed, marks, response).protected.edits
    }

    /// Decides what becomes of the response, and why.
    #[must_use]
    pub fn decide(&self, observed: &Observed, marks: Marks, response: &ResponseHead<'_>) -> Finished {
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
        let forbidden = || self.spell_out && forbids_storing(response);
        let level = level.or_else(|| forbidden().then_some((Sensitivity::Personalized, Why::AuthorForbids)));
        // Where no cookie is set there is none to drop.
        let cacheable = observed.safe
            && response.fields.contains("set-cookie")
            && !matches!(response.status, 401 | 403)
            && !response.fields.contains(AUTH_SENSITIVE_FIELD)
            && author_intent(response) == Intent::Cacheable;
        let sets_session = || set_cookies(response).any(|name| self.is_named(&name));
        let mut dropped = Vec::new();
        if cacheable && public && !marks.raised {
            dropped.extend(set_cookies(response).filter(|name| self.is_named(name)));
        }
        if cacheable && self.drop_strays && level.is_none() && (public || !sets_session()) {
            dropped.extend(set_cookies(response).filter(|name| !self.is_named(name)));
        }
        let mut edits = without_cookies(response, &dropped);
        let changed = changed(response, &edits);
        let named: Vec<String> = set_cookies(&changed).filter(|name| self.is_named(name)).collect();
        let circumstances = Circumstances {
            session_cookies: &named,
            level: level.as_ref().map(|(level, why)| (*level, why)),
            credentials: !public && !marks.lowered && observed.credential.is_some(),
            netlify_vary: None,
            dev: self.dev,
        };
        let mut protected = protect_response(&circumstances, &changed);
        edits.append(&mut protected.edits);
        protected.edits = edits;
        Finished { protected, dropped }
    }

    /// Tells whether a cookie is one of the named, or a part of one.
    fn is_named(&self, name: &str) -> bool {
        self.cookies.iter().any(|own| {
            name.strip_prefix(own.as_str()).is_some_and(|rest| {
                let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                rest.is_empty() || ["__", "."].iter().any(|mark| rest.strip_prefix(mark).is_some_and(part))
            })
        })
    }
}

/// Tells whether the author says `no-store`, and nothing else in a field for some caches.
fn forbids_storing(response: &ResponseHead<'_>) -> bool {
    CacheControl::parse(response.fields.all("cache-control")).no_store
        && author_intent(response) == Intent::Uncacheable
}

/// Lists the names of the cookies that a response sets.
fn set_cookies(response: &ResponseHead<'_>) -> impl Iterator<Item = String> {
    response.fields.all("set-cookie").map(|line| SetCookie::parse(line).name.into_owned())
}

/// Drops the lines that set one of these cookies.
fn without_cookies(response: &ResponseHead<'_>, names: &[String]) -> Vec<FieldEdit> {
    if names.is_empty() {
        return Vec::new();
    }
    for cookie in names {
        tracing::warn!(
            %cookie, "a cacheable page sets a cookie: the cookie is dropped, the page stays cacheable"
        );
    }
    let is_kept = |line: &&str| !names.iter().any(|name| *name == SetCookie::parse(line).name);
    let kept = response.fields.all("set-cookie").filter(is_kept);
    let kept = kept.map(|line| FieldEdit::append("set-cookie", line.to_owned()));
    std::iter::once(FieldEdit::remove("set-cookie")).chain(kept).collect()
}
