//! [`SessionLayer`] around an axum app.

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{Request, StatusCode};
use nostore_cache::Platform;
use nostore_session::Instance;
use nostore_tower::{Auth, Exchange, OptionalAuth, RequireAuth, SessionLayer, danger_mark_public, protect};
use nostore_web::{Routes, Sessions, SignOut};

use crate::support::{alice, handshake, page, send, sessions};

const STAMP: [(&str, &str); 2] =
    [("cache-control", "public, s-maxage=60"), ("netlify-cdn-cache-control", "public, max-age=60")];

async fn who(auth: Auth) -> impl IntoResponse {
    (STAMP, auth.email().unwrap_or("nobody").to_owned())
}

async fn sign_out(exchange: Exchange) -> impl IntoResponse {
    assert_eq!(exchange.sign_out().await, SignOut::Revoked);
    Redirect::to("/")
}

fn app(sessions: &Sessions) -> Router {
    let below = Router::new().route("/who", get(who)).route("/public", get(|| async { (STAMP, "same") }));
    Router::new()
        .route("/", get(|| async { (STAMP, "the same for everyone") }))
        .route("/who", get(who))
        .route("/maybe", get(|auth: OptionalAuth| async move { (STAMP, auth.is_signed_in().to_string()) }))
        .route("/mine", get(|auth: RequireAuth| async move { (STAMP, auth.user_id().unwrap().to_owned()) }))
        .route("/dashboard", get(|| async { (STAMP, "rows") }))
        .route("/error", get(|_: Auth| async { (StatusCode::INTERNAL_SERVER_ERROR, STAMP, "broken") }))
        .route("/forbidden", get(|| async { (StatusCode::FORBIDDEN, STAMP, "no") }))
        .route("/unauthorized", get(|| async { (StatusCode::UNAUTHORIZED, STAMP, "no") }))
        .route("/one", get(|| async { protect((STAMP, "yours").into_response()) }))
        .route("/lowered", get(|_: Auth| async { danger_mark_public((STAMP, "same").into_response()) }))
        .route("/handle", get(|_: Exchange| async { (STAMP, "same") }))
        .route("/sign-out", post(sign_out))
        .nest("/below", below)
        .layer(SessionLayer::new(sessions.clone()))
}

#[tokio::test]
async fn r3_4_whatever_depends_on_a_session_is_protected_whatever_the_app_stamped() {
    let sessions = sessions(Instance::Production).await;
    let app = app(&sessions.routes(Routes::new().protected("/dashboard")).build().unwrap());
    let (fresh, expired) = (alice(0), alice(-90));
    // target, cookie, status, body
    let rows = [
        ("/who", "", 200, "nobody"),
        ("/who", &fresh, 200, "alice@example.com"),
        ("/who", &expired, 307, ""),
        ("/maybe", &expired, 200, "false"),
        ("/maybe", &fresh, 200, "true"),
        ("/mine", "", 307, ""),
        ("/mine", &fresh, 200, "user_alice"),
        ("/mine", &expired, 307, ""),
        ("/dashboard", "", 307, ""),
        ("/dashboard", &fresh, 200, "rows"),
        ("/dashboard", &expired, 307, ""),
        ("/error", &fresh, 500, "broken"),
        ("/forbidden", "", 403, "no"),
        ("/unauthorized", "", 401, "no"),
        ("/below/who", &fresh, 200, "alice@example.com"),
        ("/one", "", 200, "yours"),
    ];
    for (target, cookie, status, body) in rows {
        let seen = send(&app, page(target, cookie)).await;
        assert_eq!((seen.status.as_u16(), &*seen.body), (status, body), "{target} {cookie}");
        assert!(seen.is_protected(), "{target} {cookie}: {:#?}", seen.fields);
    }
    let fetch = Request::get("/mine").body(Body::empty()).unwrap();
    let seen = send(&app, fetch).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert!(seen.is_protected());
}

#[tokio::test]
async fn r0_4_whatever_does_not_keeps_its_caching() {
    let app = app(&sessions(Instance::Production).await.build().unwrap());
    let (fresh, expired) = (alice(0), alice(-90));
    for cookie in ["", &fresh, &expired] {
        for target in ["/", "/below/public", "/lowered", "/handle"] {
            if target == "/lowered" && cookie == expired {
                continue;
            }
            let seen = send(&app, page(target, cookie)).await;
            assert_eq!(seen.all("cache-control"), ["public, s-maxage=60"], "{target}");
            assert_eq!(seen.all("netlify-cdn-cache-control"), ["public, max-age=60"], "{target}");
            assert!(!seen.fields.contains_key("vary") && !seen.fields.contains_key("pragma"), "{target}");
        }
    }
}

#[tokio::test]
async fn r3_5_protect_all_covers_404_and_every_page() {
    let app = app(&sessions(Instance::Production).await.protect_all(true).build().unwrap());
    for (target, status) in
        [("/", 200), ("/missing", 404), ("/sign-out", 405), ("/forbidden", 403), ("/below/public", 200)]
    {
        let seen = send(&app, page(target, "")).await;
        assert_eq!(seen.status.as_u16(), status, "{target}");
        assert!(seen.is_protected(), "{target}");
    }
}

#[tokio::test]
async fn r3_6_one_response_without_any_layer() {
    let app: Router = Router::new().route("/", get(|| async { protect((STAMP, "yours").into_response()) }));
    assert!(send(&app, page("/", "")).await.is_protected());
    assert!(protect(protect(Response::new(Body::empty()))).headers().get_all("vary").iter().count() == 1);
}

