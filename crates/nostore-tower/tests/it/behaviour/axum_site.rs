//! The site in axum.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Query, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use http::StatusCode;
use nostore_behaviour::{
    Adapter, Admins, Around, Body, Gate, Mark, PAGES, Page, Panic, Reader, Reply, SPECIALS, Site,
};
use nostore_session::Check;
use nostore_tower::{
    Auth, Exchange, OptionalAuth, ProtectLayer, Refusal, Require, RequireAuth, SessionLayer,
    danger_mark_public, protect, sign_in,
};

use super::frames::{FramesBody, echo, serve};

/// axum with the layers.
pub(super) struct Axum;

impl Adapter for Axum {
    fn on_panic(&self) -> Panic {
        Panic::Answered
    }

    fn serve(&self, site: Site, around: Around) -> SocketAddr {
        let layer = SessionLayer::new(site.sessions.clone());
        let router = router(&site);
        serve_router(match around {
            Around::Cookies => router.layer(ProtectLayer::cookies(["id"]).public("/open/*").dev(false)),
            Around::Nothing => router,
            Around::Sessions => router.layer(layer),
            Around::SessionsTwice => router.layer(layer.clone()).layer(layer),
        })
    }
}

pub(super) fn serve_router(router: Router) -> SocketAddr {
    serve(|listener| async move { axum::serve(listener, router).await.unwrap() })
}

pub(super) fn router(site: &Site) -> Router {
    let (mut router, mut nested) = (site.sign_in.as_ref().map_or_else(Router::new, sign_in), Router::new());
    let gate = &site.gate;
    for page in PAGES {
        let route = route(page, gate.clone());
        match page.path.strip_prefix("/nested") {
            Some(below) => nested = nested.route(below, route),
            None => router = router.route(page.path, route),
        }
    }
    for (method, path, special) in SPECIALS {
        let gate = gate.clone();
        let handler = move |exchange: Exchange| async move { into(special.reply(exchange.0, gate).await) };
        router = router.route(path, if *method == "POST" { post(handler) } else { get(handler) });
    }
    router
        .nest("/nested", nested)
        .route(
            "/number",
            get(
                |_: Auth, Query(numbers): Query<BTreeMap<String, u32>>| async move { format!("{numbers:?}") },
            ),
        )
        .route("/fails", get(|_: Auth| async { Err::<(), _>(StatusCode::IM_A_TEAPOT) }))
        .route("/erase", get(erase))
        .route("/echo", post(|body: Bytes| async { body }))
        .route("/upgrade", get(upgrade))
        .route("/who/upgrade", get(|_: Auth, request: Request| upgrade(request)))
        .layer(from_fn(catch_panic))
}

fn route(page: &'static Page, gate: Gate) -> MethodRouter {
    match page.reader {
        Reader::Admins => {
            get(move |auth: Require<Admins>| async move { into(page.reply(Some(&auth), &gate)) })
        }
        Reader::Auth => get(move |auth: Auth| async move { into(page.reply(Some(&auth), &gate)) }),
        Reader::Nobody => get(move || async move { into(page.reply(None, &gate)) }),
        Reader::Optional => {
            get(move |auth: OptionalAuth| async move { into(page.reply(Some(&auth), &gate)) })
        }
        Reader::Require => get(move |auth: RequireAuth| async move { into(page.reply(Some(&auth), &gate)) }),
    }
}

async fn erase(auth: Auth) -> Result<&'static str, Refusal> {
    auth.require(&Check::role("org:admin"))?;
    Ok("erased")
}

async fn upgrade(mut request: Request) -> impl IntoResponse {
    echo(&mut request);
    (StatusCode::SWITCHING_PROTOCOLS, [("connection", "upgrade"), ("upgrade", "websocket")])
}

async fn catch_panic(request: Request, next: Next) -> Response {
    let response = tokio::spawn(next.run(request)).await;
    response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn into(reply: Reply) -> Response {
    let mut response = Response::new(match reply.body {
        Body::Bytes(bytes) => axum::body::Body::from(bytes),
        Body::Frames(frames) => axum::body::Body::new(FramesBody(frames)),
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
