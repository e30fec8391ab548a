//! One line, read: what it says, as it says it, and which name says what.

use crate::near::near;
use crate::time::{self, Days};

/// What a line says of one request or event. What it does not say is empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Record<'a> {
    /// Seconds since 1970.
    pub time: i64,
    /// What happened, where the log names it.
    pub event: &'a [u8],
    /// The session of the request.
    pub session: &'a [u8],
    /// The session that the answer begins.
    pub given: &'a [u8],
    /// The request's whole cookie line.
    pub cookies: &'a [u8],
    /// What the program says of itself.
    pub agent: &'a [u8],
    /// The kind of program, where the log has it already.
    pub class: &'a [u8],
    /// The address, or what stands for its network.
    pub address: &'a [u8],
    /// The method.
    pub method: &'a [u8],
    /// The path, perhaps with a query.
    pub path: &'a [u8],
    /// The status; 0 where there is none.
    pub status: u16,
    /// The page before.
    pub referer: &'a [u8],
    /// Whether a cache in front has answered.
    pub hit: bool,
}

/// What a name in a log stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The address or the network.
    Address,
    /// What the program says of itself.
    Agent,
    /// What a cache in front did.
    Cache,
    /// The kind of program.
    Class,
    /// The whole cookie line.
    Cookies,
    /// What happened.
    Event,
    /// The session that the answer begins.
    Given,
    /// The method.
    Method,
    /// The path.
    Path,
    /// The page before.
    Referer,
    /// Method, path and protocol in one.
    Request,
    /// The session.
    Session,
    /// The status.
    Status,
    /// The time.
    Time,
}

impl Role {
    /// All, by the names that a field mapping has for them.
    pub const NAMES: [(&'static str, Self); 14] = [
        ("address", Self::Address),
        ("agent", Self::Agent),
        ("cache", Self::Cache),
        ("client", Self::Class),
        ("cookies", Self::Cookies),
        ("event", Self::Event),
        ("given", Self::Given),
        ("method", Self::Method),
        ("path", Self::Path),
        ("referer", Self::Referer),
        ("request", Self::Request),
        ("session", Self::Session),
        ("status", Self::Status),
        ("time", Self::Time),
    ];

    /// Finds a role by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(own, _)| *own == name).map(|(_, role)| *role)
    }

    /// What a name in JSON stands for, by custom.
    pub(crate) fn by_custom(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"time" | b"timestamp" | b"ts" | b"@timestamp" | b"time_iso8601" | b"time_local" | b"msec" => {
                Self::Time
            }
            b"event" => Self::Event,
            b"session" | b"sid" | b"session_id" | b"sessionId" | b"sessionid" => Self::Session,
            b"given_session" | b"set_session" => Self::Given,
            b"client" => Self::Class,
            b"user_agent" | b"http_user_agent" | b"userAgent" | b"useragent" | b"agent" | b"ua" => {
                Self::Agent
            }
            b"network" | b"remote_addr" | b"remote_ip" | b"client_ip" | b"clientIp" | b"ip" | b"address" => {
                Self::Address
            }
            b"path" | b"request_uri" | b"uri" | b"url" => Self::Path,
            b"request" => Self::Request,
            b"method" | b"request_method" => Self::Method,
            b"status" | b"statusCode" | b"status_code" => Self::Status,
            b"referer" | b"http_referer" | b"referrer" => Self::Referer,
            b"http_cookie" | b"cookie" | b"cookies" => Self::Cookies,
            b"upstream_cache_status" | b"cache_status" => Self::Cache,
            _ => return None,
        })
    }
}

/// nginx's `$cookie_NAME` and `$upstream_cookie_NAME`, where the cookie is one of sessions.
pub(crate) fn by_cookie_name(name: &[u8]) -> Option<Role> {
    let (role, cookie) = match name.strip_prefix(b"upstream_cookie_") {
        Some(cookie) => (Role::Given, cookie),
        None => (Role::Session, name.strip_prefix(b"cookie_")?),
    };
    let cookie = std::str::from_utf8(cookie).ok()?;
    nostore_cache::looks_like_session(cookie).then_some(role)
}

