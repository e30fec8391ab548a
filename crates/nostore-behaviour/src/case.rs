//! One case: what is sent, and what must come back.

use nostore_message::{Fields, RequestHead, ResponseHead, Scheme, apply};
use nostore_web::{Answer, Begin, Why};

use crate::adapter::Setting;
use crate::identity::{NOW, signed};
use crate::own::sealed;
use crate::site::LARGE;
use crate::suite::Stage;
use crate::wire::{Connection, Head, Received, Sent};

/// The field set of DESIGN section 5, spelt out.
const FIELD_SET: [(&str, &str); 9] = [
    ("cache-control", "no-store, no-cache, must-revalidate, max-age=0, private"),
    ("pragma", "no-cache"),
    ("expires", "0"),
    ("cdn-cache-control", "no-store"),
    ("netlify-cdn-cache-control", "no-store"),
    ("vercel-cdn-cache-control", "no-store"),
    ("cloudflare-cdn-cache-control", "no-store"),
    ("surrogate-control", "no-store"),
    ("x-accel-expires", "0"),
];

/// What framing and the frameworks add on their own.
const FRAMING: [&str; 8] = [
    "allow",
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
];

/// The fields that tell the state of a decision; what they say is the law's business.
const STATE: &str = "x-clerk-auth-";

/// Something that every adapter must do.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// How the site is set up.
    pub setting: Setting,
    pub(crate) play: Play,
}

#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// One request, one response.
    Once(Sent, Expected),
    /// More than that.
    Story(fn(&Stage) -> Result<(), String>),
}

#[derive(Clone, Debug)]
pub(crate) struct Expected {
    status: u16,
    lines: Lines,
    body: Content,
}

