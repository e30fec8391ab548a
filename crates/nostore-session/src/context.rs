//! What the decision reads from a request.

use std::borrow::Cow;
use std::sync::Arc;

use nostore_jose::{Jws, JwsError};
use nostore_message::{Cookies, RequestHead, UnixTime};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use crate::hop::Count;
use crate::jar::{Family, Jar};
use crate::need::Facts;
use crate::suffix::uses_suffixed;
use crate::token::{coerced, parse_sized};
use crate::{Config, Instance, Session, hop, name, target};

/// The values as they stand in the request; [`Context`] borrows from it.
pub(crate) struct Read<'r> {
    jar: Jar<'r>,
    plain_session: Option<Cow<'r, str>>,
    suffixed_session: Option<Cow<'r, str>>,
    /// Both are the same text, and only the plain one is here.
    same_session: bool,
    refresh: Option<Cow<'r, str>>,
    handshake: Option<Cow<'r, str>>,
    nonce: Option<Cow<'r, str>>,
    query_dev_browser: Option<Cow<'r, str>>,
    header_token: Option<&'r str>,
}

/// One request, read, with everything else that the decision depends on.
pub(crate) struct Context<'c> {
    pub(crate) request: &'c RequestHead<'c>,
    pub(crate) config: &'c Config,
    pub(crate) facts: &'c Facts<'c>,
    pub(crate) now: UnixTime,
    /// Whether the suffixed family counts.
    pub(crate) suffixed: bool,
    pub(crate) refresh: Option<&'c str>,
    pub(crate) handshake: Option<&'c str>,
    pub(crate) nonce: Option<&'c str>,
    /// The browser's name in development, from the URL or a cookie.
    pub(crate) dev_browser: Option<Cow<'c, str>>,
    /// Whether the URL brings the browser's name, even an empty one.
    pub(crate) has_query_dev_browser: bool,
    /// Seconds since 1970 of the client's last change; 0 when signed out or unknown.
    pub(crate) client_uat: i64,
    /// The protocol's own count of redirects.
    pub(crate) redirect_count: u32,
    /// Ours.
    pub(crate) count: Count,
    pub(crate) header_token: Option<&'c str>,
    pub(crate) session_cookie: Option<Token<'c>>,
}

/// A session token, decoded.
pub(crate) struct Token<'c> {
    pub(crate) text: &'c str,
    pub(crate) decoded: Decoded<'c>,
}

/// What a token says.
pub(crate) enum Decoded<'c> {
    /// Its signature was verified before.
    Known(Arc<Session>),
    /// Not verified yet.
    Unverified(Jws<'c>),
    /// Nothing.
    Malformed(JwsError),
}

/// Tells whether a request brings the result of a handshake, in its URL or in a cookie, or, to the primary site of
/// a development instance, the question of a satellite. Such a request is to be resolved on any URL, even where
/// nothing else asks who is there.
#[must_use]
pub fn carries_handshake_return(request: &RequestHead<'_>, config: &Config) -> bool {
    let cookies = request.cookies();
    let answers = || !config.is_satellite() && config.instance() == Instance::Development;
    [name::NONCE, name::HANDSHAKE].iter().any(|name| {
        in_query(request, name).is_some() || cookies.raw(name).is_some_and(|value| !value.is_empty())
    }) || (answers() && in_query(request, name::RETURN_URL).is_some())
}

/// Tells whether a request loads a page: into a document or frame, or, from user agents without fetch
/// metadata, for HTML. Only GET and HEAD can be sent on to another page; a handshake takes GET alone.
#[must_use]
pub fn is_navigation(request: &RequestHead<'_>) -> bool {
    let field = |name: &str| request.fields.first(name).filter(|value| !value.is_empty());
    request.is_get_or_head()
        && match field("sec-fetch-dest") {
            Some(destination) => matches!(destination, "document" | "iframe"),
            None => field("accept").is_some_and(|accept| accept.starts_with("text/html")),
        }
}

