//! Where a fetcher asks: over TLS, or on this machine.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

use super::setup::SetupError;

/// Reads the URL of a token endpoint. It may have a query (RFC 6749 section 3.2).
pub(super) fn endpoint(text: &str) -> Result<Uri, SetupError> {
    if text.contains('#') {
        return Err(SetupError::Part { part: "a fragment" });
    }
    let uri: Uri = text.parse().map_err(|_| SetupError::Url)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(SetupError::Url);
    };
    // Before the host is shown: what stands before it may be a password.
    if authority.as_str().contains('@') {
        return Err(SetupError::Part { part: "a user in it" });
    }
    match scheme {
        "https" => Ok(uri),
        "http" if is_this_machine(authority.host()) => Ok(uri),
        "http" => Err(SetupError::Insecure { host: authority.host().to_owned() }),
        other => Err(SetupError::Scheme { scheme: other.to_owned() }),
    }
}

/// Reads the URL that a service's paths begin with, and returns it without a slash at its end.
pub(super) fn base(text: &str) -> Result<String, SetupError> {
    let uri = endpoint(text)?;
    if uri.query().is_some() {
        return Err(SetupError::Part { part: "a query" });
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Tells whether a host is this machine whatever a resolver says: `localhost`, 127.0.0.0/8 or `[::1]`.
fn is_this_machine(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address == Ipv6Addr::LOCALHOST),
        None => {
            host.eq_ignore_ascii_case("localhost")
                || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        }
    }
}
