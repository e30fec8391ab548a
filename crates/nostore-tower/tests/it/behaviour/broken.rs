//! Adapters with one fault each, made of the same parts as the good one.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use http::header::HeaderName;
use nostore_behaviour::{Adapter, Around, Panic, Site};
use nostore_message::http1::{apply, request_head, response_head};
use nostore_message::{FieldEdit, Scheme};
use nostore_tower::{Refusal, protect};
use nostore_web::{Begin, Exchange, Sessions};

use super::axum_site::{Axum, router, serve_router};

/// A mistake that an adapter could make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// None: what stays green, so that red means the fault.
    None,
    /// Bodies are collected before they are sent.
    CollectsBodies,
    /// Bodies of requests do not reach the handlers.
    DropsTheBody,
    /// Lines are inserted where they should be appended.
    DropsTheSecondSetCookie,
    /// Edits reach responses from 400 on.
    EditsErrorsOnly,
    /// `finish` is never called.
    ForgetsToFinish,
    /// What should be replaced is added.
    JoinsInsteadOfReplacing,
    /// Heads without content are sent as they are.
    LeavesHeadsWithoutContent,
    /// Every response is protected.
    ProtectsEverything,
    /// Everyone shares the exchange of the first.
    SharesTheExchange,
    /// Forwarded fields are believed.
    TrustsForwarded,
}

impl Fault {
    /// Each with cases that must catch it.
    pub(super) const ALL: [(Self, &'static [&'static str]); 11] = [
        (Self::None, &[]),
        (Self::CollectsBodies, &["a stream after a read of Auth passes piece by piece, protected"]),
        (
            Self::DropsTheBody,
            &[
                "a large posted body arrives whole",
                "own: a form above 64 KiB is a 413",
                "own: a form of 64 KiB is read",
                "own: a whole sign-in ends signed in on the page that was wanted",
            ],
        ),
        (
            Self::DropsTheSecondSetCookie,
            &[
                "a handshake returns on a page that sets cookies: four lines",
                "sign-out clears every session cookie on its redirect",
            ],
        ),
        (Self::EditsErrorsOnly, &["Auth: Alice", "Auth-Sensitive: ?1 is honoured and removed"]),
        (
            Self::ForgetsToFinish,
            &[
                "Auth: Alice",
                "403 of the app",
                "own: a renewal goes with a page that nobody keeps",
                "a first read after the head was sent sees signed out and is counted",
            ],
        ),
        (Self::JoinsInsteadOfReplacing, &["Auth: every dialect is closed, none is joined"]),
        (
            Self::LeavesHeadsWithoutContent,
            &[
                "Auth: HEAD",
                "Auth: a 304 is protected and keeps its validator",
                "an upgrade after a read is protected",
            ],
        ),
        (
            Self::ProtectsEverything,
            &["a public page keeps its caching, for a stranger", "a public 304 keeps caching and validator"],
        ),
        (
            Self::SharesTheExchange,
            &[
                "visitors on one connection do not mix",
                "visitors at the same time do not mix",
                "own: RequireAuth lets a member pass",
            ],
        ),
        (Self::TrustsForwarded, &["what a client says about forwarding changes nothing"]),
    ];
}

/// axum with a layer that has this fault.
pub(super) struct Broken(pub(super) Fault);

impl Adapter for Broken {
    fn on_panic(&self) -> Panic {
        Panic::Answered
    }

    fn serve(&self, site: Site, around: Around) -> SocketAddr {
        if matches!(around, Around::Cookies | Around::Nothing) {
            return Axum.serve(site, around);
        }
        let (fault, router, sessions) = (self.0, router(&site), site.sessions);
        let first = Arc::new(OnceLock::new());
        serve_router(router.layer(from_fn(move |request: Request, next: Next| {
            answer(fault, sessions.clone(), Arc::clone(&first), request, next)
        })))
    }
}

async fn answer(
    fault: Fault,
    sessions: Sessions,
    first: Arc<OnceLock<Arc<Exchange>>>,
    mut request: Request,
    next: Next,
) -> Response {
    let fields = request.headers();
    let forwarded = fields.get("x-forwarded-host").filter(|_| fault == Fault::TrustsForwarded);
    let host = forwarded.or_else(|| fields.get("host")).unwrap().to_str().unwrap();
    let head = request_head(request.method(), request.uri(), fields, Scheme::Http, host);
    let exchange = match sessions.begin(head).await {
        Begin::Answer(answer) => return Refusal::from(answer).into_response(),
        Begin::Continue(exchange) => exchange,
    };
    let exchange = if fault == Fault::SharesTheExchange { first.get_or_init(|| exchange) } else { &exchange };
    if fault == Fault::DropsTheBody {
        *request.body_mut() = Body::empty();
    }
    let empty = request.method() == http::Method::HEAD;
    request.extensions_mut().insert(Arc::clone(exchange));
    let mut response = next.run(request).await;
    if fault == Fault::CollectsBodies {
        let (parts, body) = response.into_parts();
        response = Response::from_parts(parts, Body::from(to_bytes(body, usize::MAX).await.unwrap()));
    }
    let without_content = empty || matches!(response.status().as_u16(), 101 | 204 | 304);
    if fault == Fault::ForgetsToFinish || fault == Fault::LeavesHeadsWithoutContent && without_content {
        return response;
    }
    let edits = sessions.finish(exchange, &response_head(response.status(), response.headers()));
    let errors = response.status().as_u16() >= 400;
    match fault {
        Fault::EditsErrorsOnly if !errors => {}
        Fault::ProtectsEverything => {
            apply(&edits, response.headers_mut());
            response = protect(response);
        }
        _ => edits.iter().for_each(|edit| write(fault, edit, &mut response)),
    }
    response
}

fn write(fault: Fault, edit: &FieldEdit, response: &mut Response) {
    match edit {
        FieldEdit::Append { name, value } if fault == Fault::DropsTheSecondSetCookie => {
            response
                .headers_mut()
                .insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        FieldEdit::Set { name, value } if fault == Fault::JoinsInsteadOfReplacing => {
            response
                .headers_mut()
                .append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        _ => {
            apply(std::slice::from_ref(edit), response.headers_mut());
        }
    }
}
