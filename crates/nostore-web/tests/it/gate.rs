//! What the gate answers, and what happens to the heads that pass.

use std::fmt::Write as _;
use std::sync::Arc;

use nostore_cache::{FIELD_SET, Platform};
use nostore_message::{Fields, RequestHead, ResponseHead, Scheme, Sensitivity, apply};
use nostore_session::Instance;
use nostore_web::{Answer, Begin, Exchange, Routes, Sessions, SignOut, Start, Why};

use crate::support::{Identity, alice, cookies, handshake_token, token};

/// DESIGN section 5, spelt out once more so that nobody changes it by accident.
const EXPECTED: [(&str, &str); 9] = [
    ("Cache-Control", "no-store, no-cache, must-revalidate, max-age=0, private"),
    ("Pragma", "no-cache"),
    ("Expires", "0"),
    ("CDN-Cache-Control", "no-store"),
    ("Netlify-CDN-Cache-Control", "no-store"),
    ("Vercel-CDN-Cache-Control", "no-store"),
    ("Cloudflare-CDN-Cache-Control", "no-store"),
    ("Surrogate-Control", "no-store"),
    ("X-Accel-Expires", "0"),
];

const PAGE: [(&str, &str); 1] = [("accept", "text/html,*/*")];

fn request<'a>(target: &'a str, fields: &[(&'a str, &'a str)]) -> RequestHead<'a> {
    RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: "localhost:8080".into(),
        target: target.into(),
        fields: fields.iter().copied().collect(),
    }
}

fn response(status: u16, fields: &[(&'static str, &'static str)]) -> ResponseHead<'static> {
    ResponseHead { status, fields: fields.iter().copied().collect() }
}

fn head_of(answer: &Answer) -> ResponseHead<'static> {
    let mut fields = Fields::new();
    apply(&answer.edits, &mut fields);
    ResponseHead { status: answer.status, fields: fields.into_owned() }
}

