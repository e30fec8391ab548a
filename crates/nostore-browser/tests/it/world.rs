//! A browser in simulated time: tabs with one cookie jar, one lock manager and channels, and the service behind them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_browser::{Action, Answer, Channel, Clocks, Event, Input, Keeper, Lost, Options, Page, Read};
use nostore_session::{Instance, PublishableKey};
use serde_json::{Value, json};

/// 2026-01-01, in seconds since 1970.
pub(crate) const START: i64 = 1_767_225_600;

/// How long the service takes for an answer.
const LATENCY_MS: u64 = 40;

pub(crate) fn key() -> String {
    PublishableKey::encode(Instance::Development, "http://127.0.0.1:8081")
}

pub(crate) fn suffix() -> String {
    PublishableKey::parse(&key()).unwrap().suffix().to_owned()
}

pub(crate) fn options() -> Options {
    Options { locks: true, seed: 7, ..Options::new(&key(), None).unwrap() }
}

pub(crate) fn focused() -> Page {
    Page { focused: Some(true), visible: Some(true), ..Page::default() }
}

pub(crate) fn unfocused() -> Page {
    Page { focused: Some(false), visible: Some(true), ..Page::default() }
}

/// A token as the service signs it.
#[derive(Clone, Debug)]
pub(crate) struct Mint {
    pub(crate) session: &'static str,
    pub(crate) organization: &'static str,
    /// Seconds after the start.
    pub(crate) iat: i64,
    pub(crate) lives: i64,
    pub(crate) oiat: Option<i64>,
}

pub(crate) fn mint(session: &'static str, iat: i64) -> Mint {
    Mint { session, organization: "", iat, lives: 60, oiat: None }
}

impl Mint {
    pub(crate) fn raw(&self) -> String {
        let mut header = json!({ "alg": "RS256" });
        if let Some(oiat) = self.oiat {
            header["oiat"] = json!(START + oiat);
        }
        let mut claims =
            json!({ "sid": self.session, "iat": START + self.iat, "exp": START + self.iat + self.lives });
        if !self.organization.is_empty() {
            claims["org_id"] = json!(self.organization);
        }
        raw(&header, &claims)
    }
}

fn raw(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(header), part(claims))
}

/// What a token says in a claim.
pub(crate) fn claim(raw: &str, name: &str) -> Value {
    let part = raw.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    claims[name].clone()
}

/// How the service behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mood {
    Well,
    /// Tokens alone: 500.
    NoTokens,
    /// Everything: nothing comes back.
    Gone,
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at_ms: u64,
    pub(crate) tab: usize,
    pub(crate) job: u32,
    pub(crate) target: String,
    pub(crate) form: String,
}

pub(crate) struct Tab {
    pub(crate) keeper: Keeper,
    pub(crate) page: Page,
    timer_ms: Option<u64>,
    pub(crate) listens: bool,
    /// What became of each promise.
    pub(crate) settled: BTreeMap<u32, Result<Option<String>, &'static str>>,
    pub(crate) events: Vec<String>,
    /// What was done, in order, in short.
    pub(crate) done: Vec<String>,
    /// It gets no time: it is frozen, or gone.
    pub(crate) frozen: bool,
    ticket: u32,
}

#[derive(Default)]
struct LockState {
    held: Option<(usize, u32)>,
    waiting: VecDeque<(usize, u32)>,
}

/// What happens without time passing, behind what is done now.
enum Soon {
    Admit(usize, u32),
    Hear(usize, Channel, String),
}

pub(crate) struct World {
    pub(crate) now_ms: u64,
    /// How far the page's wall clock is ahead, in milliseconds.
    pub(crate) ahead_ms: i64,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) mood: Mood,
    /// Sessions that go on, with the organization that is active.
    pub(crate) sessions: BTreeMap<&'static str, String>,
    pub(crate) lives: i64,
    /// What a touch answers with, instead of a new token.
    pub(crate) touched: Option<Value>,
    pub(crate) sent: Vec<Sent>,
    under_way: VecDeque<(u64, Sent)>,
    locks: BTreeMap<String, LockState>,
    soon: VecDeque<Soon>,
}

impl World {
    /// A browser with no tab, whose user has this session.
    pub(crate) fn new(session: &'static str) -> Self {
        Self {
            now_ms: 0,
            ahead_ms: 0,
            tabs: Vec::new(),
            cookies: BTreeMap::from([("__clerk_db_jwt".to_owned(), "dvb_1".to_owned())]),
            mood: Mood::Well,
            sessions: BTreeMap::from([(session, String::new())]),
            lives: 60,
            touched: None,
            sent: Vec::new(),
            under_way: VecDeque::new(),
            locks: BTreeMap::new(),
            soon: VecDeque::new(),
        }
    }

