//! The site as a plain tower service on hyper: no router, no extractors.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use nostore_behaviour::{
    Adapter, Admins, Around, Body, Gate, Mark, PAGES, Panic, Reader, Reply, SPECIALS, Site,
};
use nostore_signin::{MAX_FORM_BYTES, SignIn};
use nostore_tower::{ProtectLayer, Refusal, SessionLayer, danger_mark_public, exchange, protect};
use nostore_web::{Requirement as _, Why};
use tower::{Layer as _, Service, service_fn};

use super::frames::{FramesBody, echo, serve};

type PlainBody = UnsyncBoxBody<Bytes, Infallible>;

/// Plain tower with the layers.
pub(super) struct Tower;

impl Adapter for Tower {
    fn on_panic(&self) -> Panic {
        Panic::Answered
    }

    fn serve(&self, site: Site, around: Around) -> SocketAddr {
        let layer = SessionLayer::new(site.sessions);
        let (gate, sign_in) = (site.gate, site.sign_in);
        let app = service_fn(move |request: Request<Incoming>| {
            let (gate, sign_in) = (gate.clone(), sign_in.clone());
            async move {
                // Whatever panics becomes a 500 inside of the layers.
                let answered = tokio::spawn(answer(request, gate, sign_in)).await;
                Ok::<_, Infallible>(answered.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "")))
            }
        });
        match around {
            Around::Cookies => {
                on_hyper(ProtectLayer::cookies(["id"]).public("/open/*").dev(false).layer(app))
            }
            Around::Nothing => on_hyper(app),
            Around::Sessions => on_hyper(layer.layer(app)),
            Around::SessionsTwice => on_hyper(layer.layer(layer.layer(app))),
        }
    }
}

fn on_hyper<S, R>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    R: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    serve(|listener| async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection.with_upgrades());
        }
    })
}

async fn answer(mut request: Request<Incoming>, gate: Gate, sign_in: Option<SignIn>) -> Response<PlainBody> {
    if let Some(sign_in) = sign_in {
        let path = request.uri().path();
        if path.starts_with("/auth/") || path == "/admin/users" || path.starts_with("/admin/users/") {
            return own(&sign_in, &mut request).await.response::<Full<Bytes>>().map(BodyExt::boxed_unsync);
        }
    }
    let refused = |refusal: Refusal| refusal.response::<Full<Bytes>>().map(BodyExt::boxed_unsync);
    route(request, gate).await.unwrap_or_else(refused)
}

/// What a service without router does for a sign-in.
async fn own(sign_in: &SignIn, request: &mut Request<Incoming>) -> Refusal {
    let exchange = match exchange(request.extensions()) {
        Ok(exchange) => exchange,
        Err(refusal) => return refusal,
    };
    match Limited::new(request.body_mut(), MAX_FORM_BYTES).collect().await {
        Ok(body) => sign_in.answer(&exchange, &body.to_bytes()).await.into(),
        Err(_) => exchange.respond(413, Vec::new(), "").into(),
    }
}

async fn route(mut request: Request<Incoming>, gate: Gate) -> Result<Response<PlainBody>, Refusal> {
    let (path, reads) =
        (request.uri().path().to_owned(), matches!(*request.method(), Method::GET | Method::HEAD));
    let found = exchange(request.extensions());
    if let Some(page) = PAGES.iter().find(|page| page.path == path) {
        if !reads {
            return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, ""));
        }
        let auth = match page.reader {
            Reader::Admins => Some(found?.require_check(Why::here(), &Admins::check()).await?),
            Reader::Auth => Some(found?.auth(Why::here()).await?),
            Reader::Nobody => None,
            Reader::Optional => Some(found?.peek(Why::here()).await),
            Reader::Require => Some(found?.require(Why::here()).await?),
        };
        return Ok(into(page.reply(auth.as_ref(), &gate)));
    }
    if let Some((.., special)) =
        SPECIALS.iter().find(|(method, known, _)| *known == path && (*method == "GET") == reads)
    {
        return Ok(into(special.reply(found?, gate).await));
    }
    match &*path {
        "/echo" => {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok(Response::new(Full::new(body).boxed_unsync()))
        }
        "/erase" => {
            found?.auth(Why::here()).await?.require(&Admins::check())?;
            Ok(plain(StatusCode::OK, "erased"))
        }
        "/fails" => {
            found?.auth(Why::here()).await?;
            Ok(plain(StatusCode::IM_A_TEAPOT, ""))
        }
        "/number" => {
            found?.auth(Why::here()).await?;
            Ok(plain(StatusCode::BAD_REQUEST, "not a number"))
        }
        "/upgrade" => Ok(upgrade(&mut request)),
        "/who/upgrade" => {
            found?.auth(Why::here()).await?;
            Ok(upgrade(&mut request))
        }
        _ => Ok(plain(StatusCode::NOT_FOUND, "")),
    }
}

fn upgrade(request: &mut Request<Incoming>) -> Response<PlainBody> {
    echo(request);
    let mut response = plain(StatusCode::SWITCHING_PROTOCOLS, "");
    response.headers_mut().insert("connection", "upgrade".parse().unwrap());
    response.headers_mut().insert("upgrade", "websocket".parse().unwrap());
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<PlainBody> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn into(reply: Reply) -> Response<PlainBody> {
    let mut response = Response::new(match reply.body {
        Body::Bytes(bytes) => Full::new(bytes).boxed_unsync(),
        Body::Frames(frames) => FramesBody(frames).boxed_unsync(),
    });
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    for (name, value) in reply.fields {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    match reply.mark {
        Some(Mark::Lowered) => danger_mark_public(response),
        Some(Mark::Raised) => protect(response),
        None => response,
    }
}
