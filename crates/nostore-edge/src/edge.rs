//! One request through the edge: look up, select, forward, keep.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use nostore_cache::{
    Intent, Lookup, Outcome, Pass, PrimaryKey, Profile, Selection, Storability, StorePlan, Variants, Verdict,
};
use nostore_message::{RequestHead, Scheme, UnixTime, http1};
use nostore_proxy::{Forwarded, ProxyError, ResponseBody, Upstream};
use tokio::sync::watch;

use crate::body::{Copied, EdgeBody};
use crate::clock::Clock;
use crate::conditional::{VALIDATORS, not_modified, without_content};
use crate::config::{EdgeConfig, EdgeError};
use crate::record::{Handling, Record, Sink};
use crate::store::{Copy, Store, StoredResponse};
use crate::tally::{Summary, Tally};
use crate::{head, leak};

/// The edge's name in `Via` and `Proxy-Status`.
const PSEUDONYM: &str = "nostore-edge";

/// The emulated CDN in front of one app.
pub struct Edge {
    profile: Profile,
    upstream: Upstream,
    store: Arc<Store>,
    tally: Tally,
    clock: Arc<dyn Clock>,
    sink: Sink,
    max_object_bytes: usize,
    public_authority: String,
    requests: AtomicU64,
    pub(crate) visitor_head: Duration,
    pub(crate) grace: Duration,
}

/// A request on its way through.
struct Visit {
    head: RequestHead<'static>,
    method: Method,
    fields: HeaderMap,
    visitor: SocketAddr,
    began: Instant,
    record: Record,
}

/// Why the origin is asked.
enum Reason {
    /// The cache has no say.
    Pass(Pass, Option<&'static str>),
    /// Nothing under this key will do.
    Miss(PrimaryKey, Found),
}

/// What was found under a key, when it was not an answer.
#[derive(Clone, Copy)]
enum Found {
    Nothing,
    OtherFields,
    RefusedByVisitor,
    Stale,
}

impl Edge {
    /// Sets up an edge. Connects to nothing and listens nowhere yet.
    ///
    /// # Errors
    ///
    /// The origin is not one, TLS cannot be set up, or the store has no room.
    pub fn new(config: EdgeConfig) -> Result<Arc<Self>, EdgeError> {
        let upstream = Upstream::new(&config.origin, config.limits)?;
        let store = Store::new(config.store_bytes).ok_or(EdgeError::Store { found: config.store_bytes })?;
        let public_authority = config.public_authority.unwrap_or_else(|| upstream.origin().authority());
        Ok(Arc::new(Self {
            profile: config.profile,
            upstream,
            store: Arc::new(store),
            tally: Tally::default(),
            clock: config.clock,
            sink: config.sink,
            max_object_bytes: config.max_object_bytes,
            public_authority,
            requests: AtomicU64::new(0),
            visitor_head: config.visitor_head,
            grace: config.grace,
        }))
    }

    /// Returns the profile that the edge behaves like.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Forgets every stored response. Copies in the making are still stored when they are complete.
    pub fn purge_all(&self) {
        self.store.clear();
    }

    /// Sums up what the edge has done so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = self.tally.sums();
        summary.store_bytes = self.store.weight();
        summary.store_keys = self.store.keys();
        summary
    }

