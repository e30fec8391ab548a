//! Session tokens from our identity service, and from one that wants to see the token before.

use std::path::Path;
use std::sync::Arc;

use nostore_issuer::core::Mode;
use nostore_issuer::{Server as Issuer, ServerConfig};
use nostore_message::{Origin, Secret};
use nostore_token::backend::Backend;
use nostore_token::fetchers::{Asker, FrontendFetch};
use nostore_token::frontend::{Frontend, TabState};
use nostore_token::{
    Ask, CoarseClock, Failure, Fetch as _, FetchKind, Fetched, SessionToken, SessionTokens, TokenKey,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::fetcher_setup::ask;
use crate::server::{Reply, Server, json};
use crate::world::{lives, minute};

const SITE: &str = "http://localhost:8080";

/// Alice's session, known by a browser of either kind; an organization that she belongs to; a template.
const SEED: &str = r#"{
    "organizations": [{ "id": "org_1", "slug": "acme", "members": [{ "user": "alice@example.com" }] },
                      { "id": "org_2", "slug": "other" }],
    "jwt_templates": [{ "name": "report", "claims": { "aud": "reports" }, "lifetime": 600 }],
    "sessions": [{ "id": "sess_1", "user": "alice@example.com", "client": "0123456789abcdef" }]
}"#;

/// Our identity service. It ends with the test.
struct Service {
    url: String,
    secret_key: Secret,
    task: JoinHandle<()>,
}

