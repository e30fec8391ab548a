//! Setting up, and where sign-ins lead.

use std::ffi::OsStr;

use nostore_message::{Fields, Origin, RequestHead, Scheme, Secret, Sensitivity};
use nostore_session::{Config, Instance};
use nostore_web::{Begin, Environment, Routes, Sessions, Why};

use crate::support::{Identity, alice, config, handshake_token};

fn request(authority: &'static str, cookie: &'static str) -> RequestHead<'static> {
    RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: authority.into(),
        target: "/sign-in".into(),
        fields: Fields::from_iter([("cookie", cookie)]),
    }
}

fn sessions(instance: Instance) -> Sessions {
    Sessions::builder(config(instance)).platform(None).dev(false).build().unwrap()
}

#[test]
fn the_identity_services_sign_in_page() {
    let rows = [
        (Instance::Production, "", "/orders"),
        (Instance::Production, "__clerk_db_jwt=dvb_1", "http://localhost:8080/orders?a=b"),
        (Instance::Production, "", "https://evil.example/"),
        (Instance::Production, "", "//evil.example/"),
        (Instance::Production, "", ""),
        (Instance::Development, "", "/orders"),
        (Instance::Development, "__clerk_db_jwt=dvb_1", "/orders"),
    ];
    let found = rows.map(|(instance, cookie, candidate)| {
        let url = sessions(instance).identity_sign_in_url(&request("localhost:8080", cookie), candidate);
        format!("{instance} {candidate:?}\n    {url}")
    });
    insta::assert_snapshot!(found.join("\n"));
    let nowhere = sessions(Instance::Development).identity_sign_in_url(&request("", ""), "/orders");
    assert_eq!(nowhere, "http://127.0.0.1:8081/sign-in");
}

#[test]
fn secret_keys_row_by_row() {
    let rows = [
        (Instance::Development, "sk_test_hush"),
        (Instance::Production, "sk_live_hush"),
        (Instance::Production, "hush"),
        (Instance::Production, ""),
        (Instance::Production, " \t\n"),
        (Instance::Production, "sk_live_hush\n"),
        (Instance::Production, "sk_live_h\u{fc}sh"),
        (Instance::Production, "pk_live_hush"),
        (Instance::Production, "sk_test_hush"),
        (Instance::Development, "sk_live_hush"),
    ];
    let found = rows.map(|(instance, secret)| {
        let config = Config::new(config(instance).publishable_key().clone(), Secret::new(secret));
        let built = Sessions::builder(config).platform(None).dev(false).build();
        let told = built.map_or_else(|error| format!("{}: {error}", error.code()), |_| "accepted".to_owned());
        assert!(!told.contains("hush"), "{told}");
        format!("{instance} {secret:?}\n    {told}")
    });
    insta::assert_snapshot!(found.join("\n"));
}

#[tokio::test]
async fn a_visitors_own_location_is_protected() {
    let sessions = sessions(Instance::Development);
    let Begin::Continue(exchange) = sessions.begin(request("localhost:8080", "__clerk_db_jwt=dvb_1")).await
    else {
        panic!("expected to pass")
    };
    assert!(exchange.identity_sign_in_url("/orders").contains("__clerk_db_jwt=dvb_1"));
    assert_eq!(exchange.sensitivity(), Sensitivity::AuthFlow);
    assert_eq!(exchange.safe_return_path("http://localhost:8080/orders"), "/orders");
}

#[tokio::test]
async fn the_public_url_counts_for_every_request() {
    let origin = Origin::parse("https://shop.example").unwrap();
    let builder = Sessions::builder(config(Instance::Production)).platform(None).dev(false);
    let sessions = builder.public_url(origin).routes(Routes::new().protected("/*").public("/sign-in"));
    let head = RequestHead {
        target: "/orders".into(),
        fields: Fields::from_iter([("accept", "text/html")]),
        ..request("10.0.0.7:3000", "")
    };
    let Begin::Answer(answer) = sessions.build().unwrap().begin(head).await else {
        panic!("expected an answer")
    };
    assert_eq!(answer.location(), Some("/sign-in?redirect_url=https%3A%2F%2Fshop.example%2Forders"));
}

