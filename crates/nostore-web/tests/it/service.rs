//! An identity service that can be killed, hang, be slow, and answer nonsense.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nostore_session::{Config, Instance};
use nostore_web::{Begin, Exchange, Sessions, SessionsBuilder, Why};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::heads::{PAGE, finished, head_of, request, response};
use crate::support::{Hand, NOW, config, key, key_set, token};

/// What is wrong with the service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// JSON of another kind.
    Garbage,
    /// The answer breaks off.
    Half,
    /// A page of whatever stands in front of it.
    Html,
    /// The answer is longer than anybody reads.
    Huge,
    /// It takes requests and closes the connection.
    HangsUp,
    /// It takes requests and says nothing, until it is well.
    Hung,
    /// The same for requests that begin like that; the others are answered.
    HungFor(&'static str),
    /// Nobody listens.
    Killed,
    /// It takes longer than a visitor waits who could do without.
    Slow,
    /// 500, in its own words.
    Trouble,
    /// Nothing.
    Well,
}

impl Fault {
    fn hangs(self, line: &str) -> bool {
        match self {
            Self::Hung => true,
            Self::HungFor(start) => line.starts_with(start),
            _ => false,
        }
    }
}

/// All that leave no answer to go by.
pub(crate) const FAULTS: [Fault; 8] = [
    Fault::Garbage,
    Fault::Half,
    Fault::Html,
    Fault::Huge,
    Fault::HangsUp,
    Fault::Hung,
    Fault::Killed,
    Fault::Trouble,
];

/// One request that the service has read: method, target and content.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) body: Value,
}

/// The service.
pub(crate) struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    fault: watch::Sender<Fault>,
    seen: Mutex<Vec<Seen>>,
    script: Mutex<Script>,
}