impl<'r> Read<'r> {
    pub(crate) fn new(request: &'r RequestHead<'_>, config: &Config, now: UnixTime) -> Self {
        let jar = Jar::read(request, config, now);
        let same_session = jar.suffixed.session == jar.plain.session;
        let named = names_something(request);
        let query = |name: &str| if named { in_query(request, name) } else { None };
        let (handshake, nonce) = (query(name::HANDSHAKE), query(name::NONCE));
        Self {
            plain_session: jar.plain.session.map(Cookies::decode),
            suffixed_session: jar.suffixed.session.filter(|_| !same_session).map(Cookies::decode),
            same_session,
            refresh: jar.refresh.map(Cookies::decode),
            handshake: handshake.or_else(|| jar.handshake.map(Cookies::decode)),
            nonce: nonce.or_else(|| jar.nonce.map(Cookies::decode)),
            query_dev_browser: if named { query_value(request, name::DEV_BROWSER) } else { None },
            header_token: request.fields.first("authorization").and_then(bearer),
            jar,
        }
    }
}

impl<'c> Context<'c> {
    pub(crate) fn new(
        read: &'c Read<'c>,
        request: &'c RequestHead<'c>,
        config: &'c Config,
        facts: &'c Facts<'c>,
        now: UnixTime,
    ) -> Self {
        let plain = read.plain_session.as_deref().map(|text| Token::decode(text, facts));
        let same = read.same_session || read.suffixed_session == read.plain_session;
        let suffixed = read.suffixed_session.as_deref().filter(|_| !same);
        let suffixed = suffixed.map(|text| Token::decode(text, facts));
        let other = if same { plain.as_ref() } else { suffixed.as_ref() };
        let suffixed_counts = uses_suffixed(&read.jar, plain.as_ref(), other, config, now);
        let (family, session_cookie) = match suffixed_counts {
            true if same => (&read.jar.suffixed, plain),
            true => (&read.jar.suffixed, suffixed),
            false => (&read.jar.plain, plain),
        };
        let from_query = read.query_dev_browser.as_deref();
        Self {
            request,
            config,
            facts,
            now,
            suffixed: suffixed_counts,
            refresh: read.refresh.as_deref(),
            handshake: read.handshake.as_deref(),
            nonce: read.nonce.as_deref(),
            dev_browser: dev_browser(from_query, family),
            has_query_dev_browser: from_query.is_some(),
            client_uat: family.uat.map_or(0, |uat| seconds(&Cookies::decode(uat))),
            redirect_count: read
                .jar
                .redirect_count
                .map_or(0, |count| narrow(seconds(&Cookies::decode(count)))),
            count: read.jar.count,
            header_token: read.header_token,
            session_cookie,
        }
    }

    /// Returns the URL that the visitor asked for; `None` when the authority is no host.
    pub(crate) fn url(&self) -> Option<Url> {
        target::public_url(self.request)
    }

    /// Returns the session token: the cookie's, else the header's.
    pub(crate) fn session_token(&self) -> Option<&'c str> {
        self.session_cookie.as_ref().map(|cookie| cookie.text).or(self.header_token)
    }

    /// Returns the first value of a query parameter, decoded; `None` when it is absent.
    pub(crate) fn query(&self, name: &str) -> Option<Cow<'c, str>> {
        query_value(self.request, name)
    }

    /// Returns a field's value, `None` when it is empty.
    pub(crate) fn field(&self, name: &str) -> Option<&'c str> {
        self.request.fields.first(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_development(&self) -> bool {
        !self.config.instance().is_production()
    }

    /// Tells whether the request loads a document, and by GET: what a satellite and its primary site sync on.
    pub(crate) fn loads_document(&self) -> bool {
        self.request.method == "GET" && self.field("sec-fetch-dest") == Some("document")
    }

    /// Tells whether `hops` more redirects stay within what a navigation may take.
    pub(crate) const fn may_hop(&self, hops: u32) -> bool {
        self.count.hops.saturating_add(hops) <= hop::MAX_HOPS
    }
}

