//! The origin's answer: forwarded, streamed, and kept where the law says so.

use std::sync::Arc;

use http::header::HeaderMap;
use http::{Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use nostore_cache::{
    FIELD_SET, Forward, Hazard, Intent, Outcome, PrimaryKey, SILENT_WITH_CREDENTIALS, Storability, StorePlan,
};
use nostore_message::{ResponseHead, Scheme, UnixTime, http1};
use nostore_proxy::{Closing, Forwarded, ProxyError, ResponseBody};

use crate::Edge;
use crate::body::{Copied, EdgeBody};
use crate::edge::PSEUDONYM;
use crate::record::Handling;
use crate::store::{Copy, StoredResponse};
use crate::visit::{Reason, Visit};
use crate::{head, leak};

impl Edge {
    /// Asks the origin and passes its answer on.
    pub(crate) async fn forward(
        self: Arc<Self>,
        visit: Visit,
        request: Request<Incoming>,
        reason: Reason,
        closing: Closing,
    ) -> Response<EdgeBody> {
        let mut request = request.map(Into::into);
        http1::apply(&nostore_cache::forwarded(&self.profile, &visit.head), request.headers_mut());
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
            closing.carry(tunnel);
        }
        self.answered(visit, answer.response, reason, requested)
    }

    fn failed(&self, mut visit: Visit, error: &ProxyError) -> Response<EdgeBody> {
        visit.record.outcome = Handling::Error;
        visit.record.why = error.to_string();
        let page = nostore_proxy::error_page(error, nostore_proxy::wants_html(&visit.fields), PSEUDONYM);
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
        let noted = visit.record.nostore_why.is_some() || visit.record.auth_sensitive;
        if visit.method == Method::GET && response.status().is_success() && !noted && !is_protected(&answer) {
            self.tally.count_answer(nostore_cache::author_intent(&answer) == Intent::Uncacheable);
        }
        if let Some(key) = nostore_cache::invalidated(&self.profile, &visit.head, &answer) {
            self.store.remove(&key);
        }
        let Reason { forward, detail, key } = reason;
        visit.record.outcome = Handling::of(forward);
        let Some(key) = key else {
            return self.stream(
                visit,
                response,
                &Outcome::Forwarded { status, forward, stored: None, detail },
            );
        };
        match nostore_cache::storability(&self.profile, &visit.head, &answer, requested, received) {
            Storability::Store(plan) => self.keep(visit, response, key, forward, plan),
            Storability::Refuse(verdict) => {
                visit.because(&verdict);
                let detail = Some(verdict.code());
                self.stream(visit, response, &Outcome::Forwarded { status, forward, stored: None, detail })
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
        let tally = Arc::clone(&self.tally);
        self.finish(visit, response.map(|body| EdgeBody::Stream { body, tally }))
    }

    /// Streams an answer and stores it when it is complete.
    fn keep(
        self: Arc<Self>,
        mut visit: Visit,
        mut response: Response<ResponseBody>,
        key: PrimaryKey,
        forward: Forward,
        plan: StorePlan,
    ) -> Response<EdgeBody> {
        visit.record.rule = Some(plan.verdict.rule());
        let status = response.status();
        let mut kept = response.headers().clone();
        http1::apply(plan.edits(), &mut kept);
        let length = response.body().size_hint().lower();
        if let Some(why) = self.no_room_for(&visit, &kept, length) {
            visit.record.why = why;
            let (status, detail) = (status.as_u16(), Some("too-long"));
            let outcome = Outcome::Forwarded { status, forward, stored: None, detail };
            return self.stream(visit, response, &outcome);
        }
        let hazards = self.hazards(&visit, &response, &plan);
        let detail = Some(plan.verdict.code());
        let (code, stored) = (status.as_u16(), Some(plan.lifetime_secs));
        http1::apply(plan.visitor_edits(), response.headers_mut());
        self.dress(&mut response, &Outcome::Forwarded { status: code, forward, stored, detail });

        visit.describe(response.status(), response.headers(), &self.upstream);
        let (parts, body) = response.into_parts();
        let pending = Pending { edge: Arc::clone(&self), visit, status, kept, key, plan, hazards };
        let finish = Box::new(|copied| pending.finish(copied));
        let copy = Copy::new(Arc::clone(&self.store), self.max_object_bytes);
        Response::from_parts(parts, EdgeBody::tee(body, copy, finish))
    }

    /// Says why a response with at least `length` bytes of body cannot be kept, where that is certain at its head.
    fn no_room_for(&self, visit: &Visit, fields: &HeaderMap, length: u64) -> Option<String> {
        if length > self.max_object_bytes as u64 {
            return Some(too_long(self.max_object_bytes));
        }
        let weight = StoredResponse::weight(&visit.head, fields).saturating_add(length);
        (weight > self.store.capacity()).then(|| LARGER_THAN_STORE.to_owned())
    }

    /// Lists what is dangerous about what is to be stored. That a redirect leads to the app's own address is told as
    /// a leak, and is no danger besides.
    fn hazards(&self, visit: &Visit, response: &Response<ResponseBody>, plan: &StorePlan) -> Vec<Hazard> {
        let (fields, authority) = (response.headers(), &visit.record.authority);
        let answer = http1::response_head(response.status(), fields);
        let mut hazards = nostore_cache::hazards(&self.profile, &visit.head, &answer, plan);
        if leak::leaves_for_app(fields, Scheme::Http, authority, self.upstream.origin()) {
            hazards.retain(|hazard| !hazard.elsewhere_only);
        }
        hazards
    }

    /// Turns the origin's fields into the platform's: what it consumes goes, its marks come.
    fn dress(&self, response: &mut Response<ResponseBody>, outcome: &Outcome) {
        let answer = http1::response_head(response.status(), response.headers());
        let delivered = nostore_cache::delivered(&self.profile, &answer);
        http1::apply(&delivered, response.headers_mut());
        http1::apply(&nostore_cache::marks(&self.profile, outcome), response.headers_mut());
    }
}

const LARGER_THAN_STORE: &str = "it could be stored, but is larger than the whole store";

/// A response whose body is being copied: stored when that is complete, and recorded in any case.
struct Pending {
    edge: Arc<Edge>,
    visit: Visit,
    status: StatusCode,
    kept: HeaderMap,
    key: PrimaryKey,
    plan: StorePlan,
    hazards: Vec<Hazard>,
}

impl Pending {
    fn finish(self, copied: Copied) {
        let Self { edge, visit, status, kept, key, plan, hazards } = self;
        let mut record = visit.record;
        let stored = |body| {
            let response = StoredResponse::new(&visit.head, status, &kept, body);
            edge.store.insert(&key, &edge.profile, &visit.head, &plan, response, edge.clock.now())
        };
        record.why = match copied {
            Copied::Complete(body) => {
                if stored(body) {
                    record.outcome = Handling::Stored;
                    record.hazards = hazards;
                    plan.verdict.to_string()
                } else {
                    LARGER_THAN_STORE.to_owned()
                }
            }
            Copied::Broken(text) => {
                record.outcome = Handling::Error;
                text
            }
            Copied::NoRoom => "it could be stored, but there was no room for a copy".to_owned(),
            Copied::TooLong => too_long(edge.max_object_bytes),
            Copied::VisitorLeft => "it could be stored, but the visitor left before the end".to_owned(),
        };
        edge.deliver(record);
    }
}

/// Tells whether the fields about caching are those that nostore writes, and so not the app's own choice.
fn is_protected(answer: &ResponseHead<'_>) -> bool {
    let is = |name: &str, value: &str| answer.fields.all(name).eq([value]);
    is("cache-control", SILENT_WITH_CREDENTIALS) || FIELD_SET.iter().all(|(name, value)| is(name, value))
}

fn too_long(most: usize) -> String {
    let most = nostore_proxy::size(most as u64);
    format!("it could be stored, but its body is longer than the {most} kept of one response")
}
