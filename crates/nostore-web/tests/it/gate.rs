//! What the gate answers, and what happens to the heads that pass.

use std::fmt::Write as _;

use nostore_cache::{FIELD_SET, Platform};
use nostore_message::{RequestHead, Sensitivity};
use nostore_session::Instance;
use nostore_web::{Begin, Start, Why};

use crate::heads::{
    EXPECTED, PAGE, answered, assert_field_set, finished, guarded, head_of, passed, request, response,
};
use crate::support::{Identity, alice, cookies, handshake_token, token};

#[test]
fn r3_4_the_field_set_is_the_written_one() {
    assert_eq!(FIELD_SET, EXPECTED);
}

/// Every way to be answered, as one table: status, where to, what else.
#[tokio::test]
async fn r3_4_answers_row_by_row() {
    let identity = Identity::start().await;
    let live = identity.sessions(Instance::Production).routes(guarded()).build().unwrap();
    let test = identity.sessions(Instance::Development).routes(guarded()).build().unwrap();
    let (fresh, expired) = (cookies(&token(-30)), cookies(&token(-90)));
    let returned = format!("/?x=1&__clerk_handshake={}", handshake_token());
    let forged = format!("/?__clerk_handshake={}x", handshake_token());
    let back = format!("__clerk_handshake={}", handshake_token());
    let looped = format!("{expired}; __clerk_redirect_count=3");
    let rows = [
        ("test, no cookie", &test, request("/dashboard", &PAGE)),
        (
            "test, signed out",
            &test,
            request("/dashboard?q=1", &[PAGE[0], ("cookie", "__clerk_db_jwt=dvb_1")]),
        ),
        ("test, expired", &test, request("/dashboard", &[PAGE[0], ("cookie", &expired)])),
        ("test, returned", &test, request(&returned, &PAGE)),
        ("test, forged return", &test, request(&forged, &PAGE)),
        ("live, no cookie", &live, request("/dashboard", &PAGE)),
        ("live, no cookie, below", &live, request("/admin/users", &PAGE)),
        (
            "live, fetch",
            &live,
            request("/dashboard", &[("sec-fetch-dest", "empty"), ("accept", "text/html")]),
        ),
        ("live, API client", &live, request("/dashboard", &[("accept", "application/json")])),
        ("live, frame", &live, request("/dashboard", &[("sec-fetch-dest", "iframe")])),
        ("live, POST", &live, RequestHead { method: "POST".into(), ..request("/dashboard", &PAGE) }),
        ("live, HEAD", &live, RequestHead { method: "HEAD".into(), ..request("/dashboard", &PAGE) }),
        ("live, expired", &live, request("/dashboard", &[PAGE[0], ("cookie", &expired)])),
        ("live, expired, fetch", &live, request("/dashboard", &[("cookie", &expired)])),
        ("live, loop", &live, request("/dashboard", &[PAGE[0], ("cookie", &looped)])),
        ("live, signed in", &live, request("/dashboard", &[PAGE[0], ("cookie", &fresh)])),
        ("live, returned", &live, request("/dashboard", &[PAGE[0], ("cookie", &back)])),
        ("live, public page", &live, request("/", &PAGE)),
        ("live, hidden path", &live, request("//dashboard", &PAGE)),
    ];
    let mut table = String::new();
    for (name, sessions, head) in rows {
        match sessions.begin(head).await {
            Begin::Continue(exchange) => {
                writeln!(table, "{name}: passes, {}", exchange.sensitivity().code()).unwrap();
            }
            Begin::Answer(answer) => {
                let head = head_of(&answer);
                assert_field_set(&head.fields);
                writeln!(table, "{name}: {} {}", answer.status, answer.body.lines().next().unwrap_or(""))
                    .unwrap();
                for line in &head.fields {
                    if !EXPECTED.iter().any(|(name, _)| line.name.eq_ignore_ascii_case(name)) {
                        writeln!(table, "    {}: {}", line.name, without_tokens(&line.value)).unwrap();
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// Signatures differ from run to run, because the key does.
fn without_tokens(value: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in value.split_inclusive(['=', '&', ';']) {
        let token = word.starts_with("eyJ");
        words.push(if token {
            format!(
                "TOKEN{}",
                word.chars().last().filter(|c| "&;".contains(*c)).map_or(String::new(), String::from)
            )
        } else {
            word.to_owned()
        });
    }
    words.concat()
}

#[tokio::test]
async fn r1_5_r1_7_exactly_one_netlify_vary_on_what_is_sensitive() {
    let identity = Identity::start().await;
    let returned = format!("/?__clerk_handshake={}", handshake_token());
    let expired = cookies(&token(-90));
    let site = |instance: Instance, platform: Option<Platform>, option: bool| {
        let builder = identity.sessions(instance).routes(guarded()).platform(platform);
        builder.netlify_vary_in_production(option).build().unwrap()
    };
    let netlify = Some(Platform::Netlify);
    let rows = [
        (Instance::Development, netlify, false, true),
        (Instance::Development, netlify, true, true),
        (Instance::Development, Some(Platform::Vercel), true, false),
        (Instance::Development, None, true, false),
        (Instance::Production, netlify, false, false),
        (Instance::Production, netlify, true, true),
        (Instance::Production, Some(Platform::Amplify), true, false),
    ];
    for (instance, platform, option, expected) in rows {
        let sessions = site(instance, platform, option);
        let row = format!("{instance} {platform:?} {option}");
        let mut heads = Vec::new();
        // The way out (with the location to the identity service), the way back and the clean-up, the
        // redirect to the sign-in page, the 401.
        for head in [
            request("/dashboard", &[PAGE[0], ("cookie", &expired)]),
            request("/dashboard", &[PAGE[0], ("cookie", "__clerk_db_jwt=dvb_1")]),
            request("/dashboard", &[("sec-fetch-dest", "empty")]),
        ] {
            heads.push(head_of(&answered(&sessions, head).await).fields);
        }
        if instance == Instance::Development {
            heads.push(head_of(&answered(&sessions, request(&returned, &PAGE)).await).fields);
        }
        // A page that read who is asking, whatever the app said about it.
        let exchange = passed(&sessions, request("/me", &[("cookie", &alice())])).await;
        exchange.auth(Why::here()).await.unwrap();
        heads.push(finished(
            &sessions,
            &exchange,
            &response(200, &[("netlify-vary", "query=page"), ("netlify-vary", "cookie=x")]),
        ));
        for fields in &heads {
            assert_field_set(fields);
            let lines: Vec<&str> = fields.all("netlify-vary").collect();
            if expected {
                let [line] = lines.as_slice() else { panic!("{row}: {lines:?}") };
                let names: Vec<&str> = line.strip_prefix("cookie=").unwrap().split('|').collect();
                for name in sessions.config().unwrap().cookie_names() {
                    assert!(names.contains(&&*name), "{row}: {name} in {line}");
                }
                assert!(names.contains(&"__client") && names.contains(&"__session"), "{row}: {line}");
            } else {
                assert!(lines.iter().all(|line| !line.contains("__session")), "{row}: {lines:?}");
            }
        }
        // Never on a public page, and nothing else on it either.
        let exchange = passed(&sessions, request("/", &PAGE)).await;
        let cacheable = response(200, &[("cache-control", "public, s-maxage=60")]);
        assert!(sessions.finish(&exchange, &cacheable).is_empty(), "{row}");
    }
}

#[tokio::test]
async fn r1_9_r1_10_no_parameter_is_added_and_an_old_one_is_no_trouble() {
    let identity = Identity::start().await;
    let sessions = identity
        .sessions(Instance::Development)
        .routes(guarded())
        .platform(Some(Platform::Netlify))
        .build()
        .unwrap();
    let old = "/dashboard?__clerk_netlify_cache_bust=1700000000000";
    let out = answered(&sessions, request(old, &PAGE)).await;
    let location = out.location().unwrap();
    assert_eq!(location.matches("cache_bust").count(), 1, "{location}");
    assert!(location.contains(
        "redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fdashboard%3F__clerk_netlify_cache_bust%3D17"
    ));
    let fresh = answered(&sessions, request("/dashboard", &PAGE)).await;
    assert!(!fresh.location().unwrap().contains("cache_bust"));
    let link = answered(&sessions, request(old, &[PAGE[0], ("cookie", "__clerk_db_jwt=dvb_1")])).await;
    assert_eq!(link.location(), Some("/sign-in?redirect_url=http%3A%2F%2Flocalhost%3A8080%2Fdashboard"));
}

#[tokio::test]
async fn r0_4_public_pages_keep_exactly_their_caching() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).routes(guarded()).build().unwrap();
    let (alice, expired) = (alice(), cookies(&token(-90)));
    let visitors = ["", "__client_uat=0", &alice, &expired, "__session=garbage"];
    let pages: [&[(&str, &str)]; 5] = [
        &[("cache-control", "public, s-maxage=60")],
        &[("cdn-cache-control", "max-age=60"), ("cache-control", "no-store")],
        &[("netlify-cdn-cache-control", "public, max-age=60"), ("netlify-vary", "query=page")],
        &[("cache-control", "private, max-age=60")],
        &[("expires", "Thu, 01 Jan 2099 00:00:00 GMT"), ("vary", "accept-encoding")],
    ];
    for cookie in visitors {
        for page in pages {
            let exchange = passed(&sessions, request("/", &[PAGE[0], ("cookie", cookie)])).await;
            assert_eq!(sessions.finish(&exchange, &response(200, page)), [], "{cookie} {page:?}");
        }
    }
    // Nobody was asked who that is.
    assert_eq!(identity.seen(), <[String; 0]>::default());
}

#[tokio::test]
async fn r3_5_protect_all_protects_whatever_passes() {
    let identity = Identity::start().await;
    let sessions =
        identity.sessions(Instance::Production).routes(guarded()).protect_all(true).build().unwrap();
    for (target, status) in [("/", 200), ("/about", 200), ("/missing", 404), ("/broken", 500), ("/old", 301)]
    {
        let exchange = passed(&sessions, request(target, &[])).await;
        let cacheable = response(
            status,
            &[("cache-control", "public, s-maxage=60"), ("netlify-cdn-cache-control", "max-age=9")],
        );
        assert_field_set(&finished(&sessions, &exchange, &cacheable));
    }
}

#[tokio::test]
async fn silence_is_not_consent() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    type Lines = &'static [(&'static str, &'static str)];
    let rows: [(Lines, Lines, Option<&str>); 7] = [
        (&[], &[], None),
        (&[("cookie", "theme=dark")], &[], None),
        (&[("cookie", "__session=x")], &[], Some("private, no-cache")),
        (&[("cookie", "theme=dark; __client_uat=0")], &[], Some("private, no-cache")),
        (&[("authorization", "Basic x")], &[], Some("private, no-cache")),
        (&[("cookie", "__session=x")], &[("cache-control", "max-age=60")], Some("max-age=60")),
        (&[], &[("set-cookie", "theme=dark")], Some("private, no-cache")),
    ];
    for (fields, page, expected) in rows {
        let exchange = passed(&sessions, request("/", fields)).await;
        let found = finished(&sessions, &exchange, &response(200, page));
        assert_eq!(found.combined("cache-control").as_deref(), expected, "{fields:?} {page:?}");
        assert!(!found.contains("netlify-cdn-cache-control"), "{fields:?} {page:?}");
    }
}

#[tokio::test]
async fn r1_5_a_live_return_is_resolved_on_any_url_and_its_cookies_are_protected() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    let back = format!("__clerk_handshake={}", handshake_token());
    let exchange = passed(&sessions, request("/", &[PAGE[0], ("cookie", &back)])).await;
    assert_eq!(exchange.sensitivity(), Sensitivity::AuthFlow);
    let fields = finished(
        &sessions,
        &exchange,
        &response(200, &[("cache-control", "s-maxage=60"), ("set-cookie", "theme=dark")]),
    );
    assert_field_set(&fields);
    let names: Vec<&str> = fields.all("set-cookie").map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["theme", "__client_uat", "__session", "__clerk_db_jwt"]);
}

#[tokio::test]
async fn the_gate_waits_for_nobody_once_it_has_the_keys() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).routes(guarded()).build().unwrap();
    let alice = alice();
    let head = || request("/dashboard", &[PAGE[0], ("cookie", &alice)]);
    let Start::Pending(first) = sessions.start(head()) else { panic!("expected to wait for the keys") };
    assert!(matches!(first.await, Begin::Continue(_)));
    for _ in 0..3 {
        assert!(matches!(sessions.start(head()), Start::Ready(Begin::Continue(_))));
    }
    assert!(matches!(sessions.start(request("/", &[])), Start::Ready(Begin::Continue(_))));
    assert_eq!(identity.seen(), ["GET /v1/jwks"]);
}

#[tokio::test]
async fn eager_finds_out_on_every_page_and_public_pages_stay_cacheable() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).routes(guarded()).eager(true).build().unwrap();
    let (alice, expired) = (alice(), cookies(&token(-90)));
    let out = answered(&sessions, request("/", &[PAGE[0], ("cookie", &expired)])).await;
    assert!(out.location().unwrap().starts_with("https://accounts.nostore.example/v1/client/handshake?"));
    // Not a page, or a rule that says it is public: lazy.
    passed(&sessions, request("/app.js", &[("sec-fetch-dest", "script"), ("cookie", &expired)])).await;
    passed(&sessions, request("/about", &[PAGE[0], ("cookie", &expired)])).await;
    for cookie in ["", &alice] {
        let exchange = passed(&sessions, request("/", &[PAGE[0], ("cookie", cookie)])).await;
        assert_eq!(
            sessions.finish(&exchange, &response(200, &[("cache-control", "s-maxage=60")])),
            [],
            "{cookie}"
        );
    }
}