impl<'c> Token<'c> {
    pub(crate) fn decode(text: &'c str, facts: &Facts<'_>) -> Self {
        let known = facts.memo.and_then(|memo| memo.find(text));
        // The whole text counts, whatever a memo goes by.
        let decoded = match known.filter(|session| session.token().expose() == text) {
            Some(session) => Decoded::Known(session),
            None => parse_sized(text).map_or_else(Decoded::Malformed, Decoded::Unverified),
        };
        Self { text, decoded }
    }

    /// Returns the claim `iat` as the protocol compares it, verified or not.
    pub(crate) fn issued_at(&self) -> Option<f64> {
        match &self.decoded {
            Decoded::Known(session) => session.facts().issued_at,
            Decoded::Unverified(jws) => jws.payload().get("iat").map(coerced),
            Decoded::Malformed(_) => None,
        }
    }

    /// Returns the claims, verified or not.
    pub(crate) fn claims(&self) -> Option<&Map<String, Value>> {
        match &self.decoded {
            Decoded::Known(session) => Some(session.claims().raw()),
            Decoded::Unverified(jws) => Some(jws.payload()),
            Decoded::Malformed(_) => None,
        }
    }
}

fn dev_browser<'c>(from_query: Option<&'c str>, family: &Family<'c>) -> Option<Cow<'c, str>> {
    let from_query = from_query.filter(|value| !value.is_empty()).map(Cow::Borrowed);
    from_query.or_else(|| family.dev_browser.map(Cookies::decode))
}

fn in_query<'r>(request: &'r RequestHead<'_>, name: &str) -> Option<Cow<'r, str>> {
    query_value(request, name).filter(|value| !value.is_empty())
}

/// Tells whether the query may hold a parameter of the protocol's: their names all start with `_`.
fn names_something(request: &RequestHead<'_>) -> bool {
    request.query().is_some_and(|query| query.bytes().any(|byte| matches!(byte, b'_' | b'%')))
}

/// Returns the first value of a query parameter, decoded.
fn query_value<'r>(request: &'r RequestHead<'_>, name: &str) -> Option<Cow<'r, str>> {
    let query = request.query()?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    // No name has a space, so a key with `+` is none; a key with `%` has to be decoded to know.
    let pair = query.split('&').find(|pair| {
        let key = pair.split_once('=').map_or(*pair, |(key, _)| key);
        key == name || key.contains('%') && percent_decode_str(key).eq(name.bytes())
    })?;
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value)
}

/// Reads a token from `Authorization`: a lone word is one, and so is what follows `Bearer `.
fn bearer(value: &str) -> Option<&str> {
    let mut words = value.split(' ');
    let first = words.next().filter(|word| !word.is_empty())?;
    match words.next().filter(|word| !word.is_empty()) {
        None => Some(first),
        Some(token) if first == "Bearer" => Some(token),
        Some(_) => None,
    }
}

/// Reads decimal digits; anything else is 0, and what is too large stays at the end of the range.
fn seconds(text: &str) -> i64 {
    let longer = |number: i64, byte: u8| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
        digit.map(|digit| number.saturating_mul(10).saturating_add(digit))
    };
    text.bytes().try_fold(0, longer).unwrap_or(0)
}

fn narrow(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorization_row_by_row() {
        let rows = [
            ("Bearer a.b.c", Some("a.b.c")),
            ("a.b.c", Some("a.b.c")),
            ("Bearer  a.b.c", Some("Bearer")),
            ("Bearer", Some("Bearer")),
            ("bearer a.b.c", None),
            ("Basic YTpi", None),
            ("Bearer a b", Some("a")),
            ("", None),
            (" a", None),
        ];
        for (value, expected) in rows {
            assert_eq!(bearer(value), expected, "{value:?}");
        }
    }

    #[test]
    fn numbers_row_by_row() {
        let rows = [
            ("0", 0),
            ("17", 17),
            ("007", 7),
            ("12abc", 0),
            ("1e3", 0),
            ("-5", 0),
            ("+5", 0),
            ("0x10", 0),
            ("3.0", 0),
            ("\"3\"", 0),
            ("", 0),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775808", i64::MAX),
        ];
        for (text, expected) in rows {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
