//! Conversions for `http` 1.x, shared by every shell that uses it.

use std::borrow::Cow;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{FieldEdit, Fields, RequestHead, ResponseHead, Scheme};

/// Borrows the field lines of a header map.
#[must_use]
pub fn fields(map: &HeaderMap) -> Fields<'_> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Borrows a request head. The caller says under which scheme and authority the visitor asked.
#[must_use]
pub fn request_head<'a>(
    method: &'a http::Method,
    uri: &'a http::Uri,
    map: &'a HeaderMap,
    scheme: Scheme,
    authority: impl Into<Cow<'a, str>>,
) -> RequestHead<'a> {
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    RequestHead {
        method: Cow::Borrowed(method.as_str()),
        scheme,
        authority: authority.into(),
        target: Cow::Borrowed(target),
        fields: fields(map),
    }
}

/// Borrows a response head.
#[must_use]
pub fn response_head(status: http::StatusCode, map: &HeaderMap) -> ResponseHead<'_> {
    ResponseHead { status: status.as_u16(), fields: fields(map) }
}

/// Applies `edits` in order and tells how many could not be written as field lines (a name or
/// value with forbidden bytes); a `Set` that cannot be written still removes what was there.
pub fn apply(edits: &[FieldEdit], map: &mut HeaderMap) -> usize {
    edits.iter().filter(|edit| apply_one(edit, map).is_none()).count()
}

fn apply_one(edit: &FieldEdit, map: &mut HeaderMap) -> Option<()> {
    match edit {
        FieldEdit::Append { name, value } => {
            map.append(field_name(name)?, HeaderValue::from_str(value).ok()?);
        }
        FieldEdit::Remove { name } => {
            map.remove(field_name(name)?);
        }
        FieldEdit::Set { name, value } => {
            let name = field_name(name)?;
            map.remove(&name);
            map.insert(name, HeaderValue::from_str(value).ok()?);
        }
    }
    Some(())
}

fn field_name(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}
