//! Why a response is kept from caches, in words for the person who wrote the page.

use std::fmt;
use std::panic::Location;

use nostore_cache::Intent;
use nostore_message::FieldEdit;

/// The response field that carries the words under `nostore dev`. The edge shows and removes it.
pub const WHY_FIELD: &str = "Nostore-Why";

/// Who looked at who is asking, or what else made a response sensitive.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// The app asked for it, at this source line.
    AppRaised(&'static Location<'static>),
    /// The app marked the response with `Auth-Sensitive: ?1`.
    AuthSensitive,
    /// The author forbids storing, in a field that not every cache reads.
    AuthorForbids,
    /// A response that its author made cacheable sets a cookie with that name.
    CookieOnCacheable(String),
    /// The request carried a session cookie with that name.
    CookieOnRequest(String),
    /// The request carried `Authorization`.
    CredentialOnRequest,
    /// A handler takes this extractor.
    Extractor(&'static str),
    /// The gate answered instead of the app, with a step of a sign-in or a refusal.
    Gate,
    /// Every route that is not public is protected.
    NotPublic,
    /// `protect_all` is on.
    ProtectAll,
    /// The handler looked at who is asking, at this source line.
    Read(&'static Location<'static>),
    /// A redirect on a route that is not public: it may be the bounce to the sign-in page.
    Redirect,
    /// The handler protected this one response.
    ResponseProtected,
    /// A rule with that pattern protects the route, written at this file and line.
    RouteRule(String, String),
    /// The response sets a session cookie with that name.
    SessionCookie(String),
    /// The visitor signs in or out with this response.
    SignInOrOut,
    /// The status says that the answer depends on who is asking.
    Status(u16),
}

impl Why {
    /// Names the caller's source line as the reader.
    #[must_use]
    #[track_caller]
    pub const fn here() -> Self {
        Self::Read(Location::caller())
    }

    /// Makes the field that tells it, in printable ASCII.
    pub(crate) fn field(&self, intent: Intent) -> FieldEdit {
        let lead = match intent {
            Intent::Cacheable => "lost its caching",
            Intent::Silent | Intent::Uncacheable => "kept from caches",
        };
        let printable = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        FieldEdit::set(WHY_FIELD, format!("{lead}: {self}").chars().map(printable).collect::<String>())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppRaised(line) => write!(f, "the app asked for it at {}", Line(line)),
            Self::AuthSensitive => f.write_str("the app marked it with Auth-Sensitive"),
            Self::AuthorForbids => {
                f.write_str("its author forbids storing, in a field that not every cache reads")
            }
            Self::CookieOnCacheable(name) => {
                write!(f, "it sets the cookie `{name}`, which a cache would give to everyone")
            }
            Self::CookieOnRequest(name) => {
                write!(f, "the request carried the session cookie `{name}` and the route is not public")
            }
            Self::CredentialOnRequest => {
                f.write_str("the request carried Authorization and the route is not public")
            }
            Self::Extractor(name) => write!(f, "the handler takes `{name}`"),
            Self::Gate => f.write_str("it is a step of the sign-in"),
            Self::NotPublic => f.write_str("the route is not public"),
            Self::ProtectAll => f.write_str("protect_all is on"),
            Self::Read(line) => write!(f, "the handler read who is asking at {}", Line(line)),
            Self::Redirect => f.write_str("it redirects and the route is not public"),
            Self::ResponseProtected => f.write_str("the handler protected this response"),
            Self::RouteRule(pattern, line) => write!(f, "the route rule `{pattern}` at {line} protects it"),
            Self::SessionCookie(name) => write!(f, "it sets the session cookie `{name}`"),
            Self::SignInOrOut => f.write_str("it signs the visitor in or out"),
            Self::Status(status) => write!(f, "the status {status} depends on who is asking"),
        }
    }
}

struct Line<'a>(&'a Location<'a>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}
