//! Heads of actix as heads of ours. actix has `http` 0.2 and a field map of its own.
//!
//! Scheme and authority come from the request itself: what `ConnectionInfo` reads in forwarded fields is
//! what anybody wrote there. Whose count is told by the connection's other end, in `nostore_web`.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::uri::Authority;
use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead, Scheme};

/// Borrows a request head. Where TLS ends in front of the site, its configuration says so (`public_url`).
pub(crate) fn request_head(request: &ServiceRequest) -> RequestHead<'_> {
    let uri = request.uri();
    let host = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(Authority::as_str).or_else(host).unwrap_or_default();
    let scheme = if uri.scheme_str() == Some("https") { Scheme::Https } else { Scheme::Http };
    RequestHead {
        method: request.method().as_str().into(),
        scheme,
        authority: authority.into(),
        target: uri.path_and_query().map_or("/", |target| target.as_str()).into(),
        fields: fields(request.headers()),
    }
}

/// Borrows a response head.
pub(crate) fn response_head<B>(response: &HttpResponse<B>) -> ResponseHead<'_> {
    ResponseHead { status: response.status().as_u16(), fields: fields(response.headers()) }
}

fn fields(map: &HeaderMap) -> Fields<'_> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Applies `edits` in order and tells how many could not be written as field lines; a `Set` that cannot be
/// written still removes what was there.
pub(crate) fn apply(edits: &[FieldEdit], map: &mut HeaderMap) -> usize {
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
