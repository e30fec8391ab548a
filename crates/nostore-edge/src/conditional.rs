//! Answers a visitor's conditional request from a stored response (RFC 9111 section 4.3.2).
//!
//! Sans-IO: a function of the request's fields and the stored response's.

use http::header::{self, HeaderMap};
use http::{Method, StatusCode};

/// The fields that make a request conditional on what the visitor holds. They are not forwarded where the
/// response could be stored, so that a 304 never takes the place of a stored body.
pub(crate) const VALIDATORS: [header::HeaderName; 2] = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];

/// Tells whether the visitor already holds the stored response, so that a 304 answers.
///
/// `If-None-Match` outranks `If-Modified-Since` (RFC 9110 section 13.2.2) and compares weakly (section 13.1.2). Only a
/// stored 200 is compared: other statuses are not what the visitor asked about.
pub(crate) fn not_modified(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    stored: &HeaderMap,
) -> bool {
    if status != StatusCode::OK || !(method == Method::GET || method == Method::HEAD) {
        return false;
    }
    if request.contains_key(header::IF_NONE_MATCH) {
        return stored.get(header::ETAG).and_then(|tag| tag.to_str().ok()).is_some_and(|tag| {
            let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
            lines.flat_map(tags).any(|candidate| candidate == "*" || opaque(candidate) == opaque(tag))
        });
    }
    let date = |name| {
        let text =
            |fields: &HeaderMap| fields.get(name).and_then(|value| value.to_str().ok().map(str::to_owned));
        move |fields: &HeaderMap| text(fields).and_then(|text| httpdate::parse_http_date(&text).ok())
    };
    let since = date(header::IF_MODIFIED_SINCE)(request);
    let modified = date(header::LAST_MODIFIED)(stored).or_else(|| date(header::DATE)(stored));
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

/// Turns the fields of a stored response into those of a 304: what describes the content goes (RFC 9110 section
/// 15.4.5), everything else, cookies included, is what the platform would replay.
pub(crate) fn without_content(fields: &mut HeaderMap) {
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_RANGE,
        header::TRAILER,
    ] {
        fields.remove(name);
    }
}

/// Splits a list of entity tags at the commas outside their quotes.
fn tags(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let split = move |letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    };
    line.split(split).map(str::trim).filter(|tag| !tag.is_empty())
}

fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(line: &str) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in line.split('|').filter_map(|pair| pair.split_once(": ")) {
            fields.append(header::HeaderName::try_from(name).unwrap(), value.try_into().unwrap());
        }
        fields
    }

    #[test]
    fn conditions_row_by_row() {
        let at = "Sun, 06 Nov 1994 08:49:37 GMT";
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        let after = "Sun, 06 Nov 1994 08:49:38 GMT";
        let last = format!("last-modified: {at}");
        let rows = [
            // request, stored, expected
            ("", "etag: \"a\"".to_owned(), false),
            ("if-none-match: \"a\"", "etag: \"a\"".into(), true),
            ("if-none-match: W/\"a\"", "etag: \"a\"".into(), true),
            ("if-none-match: \"a\"", "etag: W/\"a\"".into(), true),
            ("if-none-match: \"b\", \"a\"", "etag: \"a\"".into(), true),
            ("if-none-match: \"b\"|if-none-match: \"a\"", "etag: \"a\"".into(), true),
            ("if-none-match: \"x,y\"", "etag: \"x,y\"".into(), true),
            ("if-none-match: \"A\"", "etag: \"a\"".into(), false),
            ("if-none-match: a", "etag: \"a\"".into(), false),
            ("if-none-match: *", "etag: \"a\"".into(), true),
            ("if-none-match: *", last.clone(), false),
            ("if-none-match: ,,", "etag: \"a\"".into(), false),
            (&format!("if-modified-since: {before}"), last.clone(), false),
            (&format!("if-modified-since: {at}"), last.clone(), true),
            (&format!("if-modified-since: {after}"), last.clone(), true),
            (&format!("if-modified-since: {at}"), format!("date: {at}"), true),
            (&format!("if-modified-since: {at}"), String::new(), false),
            ("if-modified-since: yesterday", last.clone(), false),
            (&format!("if-none-match: \"b\"|if-modified-since: {at}"), format!("etag: \"a\"|{last}"), false),
        ];
        for (request, stored, expected) in rows {
            let verdict = not_modified(&Method::GET, &map(request), StatusCode::OK, &map(&stored));
            assert_eq!(verdict, expected, "{request} against {stored}");
        }
        let (request, stored) = (map("if-none-match: \"a\""), map("etag: \"a\""));
        assert!(not_modified(&Method::HEAD, &request, StatusCode::OK, &stored));
        assert!(!not_modified(&Method::POST, &request, StatusCode::OK, &stored));
        assert!(!not_modified(&Method::GET, &request, StatusCode::NOT_FOUND, &stored));
    }

    proptest! {
        /// Total, and a tag that the response does not have never gives a 304.
        #[test]
        fn any_text_gives_an_answer(line in "[ -~]{0,40}", tag in "[a-z]{1,5}") {
            let mut request = HeaderMap::new();
            request.append("if-none-match", line.clone().try_into().unwrap());
            request.append("if-modified-since", line.clone().try_into().unwrap());
            let mut stored = HeaderMap::new();
            stored.append("etag", format!("\"{tag}\"").try_into().unwrap());
            if not_modified(&Method::GET, &request, StatusCode::OK, &stored) {
                prop_assert!(line.contains(&format!("\"{tag}\"")) || line.contains('*'), "{line}");
            }
        }
    }
}
