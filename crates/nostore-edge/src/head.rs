//! What the edge reads out of heads, and writes into them, for itself.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use nostore_message::{Secret, SetCookie, UnixTime};

use crate::date::http_date;

const NOSTORE_WHY: HeaderName = HeaderName::from_static("nostore-why");
const AUTH_SENSITIVE: HeaderName = HeaderName::from_static("auth-sensitive");

/// Copies the visitor's cookies for the record's reader.
pub(crate) fn cookie(fields: &HeaderMap) -> Secret {
    let lines = fields.get_all(header::COOKIE).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    Secret::new(lines.collect::<Vec<_>>().join("; "))
}

/// Lists the names of the cookies that a response sets.
pub(crate) fn set_cookie_names(fields: &HeaderMap) -> Vec<String> {
    let lines =
        fields.get_all(header::SET_COOKIE).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.map(|line| SetCookie::parse(&line).name.into_owned()).collect()
}

/// Takes what the app says to its own tools: why the response lost its caching, and whether it is sensitive
/// (`Auth-Sensitive: ?1`, a boolean of RFC 9651 section 3.3.6). Neither stays in the response.
pub(crate) fn take_notes(fields: &mut HeaderMap) -> (Option<String>, bool) {
    let lines = fields.get_all(&NOSTORE_WHY).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    let why = lines.collect::<Vec<_>>().join("; ");
    let sensitive = fields.get(&AUTH_SENSITIVE).is_some_and(|value| value.as_bytes().starts_with(b"?1"));
    fields.remove(&NOSTORE_WHY);
    fields.remove(&AUTH_SENSITIVE);
    ((!why.is_empty()).then_some(why), sensitive)
}

/// Dates a response that has no date (RFC 9110 section 6.6.1).
pub(crate) fn date(fields: &mut HeaderMap, received: UnixTime) {
    if let (header::Entry::Vacant(entry), Ok(value)) =
        (fields.entry(header::DATE), HeaderValue::from_str(&http_date(received)))
    {
        entry.insert(value);
    }
}