impl<'a> Record<'a> {
    /// Takes a value; the first one that says something counts. Tells whether it can be read.
    pub(crate) fn take(&mut self, role: Role, value: &'a [u8]) -> bool {
        let value = said(value);
        if value.is_empty() {
            return true;
        }
        let place = match role {
            Role::Address => &mut self.address,
            Role::Agent => &mut self.agent,
            Role::Class => &mut self.class,
            Role::Cookies => &mut self.cookies,
            Role::Event => &mut self.event,
            Role::Given => &mut self.given,
            Role::Method => &mut self.method,
            Role::Path => &mut self.path,
            Role::Referer => &mut self.referer,
            Role::Session => &mut self.session,
            Role::Cache => {
                self.hit |= is_hit(value);
                return true;
            }
            Role::Request => {
                self.request(value);
                return true;
            }
            Role::Status => {
                self.status = status(value);
                return true;
            }
            Role::Time => return self.take_time(value, &mut Days::default()),
        };
        if place.is_empty() {
            *place = value;
        }
        true
    }

    /// Takes a time, as [`Record::take`] does.
    pub(crate) fn take_time(&mut self, value: &[u8], days: &mut Days) -> bool {
        if said(value).is_empty() {
            return true;
        }
        if self.time == 0 {
            self.time = days.any(value).unwrap_or(0);
        }
        self.time != 0
    }

    /// Takes `GET /path HTTP/1.1`.
    pub(crate) fn request(&mut self, line: &'a [u8]) {
        if let Some((method, path)) = words(line) {
            (self.method, self.path) = (method, path);
        }
    }
}

/// Method and path of `GET /path HTTP/1.1`.
pub(crate) fn words(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = near(b' ', line)?;
    let rest = &line[space + 1..];
    let end = match rest {
        [path @ .., b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => path.len(),
        _ => memchr::memrchr(b' ', rest).unwrap_or(rest.len()),
    };
    Some((&line[..space], &rest[..end]))
}

/// A value; nothing for the dash that stands for it.
pub(crate) fn said(value: &[u8]) -> &[u8] {
    if value == b"-" { &[] } else { value }
}

/// Reads three digits.
pub(crate) fn status(text: &[u8]) -> u16 {
    let number = if text.len() == 3 { time::number(text).unwrap_or(0) } else { 0 };
    u16::try_from(number).unwrap_or(0)
}

/// `Hit`, `HIT`, `RefreshHit`: the cache has answered with what it had.
pub(crate) fn is_hit(text: &[u8]) -> bool {
    text.len() >= 3 && text[text.len() - 3..].eq_ignore_ascii_case(b"hit")
}

/// Which names of a log say what, where custom does not tell.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    named: Vec<(Role, String)>,
}

impl Fields {
    /// Says that a name stands for this. What custom says of the role no longer counts.
    pub fn name(&mut self, role: Role, name: impl Into<String>) {
        self.named.push((role, name.into()));
    }

    /// Returns the first name that was said of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<&str> {
        self.named.iter().find(|(own, _)| *own == role).map(|(_, name)| name.as_str())
    }

    pub(crate) fn role(&self, name: &[u8]) -> Option<Role> {
        if self.named.is_empty() {
            return Role::by_custom(name);
        }
        if let Some((role, _)) = self.named.iter().find(|(_, own)| own.as_bytes() == name) {
            return Some(*role);
        }
        Role::by_custom(name).filter(|role| self.of(*role).is_none())
    }

    /// Tells whether a name reaches into an object, such as `request.remote_ip`.
    pub(crate) fn are_nested(&self) -> bool {
        self.named.iter().any(|(_, name)| name.contains('.'))
    }
}

/// Why a line says nothing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum Broken {
    /// Fields are missing, or one does not end.
    #[error("fewer fields than expected")]
    Fields,
    /// It is no JSON object.
    #[error("no JSON object")]
    Json,
    /// The pattern does not match.
    #[error("not as the pattern says")]
    Pattern,
    /// There is no time that can be read.
    #[error("no time")]
    Time,
    /// It is above the bound.
    #[error("longer than 1 MiB")]
    TooLong,
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Fields, Self::Json, Self::Pattern, Self::Time, Self::TooLong];
}