fn finished(sessions: &Sessions, exchange: &Exchange, response: &ResponseHead<'_>) -> Fields<'static> {
    let mut fields = response.fields.clone();
    let edits = sessions.finish(exchange, response);
    apply(&edits, &mut fields);
    fields.into_owned()
}

#[track_caller]
fn assert_field_set(fields: &Fields<'_>) {
    for (name, value) in EXPECTED {
        assert_eq!(fields.all(name).collect::<Vec<_>>(), [value], "{name}");
    }
    let vary = fields.combined("vary").unwrap_or_default().to_ascii_lowercase();
    assert_eq!(vary.matches("cookie").count() + vary.matches('*').count(), 1, "Vary: {vary}");
}

async fn answered(sessions: &Sessions, head: RequestHead<'_>) -> Answer {
    match sessions.begin(head).await {
        Begin::Answer(answer) => answer,
        Begin::Continue(_) => panic!("expected an answer"),
    }
}

async fn passed(sessions: &Sessions, head: RequestHead<'_>) -> Arc<Exchange> {
    match sessions.begin(head).await {
        Begin::Answer(answer) => panic!("expected to pass, found {answer:?}"),
        Begin::Continue(exchange) => exchange,
    }
}

fn guarded() -> Routes {
    Routes::new().protected("/dashboard").protected("/admin/*").public("/about")
}

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
                writeln!(table, "{name}: passes, {}", exchange.sensitivity().code()).unwrap()
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
                for name in sessions.config().cookie_names() {
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
    let rows: [(&[(&str, &str)], &[(&str, &str)], Option<&str>); 7] = [
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
        assert_eq!(found.contains("netlify-cdn-cache-control"), false, "{fields:?} {page:?}");
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

#[tokio::test]
async fn what_an_app_can_say() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    let cacheable: &[(&str, &str)] = &[("cache-control", "s-maxage=60")];
    let with = |name: &'static str, value: &'static str| response(200, &[cacheable[0], (name, value)]);
    for (line, sensitive) in [("?1", true), ("?1;a=b", true), ("?0", false), ("true", true), ("", true)] {
        let exchange = passed(&sessions, request("/", &[])).await;
        let fields = finished(&sessions, &exchange, &with("auth-sensitive", line));
        assert!(!fields.contains("auth-sensitive"));
        assert_eq!(fields.first("pragma").is_some(), sensitive, "{line}");
    }
    // Set-Cookie: one of ours, or anyone's where a cache would keep it.
    let ours = passed(&sessions, request("/", &[])).await;
    assert_field_set(&finished(&sessions, &ours, &response(200, &[("set-cookie", "__session=x")])));
    let theirs = passed(&sessions, request("/", &[])).await;
    assert_field_set(&finished(&sessions, &theirs, &with("set-cookie", "theme=dark")));
    // The level can be raised, and lowered only with a name that says so.
    let raised = passed(&sessions, request("/", &[])).await;
    raised.raise(Sensitivity::Personalized);
    assert_field_set(&finished(&sessions, &raised, &response(200, cacheable)));
    let lowered = passed(&sessions, request("/", &[])).await;
    lowered.auth(Why::here()).await.unwrap();
    lowered.danger_mark_public();
    assert_eq!(sessions.finish(&lowered, &response(200, cacheable)), []);
    let not_lowered = passed(&sessions, request("/", &[])).await;
    not_lowered.danger_mark_public();
    assert_field_set(&finished(&sessions, &not_lowered, &with("set-cookie", "__session=x")));
    for status in [401, 403] {
        let exchange = passed(&sessions, request("/", &[])).await;
        exchange.danger_mark_public();
        assert_field_set(&finished(&sessions, &exchange, &response(status, cacheable)));
    }
}

#[tokio::test]
async fn a_first_read_after_the_head_sees_signed_out_and_is_counted() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    let alice = alice();
    let late = passed(&sessions, request("/", &[("cookie", &alice)])).await;
    let cacheable = response(200, &[("cache-control", "s-maxage=60")]);
    assert_eq!(sessions.finish(&late, &cacheable), []);
    assert!(!late.auth(Why::here()).await.unwrap().is_signed_in());
    assert!(!late.peek(Why::here()).await.is_signed_in());
    late.raise(Sensitivity::AuthFlow);
    assert_eq!(late.defects(), 3);

    let early = passed(&sessions, request("/", &[("cookie", &alice)])).await;
    let auth = early.auth(Why::here()).await.unwrap();
    assert_field_set(&finished(&sessions, &early, &cacheable));
    assert_eq!(auth.email(), Some("alice@example.com"));
    assert!(early.auth(Why::here()).await.unwrap().is_signed_in());
    assert_eq!(early.defects(), 0);
}

#[tokio::test]
async fn readers_by_what_they_are_given() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    let (alice, expired) = (alice(), cookies(&token(-90)));
    let mut table = String::new();
    for (name, cookie) in [("nobody", ""), ("alice", &*alice), ("expired", &*expired)] {
        for (kind, field) in [("page", PAGE[0]), ("fetch", ("sec-fetch-dest", "empty"))] {
            let exchange = || passed(&sessions, request("/me", &[field, ("cookie", cookie)]));
            let say = |read: Result<nostore_web::Auth, Answer>| match read {
                Ok(auth) => auth.user_id().unwrap_or("signed out").to_owned(),
                Err(answer) => {
                    assert_field_set(&head_of(&answer).fields);
                    let location =
                        answer.location().map(|location| location.split('?').next().unwrap().to_owned());
                    format!("{} {}", answer.status, location.unwrap_or_default())
                }
            };
            let auth = say(exchange().await.auth(Why::here()).await);
            let peek = say(Ok(exchange().await.peek(Why::here()).await));
            let require = say(exchange().await.require(Why::here()).await);
            writeln!(
                table,
                "{name}, {kind}\n    auth     {auth}\n    peek     {peek}\n    require  {require}"
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn sign_out_revokes_and_clears_also_with_an_expired_token() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    for (cookie, outcome) in [
        (alice(), SignOut::Revoked),
        (cookies(&token(-86_400)), SignOut::NoSession),
        (format!("__client_uat=1; __session={}", token(-86_400)), SignOut::Revoked),
        ("__session=garbage".to_owned(), SignOut::NoSession),
        (String::new(), SignOut::NoSession),
    ] {
        let before = identity.seen().len();
        let head = RequestHead { method: "POST".into(), ..request("/sign-out", &[("cookie", &cookie)]) };
        let exchange = passed(&sessions, head).await;
        assert_eq!(exchange.sign_out().await, outcome, "{cookie}");
        let revoked = identity
            .seen()
            .into_iter()
            .skip(before)
            .filter(|line| line == "POST /v1/sessions/sess_1/revoke")
            .count();
        assert_eq!(revoked == 1, outcome == SignOut::Revoked, "{cookie} {:?}", identity.seen());
        assert!(!exchange.auth(Why::here()).await.unwrap().is_signed_in());
        let fields = finished(&sessions, &exchange, &response(303, &[("location", "/")]));
        assert_field_set(&fields);
        let lines: Vec<&str> = fields.all("set-cookie").collect();
        assert!(lines.iter().any(|line| line.starts_with("__session=;")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("__client_uat=0;")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("__clerk_db_jwt")), "{lines:?}");
    }
}

#[tokio::test]
async fn sign_out_clears_also_when_the_service_is_gone() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).build().unwrap();
    identity.script(|target| {
        if target == "/v1/jwks" { crate::support::healthy(target) } else { Some((500, String::new())) }
    });
    let exchange = passed(&sessions, request("/sign-out", &[("cookie", &alice())])).await;
    assert_eq!(exchange.sign_out().await, SignOut::NotRevoked);
    let fields = finished(&sessions, &exchange, &response(200, &[]));
    assert!(fields.all("set-cookie").any(|line| line.starts_with("__session=;")));
}

#[tokio::test]
async fn why_a_page_lost_its_caching() {
    let identity = Identity::start().await;
    let sessions = identity.sessions(Instance::Production).routes(guarded()).dev(true).build().unwrap();
    let alice = alice();
    let exchange =
        async |target: &'static str| passed(&sessions, request(target, &[("cookie", &alice)])).await;
    let cacheable = || response(200, &[("cache-control", "s-maxage=60")]);
    let mut said = Vec::new();
    let mut say = |name: &str, exchange: &Exchange, response: &ResponseHead<'_>| {
        let fields = finished(&sessions, exchange, response);
        said.push(format!("{name}: {}", fields.first("nostore-why").unwrap_or("-")));
    };

    say("nobody read", &*exchange("/").await, &cacheable());
    let taken = exchange("/").await;
    let auth = taken.auth(Why::Extractor("Auth")).await.unwrap();
    say("taken", &taken, &cacheable());
    assert!(auth.is_signed_in());
    let read = exchange("/").await;
    let auth = read.auth(Why::Extractor("Auth")).await.unwrap();
    let line = line!() + 1;
    let signed_in = auth.is_signed_in();
    assert!(signed_in && auth.email().is_some());
    say("read", &read, &cacheable());
    say("rule", &*exchange("/dashboard").await, &cacheable());
    say("401", &*exchange("/").await, &response(401, &[]));
    say("no-store", &*taken, &response(200, &[("cache-control", "no-store")]));
    say(
        "cookie",
        &*exchange("/").await,
        &response(200, &[("cache-control", "s-maxage=60"), ("set-cookie", "theme=dark")]),
    );
    say("session cookie", &*exchange("/").await, &response(200, &[("set-cookie", "__session=x")]));
    say("marked", &*exchange("/").await, &response(200, &[("auth-sensitive", "?1")]));
    let raised = exchange("/").await;
    raised.raise(Sensitivity::Personalized);
    say("raised", &raised, &cacheable());
    let table = said.join("\n").replace(&format!("gate.rs:{line}"), "gate.rs:LINE");
    let lines = regexless(&table);
    insta::assert_snapshot!(lines);
    let answer = answered(&sessions, request("/dashboard", &PAGE)).await;
    assert_eq!(
        head_of(&answer).fields.first("nostore-why"),
        Some("lost its caching: it is a step of the sign-in")
    );
}

/// Line numbers of this file move with every edit; the one under test became `LINE`.
fn regexless(table: &str) -> String {
    let mut out = String::new();
    for (index, part) in table.split("gate.rs:").enumerate() {
        if index > 0 {
            out.push_str("gate.rs:");
        }
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(if digits > 0 { "N" } else { "" });
        out.push_str(&part[digits..]);
    }
    out
}
