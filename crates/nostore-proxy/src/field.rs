//! Which field lines cross the proxy, and which it writes itself.
//!
//! Specifications: RFC 9110 sections 7.2, 7.6.1 and 7.6.3; RFC 9112 section 6.3; RFC 7239 section 8.1.

use std::net::IpAddr;

use http::Version;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use nostore_message::Scheme;

/// Fields that concern one connection, whether or not `Connection` nominates them (RFC 9110 section
/// 7.6.1), and those of proxy authentication (sections 11.7.1 to 11.7.3), which ends here.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What the app is told about the visitor, because it cannot see it itself.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// The visitor's address: becomes the whole `X-Forwarded-For`.
    pub address: IpAddr,
    /// The authority as the visitor wrote it: becomes `Host` and `X-Forwarded-Host`.
    pub authority: &'a str,
    /// The scheme that the visitor used: becomes `X-Forwarded-Proto`.
    pub scheme: Scheme,
    /// The pseudonym of this proxy in `Via`, such as `nostore-edge`: a token (RFC 9110 section 7.6.3).
    pub pseudonym: &'a str,
}

/// Returns the protocol that the message asks to switch to, if it does so in earnest: `Upgrade` is
/// there and `Connection` nominates it. `h2c` counts as not asking: RFC 9113 section 3.1 withdrew it,
/// and a tunnel would carry requests past every check on this side.
#[must_use]
pub fn upgrade_protocol(fields: &HeaderMap) -> Option<HeaderValue> {
    let nominated = connection_options(fields).any(|option| option.eq_ignore_ascii_case("upgrade"));
    let protocol = fields.get(header::UPGRADE).filter(|_| nominated)?;
    let is_h2c = |name: &str| name.trim().eq_ignore_ascii_case("h2c");
    let offers_h2c = protocol.to_str().is_ok_and(|names| names.split(',').any(is_h2c));
    (!offers_h2c).then(|| protocol.clone())
}

/// Removes what `Connection` nominates, so that whoever reads the fields before they are forwarded, a cache for
/// its key, sees what the upstream will see. `TE` and `Upgrade` stay: [`clean_request`] has to read them.
pub fn remove_nominated(fields: &mut HeaderMap) {
    for name in nominated(fields) {
        if ![header::CONNECTION, header::TE, header::UPGRADE].contains(&name) {
            fields.remove(name);
        }
    }
}

/// Turns the visitor's request fields into those for the upstream. `Connection` and `Upgrade` are
/// written again for a request that switches protocols; everything else that is hop-by-hop goes.
/// `received` is the version that the visitor spoke, for `Via`.
pub fn clean_request(fields: &mut HeaderMap, received: Version, forwarded: &Forwarded<'_>) {
    let upgrade = upgrade_protocol(fields);
    let trailers = accepts_trailers(fields);
    remove_hop_by_hop(fields);
    remove_claims(fields);
    fields.remove(header::TRAILER);
    if trailers {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = upgrade {
        switch_protocol(fields, protocol);
    }
    set_text(fields, header::HOST, forwarded.authority);
    set_text(fields, HeaderName::from_static("x-forwarded-for"), &forwarded.address.to_string());
    set_text(fields, HeaderName::from_static("x-forwarded-host"), forwarded.authority);
    set_text(fields, HeaderName::from_static("x-forwarded-proto"), forwarded.scheme.as_str());
    let protocol = if received == Version::HTTP_10 { "1.0" } else { "1.1" };
    if let Ok(hop) = HeaderValue::from_str(&format!("{protocol} {}", forwarded.pseudonym)) {
        fields.append(header::VIA, hop);
    }
}

/// Turns the upstream's response fields into those for the visitor. `Via` stays as the upstream wrote
/// it: a gateway need not add itself to responses (RFC 9110 section 7.6.3).
pub fn clean_response(fields: &mut HeaderMap, switching: bool) {
    let upgrade = upgrade_protocol(fields).filter(|_| switching);
    if fields.contains_key(header::TRANSFER_ENCODING) {
        // RFC 9112 section 6.3: the transfer coding has told where the body ends, and a length beside it is wrong.
        fields.remove(header::CONTENT_LENGTH);
    }
    remove_hop_by_hop(fields);
    if let Some(protocol) = upgrade {
        switch_protocol(fields, protocol);
    }
}

/// Counts how often a proxy with that pseudonym has forwarded the request already.
pub(crate) fn passes(fields: &HeaderMap, pseudonym: &str) -> usize {
    let hops = fields.get_all(header::VIA).iter().filter_map(|line| line.to_str().ok());
    let received_by = |hop: &str| hop.split_whitespace().nth(1).is_some_and(|name| name == pseudonym);
    hops.flat_map(|line| line.split(',')).filter(|hop| received_by(hop)).count()
}

fn connection_options(fields: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = fields.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|option| !option.is_empty())
}

fn nominated(fields: &HeaderMap) -> Vec<HeaderName> {
    connection_options(fields).filter_map(|option| HeaderName::try_from(option).ok()).collect()
}

fn accepts_trailers(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(header::TE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

fn remove_hop_by_hop(fields: &mut HeaderMap) {
    for name in nominated(fields).iter().chain(&HOP_BY_HOP) {
        fields.remove(name);
    }
}

/// Removes what only an earlier proxy of ours could say truthfully. What is no letter and no digit counts as a
/// hyphen, because CGI-like servers read such names as one; `Proxy` is read as a setting by such servers.
fn remove_claims(fields: &mut HeaderMap) {
    let is_claim = |name: &HeaderName| {
        let name = name.as_str().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        name.starts_with("x-forwarded-") || matches!(&*name, "forwarded" | "proxy" | "x-real-ip")
    };
    let claims: Vec<HeaderName> = fields.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        fields.remove(name);
    }
}

fn switch_protocol(fields: &mut HeaderMap, protocol: HeaderValue) {
    fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(header::UPGRADE, protocol);
}

/// Sets a field to a text; a text that no field value may hold removes it (fail closed).
fn set_text(fields: &mut HeaderMap, name: HeaderName, text: &str) {
    match HeaderValue::from_str(text) {
        Ok(value) => drop(fields.insert(name, value)),
        Err(_) => drop(fields.remove(name)),
    }
}
