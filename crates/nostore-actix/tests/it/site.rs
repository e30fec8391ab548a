//! The site in actix.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::ErrorImATeapot;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::web::{Bytes, PayloadConfig, Query};
use actix_web::{App, Error, HttpResponse, HttpServer, Resource, guard, web};
use nostore_actix::{
    Auth, Exchange, OptionalAuth, ProtectMiddleware, Refusal, Require, RequireAuth, SessionMiddleware,
    danger_mark_public, protect, sign_in,
};
use nostore_behaviour::{
    Adapter, Admins, Around, Body, Frames, Gate, Mark, PAGES, Page, Panic, Reader, Reply, SPECIALS, Site,
};
use nostore_session::Check;

/// actix with the middleware.
pub(crate) struct Actix;

impl Adapter for Actix {
    fn on_panic(&self) -> Panic {
        Panic::HangsUp
    }

    fn serve(&self, site: Site, around: Around) -> SocketAddr {
        let layer = SessionMiddleware::new(site.sessions.clone());
        match around {
            Around::Cookies => serve(move || {
                app(&site).wrap(ProtectMiddleware::cookies(["id"]).public("/open/*").dev(false))
            }),
            Around::Nothing => serve(move || app(&site)),
            Around::Sessions => serve(move || app(&site).wrap(layer.clone())),
            Around::SessionsTwice => serve(move || app(&site).wrap(layer.clone()).wrap(layer.clone())),
        }
    }
}

/// Serves an app in a thread of its own until the process ends.
pub(crate) fn serve<T, B>(app: impl Fn() -> App<T> + Send + Clone + 'static) -> SocketAddr
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let server = HttpServer::new(app).workers(2).disable_signals().listen(listener).unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
    address
}

pub(crate) fn app(
    site: &Site,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()>
    + use<>,
> {
    let (mut app, gate) = (App::new().app_data(PayloadConfig::new(2 << 20)), &site.gate);
    if let Some(own) = &site.sign_in {
        app = app.configure(sign_in(own));
    }
    let mut nested = web::scope("/nested");
    for page in PAGES {
        match page.path.strip_prefix("/nested") {
            Some(below) => nested = nested.service(resource(below, page, gate.clone())),
            None => app = app.service(resource(page.path, page, gate.clone())),
        }
    }
    for (method, path, special) in SPECIALS {
        let gate = gate.clone();
        let handler = move |exchange: Exchange| {
            let gate = gate.clone();
            async move { into(special.reply(exchange.0, gate).await) }
        };
        let route = if *method == "POST" { web::post() } else { web::get() };
        app = app.route(path, route.to(handler));
    }
    app.service(nested)
        .route(
            "/number",
            web::get()
                .to(|_: Auth, numbers: Query<BTreeMap<String, u32>>| async move { format!("{numbers:?}") }),
        )
        .route("/fails", web::get().to(|_: Auth| async { Err::<&str, Error>(ErrorImATeapot("tea")) }))
        .route("/erase", web::get().to(erase))
        .route("/echo", web::post().to(|body: Bytes| async { body }))
        .route("/upgrade", web::get().to(|body: web::Payload| async { upgrade(body) }))
        .route("/who/upgrade", web::get().to(|_: Auth, body: web::Payload| async { upgrade(body) }))
}

fn resource(path: &str, page: &'static Page, gate: Gate) -> Resource {
    // actix answers HEAD only where it is told to.
    let route = web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    web::resource(path).route(match page.reader {
        Reader::Admins => route.to(move |auth: Require<Admins>| {
            let gate = gate.clone();
            async move { into(page.reply(Some(&auth), &gate)) }
        }),
        Reader::Auth => route.to(move |auth: Auth| {
            let gate = gate.clone();
            async move { into(page.reply(Some(&auth), &gate)) }
        }),
        Reader::Nobody => route.to(move || {
            let gate = gate.clone();
            async move { into(page.reply(None, &gate)) }
        }),
        Reader::Optional => route.to(move |auth: OptionalAuth| {
            let gate = gate.clone();
            async move { into(page.reply(Some(&auth), &gate)) }
        }),
        Reader::Require => route.to(move |auth: RequireAuth| {
            let gate = gate.clone();
            async move { into(page.reply(Some(&auth), &gate)) }
        }),
    })
}

async fn erase(auth: Auth) -> Result<&'static str, Refusal> {
    auth.require(&Check::role("org:admin"))?;
    Ok("erased")
}

fn upgrade(body: web::Payload) -> HttpResponse {
    HttpResponse::SwitchingProtocols().upgrade("websocket").streaming(body)
}

fn into(reply: Reply) -> HttpResponse {
    let mut response = HttpResponse::new(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in reply.fields {
        response.headers_mut().append(name.parse().unwrap(), HeaderValue::from_str(&value).unwrap());
    }
    let response = match reply.body {
        Body::Bytes(bytes) => response.set_body(bytes).map_into_boxed_body(),
        Body::Frames(frames) => response.set_body(FramesBody(frames)).map_into_boxed_body(),
    };
    match reply.mark {
        Some(Mark::Lowered) => danger_mark_public(response),
        Some(Mark::Raised) => protect(response),
        None => response,
    }
}

struct FramesBody(Frames);

impl MessageBody for FramesBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(Ok))
    }
}
