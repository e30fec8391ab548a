//! What an operator tells a running edge, on a port of its own: `POST /purge`, with `?url=…` for one URL.
//!
//! It is not on the port that visitors use: there every path and every method belongs to the app.
//!
//! # Invariants
//!
//! - No page of a browser is obeyed. User agents say in `Origin` or `Sec-Fetch-Site` that a page asks, and in `Host`
//!   which name led it here: a request with either of the first two, or with a name that is not loopback's (DNS
//!   rebinding), is refused.
//! - Nothing of a request's body is read.
//!
//! # Not covered
//!
//! Any secret: whoever may open connections to the address may purge. So it has to be a loopback address, which
//! [`Edge::serve_control`] leaves to its caller.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nostore_cache::StoredUrl;
use nostore_message::Origin;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::{Edge, Purge};

/// How many operators are listened to at a time.
const MOST: usize = 16;

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);

/// How long accepting pauses after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Edge {
    /// Obeys operators until `shutdown` completes. `listener` has to be on a loopback address.
    pub async fn serve_control(self: &Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept(), if connections.len() < MOST => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(Arc::clone(self).operator(stream))),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        connections.shutdown().await;
    }

    async fn operator(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request| {
            let answer = self.obey(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        // One request a connection. An operator that breaks off has its own reasons.
        let _broken_off = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(ARRIVAL)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    fn obey(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !is_operator(request.headers()) {
            let text = "expected a request of a program on this machine, such as `nostore edge purge`, found one of a page";
            return answer(StatusCode::FORBIDDEN, text);
        }
        if request.uri().path() != "/purge" {
            return answer(StatusCode::NOT_FOUND, "expected /purge");
        }
        if request.method() != Method::POST {
            let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, "expected POST");
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return refusal;
        }
        match meant(request.uri().query().unwrap_or_default()) {
            Ok(purge) => answer(StatusCode::OK, &format!("purged {}", self.purge(&purge))),
            Err(text) => answer(StatusCode::BAD_REQUEST, text),
        }
    }
}

/// Reads what is to be forgotten. A parameter that nobody knows is refused: it might have meant less than everything.
fn meant(query: &str) -> Result<Purge, &'static str> {
    let mut purge = Purge::Everything;
    for (index, (name, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
        if index > 0 || name != "url" {
            return Err("expected one url, or no parameter");
        }
        let url = StoredUrl::parse(&value).ok_or("expected a URL, or a path that begins with /, as url")?;
        purge = Purge::Url(url);
    }
    Ok(purge)
}

/// Tells whether a request comes from a program on this machine and not from a page.
fn is_operator(fields: &HeaderMap) -> bool {
    let of_page = fields.contains_key(header::ORIGIN) || fields.contains_key("sec-fetch-site");
    let mut hosts = fields.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let origin = host.to_str().ok().and_then(|host| Origin::parse(&format!("http://{host}")).ok());
    let is_loopback = |host: &str| {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    !of_page && origin.is_some_and(|origin| is_loopback(origin.host()))
}

fn answer(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(format!("{text}\n")));
    *answer.status_mut() = status;
    let fields = answer.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
