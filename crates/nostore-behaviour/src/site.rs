//! The site that every adapter serves: pages as data, and handlers that no framework has a say in.

use std::sync::Arc;

use bytes::Bytes;
use nostore_message::Sensitivity;
use nostore_session::Check;
use nostore_web::{Auth, Exchange, Requirement, Why};
use tokio::sync::{Semaphore, mpsc};

/// What a handler asks before it answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reader {
    /// Takes the extractor `Require<Admins>`.
    Admins,
    /// Takes the extractor `Auth`.
    Auth,
    /// Takes nothing.
    Nobody,
    /// Takes the extractor `OptionalAuth`.
    Optional,
    /// Takes the extractor `RequireAuth`.
    Require,
}

/// What the page for admins asks.
#[derive(Debug)]
pub struct Admins;

impl Requirement for Admins {
    fn check() -> Check {
        Check::role("org:admin")
    }
}

/// One page. Those below `/nested/` belong into a router or scope of their own.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The path.
    pub path: &'static str,
    /// What the handler asks.
    pub reader: Reader,
    status: u16,
    fields: &'static [(&'static str, &'static str)],
    says: Says,
    mark: Option<Mark>,
}

/// What a handler says about a response beside its fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mark {
    /// `danger_mark_public`.
    Lowered,
    /// `protect`.
    Raised,
}

#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    Large,
    Panic,
    Stream,
    Text(&'static str),
    Who,
}

/// What a handler answers, for the adapter to put into its framework's words.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The field lines, in order.
    pub fields: Vec<(&'static str, String)>,
    /// The content.
    pub body: Body,
    /// What to say with a function of the adapter.
    pub mark: Option<Mark>,
}

/// The content of a reply.
#[derive(Debug)]
pub enum Body {
    /// Known as a whole.
    Bytes(Bytes),
    /// Comes piece by piece; every piece is to be sent as it comes.
    Frames(Frames),
}

/// Pieces of a body.
pub type Frames = mpsc::UnboundedReceiver<Bytes>;

/// Holds a stream back until the case lets it go on.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    pub(crate) fn open_once(&self) {
        self.0.add_permits(1);
    }

    async fn pass(&self) {
        self.0.acquire().await.expect("the gate is never closed for good").forget();
    }
}

/// What a framework stamps on pages that it takes for the same for everyone.
const PUBLIC: (&str, &str) = ("cache-control", "public, s-maxage=60");
const STAMP: &[(&str, &str)] = &[PUBLIC, ("netlify-cdn-cache-control", "public, max-age=60")];
const DIALECTS: &[(&str, &str)] = &[
    ("cache-control", "s-maxage=60"),
    ("surrogate-control", "max-age=60"),
    ("edge-control", "max-age=60"),
    ("akamai-cache-control", "max-age=60"),
    ("x-accel-expires", "60"),
];
const TWO_COOKIES: &[(&str, &str)] = &[
    ("set-cookie", "a=1; Path=/"),
    ("set-cookie", "b=2; Path=/; HttpOnly"),
    ("x-tag", "one"),
    ("x-tag", "two"),
];
const ETAG: &[(&str, &str)] = &[("etag", "\"v1\""), ("cache-control", "public, max-age=60")];
const VARY: &[(&str, &str)] = &[("cache-control", "s-maxage=60"), ("vary", "Accept-Encoding")];

/// The length of the large page.
pub(crate) const LARGE: usize = 1 << 20;

