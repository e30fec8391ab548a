//! A gRPC service of tonic behind the layer, asked by tonic's client: trailers pass, and a call is no page.

use std::convert::Infallible;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use nostore_session::Instance;
use nostore_tower::{SessionLayer, SessionService, exchange};
use nostore_web::{Routes, Why};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::support::{FIELD_SET, alice, sessions};

/// Messages that are text.
#[derive(Clone, Copy, Debug)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| Status::internal("not text"))
    }
}

async fn greet(request: tonic::Request<String>) -> Result<tonic::Response<String>, Status> {
    let exchange = exchange(request.extensions()).map_err(|_| Status::internal("no layer"))?;
    let auth = exchange.require(Why::here()).await;
    let auth = auth.map_err(|_| Status::unauthenticated("sign in first"))?;
    let greeting = format!("{} {}", request.get_ref(), auth.email().unwrap_or_default());
    Ok(tonic::Response::new(greeting))
}

/// `/shop.Orders/Greet` asks in the handler, `/shop.Admin/Greet` is behind a rule.
async fn service() -> SessionService<
    impl Service<Request<Body>, Response = http::Response<Body>, Error = Infallible, Future: Send> + Clone + use<>,
> {
    let routes = Routes::new().protected("/shop.Admin/*");
    let sessions = sessions(Instance::Production).await.routes(routes).build().unwrap();
    SessionLayer::new(sessions).layer(service_fn(|request: Request<Body>| async {
        Ok(tonic::server::Grpc::new(Text).unary(service_fn(greet), request).await)
    }))
}

fn bearer() -> String {
    format!("Bearer {}", alice(0).rsplit_once('=').unwrap().1)
}

#[tokio::test]
async fn calls_of_a_signed_in_client_pass_and_others_are_unauthenticated() {
    let origin = "http://shop.example".parse().unwrap();
    let mut client = tonic::client::Grpc::with_origin(service().await, origin);
    for path in ["/shop.Orders/Greet", "/shop.Admin/Greet"] {
        for token in [Some(bearer()), None, Some("Bearer x".to_owned())] {
            let mut request = tonic::Request::new("hello".to_owned());
            if let Some(token) = &token {
                request.metadata_mut().insert("authorization", token.parse().unwrap());
            }
            client.ready().await.unwrap();
            let answer = client.unary(request, PathAndQuery::from_static(path), Text).await;
            let metadata = match answer {
                Ok(response) => {
                    assert_eq!(token, Some(bearer()), "{path}");
                    assert_eq!(response.get_ref(), "hello alice@example.com", "{path}");
                    response.metadata().clone()
                }
                Err(status) => {
                    assert_ne!(token, Some(bearer()), "{path}: {status}");
                    assert_eq!(status.code(), Code::Unauthenticated, "{path}: {status}");
                    status.metadata().clone()
                }
            };
            for (name, value) in FIELD_SET {
                assert_eq!(
                    metadata.get(name).map(|found| found.to_str().unwrap()),
                    Some(value),
                    "{path} {name}"
                );
            }
        }
    }
}

#[tokio::test]
async fn trailers_come_last_and_a_rule_never_redirects_a_call() {
    let call = |path: &str, token: &str| {
        let message = Full::new(Bytes::from_static(b"\0\0\0\0\x05hello"));
        let request = Request::post(format!("http://shop.example{path}")).header("te", "trailers");
        let request = request.header("content-type", "application/grpc").header("authorization", token);
        request.body(Body::new(message)).unwrap()
    };
    let response = service().await.oneshot(call("/shop.Orders/Greet", &bearer())).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let message = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&message[..], b"\0\0\0\0\x17hello alice@example.com");
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert!(body.frame().await.is_none());

    // What is said in place of a page, although the client would take one.
    let mut request = call("/shop.Admin/Greet", "Bearer x");
    request.headers_mut().insert("accept", "text/html".parse().unwrap());
    let response = service().await.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(!response.headers().contains_key("location"));
    assert_eq!(
        (&response.headers()["grpc-status"], &response.headers()["content-type"]),
        (&"16".parse().unwrap(), &"application/grpc".parse().unwrap())
    );
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}