/// What a well service answers.
type Script = fn(line: &str) -> (u16, String);

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shared = Arc::new(Shared {
            fault: watch::Sender::new(Fault::Well),
            seen: Mutex::default(),
            script: Mutex::new(well),
        });
        let mut service = Self { address: listener.local_addr().unwrap(), shared, tasks: JoinSet::new() };
        service.listen(listener);
        service
    }

    fn listen(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn(async move {
            // Dropped with the task: connections do not outlive the one who listens.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
    }

    /// Breaks it.
    pub(crate) async fn break_down(&mut self, fault: Fault) {
        self.shared.fault.send_replace(fault);
        if fault == Fault::Killed {
            self.tasks.shutdown().await;
        }
    }

    /// Mends it.
    pub(crate) async fn mend(&mut self) {
        self.shared.fault.send_replace(Fault::Well);
        if self.tasks.is_empty() {
            self.listen(TcpListener::bind(self.address).await.unwrap());
        }
    }

    /// Answers from now on with `script`.
    pub(crate) fn script(&self, script: Script) {
        *self.shared.script.lock().unwrap() = script;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Counts the requests that begin with `line`.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line.starts_with(line)).count()
    }

    /// Waits until the service has read so many requests that begin with `line`.
    pub(crate) async fn has_read(&self, line: &str, count: usize) {
        let mut waits = 0;
        while self.count(line) < count {
            waits += 1;
            assert!(waits < 10_000_000, "expected {count} × {line}, found {:?}", self.seen());
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn config(&self, instance: Instance) -> Config {
        config(instance).api_url(&format!("http://{}", self.address)).unwrap()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Some(seen) = read(&mut stream).await {
        let line = seen.line.clone();
        shared.seen.lock().unwrap().push(seen);
        let (status, body) = (shared.script.lock().unwrap())(&line);
        let mut fault = shared.fault.subscribe();
        drop(fault.wait_for(|fault| !fault.hangs(&line)).await);
        let fault = *fault.borrow();
        let (status, kind, body) = match fault {
            Fault::Garbage => (200, "application/json", r#"{"object":7,"keys":"none"}"#.to_owned()),
            Fault::Half | Fault::Hung | Fault::HungFor(_) | Fault::Killed | Fault::Well => {
                (status, "application/json", body)
            }
            Fault::Html => (200, "text/html", "<h1>Welcome to nginx!</h1>".to_owned()),
            Fault::Huge => (200, "application/json", format!("{}{body}", " ".repeat(256 * 1_024))),
            Fault::HangsUp => return,
            Fault::Slow => {
                tokio::time::sleep(Duration::from_millis(1_200)).await;
                (status, "application/json", body)
            }
            Fault::Trouble => (500, "application/json", r#"{"errors":[{"code":"trouble"}]}"#.to_owned()),
        };
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let sent = if fault == Fault::Half { answer.len() - body.len() / 2 - 1 } else { answer.len() };
        if stream.write_all(&answer.as_bytes()[..sent]).await.is_err() || fault == Fault::Half {
            return;
        }
    }
}

/// Reads one request. `None`: the other side has closed.
async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length =
                |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok();
            let length: usize = head.lines().find_map(length).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = serde_json::from_slice(&bytes[end + 4..]).unwrap_or_default();
                let line = head.lines().next().unwrap().rsplit_once(' ').unwrap().0.to_owned();
                return Some(Seen { line, body });
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}

/// The set, a refresh for Alice that is good for a minute from `NOW` on, and nothing behind any nonce.
pub(crate) fn well(line: &str) -> (u16, String) {
    match line {
        "GET /v1/jwks" => (200, key_set(key().kid())),
        line if line.starts_with("POST ") && line.contains("/refresh") => {
            let cookies =
                [format!("__session={}; Path=/", token(0)), format!("{}=next; Path=/", refresh_cookie())];
            (200, json!({ "object": "cookies", "cookies": cookies }).to_string())
        }
        line if line.starts_with("GET /v1/clients/handshake_payload") => {
            let directives =
                [format!("__client_uat={NOW}; Path=/"), format!("__session={}; Path=/", token(0))];
            (200, json!({ "directives": directives }).to_string())
        }
        _ => (404, "{}".to_owned()),
    }
}

/// A site with that service.
pub(crate) struct Site {
    pub(crate) service: Service,
    pub(crate) clock: Hand,
    pub(crate) sessions: Sessions,
}

/// How a visit went.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Visit {
    pub(crate) signed_in: bool,
    pub(crate) location: Option<String>,
    pub(crate) set_cookies: Vec<String>,
}

impl Visit {
    /// Tells whether the response takes nothing of the session out of the browser.
    pub(crate) fn keeps_cookies(&self) -> bool {
        let own = ["__session", "__refresh", "__client_uat"];
        !self.set_cookies.iter().any(|line| own.iter().any(|name| line.starts_with(name)))
    }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::set_up(|sessions| sessions).await
    }

    pub(crate) async fn set_up(builder: impl FnOnce(SessionsBuilder) -> SessionsBuilder) -> Self {
        let (service, clock) = (Service::start().await, Hand::new());
        let sessions = Sessions::builder(service.config(Instance::Production)).clock(clock.clone());
        let sessions = builder(sessions.platform(None).dev(false)).build().unwrap();
        Self { service, clock, sessions }
    }

    /// Starts a visit of a page with these cookies, which goes on by itself.
    pub(crate) fn visit(&self, cookie: &str) -> tokio::task::JoinHandle<Visit> {
        let (sessions, cookie) = (self.sessions.clone(), cookie.to_owned());
        tokio::spawn(async move { visit(&sessions, &[PAGE[0], ("cookie", &cookie)]).await })
    }

    /// Visits a page with these cookies.
    pub(crate) async fn page(&self, cookie: &str) -> Visit {
        visit(&self.sessions, &[PAGE[0], ("cookie", cookie)]).await
    }

    /// The same, as a script of the page does.
    pub(crate) async fn fetch(&self, cookie: &str) -> Visit {
        visit(&self.sessions, &[("accept", "application/json"), ("cookie", cookie)]).await
    }
}

async fn visit(sessions: &Sessions, fields: &[(&str, &str)]) -> Visit {
    let exchange = match sessions.begin(request("/orders?q=1", fields)).await {
        Begin::Continue(exchange) => exchange,
        Begin::Answer(answer) => return of(&head_of(&answer).fields),
    };
    match exchange.auth(Why::here()).await {
        Ok(auth) => {
            let signed_in = auth.is_signed_in();
            Visit { signed_in, ..of(&ended(sessions, &exchange)) }
        }
        Err(answer) => of(&head_of(&answer).fields),
    }
}

fn ended(sessions: &Sessions, exchange: &Exchange) -> nostore_message::Fields<'static> {
    finished(sessions, exchange, &response(200, &[]))
}

fn of(fields: &nostore_message::Fields<'_>) -> Visit {
    Visit {
        signed_in: false,
        location: fields.first("location").map(str::to_owned),
        set_cookies: fields.all("set-cookie").map(str::to_owned).collect(),
    }
}

/// The name of the refresh cookie, which is always suffixed.
pub(crate) fn refresh_cookie() -> String {
    let names = config(Instance::Production).cookie_names();
    names.into_iter().find(|name| name.starts_with("__refresh_")).unwrap()
}

/// The cookies of a browser whose token has run out, with a refresh token.
pub(crate) fn expired(refresh_token: &str) -> String {
    format!("{}; {}={refresh_token}", crate::support::cookies(&token(-90)), refresh_cookie())
}

/// Waits for `future` with time that passes as fast as nobody does anything. Returns how long it took by
/// that time.
///
/// What is under way on a wire may seem to take longer than it does: hurry only what waits in vain.
pub(crate) async fn hurried<T>(future: impl Future<Output = T>) -> (T, Duration) {
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let value = future.await;
    let waited = start.elapsed();
    tokio::time::resume();
    (value, waited)
}
