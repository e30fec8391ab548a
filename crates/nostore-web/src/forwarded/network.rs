//! Addresses, and networks of them.
//!
//! # Invariants
//!
//! - An IPv4 address inside an IPv6 one (`::ffff:10.0.0.1`) is the IPv4 address: sockets that take both
//!   show it that way.
//!
//! Specifications: RFC 4632 section 3.1; RFC 4291 section 2.3; RFC 7239 section 6.

use std::net::{IpAddr, Ipv6Addr};

use super::ProxyError;

/// Length of the prefix of the IPv6 network that holds the IPv4 addresses.
const MAPPED_BITS: u8 = 96;

/// A network: an address, and how many of its leading bits count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses `10.0.0.0/8`, `fd00::/8`, or a single address. Bits behind the prefix are ignored.
    ///
    /// # Errors
    ///
    /// [`ProxyError::Address`].
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let refused = || ProxyError::Address { found: text.to_owned() };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            // `parse` would take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= width).ok_or_else(refused)?
            }
            Some(_) => return Err(refused()),
        };
        let canonical = address.to_canonical();
        if address.is_ipv6() && canonical.is_ipv4() && bits >= MAPPED_BITS {
            return Ok(Self { address: canonical, bits: bits - MAPPED_BITS });
        }
        Ok(Self { address, bits })
    }

    /// Tells whether an address lies in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let other = u128::from(other.to_bits());
                same_prefix(u128::from(own.to_bits()), other, 32, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same_prefix(own.to_bits(), other.to_bits(), 128, self.bits)
            }
            _ => false,
        }
    }
}

fn same_prefix(own: u128, other: u128, width: u8, bits: u8) -> bool {
    let behind = u32::from(width.saturating_sub(bits));
    (own ^ other).checked_shr(behind).unwrap_or(0) == 0
}

/// Reads one node of a list: an address, perhaps with a port, IPv6 perhaps in brackets. `None`: a name of
/// no meaning here (`unknown`, `_hidden`), or anything else.
pub(super) fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port_or_nothing = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        let address: Ipv6Addr = address.parse().ok().filter(|_| port_or_nothing)?;
        return Some(IpAddr::V6(address).to_canonical());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    let address: std::net::Ipv4Addr = address.parse().ok().filter(|_| is_port(port))?;
    Some(IpAddr::V4(address))
}

/// Tells whether a text is the port of a node: digits, or a name that hides it.
fn is_port(text: &str) -> bool {
    let hidden = |rest: &str| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits || text.strip_prefix('_').is_some_and(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_row_by_row() {
        let rows = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3/32", "10.1.2.2", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
        ];
        for (network, address, expected) in rows {
            let found = Network::parse(network).unwrap().contains(address.parse().unwrap());
            assert_eq!(found, expected, "{address} in {network}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "a", "10.0.0"] {
            assert_eq!(Network::parse(text).unwrap_err().code(), "proxy-address", "{text}");
        }
    }

    #[test]
    fn nodes_row_by_row() {
        let rows = [
            ("203.0.113.9", Some("203.0.113.9")),
            (" 203.0.113.9:4711 ", Some("203.0.113.9")),
            ("203.0.113.9:_gazonk", Some("203.0.113.9")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("::ffff:203.0.113.9", Some("203.0.113.9")),
            ("[::ffff:203.0.113.9]", Some("203.0.113.9")),
            ("[203.0.113.9]", None),
            ("[2001:db8::1", None),
            ("[2001:db8::1]x", None),
            ("203.0.113.9:", None),
            ("203.0.113.9:x", None),
            ("203.0.113.9:123456", None),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(node(text), expected.map(|address| address.parse().unwrap()), "{text:?}");
        }
    }
}
