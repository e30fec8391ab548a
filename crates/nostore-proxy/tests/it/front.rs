//! A server that does nothing but proxy, for the tests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nostore_message::Scheme;
use nostore_proxy::{Forwarded, Limits, ResponseBody, Upstream, error_page, wants_html};

use crate::wire;

type Body = Either<ResponseBody, Full<Bytes>>;

/// Starts a proxy in front of `origin`.
pub(crate) async fn front(origin: &str, limits: Limits) -> SocketAddr {
    let upstream = Arc::new(Upstream::new(origin, limits).unwrap());
    let (listener, address) = wire::listener().await;
    tokio::spawn(async move {
        loop {
            let (stream, visitor) = listener.accept().await.unwrap();
            let upstream = Arc::clone(&upstream);
            let service = service_fn(move |request| serve(Arc::clone(&upstream), visitor, request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            tokio::spawn(connection);
        }
    });
    address
}

async fn serve(
    upstream: Arc<Upstream>,
    visitor: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let fields = request.headers().clone();
    let authority = fields.get("host").unwrap().to_str().unwrap();
    let forwarded =
        Forwarded { address: visitor.ip(), authority, scheme: Scheme::Http, pseudonym: "nostore-test" };
    match upstream.send(request.map(Into::into), &forwarded).await {
        Ok(answer) => {
            answer.tunnel.map(|tunnel| tokio::spawn(tunnel.run()));
            Ok(answer.response.map(Either::Left))
        }
        Err(error) => {
            let mut page = error_page(&error, wants_html(&fields), "nostore-test");
            page.headers_mut().insert("code", error.code().try_into().unwrap());
            Ok(page.map(|bytes| Either::Right(Full::new(bytes))))
        }
    }
}

/// Collects a body; for the tests of pages.
pub(crate) async fn text(body: Full<Bytes>) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}