/// All pages.
pub const PAGES: &[Page] = &[
    page("/", STAMP, Says::Text("the same for everyone")),
    page("/silent", &[], Says::Text("silent")),
    page("/no-store", &[("cache-control", "no-store")], Says::Text("never")),
    page("/two-cookies", TWO_COOKIES, Says::Text("two")),
    page("/cacheable-cookie", &[PUBLIC, ("set-cookie", "theme=dark")], Says::Text("dark")),
    page("/session-cookie", &[("set-cookie", "__session=x; Path=/")], Says::Text("yours")),
    page("/own-cookie", &[("set-cookie", "id=x; Path=/")], Says::Text("yours")),
    page("/not-modified", ETAG, Says::Nothing).status(304),
    page("/no-content", STAMP, Says::Nothing).status(204),
    page("/marked", &[PUBLIC, ("auth-sensitive", "?1")], Says::Text("yours")),
    page("/marked-not", &[PUBLIC, ("auth-sensitive", "?0")], Says::Text("everyone's")),
    page("/marked-junk", &[PUBLIC, ("auth-sensitive", "yes")], Says::Text("yours")),
    page("/vary", VARY, Says::Text("plain")),
    page("/dialects", DIALECTS, Says::Text("same")),
    page("/forbidden", STAMP, Says::Text("no")).status(403),
    page("/unauthorized", STAMP, Says::Text("no")).status(401),
    page("/broken", STAMP, Says::Text("broken")).status(500),
    page("/redirect", &[PUBLIC, ("location", "/elsewhere")], Says::Nothing).status(302),
    page("/large", STAMP, Says::Large),
    page("/stream", STAMP, Says::Stream),
    page("/panic", STAMP, Says::Panic),
    page("/one", STAMP, Says::Text("yours")).mark(Mark::Raised),
    page("/open/page", STAMP, Says::Text("open")),
    page(
        "/open/cookie",
        &[PUBLIC, ("set-cookie", "id=x; Path=/"), ("set-cookie", "theme=dark")],
        Says::Text("open"),
    ),
    page("/admin/rows", STAMP, Says::Text("rows")),
    page("/nested/page", STAMP, Says::Text("nested")),
    page("/nested/who", STAMP, Says::Who).reads(Reader::Auth),
    page("/who", STAMP, Says::Who).reads(Reader::Auth),
    page("/who/silent", &[], Says::Who).reads(Reader::Auth),
    page("/who/vary", VARY, Says::Who).reads(Reader::Auth),
    page("/who/dialects", DIALECTS, Says::Who).reads(Reader::Auth),
    page("/who/not-modified", ETAG, Says::Nothing).status(304).reads(Reader::Auth),
    page("/who/no-content", STAMP, Says::Nothing).status(204).reads(Reader::Auth),
    page("/who/broken", STAMP, Says::Text("broken")).status(500).reads(Reader::Auth),
    page("/who/two-cookies", TWO_COOKIES, Says::Who).reads(Reader::Auth),
    page("/who/large", STAMP, Says::Large).reads(Reader::Auth),
    page("/who/stream", STAMP, Says::Stream).reads(Reader::Auth),
    page("/who/panic", STAMP, Says::Panic).reads(Reader::Auth),
    page("/who/lowered", STAMP, Says::Text("same")).reads(Reader::Auth).mark(Mark::Lowered),
    page("/lowered/session-cookie", &[PUBLIC, ("set-cookie", "__session=x")], Says::Text("same"))
        .reads(Reader::Auth)
        .mark(Mark::Lowered),
    page("/maybe", STAMP, Says::Who).reads(Reader::Optional),
    page("/admins", STAMP, Says::Who).reads(Reader::Admins),
    page("/mine", STAMP, Says::Who).reads(Reader::Require),
];

const fn page(path: &'static str, fields: &'static [(&'static str, &'static str)], says: Says) -> Page {
    Page { path, reader: Reader::Nobody, status: 200, fields, says, mark: None }
}

impl Page {
    const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    const fn reads(mut self, reader: Reader) -> Self {
        self.reader = reader;
        self
    }

    const fn mark(mut self, mark: Mark) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Answers. `auth` is what the extractor gave.
    ///
    /// # Panics
    ///
    /// On the pages that are there to panic.
    #[must_use]
    pub fn reply(&self, auth: Option<&Auth>, gate: &Gate) -> Reply {
        let body = match self.says {
            Says::Large => Body::Bytes(Bytes::from(vec![b'x'; LARGE])),
            Says::Nothing => Body::Bytes(Bytes::new()),
            Says::Panic => panic!("this page is here to panic"),
            Says::Stream => frames(gate, || async { "two".to_owned() }),
            Says::Text(text) => Body::Bytes(Bytes::from_static(text.as_bytes())),
            Says::Who => Body::Bytes(auth.map(who).unwrap_or_default().into()),
        };
        let fields = self.fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Reply { status: self.status, fields, body, mark: self.mark }
    }
}