    /// One whose site has set the cookie, as after a sign-in.
    pub(crate) fn signed_in(session: &'static str) -> Self {
        let mut world = Self::new(session);
        world.set_session(&mint(session, 0).raw());
        world.cookies.insert("__client_uat".into(), START.to_string());
        world
    }

    pub(crate) fn set_session(&mut self, raw: &str) {
        self.cookies.insert("__session".into(), raw.to_owned());
        self.cookies.insert(format!("__session_{}", suffix()), raw.to_owned());
    }

    /// What the cookie holds under both names: suffixed, plain.
    pub(crate) fn session_cookies(&self) -> [Option<&str>; 2] {
        [format!("__session_{}", suffix()), "__session".to_owned()]
            .map(|name| self.cookies.get(&name).map(String::as_str))
    }

    pub(crate) fn secs(&self) -> i64 {
        i64::try_from(self.now_ms / 1_000).unwrap()
    }

    pub(crate) fn clocks(&self) -> Clocks {
        let wall_ms = START * 1_000 + i64::try_from(self.now_ms).unwrap() + self.ahead_ms;
        Clocks { wall_ms, steady_ms: self.now_ms }
    }

    pub(crate) fn jar(&self) -> String {
        let mut jar = String::new();
        for (name, value) in &self.cookies {
            let _ = write!(jar, "{}{name}={value}", if jar.is_empty() { "" } else { "; " });
        }
        jar
    }

    /// Opens a tab. Returns its number.
    pub(crate) fn open(&mut self, page: Page) -> usize {
        self.open_with(options(), page)
    }

    pub(crate) fn open_with(&mut self, options: Options, page: Page) -> usize {
        self.tabs.push(Tab {
            keeper: Keeper::new(options, page),
            page,
            timer_ms: None,
            listens: false,
            settled: BTreeMap::new(),
            events: Vec::new(),
            done: Vec::new(),
            frozen: false,
            ticket: 0,
        });
        let tab = self.tabs.len() - 1;
        let cookies = self.jar().into();
        self.tell(tab, Input::Started { cookies });
        tab
    }

    /// Tells a tab something, and does what it and all others want done at once.
    pub(crate) fn tell(&mut self, tab: usize, input: Input) {
        self.tell_alone(tab, input);
        while let Some(soon) = self.soon.pop_front() {
            match soon {
                Soon::Admit(tab, job) => {
                    let cookies = self.jar().into();
                    self.tell_alone(tab, Input::Admitted { job, cookies });
                }
                Soon::Hear(tab, channel, text) => {
                    if self.tabs[tab].listens {
                        self.tell_alone(tab, Input::Heard { channel, text: text.into() });
                    }
                }
            }
        }
    }

    fn tell_alone(&mut self, tab: usize, input: Input) {
        if self.tabs[tab].frozen {
            return;
        }
        let clocks = self.clocks();
        for action in self.tabs[tab].keeper.step(input, clocks) {
            self.act(tab, action);
        }
    }

    fn act(&mut self, tab: usize, action: Action) {
        let short = match &action {
            Action::SetCookie(line) => format!("cookie {}", line.split('=').next().unwrap()),
            Action::Fetch { url, .. } => format!("fetch {}", path(url)),
            Action::Lock { name, .. } => format!("lock {name}"),
            Action::Post { channel, .. } => format!("post {channel:?}"),
            other => format!("{other:?}").split(['(', ' ']).next().unwrap().to_lowercase(),
        };
        self.tabs[tab].done.push(short);
        match action {
            Action::ReadCookies => {
                let cookies = self.jar().into();
                self.tell_alone(tab, Input::Cookies(cookies));
            }
            Action::SetCookie(line) => self.set_cookie(&line),
            Action::Fetch { job, url, form, .. } => {
                let form = form.map(|form| form.to_string()).unwrap_or_default();
                let sent = Sent { at_ms: self.now_ms, tab, job, target: path(&url), form };
                self.sent.push(sent.clone());
                self.under_way.push_back((self.now_ms + LATENCY_MS, sent));
            }
            Action::Abort(job) => {
                self.under_way.retain(|(_, sent)| (sent.tab, sent.job) != (tab, job));
            }
            Action::Lock { job, name } => {
                self.locks.entry(name.clone()).or_default().waiting.push_back((tab, job));
                self.grant(&name);
            }
            Action::Unlock(job) => self.unlock(tab, job),
            Action::Listen { .. } => self.tabs[tab].listens = true,
            Action::Close => self.tabs[tab].listens = false,
            Action::Post { channel, text } => {
                let others = (0..self.tabs.len()).filter(|other| *other != tab);
                self.soon.extend(others.map(|other| Soon::Hear(other, channel, text.to_string())));
            }
            Action::Timer(after_ms) => self.tabs[tab].timer_ms = after_ms.map(|ms| self.now_ms + ms),
            Action::Settle { ticket, outcome } => {
                let outcome = outcome.map(|token| token.map(|token| token.expose().to_owned()));
                let outcome = outcome.map_err(|problem| problem.code());
                assert!(self.tabs[tab].settled.insert(ticket, outcome).is_none(), "settled twice: {ticket}");
            }
            Action::Tell(event) => self.tabs[tab].events.push(match event {
                Event::Token(token) => {
                    format!("token {}", claim(token.expose(), "iat").as_i64().unwrap() - START)
                }
                Event::Ended { session } => format!("ended {session}"),
                Event::Degraded(failure) => format!("degraded {}", failure.code()),
            }),
        }
    }

