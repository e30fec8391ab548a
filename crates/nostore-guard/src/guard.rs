//! One request through the guard.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use nostore_message::{FieldEdit, RequestHead, Scheme, Sensitivity, http1};
use nostore_proxy::{Closing, Forwarded, ProxyError, ServeLimits, Upstream};
use nostore_web::{
    AUTH_SENSITIVE_FIELD, Circumstances, CookieProtection, Finished, Marks, TrustedProxies, Why,
    protect_response,
};
use tokio::net::TcpListener;

use crate::body::GuardBody;
use crate::config::{GuardConfig, GuardError};
use crate::record::{Change, Record, Sink};

/// The guard's name in `Via` and `Proxy-Status`.
const PSEUDONYM: &str = "nostore-guard";

/// The guard in front of one app.
pub struct Guard {
    upstream: Upstream,
    protection: CookieProtection,
    trusted: TrustedProxies,
    report_only: bool,
    visitors: ServeLimits,
    sink: Sink,
}

impl Guard {
    /// Sets up a guard. Connects to nothing and listens nowhere yet.
    ///
    /// # Errors
    ///
    /// The origin is not one, or TLS cannot be set up.
    pub fn new(config: GuardConfig) -> Result<Arc<Self>, GuardError> {
        Ok(Arc::new(Self {
            upstream: Upstream::new(&config.origin, config.limits)?,
            protection: config.protection,
            trusted: config.trusted,
            report_only: config.report_only,
            visitors: config.visitors,
            sink: config.sink,
        }))
    }

    /// Serves visitors until `shutdown` completes; what is under way then may finish for as long as
    /// [`ServeLimits::grace`] says.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let guard = Arc::clone(self);
        let handler = move |request, visitor, closing| {
            let guard = Arc::clone(&guard);
            async move { guard.handle(request, visitor, closing).await }
        };
        nostore_proxy::serve(listener, self.visitors, shutdown, handler).await;
    }

    /// Answers one request. Never fails: what goes wrong becomes a response.
    async fn handle(
        &self,
        request: Request<Incoming>,
        visitor: SocketAddr,
        closing: Closing,
    ) -> Response<GuardBody> {
        let (parts, body) = request.into_parts();
        let authority = match nostore_proxy::authority(&parts) {
            Ok(named) => named.unwrap_or_else(|| self.upstream.origin().authority()),
            Err(found) => return self.refuse(&parts, found),
        };
        let head = head(&parts, &authority).into_owned();
        let asked = self.trusted.read(Some(visitor.ip()), &head);
        let forwarded = Forwarded {
            address: asked.client.unwrap_or_else(|| visitor.ip()),
            authority: &asked.authority,
            scheme: asked.scheme,
            pseudonym: PSEUDONYM,
        };
        let fields = parts.headers.clone();
        match self.upstream.send(Request::from_parts(parts, body.into()), &forwarded).await {
            Ok(answer) => {
                if let Some(tunnel) = answer.tunnel {
                    closing.carry(tunnel);
                }
                self.answered(&head, answer.response.map(GuardBody::App))
            }
            Err(error) => self.failed(&head, &fields, &error),
        }
    }

    /// Makes a response safe, or says what would.
    fn answered(&self, head: &RequestHead<'_>, mut response: Response<GuardBody>) -> Response<GuardBody> {
        let answer = http1::response_head(response.status(), response.headers());
        let observed = self.protection.observe(head);
        let Finished { protected, dropped } = self.protection.decide(&observed, Marks::default(), &answer);
        let why = protected.why.map(|why| why.to_string()).unwrap_or_default();
        let change = match protected.sensitivity {
            Sensitivity::Public if !dropped.is_empty() => Change::CookiesDropped,
            Sensitivity::Public if protected.edits.iter().any(is_caching) => Change::Silent,
            Sensitivity::Public => Change::None,
            Sensitivity::Personalized | Sensitivity::AuthFlow => Change::Protected,
        };
        let edits = if self.report_only {
            // It is for whoever stands behind the app, and nobody else.
            vec![FieldEdit::remove(AUTH_SENSITIVE_FIELD)]
        } else {
            protected.edits
        };
        http1::apply(&edits, response.headers_mut());
        let status = response.status();
        self.tell(head, status, (change, protected.sensitivity), (why, dropped));
        response
    }

    fn failed(&self, head: &RequestHead<'_>, fields: &HeaderMap, error: &ProxyError) -> Response<GuardBody> {
        let page = nostore_proxy::error_page(error, fields, PSEUDONYM);
        self.tell(
            head,
            page.status(),
            (Change::Failed, Sensitivity::Public),
            (error.to_string(), Vec::new()),
        );
        own(page)
    }

    fn refuse(&self, parts: &Parts, found: &str) -> Response<GuardBody> {
        let found = format!("expected one Host field with a host in it, found {found}");
        let page = nostore_proxy::plain_page(
            StatusCode::BAD_REQUEST,
            &found,
            "send the name and port of the site in Host",
            &parts.headers,
        );
        let head = head(parts, "");
        self.tell(&head, page.status(), (Change::Failed, Sensitivity::Public), (found, Vec::new()));
        own(page)
    }

    fn tell(
        &self,
        head: &RequestHead<'_>,
        status: StatusCode,
        (change, sensitivity): (Change, Sensitivity),
        (why, dropped): (String, Vec<String>),
    ) {
        (self.sink)(Record {
            method: head.method.to_string(),
            path: head.path().to_owned(),
            status: status.as_u16(),
            change,
            report_only: self.report_only,
            sensitivity,
            why,
            dropped,
        });
    }
}

fn head<'a>(parts: &'a Parts, authority: &'a str) -> RequestHead<'a> {
    http1::request_head(&parts.method, &parts.uri, &parts.headers, Scheme::Http, authority)
}

/// A page of the guard's own is kept out of caches as a step of a sign-in is: it says how things stand at this moment.
fn own(mut page: Response<Bytes>) -> Response<GuardBody> {
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
    page.map(|page| GuardBody::Own(Some(page)))
}

fn is_caching(edit: &FieldEdit) -> bool {
    matches!(edit, FieldEdit::Set { name, .. } if name.eq_ignore_ascii_case("cache-control"))
}
