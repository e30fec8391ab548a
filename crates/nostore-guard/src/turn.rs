//! One request through the guard: who is asking where the guard signs in, the app's answer, and what becomes of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead, Sensitivity, http1};
use nostore_proxy::{Closing, Forwarded, Peer, ProxyError, RequestBody};
use nostore_signin::{MAX_FORM_BYTES, SignIn};
use nostore_web::{
    AUTH_SENSITIVE_FIELD, Answer, Begin, Circumstances, Exchange, Finished, Forwarded as Addressed, Marks,
    Observed, Why, protect_response,
};

use crate::body::GuardBody;
use crate::config::Orders;
use crate::identity::{self, Identity, KEYS_PATH};
use crate::record::{Change, Record};
use crate::tally::Tally;
use crate::verify::{self, Asked, Takes};

/// The guard's name in `Via` and `Proxy-Status`.
const PSEUDONYM: &str = "nostore-guard";

/// How long a form of the sign-in may take to arrive.
const FORM_PATIENCE: Duration = Duration::from_secs(30);

/// One request's turn.
pub(crate) struct Turn<'a> {
    orders: &'a Orders,
    tally: &'a Tally,
    peer: Peer,
    method: Method,
    path: String,
    authority: String,
    /// What was found where the request should say which site it is for.
    astray: Option<&'static str>,
    /// How the visitor addressed the site.
    asked: Addressed,
    observed: Observed,
    wants_html: bool,
}

/// What is known of a response before it is told.
struct Told<'t> {
    change: Change,
    sensitivity: Sensitivity,
    why: &'t dyn fmt::Display,
    dropped: Vec<String>,
}

impl<'a> Turn<'a> {
    /// Begins a turn.
    pub(crate) fn new(orders: &'a Orders, tally: &'a Tally, parts: &Parts, peer: Peer) -> Self {
        let named = nostore_proxy::authority(parts);
        let (named, astray) = match named {
            Ok(named) => (named, None),
            Err(found) => (Some(String::new()), Some(found)),
        };
        let authority = named.unwrap_or_else(|| orders.upstream.origin().authority());
        let head = http1::request_head(&parts.method, &parts.uri, &parts.headers, peer.scheme, &*authority);
        let asked = orders.trusted.read(Some(peer.address.ip()), &head);
        let observed = orders.protection.observe(&head);
        let path = head.path().to_owned();
        let method = parts.method.clone();
        let wants_html = nostore_proxy::wants_html(&parts.headers);
        Self { orders, tally, peer, method, path, authority, astray, asked, observed, wants_html }
    }

    /// Returns the head of the request, as long as its parts are there.
    fn head<'p>(&'p self, parts: &'p Parts) -> RequestHead<'p> {
        let (scheme, authority) = (self.peer.scheme, &*self.authority);
        http1::request_head(&parts.method, &parts.uri, &parts.headers, scheme, authority)
    }

    fn address(&self) -> IpAddr {
        self.peer.address.ip()
    }

    /// Answers the request.
    pub(crate) async fn take(
        self,
        mut parts: Parts,
        body: Incoming,
        closing: Closing,
    ) -> Response<GuardBody> {
        if let Some(found) = self.astray {
            let found = format!("expected one Host field with a host in it, found {found}");
            let mend = "send the name and port of the site in Host";
            return self.refuse(StatusCode::BAD_REQUEST, &found, mend);
        }
        if let Some(limit_bytes) = self.orders.body_bytes.filter(|limit| announced(&parts) > *limit) {
            return self.failed(&ProxyError::TooLong { limit_bytes });
        }
        identity::remove_claims(&mut parts.headers);
        match &self.orders.identity {
            None => self.pass(parts, body, closing, None).await,
            // On the heap: what signs people in is large, and would be moved with each request where nobody signs in.
            Some(identity) => Box::pin(self.introduce(identity, parts, body, closing)).await,
        }
    }

