//! The site, its provider, its visitors.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use nostore_message::{
    FieldEdit, Fields, Origin, RequestHead, ResponseHead, Scheme, Secret, SetCookie, UnixTime, apply,
};
use nostore_session::Check;
use nostore_signin::provider::Provider;
use nostore_signin::store::MemoryStore;
use nostore_signin::{SignIn, SignInBuilder, Who};
use nostore_web::{Begin, Routes, TrustedProxies, Why};

use crate::mock::{CLIENT_ID, CLIENT_SECRET, Faults, Mock, NOW};

pub(crate) const ORIGIN: &str = "https://www.example.com";
pub(crate) const SECRET: &str = "a secret of the tests, of more than thirty-two octets";
pub(crate) const ADMIN: &str = "alice@example.com";
pub(crate) const SESSION: &str = "__Host-nostore.session";
/// What no shared cache stores.
pub(crate) const NO_STORE: &str = "no-store, no-cache, must-revalidate, max-age=0, private";

pub(crate) const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0 Safari/537.36";
pub(crate) const IPHONE: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1";

/// A clock that the test moves.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW.millis())))
    }

    pub(crate) fn pass_secs(&self, secs: i64) {
        self.0.fetch_add(secs * 1_000, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct World {
    pub(crate) mock: Mock,
    pub(crate) time: Time,
    pub(crate) store: MemoryStore,
    pub(crate) site: SignIn,
    pub(crate) events: PathBuf,
}

static FILES: AtomicU32 = AtomicU32::new(0);

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(set: impl FnOnce(SignInBuilder) -> SignInBuilder) -> Self {
        let (mock, time, store) = (Mock::start().await, Time::new(), MemoryStore::default());
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let events = std::env::temp_dir().join(format!("nostore-site-{}-{number}.jsonl", std::process::id()));
        let builder = set(builder(&mock.origin, &time, &store, &[SECRET]).events(&events));
        let site = builder.build().await.unwrap();
        Self { mock, time, store, site, events }
    }

    /// The same site in another process, or after a restart.
    pub(crate) async fn beside(
        &self,
        secrets: &[&str],
        set: impl FnOnce(SignInBuilder) -> SignInBuilder,
    ) -> SignIn {
        set(builder(&self.mock.origin, &self.time, &self.store, secrets)).build().await.unwrap()
    }

    /// Makes the provider say that the next visitors are that person.
    pub(crate) fn provider_says(&self, address: &str, verified: bool) {
        let claims = vec![
            ("email", address.into()),
            ("email_verified", verified.into()),
            ("sub", format!("sub of {address}").into()),
        ];
        self.mock.fail(Faults { claims, rotates: true, ..Faults::default() });
    }

    /// Reads the events, and closes the file.
    pub(crate) fn told(self) -> Vec<serde_json::Value> {
        drop(self.site);
        let text = std::fs::read_to_string(&self.events).unwrap();
        std::fs::remove_file(&self.events).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Sets the site up, in this process or another.
pub(crate) fn builder(issuer: &str, time: &Time, store: &MemoryStore, secrets: &[&str]) -> SignInBuilder {
    let routes = Routes::new()
        .protected("/tree/*")
        .requires("/vault", Check::role("admin"))
        .uncached("/healthz")
        .cacheable("/assets/*");
    let time = time.clone();
    SignIn::builder(secrets.iter().map(|secret| Secret::new(*secret)), Origin::parse(ORIGIN).unwrap())
        .provider(
            Provider::oidc(issuer, CLIENT_ID, Some(Secret::new(CLIENT_SECRET)))
                .offline()
                .display_name("the provider"),
        )
        .admin(Who::parse(ADMIN).unwrap())
        .store(store.clone())
        .routes(routes)
        .trusted_proxies(TrustedProxies::none())
        .clock(move || time.now())
        .platform(None)
        .dev(false)
        .quiet(true)
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Fields<'static>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.first(name).unwrap_or_default()
    }

    pub(crate) fn location(&self) -> &str {
        self.field("location")
    }
}

/// Somebody with a browser.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) site: SignIn,
    pub(crate) jar: BTreeMap<String, String>,
    pub(crate) agent: &'static str,
    pub(crate) network: Option<IpAddr>,
}

impl Visitor {
    pub(crate) fn new(site: &SignIn) -> Self {
        Self { site: site.clone(), jar: BTreeMap::new(), agent: CHROME, network: "192.0.2.1".parse().ok() }
    }

    pub(crate) async fn get(&mut self, target: &str) -> Reply {
        let navigation =
            [("sec-fetch-dest", "document"), ("accept", "text/html"), ("sec-fetch-site", "none")];
        self.send("GET", target, &navigation, "").await
    }

    pub(crate) async fn post(&mut self, target: &str, form: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let own = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), ("sec-fetch-dest", "document")];
        self.send("POST", target, &own, &body).await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut lines = vec![("user-agent", self.agent)];
        lines.extend_from_slice(fields);
        if !cookies.is_empty() {
            lines.push(("cookie", &cookies));
        }
        let fields: Fields<'_> = lines.into_iter().collect();
        let head = RequestHead {
            method: method.into(),
            scheme: Scheme::Http,
            authority: "backend.internal".into(),
            target: target.into(),
            fields,
        };
        let reply = serve(&self.site, head, self.network, body).await;
        for line in reply.fields.all("set-cookie") {
            let cookie = SetCookie::parse(line);
            let gone = line.contains("Max-Age=0") || line.contains("01 Jan 1970");
            if gone {
                self.jar.remove(&*cookie.name);
            } else {
                self.jar.insert(cookie.name.into_owned(), cookie.value.into_owned());
            }
        }
        reply
    }

    /// Goes to the provider and comes back with its callback, which was not sent yet.
    pub(crate) async fn ask_provider(&mut self, world: &World, back: &str) -> String {
        let gone = self.post("/auth/sign-in", &[("callbackUrl", back)]).await;
        assert_eq!(gone.status, 303, "{}", gone.body);
        format!("/auth/callback?{}", world.mock.authorize(gone.location()))
    }

    /// Signs in as whom the provider says.
    pub(crate) async fn sign_in(&mut self, world: &World, address: &str) -> Reply {
        world.provider_says(address, true);
        let callback = self.ask_provider(world, "/tree").await;
        self.get(&callback).await
    }

    /// Who the site says this is: the address, or nothing.
    pub(crate) async fn who(&mut self) -> String {
        self.get("/who").await.body
    }

    pub(crate) fn is_signed_in(&self) -> bool {
        self.jar.contains_key(SESSION)
    }
}

