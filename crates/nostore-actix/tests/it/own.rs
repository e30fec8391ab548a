//! What is actix's own: errors of a middleware, of which actix makes the response; marks on resources; the
//! other end of the connection.

use actix_web::dev::{Service as _, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpMessage as _, HttpResponse, ResponseError as _, error, test, web};
use nostore_actix::{Auth, Exchange, ProtectMiddleware, ProtectedError, Refusal, SessionMiddleware, public};
use nostore_message::Secret;
use nostore_session::{Config, Instance, PublishableKey};
use nostore_web::{Routes, Sessions, TrustedProxies};

const WHOLE: &str = "no-store, no-cache, must-revalidate, max-age=0, private";

fn sessions() -> Sessions {
    let key = PublishableKey::encode(Instance::Production, "accounts.nostore.example");
    let config = Config::new(PublishableKey::parse(&key).unwrap(), Secret::new("sk_live_hush"));
    Sessions::builder(config).platform(None).dev(false).build().unwrap()
}

fn caching(response: &HttpResponse) -> Vec<&str> {
    response.headers().get_all("cache-control").map(|value| value.to_str().unwrap()).collect()
}

async fn read_and_fail(
    request: ServiceRequest,
    _: Next<actix_web::body::BoxBody>,
) -> Result<actix_web::dev::ServiceResponse, Error> {
    let exchange = request.extensions().get::<std::sync::Arc<nostore_web::Exchange>>().cloned();
    if let Some(exchange) = exchange {
        exchange.auth(nostore_web::Why::here()).await.map_err(Refusal::from)?;
    }
    let stamped = HttpResponse::BadGateway().insert_header(("cache-control", "s-maxage=60")).finish();
    Err(error::InternalError::from_response("upstream", stamped).into())
}

#[actix_web::test]
async fn an_error_of_an_inner_middleware_is_protected_like_any_response() {
    let home = || web::get().to(|| async { "home" });
    let app =
        App::new().route("/", home()).wrap(from_fn(read_and_fail)).wrap(SessionMiddleware::new(sessions()));
    let app = test::init_service(app).await;
    let request = test::TestRequest::get().uri("/").to_request();
    let error = app.call(request).await.unwrap_err();
    let protected = error.as_error::<ProtectedError>().unwrap();
    assert_eq!(protected.status_code(), StatusCode::BAD_GATEWAY);
    assert!(protected.inner().as_error::<error::InternalError<&str>>().is_some());
    assert_eq!(format!("{error} {error:?}"), "upstream \"upstream\"");
    for _ in 0..2 {
        let response = error.error_response();
        assert_eq!(caching(&response), [WHOLE]);
        assert_eq!(response.headers().get("x-clerk-auth-status").unwrap(), "signed-out");
    }

    let app = App::new().route("/", home()).wrap(from_fn(read_and_fail));
    let app = test::init_service(app.wrap(ProtectMiddleware::cookies(["id"]).dev(false))).await;
    for (cookie, expected) in [("id=x", WHOLE), ("other=x", "s-maxage=60")] {
        let request = test::TestRequest::get().uri("/").insert_header(("cookie", cookie)).to_request();
        let error = app.call(request).await.unwrap_err();
        assert_eq!(caching(&error.error_response()), [expected], "{cookie}");
    }
}

#[actix_web::test]
async fn a_route_marked_public_keeps_its_caching() {
    let page = || async { HttpResponse::Ok().insert_header(("cache-control", "s-maxage=60")).finish() };
    let app = App::new()
        .service(web::resource("/").wrap(public()).route(web::get().to(page)))
        .route("/mine", web::get().to(page))
        .wrap(ProtectMiddleware::cookies(["id"]).dev(false));
    let app = test::init_service(app).await;
    for (target, expected) in [("/", "s-maxage=60"), ("/mine", WHOLE)] {
        let request = test::TestRequest::get().uri(target).insert_header(("cookie", "id=x")).to_request();
        let response = test::call_service(&app, request).await;
        assert_eq!(caching(response.response()), [expected], "{target}");
    }
}

#[actix_web::test]
async fn under_dev_a_page_says_why() {
    let who = |auth: Auth| async move { auth.is_signed_in().to_string() };
    let line = line!() - 1;
    let app = App::new().route("/who", web::get().to(who)).route(
        "/without",
        web::get().to(|exchange: Option<Exchange>| async move { exchange.is_none().to_string() }),
    );
    let sessions =
        Sessions::builder(sessions().config().unwrap().clone()).platform(None).dev(true).build().unwrap();
    let app = test::init_service(app.wrap(SessionMiddleware::new(sessions))).await;
    let response = test::call_service(&app, test::TestRequest::get().uri("/who").to_request()).await;
    let why = response.headers().get("nostore-why").unwrap().to_str().unwrap();
    assert_eq!(why, format!("kept from caches: the handler read who is asking at {}:{line}", file!()));
    let response = test::call_service(&app, test::TestRequest::get().uri("/without").to_request()).await;
    assert_eq!(test::read_body(response).await, "false");
}

#[actix_web::test]
async fn a_trusted_proxy_is_known_by_the_connections_other_end() {
    let proxies = TrustedProxies::none().addresses(["10.0.0.1"]).unwrap();
    let sessions = Sessions::builder(sessions().config().unwrap().clone()).platform(None).dev(false);
    let sessions = sessions.trusted_proxies(proxies).routes(Routes::new().protected("/dashboard"));
    let app = App::new().wrap(SessionMiddleware::new(sessions.build().unwrap()));
    let app = test::init_service(app).await;
    for (peer, believed) in [("10.0.0.1:9", true), ("203.0.113.66:9", false)] {
        let request = test::TestRequest::get().uri("/dashboard").peer_addr(peer.parse().unwrap());
        let request =
            request.insert_header(("host", "localhost")).insert_header(("x-forwarded-host", "shop.example"));
        let request = request.insert_header(("accept", "text/html")).to_request();
        let response = test::call_service(&app, request).await;
        let location = response.headers().get("location").unwrap().to_str().unwrap();
        assert_eq!(location.contains("shop.example"), believed, "{peer}: {location}");
    }
}
