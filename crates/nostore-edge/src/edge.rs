//! One request through the edge: looked up, and answered from the store where that is possible.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use nostore_cache::{Forward, Lookup, Outcome, PrimaryKey, Profile, Selection, StoredUrl, Variants};
use nostore_message::{Clock, http1};
use nostore_proxy::{Closing, Upstream};

use crate::body::EdgeBody;
use crate::config::{EdgeConfig, EdgeError};
use crate::record::{Handling, Record, Sink};
use crate::store::{Store, StoredResponse};
use crate::tally::{Summary, Tally};
use crate::visit::{Reason, Visit};

/// The edge's name in `Via` and `Proxy-Status`.
pub(crate) const PSEUDONYM: &str = "nostore-edge";

/// What is forgotten by a purge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Purge {
    /// Every stored response.
    Everything,
    /// What is stored for one URL, for whomever.
    Url(StoredUrl),
}

/// The emulated CDN in front of one app.
pub struct Edge {
    pub(crate) profile: Profile,
    pub(crate) upstream: Upstream,
    pub(crate) store: Arc<Store>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) clock: Arc<dyn Clock>,
    sink: Sink,
    pub(crate) max_object_bytes: usize,
    public_authority: String,
    requests: AtomicU64,
    pub(crate) visitor_head: Duration,
    pub(crate) grace: Duration,
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
            tally: Arc::default(),
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

    /// Forgets stored responses and says how many keys they had. Copies in the making are still stored when they are
    /// complete.
    pub fn purge(&self, what: &Purge) -> usize {
        match what {
            Purge::Everything => self.store.clear(),
            Purge::Url(url) => self.store.remove_if(|key| key.is_for(&self.profile, url)),
        }
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
        closing: Closing,
    ) -> Response<EdgeBody> {
        let (mut parts, body) = request.into_parts();
        let named = nostore_proxy::authority(&parts);
        let authority = named.clone().ok().flatten().unwrap_or_else(|| self.public_authority.clone());
        // What ends here must not be part of the key either.
        nostore_proxy::remove_nominated(&mut parts.headers);
        let id = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let mut visit = Visit::new(id, self.clock.now(), &parts, authority, visitor);
        if let Err(found) = named {
            return self.refuse(visit, found);
        }
        let request = Request::from_parts(parts, body);
        if nostore_proxy::upgrade_protocol(request.headers()).is_some() {
            visit.record.why = "a switch of protocols goes past the cache".to_owned();
            let reason = Reason::past_the_cache(Forward::Bypass, "upgrade");
            return self.forward(visit, request, reason, closing).await;
        }
        match nostore_cache::lookup(&self.profile, &visit.head) {
            Lookup::Bypass(bypass) => {
                visit.because(&bypass.verdict);
                let reason = Reason::past_the_cache(bypass.forward, bypass.verdict.code());
                self.forward(visit, request, reason, closing).await
            }
            Lookup::Key(key) => self.select(visit, request, key, closing).await,
        }
    }

    async fn select(
        self: Arc<Self>,
        mut visit: Visit,
        request: Request<Incoming>,
        key: PrimaryKey,
        closing: Closing,
    ) -> Response<EdgeBody> {
        let empty = Variants::new();
        let entry = self.store.get(&key);
        let variants = entry.as_ref().map_or(&empty, |entry| &*entry.variants);
        let forward = match variants.select(&self.profile, &visit.head, visit.record.at) {
            Selection::Fresh { payload, age_secs, fresh_for_secs, verdict } => {
                visit.record.age_secs = Some(age_secs);
                visit.because(&verdict);
                return self.hit(visit, payload, age_secs, fresh_for_secs);
            }
            Selection::Stale { age_secs, verdict, .. } => {
                visit.record.age_secs = Some(age_secs);
                visit.because(&verdict);
                Forward::Stale
            }
            Selection::None { forward, verdict } => {
                visit.because(&verdict);
                forward
            }
        };
        self.forward(visit, request, Reason { forward, detail: None, key: Some(key) }, closing).await
    }

    fn refuse(&self, mut visit: Visit, found: &'static str) -> Response<EdgeBody> {
        let found = format!("expected one Host field with a host in it, found {found}");
        let page = nostore_proxy::plain_page(
            StatusCode::BAD_REQUEST,
            &found,
            "send the name and port of the site in Host",
            nostore_proxy::wants_html(&visit.fields),
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
        let not_modified = nostore_cache::not_modified(&visit.head, &http1::response_head(status, &fields));
        if let Some(edits) = not_modified {
            http1::apply(&edits, &mut fields);
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

    /// Records what the visitor gets.
    pub(crate) fn finish(&self, mut visit: Visit, response: Response<EdgeBody>) -> Response<EdgeBody> {
        visit.describe(response.status(), response.headers(), &self.upstream);
        self.deliver(visit.record);
        response
    }

    /// Counts a record and tells the sink. No rule of caching decided about a failure.
    pub(crate) fn deliver(&self, mut record: Record) {
        record.rule = record.rule.filter(|_| record.outcome != Handling::Error);
        self.tally.count(&record);
        (self.sink)(record);
    }
}
