//! The gate: what happens before the app sees a request, and to the head of its response.
//!
//! Before, in this order:
//!
//! 1. a handshake return (nonce or token) is resolved, on any URL;
//! 2. where the site keeps its sessions by itself, a request of another site's page that would change something in the
//!    visitor's name is refused (403);
//! 3. a rule that protects the path lets only signed-in visitors pass, or only those with a role;
//! 4. with `eager`, a page navigation finds out who is asking, unless a rule makes the path public;
//! 5. everything else passes, and nothing has been decided.
//!
//! # Invariants
//!
//! - Where nobody has to be asked, nothing is boxed and nothing awaits ([`Start::Ready`]).
//! - An [`Answer`] holds the whole field set; a response without a verdict does not exist.
//!
//! # Not covered
//!
//! What is sent without passing through [`Sessions::finish`].

use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use nostore_cache::author_intent;
use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead, Sensitivity, apply};
use nostore_session::Check;

use crate::routes::Access;
use crate::{Answer, Circumstances, Exchange, Marks, Refused, Sessions, Why, protect_response};

/// What to do with a request.
#[derive(Debug)]
pub enum Begin {
    /// Send this; the app does not see the request.
    Answer(Answer),
    /// Hand the request to the app, with the exchange for its extractors.
    Continue(Arc<Exchange>),
}

/// The gate while it asks the identity service.
pub type BeginFuture = Pin<Box<dyn Future<Output = Begin> + Send>>;

/// What to do with a request, or the wait for it.
#[must_use]
pub enum Start {
    /// It is known.
    Ready(Begin),
    /// The identity service is asked first.
    Pending(BeginFuture),
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(begin) => f.debug_tuple("Ready").field(begin).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// Why a request cannot simply pass.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Purpose {
    /// Finding out is all that is wanted.
    Know,
    /// Only signed-in visitors pass, and machines where their tokens are accepted; with checks, only visitors who have
    /// everything that is asked.
    Require(Vec<Arc<Check>>),
}

impl Sessions {
    /// Begins a request from an unknown peer: as [`Self::start_from`] with `None`.
    pub fn start(&self, head: RequestHead<'_>) -> Start {
        self.start_from(head, None)
    }

    /// Begins a request. `head` needs method, target and fields; scheme and authority as the request
    /// names them, unless the site has told its public URL. `peer` is the other end of the connection,
    /// which the trusted proxies are told by.
    pub fn start_from(&self, head: RequestHead<'_>, peer: Option<IpAddr>) -> Start {
        let (head, client) = self.addressed(head, peer);
        let exchange = Arc::new(Exchange::new(self.clone(), head, client));
        if let Some(answer) = self.refuse_forgery(&exchange) {
            return Start::Ready(Begin::Answer(answer));
        }
        let Some(purpose) = self.purpose(&exchange) else { return Start::Ready(Begin::Continue(exchange)) };
        if exchange.decide_now() {
            return Start::Ready(pass(&exchange, &purpose));
        }
        Start::Pending(Box::pin(async move {
            exchange.decide().await;
            pass(&exchange, &purpose)
        }))
    }

    /// Begins a request, waiting for the identity service where it must be asked.
    pub async fn begin(&self, head: RequestHead<'_>) -> Begin {
        self.begin_from(head, None).await
    }

    /// As [`Self::begin`], with the other end of the connection.
    pub async fn begin_from(&self, head: RequestHead<'_>, peer: Option<IpAddr>) -> Begin {
        match self.start_from(head, peer) {
            Start::Ready(begin) => begin,
            Start::Pending(future) => future.await,
        }
    }

    /// Commits the level of an exchange with the head of its response and returns what to change in it,
    /// in order. A first read of who is asking after this sees signed out.
    #[must_use]
    pub fn finish(&self, exchange: &Exchange, response: &ResponseHead<'_>) -> Vec<FieldEdit> {
        self.finish_marked(exchange, Marks::default(), response)
    }

