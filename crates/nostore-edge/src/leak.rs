//! Finds addresses in a response that lead the visitor past the edge, or that the visitor's browser refuses.
//!
//! Sans-IO: functions of the response's fields, the visitor's authority and the app's origin.

use std::net::IpAddr;

use http::header::{self, HeaderMap};
use nostore_message::{Origin, Scheme, SetCookie};

/// Lists what leaves the edge for the app's own address: each a sentence that says what to set.
pub(crate) fn leaks(fields: &HeaderMap, scheme: Scheme, authority: &str, app: &Origin) -> Vec<String> {
    let Some(visitor) = visitor(scheme, authority) else { return Vec::new() };
    let location = redirects_to_app(fields, &visitor, app).map(|target| {
        format!(
            "Location sends the visitor to the app's own address {target} instead of {visitor}: let the app build its \
             URLs from the Host or X-Forwarded-Host field, or set its public URL to {visitor}."
        )
    });
    let cookies = texts(fields, &header::SET_COOKIE).filter_map(|line| cookie_leak(line, &visitor));
    location.into_iter().chain(cookies).collect()
}

/// Tells whether a redirect leaves the edge for the app's own address, which is one of the [`leaks`].
pub(crate) fn leaves_for_app(fields: &HeaderMap, scheme: Scheme, authority: &str, app: &Origin) -> bool {
    visitor(scheme, authority).is_some_and(|visitor| redirects_to_app(fields, &visitor, app).is_some())
}

fn visitor(scheme: Scheme, authority: &str) -> Option<Origin> {
    Origin::parse(&format!("{scheme}://{authority}")).ok()
}

fn redirects_to_app(fields: &HeaderMap, visitor: &Origin, app: &Origin) -> Option<Origin> {
    texts(fields, &header::LOCATION).find_map(|location| app_address(location, visitor, app))
}

fn texts<'a>(fields: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    fields.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

/// Returns the address in `location` where that is the app's own and not the visitor's.
fn app_address(location: &str, visitor: &Origin, app: &Origin) -> Option<Origin> {
    let (scheme, rest) = location
        .split_once("://")
        .map_or(("http", location.strip_prefix("//")), |parts| (parts.0, Some(parts.1)));
    let authority = rest?.split(['/', '?', '#']).next().unwrap_or_default();
    let target = Origin::parse(&format!("{scheme}://{authority}")).ok()?;
    (!same_address(&target, visitor) && same_address(&target, app)).then_some(target)
}

fn cookie_leak(line: &str, visitor: &Origin) -> Option<String> {
    let cookie = SetCookie::parse(line);
    let domain = cookie.attribute("domain")?;
    let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    if domain.is_empty() || domain_matches(visitor.host(), &domain) {
        return None;
    }
    let (name, host) = (&cookie.name, visitor.host());
    Some(format!(
        "The cookie {name} is for Domain={domain}, which a browser at {host} refuses: leave Domain out, or set it to \
         the visitor's host."
    ))
}

/// RFC 6265bis, "Domain Matching": equal, or a host name below the domain.
fn domain_matches(host: &str, domain: &str) -> bool {
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    let below = || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (!is_address && below())
}

fn same_address(one: &Origin, other: &Origin) -> bool {
    one.port() == other.port() && (one.host() == other.host() || (is_loopback(one) && is_loopback(other)))
}

fn is_loopback(origin: &Origin) -> bool {
    let host = origin.host().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leaks_row_by_row() {
        // field, value, how many leaks
        let rows = [
            ("location", "/dashboard", 0),
            ("location", "dashboard", 0),
            ("location", "http://localhost:8080/x", 0),
            ("location", "http://127.0.0.1:8080/x", 0),
            ("location", "http://127.0.0.1:3000/x", 1),
            ("location", "http://localhost:3000", 1),
            ("location", "HTTP://LOCALHOST:3000?x", 1),
            ("location", "//localhost:3000/x", 1),
            ("location", "http://[::1]:3000/x", 1),
            ("location", "http://127.0.0.1:8081/v1/client/handshake", 0),
            ("location", "https://elsewhere.example/", 0),
            ("location", "http://", 0),
            ("set-cookie", "a=1", 0),
            ("set-cookie", "a=1; Domain=", 0),
            ("set-cookie", "a=1; Domain=localhost", 0),
            ("set-cookie", "a=1; Domain=.LOCALHOST", 0),
            ("set-cookie", "a=1; Domain=127.0.0.1", 1),
            ("set-cookie", "a=1; Domain=app.example", 1),
            ("set-cookie", "a=1; Domain=host", 1),
        ];
        let app = Origin::parse("http://127.0.0.1:3000").unwrap();
        for (name, value, expected) in rows {
            let mut fields = HeaderMap::new();
            fields.insert(name, value.try_into().unwrap());
            let found = leaks(&fields, Scheme::Http, "localhost:8080", &app);
            assert_eq!(found.len(), expected, "{name}: {value}: {found:?}");
        }
        assert!(domain_matches("www.app.example", "app.example"));
        assert!(!domain_matches("wwwapp.example", "app.example"));
        assert!(!domain_matches("10.0.0.1", "0.0.1"));
    }

    proptest! {
        /// Total, and silent about everything that stays at the visitor's own site.
        #[test]
        fn any_text_gives_an_answer(location in "[ -~\u{80}-\u{ff}]{0,60}", path in "/[a-z?=:/]{0,30}") {
            let app = Origin::parse("http://127.0.0.1:3000").unwrap();
            let mut fields = HeaderMap::new();
            fields.append("location", header::HeaderValue::from_bytes(location.as_bytes()).unwrap());
            fields.append("set-cookie", header::HeaderValue::from_bytes(location.as_bytes()).unwrap());
            leaks(&fields, Scheme::Http, &location, &app);
            leaks(&fields, Scheme::Http, "localhost:8080", &app);
            let home = format!("http://localhost:8080{path}");
            fields.clear();
            fields.append("location", home.try_into().unwrap());
            prop_assert!(leaks(&fields, Scheme::Http, "localhost:8080", &app).is_empty());
        }
    }
}
