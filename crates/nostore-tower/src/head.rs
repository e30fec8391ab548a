//! What an `http` request says about the address the visitor used.

use http::Request;
use nostore_message::Scheme;

/// The authority: of the request target (HTTP/2, absolute form), else of the `Host` field.
pub(crate) fn authority<B>(request: &Request<B>) -> &str {
    let host = || request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    request.uri().authority().map(http::uri::Authority::as_str).or_else(host).unwrap_or_default()
}

/// The scheme of the request target where it has one, else plain HTTP: where TLS ends in front of the
/// site, its configuration says so (`public_url`).
pub(crate) fn scheme<B>(request: &Request<B>) -> Scheme {
    if request.uri().scheme() == Some(&http::uri::Scheme::HTTPS) { Scheme::Https } else { Scheme::Http }
}