    /// As [`Self::finish`], with what the handler said about the response beside its fields.
    #[must_use]
    pub fn finish_marked(
        &self,
        exchange: &Exchange,
        marks: Marks,
        response: &ResponseHead<'_>,
    ) -> Vec<FieldEdit> {
        if marks.lowered {
            exchange.danger_mark_public();
        }
        if marks.raised {
            exchange.note(Sensitivity::AuthFlow, Why::ResponseProtected);
        }
        if self.0.protect_all {
            exchange.note(Sensitivity::Personalized, Why::ProtectAll);
        }
        let (level, mut edits) = exchange.commit();
        if level.is_some() {
            edits.extend(exchange.renew(author_intent(response)));
            let mut changed = response.clone();
            apply(&edits, &mut changed.fields);
            edits.extend(exchange.count_answer(&changed));
        }
        let mut changed = response.clone();
        apply(&edits, &mut changed.fields);
        let circumstances = Circumstances {
            session_cookies: &self.0.session_cookies,
            level: level.as_ref().map(|(level, why)| (*level, why)),
            credentials: self.carries_credentials(exchange.head()),
            netlify_vary: self.0.netlify_vary.as_ref(),
            dev: self.0.dev,
        };
        edits.extend(protect_response(&circumstances, &changed).edits);
        edits
    }

    /// Makes an answer that no shared cache stores.
    pub(crate) fn answer(&self, status: u16, mut edits: Vec<FieldEdit>, body: Cow<'static, str>) -> Answer {
        let typed = edits.iter().any(
            |edit| matches!(edit, FieldEdit::Set { name, .. } if name.eq_ignore_ascii_case("content-type")),
        );
        if !body.is_empty() && !typed {
            edits.push(FieldEdit::set("content-type", "text/plain; charset=utf-8"));
        }
        let mut head = ResponseHead { status, fields: Fields::new() };
        apply(&edits, &mut head.fields);
        let circumstances = Circumstances {
            session_cookies: &self.0.session_cookies,
            level: Some((Sensitivity::AuthFlow, &Why::Gate)),
            credentials: false,
            netlify_vary: self.0.netlify_vary.as_ref(),
            dev: self.0.dev,
        };
        edits.extend(protect_response(&circumstances, &head).edits);
        Answer { status, edits, body }
    }

    fn purpose(&self, exchange: &Exchange) -> Option<Purpose> {
        let head = exchange.head();
        let rule = self.0.routes.rule_for(head.path());
        if let Some(rule) = rule.filter(|rule| rule.access() != Access::Public) {
            let why = Why::RouteRule(rule.pattern().to_owned(), rule.line());
            exchange.note(Sensitivity::Personalized, why);
            if rule.access() == Access::Protected {
                return Some(Purpose::Require(self.0.routes.checks_for(head.path())));
            }
        }
        let unruled_page = rule.is_none() && exchange.is_navigation();
        self.0.source.must_know(head, unruled_page).then_some(Purpose::Know)
    }

    /// Refuses what another site's page has a visitor's browser do here, where its own cookies would vouch for it.
    fn refuse_forgery(&self, exchange: &Exchange) -> Option<Answer> {
        let head = exchange.head();
        if !self.0.source.is_forged(head) || !self.carries_credentials(head) {
            return None;
        }
        self.0.source.tell_refused(exchange.visit(), Refused::Forged);
        let text =
            "403: this form was sent from a page of another site. Open the page here, and send it again.\n";
        Some(exchange.answer(403, Vec::new(), text))
    }

    /// Tells whether a request carries a session cookie or `Authorization`.
    #[must_use]
    pub fn carries_credentials(&self, head: &RequestHead<'_>) -> bool {
        let cookies = head.cookies();
        head.fields.contains("authorization")
            || self.0.session_cookies.iter().any(|name| cookies.contains(name))
    }
}

/// What the decision, which has been made, means for a request.
fn pass(exchange: &Arc<Exchange>, purpose: &Purpose) -> Begin {
    let granted = exchange.settle().and_then(|auth| match purpose {
        Purpose::Require(_) if !auth.is_anybody() => Err(exchange.refuse_signed_out()),
        Purpose::Require(checks) => checks.iter().try_for_each(|check| auth.grant(check)),
        Purpose::Know => Ok(()),
    });
    match granted {
        Ok(()) => Begin::Continue(Arc::clone(exchange)),
        Err(answer) => Begin::Answer(answer),
    }
}