    fn set_cookie(&mut self, line: &str) {
        let (pair, attributes) = line.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    fn grant(&mut self, name: &str) {
        let lock = self.locks.get_mut(name).unwrap();
        if lock.held.is_none() {
            lock.held = lock.waiting.pop_front();
            self.soon.extend(lock.held.map(|(tab, job)| Soon::Admit(tab, job)));
        }
    }

    fn unlock(&mut self, tab: usize, job: u32) {
        let names: Vec<String> = self.locks.keys().cloned().collect();
        for name in names {
            let lock = self.locks.get_mut(&name).unwrap();
            lock.waiting.retain(|waiting| *waiting != (tab, job));
            if lock.held == Some((tab, job)) {
                lock.held = None;
                self.grant(&name);
            }
        }
    }

    /// The locks that are held now.
    pub(crate) fn held(&self) -> usize {
        self.locks.values().filter(|lock| lock.held.is_some()).count()
    }

    /// Closes a tab without a word: its locks are free.
    pub(crate) fn close(&mut self, tab: usize) {
        self.tabs[tab].frozen = true;
        self.tabs[tab].listens = false;
        self.tabs[tab].timer_ms = None;
        self.under_way.retain(|(_, sent)| sent.tab != tab);
        let jobs: Vec<_> =
            self.locks.values().filter_map(|lock| lock.held).filter(|(own, _)| *own == tab).collect();
        for (tab, job) in jobs {
            self.unlock(tab, job);
        }
        while let Some(soon) = self.soon.pop_front() {
            if let Soon::Admit(tab, job) = soon {
                let cookies = self.jar().into();
                self.tell(tab, Input::Admitted { job, cookies });
            }
        }
    }

    /// Lets time go by.
    pub(crate) fn pass(&mut self, secs: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "short, and ahead")]
        let end = self.now_ms + (secs * 1_000.0).round() as u64;
        let mut idle = 0;
        loop {
            let timers = self.tabs.iter().filter(|tab| !tab.frozen).filter_map(|tab| tab.timer_ms);
            let answers = self.under_way.iter().map(|(at, _)| *at);
            let next = timers.chain(answers).min().unwrap_or(u64::MAX);
            idle = if next <= self.now_ms { idle + 1 } else { 0 };
            assert!(idle < 50, "nothing gets done at {} ms: {:?}", self.now_ms, self.tabs[0].done);
            self.now_ms = next.clamp(self.now_ms, end);
            if next > end {
                return;
            }
            if let Some(at) = self.under_way.iter().position(|(at, _)| *at <= self.now_ms) {
                let (_, sent) = self.under_way.remove(at).unwrap();
                self.serve(&sent);
            } else if let Some(tab) = (0..self.tabs.len()).find(|tab| {
                let tab = &self.tabs[*tab];
                !tab.frozen && tab.timer_ms.is_some_and(|at| at <= self.now_ms)
            }) {
                self.tabs[tab].timer_ms = None;
                self.tell(tab, Input::Woke);
            }
        }
    }

    fn serve(&mut self, sent: &Sent) {
        if self.mood == Mood::Gone {
            return self.tell(sent.tab, Input::Lost { job: sent.job, why: Lost::Network });
        }
        let (status, body) = self.answer(sent);
        self.reply(sent, status, &body);
    }

    pub(crate) fn reply(&mut self, sent: &Sent, status: u16, body: &Value) {
        let body = body.to_string().into();
        let answer = Answer { status, body, ..Answer::default() };
        self.tell(sent.tab, Input::Answered { job: sent.job, answer });
    }

    /// Takes a request out of the service's hands.
    pub(crate) fn intercept(&mut self) -> Sent {
        self.under_way.pop_back().unwrap().1
    }

    fn mint(&self, session: &'static str) -> Mint {
        let organization = self.sessions.get(session).cloned().unwrap_or_default();
        let organization =
            if organization.is_empty() { "" } else { Box::leak(organization.into_boxed_str()) };
        Mint { session, organization, iat: self.secs(), lives: self.lives, oiat: None }
    }

    fn client(&self) -> Value {
        let sessions: Vec<Value> = self
            .sessions
            .iter()
            .map(|(id, organization)| {
                json!({
                    "id": id, "status": "active", "last_active_organization_id": organization,
                    "last_active_token": { "jwt": self.mint(id).raw() },
                })
            })
            .collect();
        json!({ "sessions": sessions, "last_active_session_id": self.sessions.keys().next() })
    }

    fn answer(&mut self, sent: &Sent) -> (u16, Value) {
        let refused = |code: &str| json!({ "errors": [{ "code": code }] });
        let target = sent.target.split('?').next().unwrap();
        let parts: Vec<&str> = target.split('/').skip(2).collect();
        let known = |id: &str| self.sessions.keys().find(|known| **known == id).copied();
        match parts[..] {
            ["client"] => (200, json!({ "response": self.client(), "client": null })),
            ["client", "sessions", id, "tokens", ..] => match (known(id), self.mood) {
                (_, Mood::NoTokens) => (500, json!({})),
                (None, _) => (404, refused("resource_not_found")),
                (Some(id), _) => {
                    let mut mint = self.mint(id);
                    let asked = sent.form.split('&').find_map(|pair| pair.strip_prefix("organization_id="));
                    mint.organization = Box::leak(asked.unwrap_or_default().to_owned().into_boxed_str());
                    (200, json!({ "jwt": mint.raw() }))
                }
            },
            ["client", "sessions", id, "touch"] => {
                let Some(id) = known(id) else { return (404, refused("resource_not_found")) };
                if let Some(answer) = self.touched.clone() {
                    return (200, answer);
                }
                let asked = sent.form.strip_prefix("active_organization_id=").unwrap().to_owned();
                self.sessions.insert(id, asked);
                let client = self.client();
                let session =
                    client["sessions"].as_array().unwrap().iter().find(|session| session["id"] == id);
                (200, json!({ "response": session, "client": client }))
            }
            ["client", "sessions", id, "remove"] => {
                let Some(id) = known(id) else { return (404, refused("resource_not_found")) };
                self.sessions.remove(id);
                (200, json!({ "response": { "id": id, "status": "removed" }, "client": self.client() }))
            }
            _ => (404, json!({})),
        }
    }

    /// Asks a tab for a token. Returns the ticket.
    pub(crate) fn ask(&mut self, tab: usize, read: Read) -> u32 {
        self.tabs[tab].ticket += 1;
        let ticket = self.tabs[tab].ticket;
        self.tell(tab, Input::Read { ticket, read });
        ticket
    }

    /// Asks a tab for its session's token, which must be there at once.
    pub(crate) fn ready(&mut self, tab: usize) -> String {
        let ticket = self.ask(tab, Read::default());
        match self.tabs[tab].settled.get(&ticket) {
            Some(Ok(Some(token))) => token.clone(),
            other => panic!("expected a token at once at {} ms, found {other:?}", self.now_ms),
        }
    }

    pub(crate) fn settled(&self, tab: usize, ticket: u32) -> Option<Result<Option<String>, &'static str>> {
        self.tabs[tab].settled.get(&ticket).cloned()
    }

    pub(crate) fn sign_out(&mut self, tab: usize) -> u32 {
        self.tabs[tab].ticket += 1;
        let ticket = self.tabs[tab].ticket;
        self.tell(tab, Input::SignOut { ticket });
        ticket
    }

    pub(crate) fn choose(&mut self, tab: usize, organization: &str) -> u32 {
        self.tabs[tab].ticket += 1;
        let ticket = self.tabs[tab].ticket;
        self.tell(tab, Input::Choose { ticket, organization: organization.to_owned() });
        ticket
    }

    pub(crate) fn looked(&mut self, tab: usize, page: Page) {
        self.tabs[tab].page = page;
        let cookies = self.jar().into();
        self.tell(tab, Input::Looked { page, cookies });
    }

    pub(crate) fn peek(&self, tab: usize) -> Option<String> {
        let token = self.tabs[tab].keeper.peek(&Read::default(), self.clocks());
        token.map(|token| token.expose().to_owned())
    }

    /// When each request for a token was sent, in seconds.
    pub(crate) fn fetched_at(&self) -> Vec<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a few minutes in milliseconds")]
        let secs = |sent: &Sent| sent.at_ms as f64 / 1_000.0;
        self.sent.iter().filter(|sent| sent.target.contains("/tokens")).map(secs).collect()
    }
}

/// What stands behind the origin, without the browser's name.
fn path(url: &str) -> String {
    let path = url.strip_prefix("http://127.0.0.1:8081").unwrap();
    path.replace("?__clerk_db_jwt=dvb_1", "").replace("&__clerk_db_jwt=dvb_1", "")
}