/// What an adapter does, and a small app.
async fn serve(site: &SignIn, head: RequestHead<'_>, peer: Option<IpAddr>, body: &str) -> Reply {
    let sessions = site.sessions();
    let exchange = match sessions.begin_from(head, peer).await {
        Begin::Answer(answer) => return reply(answer.status, &answer.edits, answer.body.into_owned()),
        Begin::Continue(exchange) => exchange,
    };
    let path = exchange.head().path().to_owned();
    let (status, edits, body) = match path.as_str() {
        path if path.starts_with("/auth/") || path == "/admin/users" => {
            let answer = site.answer(&exchange, body.as_bytes()).await;
            (answer.status, answer.edits, answer.body.into_owned())
        }
        "/" | "/assets/logo.svg" | "/healthz" => {
            (200, vec![FieldEdit::set("cache-control", "public, s-maxage=60")], "for all".to_owned())
        }
        "/stamped" => {
            let auth = exchange.peek(Why::here()).await;
            let text = auth.email().unwrap_or("nobody").to_owned();
            (200, vec![FieldEdit::set("cache-control", "public, s-maxage=60")], text)
        }
        "/who" => {
            let auth = exchange.peek(Why::here()).await;
            let role = auth.claim("role").and_then(|role| role.as_str()).unwrap_or("-");
            (
                200,
                Vec::new(),
                auth.email().or(auth.user_id()).map_or_else(String::new, |who| format!("{who} {role}")),
            )
        }
        "/token" => match site.access_token(&exchange).await {
            Ok(token) => (200, Vec::new(), token.expose().to_owned()),
            Err(error) => (409, Vec::new(), error.to_string()),
        },
        _ => (200, Vec::new(), "the tree".to_owned()),
    };
    let first = reply(status, &edits, body);
    let head = ResponseHead { status, fields: first.fields.clone() };
    let edits = sessions.finish(&exchange, &head);
    let mut fields = first.fields;
    apply(&edits, &mut fields);
    Reply { status, fields, body: first.body }
}

fn reply(status: u16, edits: &[FieldEdit], body: String) -> Reply {
    let mut fields = Fields::new();
    apply(edits, &mut fields);
    Reply { status, fields: fields.into_owned(), body }
}
