//! A request on its way through the edge, and why the origin is asked.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::header::HeaderMap;
use http::request::Parts;
use http::{Method, StatusCode};
use nostore_cache::{Forward, PrimaryKey, Verdict};
use nostore_message::{RequestHead, Scheme, UnixTime, http1};
use nostore_proxy::Upstream;

use crate::record::{Handling, Record};
use crate::{head, leak};

/// A request on its way through.
pub(crate) struct Visit {
    pub(crate) head: RequestHead<'static>,
    pub(crate) method: Method,
    pub(crate) fields: HeaderMap,
    pub(crate) visitor: SocketAddr,
    began: Instant,
    pub(crate) record: Record,
}

/// Why the origin is asked.
pub(crate) struct Reason {
    pub(crate) forward: Forward,
    /// The code of the law's verdict, where that decided.
    pub(crate) detail: Option<&'static str>,
    /// Where the answer may be kept; nowhere when the request goes past the cache.
    pub(crate) key: Option<PrimaryKey>,
}

impl Reason {
    pub(crate) const fn past_the_cache(forward: Forward, detail: &'static str) -> Self {
        Self { forward, detail: Some(detail), key: None }
    }
}

impl Visit {
    /// Begins the visit of a request with that number, for the site `authority`.
    pub(crate) fn new(id: u64, at: UnixTime, parts: &Parts, authority: String, visitor: SocketAddr) -> Self {
        let head =
            http1::request_head(&parts.method, &parts.uri, &parts.headers, Scheme::Http, authority.clone())
                .into_owned();
        let record = Record {
            id,
            at,
            duration: Duration::ZERO,
            method: parts.method.to_string(),
            authority,
            target: head.target.to_string(),
            status: 0,
            outcome: Handling::Pass,
            age_secs: None,
            why: String::new(),
            rule: None,
            set_cookie: Vec::new(),
            hazards: Vec::new(),
            nostore_why: None,
            auth_sensitive: false,
            leaks: Vec::new(),
            cookie: head::cookie(&parts.headers),
        };
        let (method, fields) = (parts.method.clone(), parts.headers.clone());
        Self { head, method, fields, visitor, began: Instant::now(), record }
    }

    /// Notes a verdict and the rule behind it.
    pub(crate) fn because(&mut self, verdict: &Verdict) {
        self.record.why = verdict.to_string();
        self.record.rule = Some(verdict.rule());
    }

    /// Notes what the visitor gets.
    pub(crate) fn describe(&mut self, status: StatusCode, fields: &HeaderMap, upstream: &Upstream) {
        self.record.status = status.as_u16();
        self.record.duration = self.began.elapsed();
        self.record.set_cookie = head::set_cookie_names(fields);
        self.record.leaks = leak::leaks(fields, Scheme::Http, &self.record.authority, upstream.origin());
    }
}