    /// Lets the app answer once it is told who is asking, or answers in its place.
    async fn introduce(
        &self,
        identity: &Identity,
        mut parts: Parts,
        body: Incoming,
        closing: Closing,
    ) -> Response<GuardBody> {
        if verify::is_asked(&self.path) {
            return self.verify(identity, &self.head(&parts)).await;
        }
        if self.path == KEYS_PATH {
            return self.keys(identity);
        }
        let exchange = match identity.sessions().begin_from(self.head(&parts), Some(self.address())).await {
            Begin::Continue(exchange) => exchange,
            Begin::Answer(answer) => return self.answer(answer),
        };
        if let Some(sign_in) = identity.sign_in().filter(|_| SignIn::is_own_path(&self.path)) {
            return self.sign_in(sign_in, &exchange, body).await;
        }
        match identity.fields(&exchange).await {
            Ok(edits) => identity::insert(&edits, &mut parts.headers),
            Err(answer) => return self.answer(answer),
        }
        self.pass(parts, body, closing, Some(&exchange)).await
    }

    /// Lets the app answer.
    async fn pass(
        &self,
        parts: Parts,
        body: Incoming,
        closing: Closing,
        exchange: Option<&Exchange>,
    ) -> Response<GuardBody> {
        let forwarded = Forwarded {
            address: self.asked.client.unwrap_or_else(|| self.address()),
            authority: &self.asked.authority,
            scheme: self.asked.scheme,
            pseudonym: PSEUDONYM,
        };
        let body = RequestBody::from(body);
        let body = match self.orders.body_bytes {
            Some(limit) => body.at_most(limit),
            None => body,
        };
        match self.orders.upstream.send(Request::from_parts(parts, body), &forwarded).await {
            Ok(answer) => {
                if let Some(tunnel) = answer.tunnel {
                    closing.carry(tunnel);
                }
                self.answered(answer.response.map(GuardBody::App), exchange)
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Makes a response of the app's safe, or says what would.
    fn answered(
        &self,
        mut response: Response<GuardBody>,
        exchange: Option<&Exchange>,
    ) -> Response<GuardBody> {
        let answer = http1::response_head(response.status(), response.headers());
        let Finished { protected, dropped } =
            self.orders.protection.decide(&self.observed, Marks::default(), &answer);
        let read = exchange.map_or(Sensitivity::Public, Exchange::sensitivity);
        let sensitivity = protected.sensitivity.max(read);
        let why: &dyn fmt::Display = match &protected.why {
            Some(why) => why,
            None if read > Sensitivity::Public => &"the app was told who is asking",
            None => &"",
        };
        let change = match sensitivity {
            Sensitivity::Public if !dropped.is_empty() => Change::CookiesDropped,
            Sensitivity::Public if protected.edits.iter().any(is_caching) => Change::Silent,
            Sensitivity::Public => Change::None,
            Sensitivity::Personalized | Sensitivity::AuthFlow => Change::Protected,
        };
        let edits = if self.orders.report_only {
            // It is for whoever stands behind the app, and nobody else.
            vec![FieldEdit::remove(AUTH_SENSITIVE_FIELD)]
        } else {
            protected.edits
        };
        http1::apply(&edits, response.headers_mut());
        if let Some(exchange) = exchange {
            let answer = http1::response_head(response.status(), response.headers());
            let edits = exchange.sessions().finish(exchange, &answer);
            http1::apply(&edits, response.headers_mut());
        }
        self.tell(response.status(), Told { change, sensitivity, why, dropped });
        response
    }

    /// Answers at a path of the sign-in.
    async fn sign_in(
        &self,
        sign_in: &SignIn,
        exchange: &Arc<Exchange>,
        body: Incoming,
    ) -> Response<GuardBody> {
        match tokio::time::timeout(FORM_PATIENCE, Limited::new(body, MAX_FORM_BYTES).collect()).await {
            Ok(Ok(form)) => self.answer(sign_in.answer(exchange, &form.to_bytes()).await),
            Err(_) => self.refuse(
                StatusCode::REQUEST_TIMEOUT,
                "expected the form of the sign-in, found that it does not come",
                "send it again",
            ),
            Ok(Err(_)) => self.refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "expected a form of the sign-in, found a longer request, or one that was broken off",
                "send the form of the page",
            ),
        }
    }

    /// Tells another proxy whether the request that it asks about may pass.
    async fn verify(&self, identity: &Identity, head: &RequestHead<'_>) -> Response<GuardBody> {
        if !self.orders.trusted.vouch_for(Some(self.address()), head) {
            return self.refuse(
                StatusCode::FORBIDDEN,
                "expected a trusted proxy to ask whether a request may pass, found somebody else",
                "name the proxy's address with --trusted-proxy",
            );
        }
        let asked = match verify::asked(head) {
            Ok(asked) => asked,
            // A status that every proxy takes for a no.
            Err(error) => {
                return self.refuse(StatusCode::FORBIDDEN, &error.to_string(), error.hint());
            }
        };
        let Asked { method, target, takes } = asked;
        let head = RequestHead { method: method.into(), target: target.into(), ..head.clone() };
        let exchange = match identity.sessions().begin_from(head, Some(self.address())).await {
            Begin::Continue(exchange) => exchange,
            Begin::Answer(answer) => return self.answer(taken(answer, takes)),
        };
        match identity.fields(&exchange).await {
            Ok(told) => {
                let mut answer = exchange.respond(200, Identity::nobody(), "");
                answer.edits.extend(told);
                // A session that is made anew goes to the visitor by way of the proxy.
                let head = ResponseHead { status: 200, fields: Fields::new() };
                answer.edits.extend(exchange.sessions().finish(&exchange, &head));
                self.answer(answer)
            }
            Err(answer) => self.answer(taken(answer, takes)),
        }
    }

    fn keys(&self, identity: &Identity) -> Response<GuardBody> {
        let mut page = Response::new(Bytes::from(identity.keys()));
        http1::apply(&[FieldEdit::set("content-type", "application/jwk-set+json")], page.headers_mut());
        self.own(page, Change::Answered, &"")
    }

    fn answer(&self, answer: Answer) -> Response<GuardBody> {
        let body = match answer.body {
            std::borrow::Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            std::borrow::Cow::Owned(text) => Bytes::from(text),
        };
        let mut page = Response::new(body);
        *page.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let unwritable = http1::apply(&answer.edits, page.headers_mut());
        if unwritable > 0 {
            tracing::error!(unwritable, "fields that cannot be written were left out of an answer");
        }
        self.own(page, Change::Answered, &Why::Gate)
    }

    fn failed(&self, error: &ProxyError) -> Response<GuardBody> {
        let page = nostore_proxy::error_page(error, self.wants_html, PSEUDONYM);
        self.own(page, Change::Failed, error)
    }

    fn refuse(&self, status: StatusCode, found: &str, mend: &str) -> Response<GuardBody> {
        let page = nostore_proxy::plain_page(status, found, mend, self.wants_html);
        self.own(page, Change::Failed, &found)
    }

    /// Keeps a page of the guard's own out of caches, as a step of a sign-in is: it says how things stand at this moment.
    fn own(&self, mut page: Response<Bytes>, change: Change, why: &dyn fmt::Display) -> Response<GuardBody> {
        let circumstances = Circumstances {
            session_cookies: &[],
            level: Some((Sensitivity::AuthFlow, &Why::Gate)),
            credentials: false,
            netlify_vary: None,
            dev: false,
        };
        let answer = http1::response_head(page.status(), page.headers());
        let edits = protect_response(&circumstances, &answer).edits;
        http1::apply(&edits, page.headers_mut());
        let sensitivity = if change == Change::Failed { Sensitivity::Public } else { Sensitivity::AuthFlow };
        self.tell(page.status(), Told { change, sensitivity, why, dropped: Vec::new() });
        page.map(|page| GuardBody::Own(Some(page)))
    }

    fn tell(&self, status: StatusCode, told: Told<'_>) {
        let Told { change, sensitivity, why, dropped } = told;
        self.tally.count(change);
        if self.orders.quiet && change != Change::Failed {
            return;
        }
        (self.orders.sink)(Record {
            method: self.method.to_string(),
            path: self.path.clone(),
            status: status.as_u16(),
            change,
            report_only: self.orders.report_only,
            sensitivity,
            why: why.to_string(),
            dropped,
        });
    }
}

/// Makes an answer into one that the asking proxy understands. Where it would be sent stays in `Location`.
fn taken(mut answer: Answer, takes: Takes) -> Answer {
    if takes == Takes::Statuses {
        answer.status = match answer.status {
            303 | 307 | 401 => 401,
            400..=499 => 403,
            // An outage is one for the proxy, too: it lets nobody pass.
            other => other,
        };
    }
    answer
}

/// Returns how long the body is that a request announces.
fn announced(parts: &Parts) -> u64 {
    let length = parts.headers.get(http::header::CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or_default()
}

fn is_caching(edit: &FieldEdit) -> bool {
    matches!(edit, FieldEdit::Set { name, .. } if name.eq_ignore_ascii_case("cache-control"))
}