fn who(auth: &Auth) -> String {
    auth.email().unwrap_or("nobody").to_owned()
}

/// A handler that takes the exchange, and nothing that reads who is asking.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Special {
    /// Takes it and leaves it.
    Handle,
    /// Sends to the identity service's sign-in page.
    Identity,
    /// First reads who is asking in the stream of its body, after the head.
    Late,
    /// Reads before the head, and again after it.
    LateAgain,
    /// Raises the level after the head.
    LateRaise,
    /// Raises the level.
    Raise,
    /// Says where a return path leads.
    ReturnPath,
    /// Signs out.
    SignOut,
}

/// The handlers that take the exchange: method, path, handler.
pub const SPECIALS: &[(&str, &str, Special)] = &[
    ("GET", "/exchange/handle", Special::Handle),
    ("GET", "/exchange/identity", Special::Identity),
    ("GET", "/exchange/late", Special::Late),
    ("GET", "/exchange/late-again", Special::LateAgain),
    ("GET", "/exchange/late-raise", Special::LateRaise),
    ("GET", "/exchange/raise", Special::Raise),
    ("GET", "/exchange/return-path", Special::ReturnPath),
    ("POST", "/exchange/sign-out", Special::SignOut),
];

impl Special {
    /// Answers with the exchange that the extractor gave.
    pub async fn reply(self, exchange: Arc<Exchange>, gate: Gate) -> Reply {
        let text = |text: &str| Body::Bytes(Bytes::from(text.to_owned()));
        let redirect = |location: &str| Reply {
            status: 303,
            fields: vec![("location", location.to_owned())],
            body: text(""),
            mark: None,
        };
        let body = match self {
            Self::Handle => text("same"),
            Self::Identity => return redirect(&exchange.identity_sign_in_url("/who")),
            Self::Late => frames(&gate, move || async move {
                let answer = exchange.auth(Why::here()).await;
                let seen = answer.map_or_else(|_| "refused".to_owned(), |auth| who(&auth));
                format!("{seen}, defects {}", exchange.defects())
            }),
            Self::LateAgain => {
                // Whether this redirects is another case; here the visitor is signed in.
                drop(exchange.auth(Why::here()).await);
                frames(&gate, move || async move {
                    format!("{}, defects {}", who(&exchange.peek(Why::here()).await), exchange.defects())
                })
            }
            Self::LateRaise => frames(&gate, move || async move {
                exchange.raise(Sensitivity::AuthFlow);
                format!("defects {}", exchange.defects())
            }),
            Self::Raise => {
                exchange.raise(Sensitivity::AuthFlow);
                text("raised")
            }
            Self::ReturnPath => text(&format!(
                "{} {}",
                exchange.safe_return_path("http://shop.example/x?y"),
                exchange.safe_return_path("https://evil.example/x")
            )),
            Self::SignOut => {
                let outcome = exchange.sign_out().await;
                let mut reply = redirect("/");
                reply.fields.push(("x-outcome", format!("{outcome:?}")));
                return reply;
            }
        };
        let fields = STAMP.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Reply { status: 200, fields, body, mark: None }
    }
}

/// Two pieces: one at once, and what `second` says as soon as the case lets it.
fn frames<F>(gate: &Gate, second: impl FnOnce() -> F + Send + 'static) -> Body
where
    F: Future<Output = String> + Send,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    let gate = gate.clone();
    tokio::spawn(async move {
        // A visitor that went away needs no second piece.
        if sender.send(Bytes::from_static(b"one")).is_ok() {
            gate.pass().await;
            let _ = sender.send(Bytes::from(second().await));
        }
    });
    Body::Frames(receiver)
}