#[tokio::test]
async fn r1_2_r1_5_r1_6_r1_7_r1_8_r1_11_netlify_vary_on_the_wire() {
    let returned = format!("/?x=1&__clerk_handshake={}", handshake());
    for (instance, platform, option, expected) in [
        (Instance::Development, Some(Platform::Netlify), false, true),
        (Instance::Development, None, true, false),
        (Instance::Development, Some(Platform::Amplify), true, false),
        (Instance::Production, Some(Platform::Netlify), false, false),
        (Instance::Production, Some(Platform::Netlify), true, true),
    ] {
        let row = format!("{instance} {platform:?} {option}");
        let builder = sessions(instance).await.platform(platform).netlify_vary_in_production(option);
        let sessions = builder.routes(Routes::new().protected("/dashboard")).build().unwrap();
        // Two layers, one inside the other: what is set twice is there once.
        for app in [app(&sessions), app(&sessions).layer(SessionLayer::new(sessions.clone()))] {
            let (fresh, expired) = (alice(0), alice(-90));
            let mut seen = vec![
                send(&app, page("/dashboard", &expired)).await,
                send(&app, page("/dashboard", "__clerk_db_jwt=dvb_1")).await,
                send(&app, page("/who", &expired)).await,
                send(&app, page("/who", &fresh)).await,
                send(&app, page("/one", "")).await,
                send(&app, page("/unauthorized", "")).await,
            ];
            if instance == Instance::Development {
                seen.push(send(&app, page(&returned, "")).await);
                assert_eq!(
                    seen.last().unwrap().field("location"),
                    Some("http://localhost:8080/?x=1"),
                    "{row}"
                );
            }
            for seen in &seen {
                let lines = seen.all("netlify-vary");
                assert_eq!(lines.len(), usize::from(expected), "{row}: {lines:?}");
                assert!(
                    lines.iter().all(|line| line.starts_with("cookie=") && line.contains("__client|")),
                    "{row}"
                );
                assert!(lines.iter().all(|line| line.contains("|__session|")), "{row}: {lines:?}");
                assert_eq!(seen.fields.get_all("vary").iter().count(), 1, "{row}");
            }
            assert_eq!(
                send(&app, page("/", &fresh)).await.all("netlify-vary"),
                <[&str; 0]>::default(),
                "{row}"
            );
        }
    }
}

#[tokio::test]
async fn a_live_handshake_sets_its_cookies_on_the_page_itself() {
    let app = app(&sessions(Instance::Production).await.build().unwrap());
    let seen = send(&app, page("/", &format!("__clerk_handshake={}", handshake()))).await;
    assert_eq!((seen.status, &*seen.body), (StatusCode::OK, "the same for everyone"));
    assert!(seen.is_protected());
    let names: Vec<&str> =
        seen.all("set-cookie").iter().map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["__client_uat", "__session"]);
}

#[tokio::test]
async fn a_forged_handshake_is_an_error_page_that_nobody_stores() {
    let app = app(&sessions(Instance::Development).await.build().unwrap());
    let seen = send(&app, page(&format!("/?__clerk_handshake={}x", handshake()), "")).await;
    assert_eq!(seen.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(seen.field("content-type"), Some("text/plain; charset=utf-8"));
    assert!(seen.is_protected() && !seen.body.is_empty());
}

#[tokio::test]
async fn sign_out_clears_on_a_redirect() {
    let app = app(&sessions(Instance::Production).await.build().unwrap());
    let request =
        Request::post("/sign-out").header("cookie", alice(-90).replace("__client_uat=", "__client_uat=1;x="));
    let seen = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(seen.status, StatusCode::SEE_OTHER);
    assert!(seen.is_protected());
    assert!(seen.all("set-cookie").iter().any(|line| line.starts_with("__session=;")));
}

#[tokio::test]
async fn an_extractor_without_the_layer_fails_closed_and_says_so() {
    let app: Router = Router::new()
        .route("/who", get(who))
        .route("/maybe", get(|auth: OptionalAuth| async move { auth.is_signed_in().to_string() }))
        .route("/mine", get(|_: RequireAuth| async { "mine" }))
        .route("/without", get(|exchange: Option<Exchange>| async move { exchange.is_none().to_string() }));
    for target in ["/who", "/maybe", "/mine"] {
        let seen = send(&app, page(target, &alice(0))).await;
        assert_eq!(seen.status, StatusCode::INTERNAL_SERVER_ERROR, "{target}");
        assert!(seen.body.contains("SessionLayer is missing"), "{target}: {}", seen.body);
        assert!(seen.is_protected(), "{target}");
    }
    assert_eq!(send(&app, page("/without", "")).await.body, "true");
}

#[tokio::test]
async fn under_dev_a_page_says_why() {
    let app = app(&sessions(Instance::Production).await.dev(true).build().unwrap());
    let line = include_str!("session.rs").lines().position(|line| line.contains("auth.email()")).unwrap() + 1;
    let seen = send(&app, page("/who", &alice(0))).await;
    let expected = format!("lost its caching: the handler read who is asking at {}:{line}", file!());
    assert_eq!(seen.field("nostore-why"), Some(&*expected));
    assert_eq!(
        send(&app, page("/error", &alice(0))).await.field("nostore-why"),
        Some("lost its caching: the handler takes `Auth`")
    );
    assert_eq!(send(&app, page("/", &alice(0))).await.field("nostore-why"), None);
}
