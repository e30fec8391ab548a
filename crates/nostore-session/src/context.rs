//! What the decision reads from a request.

use std::borrow::Cow;

use nostore_jose::{Jws, JwsError};
use nostore_message::{Cookies, RequestHead, UnixTime};
use url::{Url, form_urlencoded};

use crate::need::Facts;
use crate::suffix::uses_suffixed;
use crate::token::parse_sized;
use crate::{Config, name, target};

/// The cookies that exist in a plain and in a suffixed form. Empty ones are absent.
pub(crate) struct Family<'r> {
    pub(crate) uat: Option<Cow<'r, str>>,
    pub(crate) session: Option<Cow<'r, str>>,
    pub(crate) dev_browser: Option<Cow<'r, str>>,
}

/// The values as they stand in the request; [`Context`] borrows from it.
pub(crate) struct Read<'r> {
    url: Option<Url>,
    family: Family<'r>,
    suffixed: bool,
    has_refresh: bool,
    handshake: Option<Cow<'r, str>>,
    nonce: Option<Cow<'r, str>>,
    url_brings_return: bool,
    query_dev_browser: Option<String>,
    redirect_count: u32,
    header_token: Option<&'r str>,
}

/// One request, read, with everything else that the decision depends on.
pub(crate) struct Context<'c> {
    pub(crate) request: &'c RequestHead<'c>,
    pub(crate) config: &'c Config,
    pub(crate) facts: &'c Facts<'c>,
    pub(crate) now: UnixTime,
    /// The public URL; absent when the authority is none.
    pub(crate) url: Option<&'c Url>,
    /// Whether the suffixed family counts.
    pub(crate) suffixed: bool,
    pub(crate) has_refresh: bool,
    pub(crate) handshake: Option<&'c str>,
    pub(crate) nonce: Option<&'c str>,
    /// Whether the URL, and not only a cookie, brings the result of a handshake.
    pub(crate) url_brings_return: bool,
    /// The browser's name in development, from the URL or a cookie.
    pub(crate) dev_browser: Option<&'c str>,
    /// Whether the URL brings the browser's name, even an empty one.
    pub(crate) has_query_dev_browser: bool,
    /// Seconds since 1970 of the client's last change; 0 when signed out or unknown.
    pub(crate) client_uat: i64,
    pub(crate) redirect_count: u32,
    pub(crate) header_token: Option<&'c str>,
    pub(crate) session_cookie: Option<SessionCookie<'c>>,
}

/// The session cookie that counts, parsed.
pub(crate) struct SessionCookie<'c> {
    pub(crate) text: &'c str,
    pub(crate) jws: Result<Jws<'c>, JwsError>,
}