#[derive(Clone, Debug)]
enum Lines {
    /// Whatever they are.
    Any,
    /// Exactly these: a public response. No state is told.
    Exactly(Vec<(&'static str, String)>),
    /// The field set and these. `true`: the state is told.
    Never(Vec<(&'static str, String)>, bool),
    /// The edits of the gate's own answer, which hold the field set.
    Gate(Asks),
    /// These lines of the app with what the return of a handshake adds: both its cookies, in order.
    Return(Vec<(&'static str, String)>),
}

/// Whose answer of the gate it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks {
    /// The gate itself, before the app.
    Begin,
    /// A reader that may redirect.
    Auth,
    /// A reader that lets only signed-in visitors pass.
    Require,
    /// The site's own sign-in.
    SignIn,
}

#[derive(Clone, Debug)]
enum Content {
    Any,
    /// This is somewhere in it.
    Holds(String),
    Large,
    Text(String),
}

/// Puts the signed values into a text: `{alice}`, `{bob}`, `{expired}` (cookies), `{handshake}`,
/// `{session}` (a `Set-Cookie` line), `{sealed-alice}`, `{sealed-bob}`, `{sealed-due}` (cookies of the site's own
/// sign-in).
pub(crate) fn fill(text: &str) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let (signed, sealed) = (signed(), sealed());
    text.replace("{alice}", &signed.alice)
        .replace("{bob}", &signed.bob)
        .replace("{expired}", &signed.expired)
        .replace("{handshake}", &signed.handshake)
        .replace("{session}", &signed.session_line)
        .replace("{sealed-alice}", &sealed.alice)
        .replace("{sealed-bob}", &sealed.bob)
        .replace("{sealed-due}", &sealed.due)
}

/// A page navigation.
pub(crate) fn page(target: &str, cookie: &str) -> Sent {
    let accept = ("accept", "text/html".to_owned());
    let sent = Sent { method: "GET", target: fill(target), fields: vec![accept], body: Vec::new() };
    if cookie.is_empty() { sent } else { sent.field("cookie", cookie) }
}

/// A request that a script makes.
pub(crate) fn fetch(target: &str, cookie: &str) -> Sent {
    let mut sent = page(target, cookie);
    sent.fields[0] = ("accept", "application/json".to_owned());
    sent.field("sec-fetch-dest", "empty")
}

impl Sent {
    pub(crate) fn field(mut self, name: &'static str, value: &str) -> Self {
        self.fields.push((name, fill(value)));
        self
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn content(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Ends the connection with the response.
    pub(crate) fn last(self) -> Self {
        self.field("connection", "close")
    }
}

pub(crate) fn status(status: u16) -> Expected {
    Expected { status, lines: Lines::Any, body: Content::Any }
}

impl Expected {
    /// Exactly these lines beside framing, as their author wrote them.
    pub(crate) fn keeps(mut self, lines: &[(&'static str, &str)]) -> Self {
        self.lines = Lines::Exactly(filled(lines));
        self
    }

    /// The whole field set, `Vary: Cookie` unless another is given, and exactly these lines besides.
    pub(crate) fn never(mut self, lines: &[(&'static str, &str)]) -> Self {
        self.lines = Lines::Never(filled(lines), false);
        self
    }

    /// As [`Self::never`], with fields that tell the state.
    pub(crate) fn never_with_state(mut self, lines: &[(&'static str, &str)]) -> Self {
        self.lines = Lines::Never(filled(lines), true);
        self
    }

    /// What the gate answers to the same request, line by line.
    pub(crate) fn gate(mut self, asks: Asks) -> Self {
        self.lines = Lines::Gate(asks);
        self
    }

    /// The field set, both cookies of a handshake that returned on the page itself, and these lines of the app.
    pub(crate) fn returns(mut self, lines: &[(&'static str, &str)]) -> Self {
        self.lines = Lines::Return(filled(lines));
        self
    }

    pub(crate) fn body(mut self, text: &str) -> Self {
        self.body = Content::Text(text.to_owned());
        self
    }

    pub(crate) fn holds(mut self, text: &str) -> Self {
        self.body = Content::Holds(text.to_owned());
        self
    }

    pub(crate) fn large(mut self) -> Self {
        self.body = Content::Large;
        self
    }

    pub(crate) fn check(&self, stage: &Stage, sent: &Sent, received: &Received) -> Result<(), String> {
        if received.head.status != self.status {
            return Err(format!("expected {}, found {}", self.status, received.head.status));
        }
        self.check_lines(stage, sent, &received.head)?;
        let as_expected = match &self.body {
            Content::Any => true,
            Content::Holds(text) => String::from_utf8_lossy(&received.body).contains(text),
            Content::Large => received.body.len() == LARGE && received.body.iter().all(|byte| *byte == b'x'),
            Content::Text(text) => received.body == text.as_bytes(),
        };
        let found = || String::from_utf8_lossy(&received.body[..received.body.len().min(80)]).into_owned();
        if as_expected { Ok(()) } else { Err(format!("expected {:?}, found {:?}", self.body, found())) }
    }

    /// Checks the lines of a head.
    pub(crate) fn check_lines(&self, stage: &Stage, sent: &Sent, head: &Head) -> Result<(), String> {
        let (mut expected, state) = match &self.lines {
            Lines::Any => return Ok(()),
            Lines::Exactly(lines) => (own(lines), Some(false)),
            Lines::Never(lines, state) => (protected(own(lines)), Some(*state)),
            Lines::Gate(asks) => (whole(gate_lines(stage, sent, *asks)?)?, None),
            Lines::Return(lines) => (whole(return_lines(stage, sent, self.status, lines)?)?, None),
        };
        let told = head.lines.iter().any(|(name, _)| name.starts_with(STATE));
        if let Some(state) = state.filter(|state| *state != told) {
            return Err(format!("expected the state to be told: {state}, found {told}"));
        }
        let counts = |name: &str| !FRAMING.contains(&name) && (state.is_none() || !name.starts_with(STATE));
        expected.retain(|(name, _)| counts(name));
        let mut found: Vec<_> = head.lines.iter().filter(|(name, _)| counts(name)).cloned().collect();
        // The order among lines of one name counts; frameworks differ in that of the others.
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        found.sort_by(|a, b| a.0.cmp(&b.0));
        if expected.len() == found.len() && expected.iter().zip(&found).all(|(a, b)| matches(a, b)) {
            return Ok(());
        }
        Err(difference(&expected, &found))
    }
}

type Owned = Vec<(String, String)>;

fn filled(lines: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    lines.iter().map(|(name, value)| (*name, fill(value))).collect()
}

fn own(lines: &[(&'static str, String)]) -> Owned {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn protected(mut lines: Owned) -> Owned {
    lines.extend(FIELD_SET.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if !lines.iter().any(|(name, _)| name == "vary") {
        lines.push(("vary".to_owned(), "Cookie".to_owned()));
    }
    lines
}

/// Insists on the field set and on what a handshake set, whatever else the law says.
fn whole(lines: Owned) -> Result<Owned, String> {
    match protected(Vec::new()).iter().find(|line| !lines.contains(line)) {
        Some(missing) => Err(format!("the law's own answer lacks {missing:?}")),
        None => Ok(lines),
    }
}

/// A value that ends in `*` is the start of one.
fn matches(expected: &(String, String), found: &(String, String)) -> bool {
    let start = expected.1.strip_suffix('*').is_some_and(|start| found.1.starts_with(start));
    expected.0 == found.0 && (start || expected.1 == found.1)
}

fn head_of(sent: &Sent) -> RequestHead<'_> {
    let mut head = RequestHead {
        method: sent.method.into(),
        scheme: Scheme::Http,
        authority: "shop.example".into(),
        target: sent.target.as_str().into(),
        fields: sent.fields.iter().map(|(name, value)| (*name, value.as_str())).collect(),
    };
    head.fields.append("host", "shop.example");
    head
}

/// The lines of the gate's answer, straight from `nostore-web`.
fn gate_lines(stage: &Stage, sent: &Sent, asks: Asks) -> Result<Owned, String> {
    let answer: Option<Answer> = stage.wait(async {
        match (stage.site.sessions.begin(head_of(sent)).await, asks) {
            (Begin::Answer(answer), _) => Some(answer),
            (Begin::Continue(exchange), Asks::Auth) => exchange.auth(Why::here()).await.err(),
            (Begin::Continue(exchange), Asks::Require) => exchange.require(Why::here()).await.err(),
            (Begin::Continue(exchange), Asks::SignIn) => match &stage.site.sign_in {
                Some(sign_in) => Some(sign_in.answer(&exchange, &sent.body).await),
                None => None,
            },
            (Begin::Continue(_), Asks::Begin) => None,
        }
    });
    let answer = answer.ok_or("the gate let the request pass")?;
    let mut fields = Fields::new();
    apply(&answer.edits, &mut fields);
    Ok(listed(&fields))
}

/// The lines that a handshake's return makes of the app's.
fn return_lines(
    stage: &Stage,
    sent: &Sent,
    status: u16,
    lines: &[(&'static str, String)],
) -> Result<Owned, String> {
    let begin = stage.wait(stage.site.sessions.begin(head_of(sent)));
    let Begin::Continue(exchange) = begin else { return Err("the gate did not let the request pass".into()) };
    let mut fields: Fields<'_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let edits = stage.site.sessions.finish(&exchange, &ResponseHead { status, fields: fields.clone() });
    apply(&edits, &mut fields);
    let set: Vec<_> = fields.all("set-cookie").collect();
    let both = [format!("__client_uat={NOW}; Path=/"), signed().session_line.clone()];
    if !set.windows(2).any(|lines| lines == both) {
        return Err(format!("expected the handshake's two lines, found {set:?}"));
    }
    Ok(listed(&fields))
}

fn listed(fields: &Fields<'_>) -> Owned {
    fields.iter().map(|line| (line.name.to_ascii_lowercase(), line.value.to_string())).collect()
}

fn difference(expected: &Owned, found: &Owned) -> String {
    let lacks: Vec<_> = expected.iter().filter(|line| !found.iter().any(|f| matches(line, f))).collect();
    let extra: Vec<_> = found.iter().filter(|line| !expected.iter().any(|e| matches(e, line))).collect();
    if lacks.is_empty() && extra.is_empty() {
        return format!("expected {expected:?}, found {found:?}");
    }
    format!("lacks {lacks:?}, has besides {extra:?}")
}

impl Case {
    pub(crate) fn run(&self, stage: &Stage) -> Result<(), String> {
        match &self.play {
            Play::Once(sent, expected) => {
                let received = Connection::open(stage.address)?.exchange(&sent.clone().last())?;
                expected.check(stage, sent, &received)
            }
            Play::Story(story) => story(stage),
        }
    }
}