impl Service {
    async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let origin = |text: &str| Origin::parse(text).unwrap();
        let mut config = ServerConfig::new(mode, origin(&url), vec![origin(SITE)], Arc::new(CoarseClock));
        let seed =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fetchers-{}.json", std::process::id()));
        // Each writes the same.
        std::fs::write(&seed, SEED).unwrap();
        config.seed = Some(seed);
        let server = tokio::task::spawn_blocking(|| Issuer::open(config)).await.unwrap().unwrap();
        let secret_key = server.secret_key().clone();
        let task = tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
        Self { url, secret_key, task }
    }

    fn fetch(&self, asker: Asker) -> FrontendFetch {
        FrontendFetch::new(&self.url, asker).unwrap()
    }

    fn as_server(&self) -> FrontendFetch {
        self.fetch(Asker::secret_key(&self.secret_key).unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn key() -> TokenKey {
    TokenKey::of_session("sess_1")
}

fn development() -> Asker {
    Asker::development(Secret::new("dvb_0123456789abcdef")).unwrap()
}

fn live() -> Asker {
    Asker::client(&Secret::new("cl_0123456789abcdef")).unwrap()
}

fn claims(fetched: &Fetched) -> Value {
    use base64::Engine as _;
    let payload = fetched.token.expose().split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn refused(status: u16, code: &str) -> Failure {
    Failure::Refused { status, code: code.to_owned() }
}

#[tokio::test]
async fn each_who_may_ask_gets_a_session_token() {
    for (mode, browser, stranger) in
        [(Mode::Test, development(), live()), (Mode::Live, live(), development())]
    {
        let service = Service::start(mode).await;
        for fetch in [service.fetch(browser.clone()), service.as_server()] {
            let fetched = fetch.fetch(ask(key())).await.unwrap();
            assert_eq!(fetched.token.session(), Some("sess_1"));
            assert_eq!((fetched.token.organization(), fetched.token.lifetime_ms()), (None, 60_000));
            assert!(fetched.service_ms.is_some_and(|ms| (ms - fetched.token.issued_ms()).abs() <= 2_000));
            assert_eq!(claims(&fetched).get("azp"), None);
            // And over and over: connections are shared.
            fetch.fetch(ask(key())).await.unwrap();
            let template = fetch.fetch(ask(key().template("report"))).await.unwrap();
            assert_eq!(
                (&claims(&template)["aud"], template.token.lifetime_ms()),
                (&json!("reports"), 600_000)
            );
            let unknown = fetch.fetch(ask(key().template("nope"))).await.unwrap_err();
            assert_eq!(unknown, refused(404, "resource_not_found"));
            let unknown = fetch.fetch(ask(TokenKey::of_session("sess_2"))).await.unwrap_err();
            assert_eq!(unknown, refused(404, "resource_not_found"));
        }
        let failure = service.fetch(stranger).fetch(ask(key())).await.unwrap_err();
        assert_eq!(failure, Failure::Unauthenticated { status: 401 }, "a browser that is not known");
        let key_of_another = Asker::secret_key(&Secret::new("sk_test_another")).unwrap();
        let failure = service.fetch(key_of_another).fetch(ask(key())).await.unwrap_err();
        assert_eq!(failure, refused(401, "clerk_key_invalid"), "which ends no session");
    }
}

#[tokio::test]
async fn an_entry_is_asked_for_as_it_is_or_not_at_all() {
    let service = Service::start(Mode::Test).await;
    let browser = service.fetch(development());
    let fetched = browser.fetch(ask(key().organization("org_1"))).await.unwrap();
    assert_eq!(fetched.token.organization(), Some("org_1"));
    let failure = browser.fetch(ask(key().organization("org_2"))).await.unwrap_err();
    assert_eq!(failure, refused(404, "organization_not_found_or_unauthorized"));
    let failure = service.as_server().fetch(ask(key().organization("org_1"))).await.unwrap_err();
    assert_eq!(failure, Failure::Unsupported { what: "an organization" });
    for fetch in [browser, service.as_server()] {
        let failure = fetch.fetch(ask(key().audience("https://api.example"))).await.unwrap_err();
        assert_eq!(failure, Failure::Unsupported { what: "an audience" });
    }
}

#[tokio::test]
async fn a_token_names_the_site_that_asks_and_lives_as_long_as_a_server_wants() {
    let service = Service::start(Mode::Live).await;
    let site = |text| Origin::parse(text).unwrap();
    let fetched = service.fetch(live()).site(&site(SITE)).fetch(ask(key())).await.unwrap();
    assert_eq!(claims(&fetched)["azp"], SITE);
    let other = service.fetch(live()).site(&site("http://evil.example"));
    assert_eq!(other.fetch(ask(key())).await.unwrap_err(), refused(403, "origin_invalid"));
    let short = service.as_server().backend(Backend { lifetime_secs: Some(7) });
    assert_eq!(short.fetch(ask(key())).await.unwrap().token.lifetime_ms(), 7_000);
    let never = service.as_server().backend(Backend { lifetime_secs: Some(0) });
    let failure = never.fetch(ask(key())).await.unwrap_err();
    assert_eq!(failure, refused(422, "form_param_format_invalid"), "which ends no session");
}

/// The whole way: a client of tokens over the wire.
#[tokio::test]
async fn the_client_lives_on_our_identity_service() {
    let service = Service::start(Mode::Test).await;
    let tokens = SessionTokens::builder(service.fetch(development())).build_on(Handle::current());
    let handle = tokens.handle(key());
    let token = handle.get().await.unwrap();
    assert_eq!(handle.peek().unwrap().expose(), token.expose());
    let failure = tokens.handle(TokenKey::of_session("sess_2")).get().await.unwrap_err();
    assert_eq!(failure, refused(404, "resource_not_found"));
}

fn good(token: &SessionToken) -> Reply {
    json(200, &json!({ "object": "token", "jwt": token.expose() }))
}

fn error(status: u16, code: &str) -> Reply {
    json(status, &json!({ "errors": [{ "code": code }] }))
}

/// How often a service is asked that wants to see the token before: once more, where there is one.
#[tokio::test]
async fn the_token_before_is_shown_once_where_it_is_asked_for() {
    let over = Failure::Unauthenticated { status: 422 };
    let rows = [
        (422, "missing_expired_token", true, true, Ok(())),
        (422, "missing_expired_token", true, false, Err(over.clone())),
        (422, "missing_expired_token", false, true, Err(over.clone())),
        (422, "something_else", true, true, Err(over)),
        (400, "missing_expired_token", true, true, Err(refused(400, "missing_expired_token"))),
    ];
    for (status, code, knows, relents, expected) in rows {
        let (before, after) = (minute(0), lives(30, 60).token());
        let server = Server::start(move |asked| {
            let shown = asked.line.contains("expired_token=");
            if shown && relents { good(&after) } else { error(status, code) }
        })
        .await;
        let fetch = FrontendFetch::new(&server.url("/proxied/"), development()).unwrap();
        let previous = knows.then(|| Arc::new(before.token()));
        let asked_for = Ask { key: key(), kind: FetchKind::Background, previous };
        assert_eq!(fetch.fetch(asked_for).await.map(|_| ()), expected, "{status} {code} {knows} {relents}");
        let path = "POST /proxied/v1/client/sessions/sess_1/tokens?";
        let browser = "__clerk_db_jwt=dvb_0123456789abcdef";
        let mut lines = vec![format!("{path}{browser}")];
        if status == 422 && code == "missing_expired_token" && knows {
            lines.push(format!("{path}expired_token={}&{browser}", before.raw()));
        }
        assert_eq!(server.asked().into_iter().map(|asked| asked.line).collect::<Vec<_>>(), lines);
    }
}

#[tokio::test]
async fn a_browser_says_who_it_is_and_how_it_is_seen() {
    let token = minute(0).token();
    let server = Server::start(move |_| good(&token)).await;
    let dev = Asker::development(Secret::new("dvb_a&b")).unwrap();
    let asker = dev.and_client(&Secret::new("cl_1")).unwrap();
    let frontend = Frontend { mints_near: false, tab: Some(TabState::Hidden) };
    let fetch = FrontendFetch::new(&server.url(""), asker).unwrap().frontend(frontend);
    let forced = Ask { key: key(), kind: FetchKind::Forced, previous: None };
    fetch.fetch(forced).await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(
        asked.line,
        "POST /v1/client/sessions/sess_1/tokens?debug=skip_cache&__clerk_db_jwt=dvb_a%26b"
    );
    assert_eq!(asked.body, "organization_id=&tab_state=hidden");
    assert_eq!(asked.field("cookie"), Some("__client=cl_1"));
    for name in ["authorization", "origin", "user-agent"] {
        assert_eq!(asked.field(name), None, "{name}");
    }
    let server_key =
        Asker::secret_key(&Secret::new("sk_1")).unwrap().and_client(&Secret::new("cl_1")).unwrap();
    let fetch = FrontendFetch::new(&server.url("/"), server_key).unwrap();
    fetch.fetch(ask(key())).await.unwrap();
    let asked = server.asked().remove(1);
    assert_eq!((&*asked.line, &*asked.body), ("POST /v1/sessions/sess_1/tokens", "{}"));
    assert_eq!((asked.field("authorization"), asked.field("cookie")), (Some("Bearer sk_1"), None));
    assert_eq!(asked.field("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_service_that_asks_for_patience_gets_it() {
    let server =
        Server::start(|_| Reply::Whole(429, vec![("retry-after", "7".to_owned())], String::new())).await;
    let fetch = FrontendFetch::new(&server.url(""), live()).unwrap();
    let failure = fetch.fetch(ask(key())).await.unwrap_err();
    assert_eq!(failure, Failure::Busy { status: 429, retry_after_ms: Some(7_000) });
}
