//! What an `http` request says about the address the visitor used, and about the connection.

use std::net::{IpAddr, SocketAddr};

use http::Request;
use nostore_message::Scheme;
use nostore_web::Peer;

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

/// The other end of the connection, where somebody has put it into the extensions: a [`Peer`], axum's
/// `ConnectInfo<SocketAddr>`, or a plain `SocketAddr`.
pub(crate) fn peer<B>(request: &Request<B>) -> Option<IpAddr> {
    let extensions = request.extensions();
    let known = extensions.get::<Peer>().map(|peer| peer.0);
    #[cfg(feature = "axum")]
    let known = known.or_else(|| {
        let info = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>();
        info.map(|info| info.0.ip())
    });
    known.or_else(|| extensions.get::<SocketAddr>().map(SocketAddr::ip))
}