    /// Answers one request. Never fails: what goes wrong becomes a response.
    pub(crate) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        visitor: SocketAddr,
        closing: watch::Receiver<()>,
    ) -> Response<EdgeBody> {
        let (parts, body) = request.into_parts();
        let named = head::authority(&parts);
        let authority = named.clone().ok().flatten().unwrap_or_else(|| self.public_authority.clone());
        let mut visit = self.visit(&parts, authority, visitor);
        if let Err(found) = named {
            return self.refuse(visit, found);
        }
        let request = Request::from_parts(parts, body);
        if nostore_proxy::upgrade_protocol(request.headers()).is_some() {
            visit.record.why = "a switch of protocols goes past the cache".to_owned();
            return self.forward(visit, request, Reason::Pass(Pass::Bypass, Some("upgrade")), closing).await;
        }
        match nostore_cache::lookup(&self.profile, &visit.head) {
            Lookup::Bypass(verdict) => {
                visit.because(&verdict);
                let pass = if verdict.code() == "method" { Pass::Method } else { Pass::Bypass };
                self.forward(visit, request, Reason::Pass(pass, Some(verdict.code())), closing).await
            }
            Lookup::Key(key) => self.select(visit, request, key, closing).await,
        }
    }

    async fn select(
        self: Arc<Self>,
        mut visit: Visit,
        request: Request<Incoming>,
        key: PrimaryKey,
        closing: watch::Receiver<()>,
    ) -> Response<EdgeBody> {
        let empty = Variants::new();
        let entry = self.store.get(&key);
        let variants = entry.as_ref().map_or(&empty, |entry| &*entry.variants);
        let found = match variants.select(&self.profile, &visit.head, visit.record.at) {
            Selection::Fresh { payload, age_secs, fresh_for_secs, verdict } => {
                visit.record.age_secs = Some(age_secs);
                visit.because(&verdict);
                return self.hit(visit, payload, age_secs, fresh_for_secs);
            }
            Selection::Stale { age_secs, verdict, .. } => {
                visit.record.age_secs = Some(age_secs);
                visit.because(&verdict);
                Found::Stale
            }
            Selection::None { verdict } => {
                visit.because(&verdict);
                match verdict.code() {
                    "request" => Found::RefusedByVisitor,
                    "vary-miss" => Found::OtherFields,
                    _ => Found::Nothing,
                }
            }
        };
        self.forward(visit, request, Reason::Miss(key, found), closing).await
    }

    fn visit(&self, parts: &Parts, authority: String, visitor: SocketAddr) -> Visit {
        let head =
            http1::request_head(&parts.method, &parts.uri, &parts.headers, Scheme::Http, authority.clone())
                .into_owned();
        let record = Record {
            id: self.requests.fetch_add(1, Ordering::Relaxed) + 1,
            at: self.clock.now(),
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
        Visit { head, method, fields, visitor, began: Instant::now(), record }
    }

    fn refuse(&self, mut visit: Visit, found: &'static str) -> Response<EdgeBody> {
        let found = format!("expected one Host field with a host in it, found {found}");
        let page = nostore_proxy::plain_page(
            StatusCode::BAD_REQUEST,
            &found,
            "send the name and port of the site in Host",
            &visit.fields,
        );
        visit.record.why = found;
        visit.record.outcome = Handling::Error;
        self.finish(visit, page.map(EdgeBody::memory))
    }

    fn hit(
        &self,
        mut visit: Visit,
        stored: &StoredResponse,
        age_secs: i64,
        fresh_for_secs: i64,
    ) -> Response<EdgeBody> {
        let mut fields = stored.fields.clone();
        let delivered =
            nostore_cache::delivered(&self.profile, &http1::response_head(stored.status, &fields));
        http1::apply(&delivered, &mut fields);
        let mut status = stored.status;
        let mut body = stored.body.clone();
        if not_modified(&visit.method, &visit.fields, status, &fields) {
            without_content(&mut fields);
            status = StatusCode::NOT_MODIFIED;
            body = Bytes::new();
        } else if status != StatusCode::NO_CONTENT {
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let outcome = Outcome::Hit { status: status.as_u16(), age_secs, fresh_for_secs, key: None };
        http1::apply(&nostore_cache::marks(&self.profile, &outcome), &mut fields);
        visit.record.outcome = Handling::Hit;
        let mut response = Response::new(EdgeBody::memory(body));
        *response.status_mut() = status;
        *response.headers_mut() = fields;
        self.finish(visit, response)
    }

    async fn forward(
        self: Arc<Self>,
        visit: Visit,
        request: Request<Incoming>,
        reason: Reason,
        mut closing: watch::Receiver<()>,
    ) -> Response<EdgeBody> {
        let mut request = request.map(Into::into);
        http1::apply(&nostore_cache::forwarded(&self.profile, &visit.head), request.headers_mut());
        if matches!(reason, Reason::Miss(..)) {
            for name in VALIDATORS {
                request.headers_mut().remove(name);
            }
        }
        let forwarded = Forwarded {
            address: visit.visitor.ip(),
            authority: &visit.record.authority,
            scheme: Scheme::Http,
            pseudonym: PSEUDONYM,
        };
        let requested = self.clock.now();
        let answer = match self.upstream.send(request, &forwarded).await {
            Ok(answer) => answer,
            Err(error) => return self.failed(visit, &error),
        };
        if let Some(tunnel) = answer.tunnel {
            tokio::spawn(async move {
                tokio::select! {
                    // How a tunnel ends concerns only those who talk through it.
                    _ = tunnel.run() => {}
                    _ = closing.changed() => {}
                }
            });
        }
        self.answered(visit, answer.response, reason, requested)
    }

    fn failed(&self, mut visit: Visit, error: &ProxyError) -> Response<EdgeBody> {
        visit.record.outcome = Handling::Error;
        visit.record.why = error.to_string();
        let page = nostore_proxy::error_page(error, &visit.fields, PSEUDONYM);
        self.finish(visit, page.map(EdgeBody::memory))
    }

    fn answered(
        self: Arc<Self>,
        mut visit: Visit,
        mut response: Response<ResponseBody>,
        reason: Reason,
        requested: UnixTime,
    ) -> Response<EdgeBody> {
        let received = self.clock.now();
        head::date(response.headers_mut(), received);
        (visit.record.nostore_why, visit.record.auth_sensitive) = head::take_notes(response.headers_mut());
        let status = response.status().as_u16();
        let answer = http1::response_head(response.status(), response.headers());
        if visit.method == Method::GET && status < 400 {
            self.tally.count_answer(nostore_cache::author_intent(&answer) == Intent::Uncacheable);
        }
        if let Some(key) = nostore_cache::invalidated(&self.profile, &visit.head, &answer) {
            self.store.remove(&key);
        }
        let (key, found) = match reason {
            Reason::Pass(reason, detail) => {
                return self.stream(visit, response, &Outcome::Pass { status, reason, detail });
            }
            Reason::Miss(key, found) => (key, found),
        };
        visit.record.outcome = found.handling();
        match nostore_cache::storability(&self.profile, &visit.head, &answer, requested, received) {
            Storability::Store(plan) => self.keep(visit, response, key, found, plan),
            Storability::Refuse(verdict) => {
                visit.because(&verdict);
                self.stream(visit, response, &found.outcome(status, None, Some(verdict.code())))
            }
        }
    }

    /// Streams an answer of which no copy is made.
    fn stream(
        &self,
        visit: Visit,
        mut response: Response<ResponseBody>,
        outcome: &Outcome,
    ) -> Response<EdgeBody> {
        self.dress(&mut response, outcome);
        self.finish(visit, response.map(EdgeBody::Stream))
    }

    /// Streams an answer and stores it when it is complete.
    fn keep(
        self: Arc<Self>,
        mut visit: Visit,
        mut response: Response<ResponseBody>,
        key: PrimaryKey,
        found: Found,
        plan: StorePlan,
    ) -> Response<EdgeBody> {
        visit.record.rule = Some(plan.verdict.rule());
        let status = response.status();
        if response.body().size_hint().lower() > self.max_object_bytes as u64 {
            visit.record.why = too_long(self.max_object_bytes);
            let outcome = found.outcome(status.as_u16(), None, Some("too-long"));
            return self.stream(visit, response, &outcome);
        }
        let hazards = {
            let answer = http1::response_head(status, response.headers());
            nostore_cache::hazards(&self.profile, &visit.head, &answer, &plan)
        };
        let mut kept = response.headers().clone();
        http1::apply(plan.edits(), &mut kept);
        let detail = Some(plan.verdict.code());
        self.dress(&mut response, &found.outcome(status.as_u16(), Some(plan.lifetime_secs), detail));

        visit.describe(response.status(), response.headers(), &self.upstream);
        let (parts, body) = response.into_parts();
        let edge = Arc::clone(&self);
        let finish = move |copied: Copied| {
            let Visit { head, mut record, .. } = visit;
            match copied {
                Copied::Complete(body) => {
                    let stored = StoredResponse::new(&head, status, &kept, body);
                    let now = edge.clock.now();
                    if edge.store.insert(&key, &edge.profile, &head, &plan, stored, now) {
                        record.outcome = Handling::Stored;
                        record.why = plan.verdict.to_string();
                        record.hazards = hazards;
                    } else {
                        record.why = "it could be stored, but is larger than the whole store".to_owned();
                    }
                }
                Copied::Broken(text) => {
                    record.outcome = Handling::Error;
                    record.why = text;
                }
                Copied::TooLong => record.why = too_long(edge.max_object_bytes),
                Copied::VisitorLeft => {
                    record.why = "it could be stored, but the visitor left before the end".to_owned();
                }
            }
            edge.deliver(record);
        };
        let copy = Copy::new(Arc::clone(&self.store), self.max_object_bytes);
        Response::from_parts(parts, EdgeBody::tee(body, copy, Box::new(finish)))
    }

    /// Turns the origin's fields into the platform's: what it consumes goes, its marks come.
    fn dress(&self, response: &mut Response<ResponseBody>, outcome: &Outcome) {
        let answer = http1::response_head(response.status(), response.headers());
        let delivered = nostore_cache::delivered(&self.profile, &answer);
        http1::apply(&delivered, response.headers_mut());
        http1::apply(&nostore_cache::marks(&self.profile, outcome), response.headers_mut());
    }

    fn finish(&self, mut visit: Visit, response: Response<EdgeBody>) -> Response<EdgeBody> {
        visit.describe(response.status(), response.headers(), &self.upstream);
        self.deliver(visit.record);
        response
    }

    fn deliver(&self, record: Record) {
        self.tally.count(&record);
        (self.sink)(record);
    }
}

impl Found {
    const fn handling(self) -> Handling {
        match self {
            Self::Nothing | Self::OtherFields | Self::RefusedByVisitor => Handling::Miss,
            Self::Stale => Handling::Stale,
        }
    }

    /// Says in the law's words what became of the origin's answer.
    const fn outcome(self, status: u16, stored: Option<i64>, detail: Option<&'static str>) -> Outcome {
        match self {
            Self::RefusedByVisitor if stored.is_none() => {
                Outcome::Pass { status, reason: Pass::Request, detail }
            }
            Self::Nothing | Self::RefusedByVisitor => Outcome::Miss { status, varied: false, stored, detail },
            Self::OtherFields => Outcome::Miss { status, varied: true, stored, detail },
            Self::Stale => Outcome::Stale { status, stored, detail },
        }
    }
}

impl Visit {
    /// Notes a verdict and the rule behind it.
    fn because(&mut self, verdict: &Verdict) {
        self.record.why = verdict.to_string();
        self.record.rule = Some(verdict.rule());
    }

    /// Notes what the visitor gets.
    fn describe(&mut self, status: StatusCode, fields: &HeaderMap, upstream: &Upstream) {
        self.record.status = status.as_u16();
        self.record.duration = self.began.elapsed();
        self.record.set_cookie = head::set_cookie_names(fields);
        self.record.leaks = leak::leaks(fields, Scheme::Http, &self.record.authority, upstream.origin());
    }
}

fn too_long(most: usize) -> String {
    format!("it could be stored, but its body is longer than the {most} bytes kept of one response")
}
