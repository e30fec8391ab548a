//! Which site a request asks for (RFC 9112 sections 3.2 and 3.2.2).

use http::header;
use http::request::Parts;
use http::uri::Authority;

/// Returns the authority that the visitor asked for, `Ok(None)` for an HTTP/1.0 request that names none.
///
/// # Errors
///
/// What was found instead of one, as the end of a sentence: `more than one`, `none`, `something else`.
pub fn authority(parts: &Parts) -> Result<Option<String>, &'static str> {
    let mut lines = parts.headers.get_all(header::HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (_, Some(_)) => return Err("more than one"),
        (host, None) => host,
    };
    let named = parts.uri.authority().map(Authority::as_str);
    let Some(text) = named.or_else(|| host.and_then(|host| host.to_str().ok())) else {
        let lenient = parts.version < http::Version::HTTP_11 && host.is_none();
        return if lenient { Ok(None) } else { Err("none") };
    };
    match Authority::try_from(text) {
        Ok(authority) if !authority.as_str().contains('@') => Ok(Some(text.to_owned())),
        _ => Err("something else"),
    }
}