#[test]
fn what_is_refused() {
    let refused = |sessions: nostore_web::SessionsBuilder| {
        let error = sessions.platform(None).dev(false).build().unwrap_err();
        format!("{}: {error}", error.code())
    };
    let builder = || Sessions::builder(config(Instance::Production));
    let found = [
        refused(builder().sign_in_path("sign-in")),
        refused(builder().sign_in_path("//evil.example")),
        refused(builder().sign_in_path("/sign-in?x")),
        refused(builder().sign_in_path("https://accounts.example/sign-in")),
        refused(builder().routes(Routes::new().protected("x"))),
    ];
    let found = found.join("\n");
    let shown = found.split(" at ").next().unwrap();
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn r1_3_r1_4_the_environment_is_given_or_read_once() {
    let one = |name: &'static str, value: &'static str| {
        Environment::read(move |asked| (asked == name).then(|| OsStr::new(value)))
    };
    assert_eq!(Environment::read(|_| None), Environment::default());
    for name in ["NETLIFY", "NETLIFY_DEV", "DEPLOY_PRIME_URL", "NETLIFY_FUNCTIONS_TOKEN"] {
        assert_eq!(one(name, "true").platform, Some(nostore_cache::Platform::Netlify), "{name}");
        assert_eq!(one(name, "").platform, None, "{name}");
    }
    assert_eq!(one("URL", "https://site.netlify.app").platform, Some(nostore_cache::Platform::Netlify));
    assert_eq!(one("URL", "https://evilnetlify.app").platform, None);
    assert!(one("NOSTORE_DEV", "1").dev);
    assert!(!one("NOSTORE_DEV", "0").dev);
    // What the environment says reaches the wire.
    for (name, expected) in [("NETLIFY", 1), ("VERCEL", 0), ("HOME", 0)] {
        let sessions = Sessions::builder(config(Instance::Development))
            .environment(move |asked| (asked == name).then(|| OsStr::new("1")))
            .routes(Routes::new().protected("/dashboard"));
        let head = crate::heads::request("/dashboard", &crate::heads::PAGE);
        let answer = crate::heads::answered(&sessions.build().unwrap(), head).await;
        assert_eq!(crate::heads::head_of(&answer).fields.all("netlify-vary").count(), expected, "{name}");
    }
}

/// Handlers hold these, and whoever instruments a handler prints its arguments.
#[tokio::test]
async fn what_handlers_hold_prints_no_token() {
    let identity = Identity::start().await;
    let (cookie, back) = (alice(), format!("__clerk_handshake={}", handshake_token()));
    for instance in [Instance::Development, Instance::Production] {
        let sessions = identity.sessions(instance).build().unwrap();
        for cookie in [&cookie, &back] {
            let head = crate::heads::request(
                "/?x=eyJ",
                &[crate::heads::PAGE[0], ("cookie", cookie), ("authorization", "")],
            );
            let begin = sessions.begin(head).await;
            let mut shown = format!("{begin:?}");
            if let Begin::Continue(exchange) = begin {
                shown += &format!("{exchange:?} {:?}", exchange.auth(Why::here()).await);
                assert!(shown.contains("user_alice"), "{shown}");
            }
            assert!(!shown.contains("eyJ"), "{shown}");
        }
        let expired = crate::support::cookies(&crate::support::token(-90));
        let out = crate::heads::request("/", &[crate::heads::PAGE[0], ("cookie", &expired)]);
        let exchange = crate::heads::passed(&sessions, out).await;
        let refused = format!("{:?} {exchange:?}", exchange.auth(Why::here()).await);
        assert!(refused.contains("307") && !refused.contains("eyJ"), "{refused}");
    }
}

#[test]
fn secrets_are_not_printed() {
    assert!(!format!("{:?}", sessions(Instance::Production)).contains("hush"));
}
