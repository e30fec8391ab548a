//! Conditional requests, answered from a stored response (RFC 9110 section 13, RFC 9111 section 4.3.2).

use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead, UnixTime};

use crate::control::split_outside_quotes;
use crate::date;

/// The fields that make a request conditional on what the visitor holds. They do not go to the origin where
/// the answer could be stored, so that a 304 never takes the place of a stored response.
pub(crate) const VALIDATORS: [&str; 2] = ["If-None-Match", "If-Modified-Since"];

/// What describes the content, which a 304 does not have (RFC 9110 section 15.4.5).
const CONTENT: [&str; 6] =
    ["Content-Length", "Content-Type", "Content-Encoding", "Content-Language", "Content-Range", "Trailer"];

/// Decides whether a 304 answers `request`, because the visitor already holds the response that is stored, and
/// lists what has to change in its fields then. Everything else, cookies included, is what the platform would
/// replay.
///
/// `If-None-Match` outranks `If-Modified-Since` (RFC 9110 section 13.2.2), compares weakly, and as `*` asks for
/// any response at all (section 13.1.2). An `If-Modified-Since` that is not one date is ignored (section
/// 13.1.3). Only GET and HEAD, and only a stored 200: other statuses are not what the visitor asked about.
#[must_use]
pub fn not_modified(request: &RequestHead<'_>, stored: &ResponseHead<'_>) -> Option<Vec<FieldEdit>> {
    if stored.status != 200 || !request.is_get_or_head() {
        return None;
    }
    let holds = if request.fields.contains("if-none-match") {
        names_tag(&request.fields, stored.fields.first("etag"))
    } else {
        is_unmodified_since(&request.fields, &stored.fields)
    };
    holds.then(|| CONTENT.into_iter().map(FieldEdit::remove).collect())
}

fn names_tag(request: &Fields<'_>, stored: Option<&str>) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let stored = stored.map(opaque);
    let mut tags =
        request.all("if-none-match").flat_map(|line| split_outside_quotes(line, ',')).map(str::trim);
    tags.any(|tag| {
        tag == "*" || (!tag.is_empty() && stored.as_ref().is_some_and(|stored| *stored == opaque(tag)))
    })
}

fn is_unmodified_since(request: &Fields<'_>, stored: &Fields<'_>) -> bool {
    let mut lines = request.all("if-modified-since");
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let dated = |name| stored.first(name).and_then(date::parse);
    let modified = dated("last-modified").or_else(|| dated("date"));
    let since: Option<UnixTime> = date::parse(line);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}
