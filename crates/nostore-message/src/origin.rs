//! Scheme, host and port of a site (RFC 6454 section 4).

use std::fmt;

/// `http` or `https`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// Returns the port that is left out of an origin with this scheme.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Returns the scheme's name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An `http` or `https` origin, normalised: host in lower case, default port left out.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
}

/// Why a text is not an origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// There is no host, or it holds a character that no host has.
    #[error("expected a host such as `example.com` after the scheme")]
    Host,
    /// There is something behind host and port.
    #[error("expected nothing behind host and port, but found a path, query or user name")]
    NotOnlyOrigin,
    /// The port is not a number from 1 to 65535.
    #[error("expected a port from 1 to 65535")]
    Port,
    /// The text does not start with `http://` or `https://`.
    #[error("expected `http://` or `https://` at the start")]
    Scheme,
}

impl Origin {
    /// Parses `scheme://host[:port]`, with at most one closing `/`.
    ///
    /// # Errors
    ///
    /// Names the first part that is not as expected.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = if let Some(rest) = strip_prefix_ignore_case(text, "https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = strip_prefix_ignore_case(text, "http://") {
            (Scheme::Http, rest)
        } else {
            return Err(OriginError::Scheme);
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return Err(OriginError::NotOnlyOrigin);
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (rest, None),
        };
        if !is_host(host) {
            return Err(OriginError::Host);
        }
        let port = match port {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse::<u16>().ok().filter(|port| *port != 0).ok_or(OriginError::Port)?)
            }
            Some(_) => return Err(OriginError::Port),
            None => None,
        };
        let port = port.filter(|port| *port != scheme.default_port());
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// Returns the scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host in lower case, IPv6 addresses in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, the scheme's default filled in.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Returns host and port as in a `Host` field.
    #[must_use]
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    if head.eq_ignore_ascii_case(prefix) { text.get(prefix.len()..) } else { None }
}

fn is_host(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = inner {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !host.is_empty() && host.bytes().all(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_row_by_row() {
        let rows = [
            ("http://localhost:8080", "http://localhost:8080"),
            ("HTTPS://Example.COM:443/", "https://example.com"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::1]", "http://[::1]"),
            ("http://a.example:65535", "http://a.example:65535"),
        ];
        for (text, expected) in rows {
            assert_eq!(Origin::parse(text).unwrap().to_string(), expected, "{text}");
        }
        let refused = [
            ("localhost:8080", OriginError::Scheme),
            ("ftp://a", OriginError::Scheme),
            ("http://", OriginError::Host),
            ("http://a b", OriginError::Host),
            ("http://a/b", OriginError::NotOnlyOrigin),
            ("http://a@b", OriginError::NotOnlyOrigin),
            ("http://a\\b", OriginError::NotOnlyOrigin),
            ("http://a:0", OriginError::Port),
            ("http://a:65536", OriginError::Port),
            ("http://a:+1", OriginError::Port),
            ("http://[::g]", OriginError::Host),
            ("h\u{e9}ttp://a", OriginError::Scheme),
        ];
        for (text, expected) in refused {
            assert_eq!(Origin::parse(text), Err(expected), "{text}");
        }
    }
}
