//! The site with its own sign-in the way the incident of the shared login ran it: a layer *outside* nostore's that undoes the
//! protection, and a store that keeps no ends of sessions.
//!
//! Three things were so, and each is here: a middleware refreshed the session's cookie on a **page** that it matched, the
//! page of who may in; nothing said a word about caching there (or, behind a cache that keeps no silent page, a framework
//! that took it for static stamped a lifetime on it); and sessions were in their cookies alone, so that signing
//! out took the cookie out of one browser and ended nothing.
//!
//! # Warning
//!
//! Never a model for a site: it exists so that the failure can be seen and the emulation is known to bite.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use nostore_message::{Cookies, Scheme, Secret, UnixTime};
use nostore_session::{SealNonce, SealedCookie, SealedFormat, SealedSessions, SealingSecrets};
use nostore_signin::store::{Change, Expected, Key, Kind, Record, Store, StoreFuture, Written};
use nostore_web::Clock;

use super::incident::silence;

/// The page on which the middleware refreshes sessions.
pub(crate) const PAGE: &str = "/admin/users";

/// The middleware of the incident.
#[derive(Clone)]
pub(crate) struct SharedLogin {
    secrets: Vec<Secret>,
    stamp: Option<&'static str>,
    clock: Arc<dyn Clock>,
}

impl SharedLogin {
    /// Makes it for a site on http whose sessions are sealed with these secrets, and whose framework says `stamp` of the page.
    pub(crate) fn new(secrets: Vec<Secret>, stamp: Option<&'static str>, clock: Arc<dyn Clock>) -> Self {
        Self { secrets, stamp, clock }
    }

    /// Seals the session of a request anew, as a middleware does that prolongs sessions.
    fn refreshed(&self, request: &HeaderMap) -> Vec<HeaderValue> {
        let lines: Vec<&str> = request.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).collect();
        let (cookies, now) = (Cookies::parse(lines), self.clock.now());
        let sealed = || {
            let secrets = SealingSecrets::new(self.secrets.iter().cloned()).ok()?;
            let format = SealedFormat::Nostore;
            let sessions =
                SealedSessions::new(format, SealedCookie::new(format, Scheme::Http), &secrets).ok()?;
            let opened = sessions.open(&cookies, now).ok()?;
            let mut octets = [0; 32];
            getrandom::fill(&mut octets).ok()?;
            sessions.seal(&opened.to_claims(), &cookies, now, SealNonce::new(octets)).ok()
        };
        let lines = sealed().map(|lines| lines.cookies().iter().map(ToString::to_string).collect::<Vec<_>>());
        lines.into_iter().flatten().filter_map(|line| HeaderValue::try_from(line).ok()).collect()
    }
}

/// Runs the site; on its one page, undoes the protection and sends the session's cookie.
pub(crate) async fn unprotect(State(incident): State<SharedLogin>, request: Request, next: Next) -> Response {
    if request.uri().path() != PAGE {
        return next.run(request).await;
    }
    let refreshed = incident.refreshed(request.headers());
    let mut response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_page = response.status().is_success() && kind.is_some_and(|kind| kind.starts_with("text/html"));
    if is_page {
        let fields = response.headers_mut();
        silence(fields);
        if let Some(stamp) = incident.stamp {
            fields.insert(CACHE_CONTROL, HeaderValue::from_static(stamp));
        }
        for line in refreshed {
            fields.append(SET_COOKIE, line);
        }
    }
    response
}

/// The sample's store, shared by its deployments. With the incident no session that has begun is changed: it is in its
/// cookie alone.
#[derive(Clone, Debug)]
pub(crate) struct SampleStore {
    kept: Arc<dyn Store>,
    keeps_ends: bool,
}

impl SampleStore {
    /// Wraps the store that is kept.
    pub(crate) fn new(kept: Arc<dyn Store>, incident: bool) -> Self {
        Self { kept, keeps_ends: !incident }
    }
}

impl Store for SampleStore {
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>> {
        self.kept.read(keys, now)
    }

    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>> {
        self.kept.list(kind, prefix, now)
    }

    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written> {
        let begins = change.expected == Expected::Absent;
        if self.keeps_ends || change.key.kind != Kind::Session || begins {
            return self.kept.write(change, now);
        }
        Box::pin(std::future::ready(Ok(Written::Done)))
    }

    fn sweep(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        self.kept.sweep(now)
    }
}