/// Tells whether a request brings the result of a handshake, in its URL or in a cookie. Such a
/// request is to be resolved on any URL, even where nothing else asks who is there.
#[must_use]
pub fn carries_handshake_return(request: &RequestHead<'_>, _config: &Config) -> bool {
    let (url, cookies) = (target::public_url(request), request.cookies());
    [name::NONCE, name::HANDSHAKE].iter().any(|name| query_or_cookie(url.as_ref(), &cookies, name).is_some())
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
        let cookies = request.cookies();
        let url = target::public_url(request);
        let key = config.publishable_key();
        let plain = Family::read(&cookies, str::to_owned);
        let suffixed = Family::read(&cookies, |name| key.suffixed(name));
        let suffixed_counts = uses_suffixed(&plain, &suffixed, config, now);
        let by_name = |name: &str| query_or_cookie(url.as_ref(), &cookies, name);
        Self {
            family: if suffixed_counts { suffixed } else { plain },
            suffixed: suffixed_counts,
            has_refresh: present(&cookies, &key.suffixed(name::REFRESH)).is_some(),
            handshake: by_name(name::HANDSHAKE),
            nonce: by_name(name::NONCE),
            url_brings_return: [name::HANDSHAKE, name::NONCE]
                .iter()
                .any(|name| in_query(url.as_ref(), name).is_some()),
            query_dev_browser: url.as_ref().and_then(|url| query_value(url, name::DEV_BROWSER)),
            redirect_count: redirect_count(&cookies),
            header_token: request.fields.first("authorization").and_then(bearer),
            url,
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
        let from_query = read.query_dev_browser.as_deref();
        let session = |text: &'c str| SessionCookie { text, jws: parse_sized(text) };
        Self {
            request,
            config,
            facts,
            now,
            url: read.url.as_ref(),
            suffixed: read.suffixed,
            has_refresh: read.has_refresh,
            handshake: read.handshake.as_deref(),
            nonce: read.nonce.as_deref(),
            url_brings_return: read.url_brings_return,
            dev_browser: from_query.filter(|value| !value.is_empty()).or(read.family.dev_browser.as_deref()),
            has_query_dev_browser: from_query.is_some(),
            client_uat: read.family.uat.as_deref().map_or(0, seconds),
            redirect_count: read.redirect_count,
            header_token: read.header_token,
            session_cookie: read.family.session.as_deref().map(session),
        }
    }

    /// Returns the session token: the cookie's, else the header's.
    pub(crate) fn session_token(&self) -> Option<&'c str> {
        self.session_cookie.as_ref().map(|cookie| cookie.text).or(self.header_token)
    }

    /// Tells whether the request brings the result of a handshake, in its URL or in a cookie.
    pub(crate) const fn brings_return(&self) -> bool {
        self.handshake.is_some() || self.nonce.is_some()
    }

    /// Tells whether a cookie that counts is there twice, so that one hides the other.
    pub(crate) fn has_repeated_cookies(&self) -> bool {
        let (cookies, names) = (self.request.cookies(), self.config.session_cookie_names());
        names.iter().any(|name| cookies.iter().filter(|(key, _)| key == name).count() > 1)
    }

    pub(crate) fn is_development(&self) -> bool {
        !self.config.instance().is_production()
    }
}

impl<'r> Family<'r> {
    fn read(cookies: &Cookies<'r>, name: impl Fn(&str) -> String) -> Self {
        Self {
            uat: present(cookies, &name(name::CLIENT_UAT)),
            session: present(cookies, &name(name::SESSION)),
            dev_browser: present(cookies, &name(name::DEV_BROWSER)),
        }
    }
}

fn present<'r>(cookies: &Cookies<'r>, name: &str) -> Option<Cow<'r, str>> {
    cookies.value(name).filter(|value| !value.is_empty())
}

fn query_or_cookie<'r>(url: Option<&Url>, cookies: &Cookies<'r>, name: &str) -> Option<Cow<'r, str>> {
    in_query(url, name).map(Cow::Owned).or_else(|| present(cookies, name))
}

fn in_query(url: Option<&Url>, name: &str) -> Option<String> {
    url.and_then(|url| query_value(url, name)).filter(|value| !value.is_empty())
}

/// Returns the first value of a query parameter, decoded.
fn query_value(url: &Url, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(url.query()?.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
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
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(i64::MAX)
}

/// Returns the largest of all counter cookies. One on a longer path would hide the one that we
/// set, and so keep a loop alive.
pub(crate) fn redirect_count(cookies: &Cookies<'_>) -> u32 {
    let counters = cookies.iter().filter(|(key, _)| *key == name::REDIRECT_COUNT);
    counters.map(|(_, value)| u32::try_from(seconds(value)).unwrap_or(u32::MAX)).max().unwrap_or(0)
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

    #[test]
    fn of_several_counters_the_largest_counts() {
        let rows = [
            ("", 0),
            ("__clerk_redirect_count=2", 2),
            ("__clerk_redirect_count=abc; __clerk_redirect_count=3", 3),
            ("__clerk_redirect_count=3; __clerk_redirect_count=0", 3),
            ("__clerk_redirect_count=99999999999999999999", u32::MAX),
        ];
        for (line, expected) in rows {
            assert_eq!(redirect_count(&Cookies::parse([line])), expected, "{line}");
        }
    }
}
