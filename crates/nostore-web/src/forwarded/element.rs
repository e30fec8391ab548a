//! The field `Forwarded`, element by element.
//!
//! # Invariants
//!
//! - Total: an element that is none says nothing, and does not hide the ones around it. An open quote
//!   swallows the rest of the field, as it must.
//!
//! Specifications: RFC 7239 section 4; RFC 9110 sections 5.6.2 and 5.6.4.

/// What one proxy says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Element {
    /// `for`: the node that made the request to the proxy.
    pub(super) client: Option<String>,
    /// `host`: the `Host` field that the proxy was sent.
    pub(super) host: Option<String>,
    /// `proto`: the scheme of the request to the proxy.
    pub(super) scheme: Option<String>,
}

impl Element {
    /// Parses a list.
    pub(super) fn list(text: &str) -> Vec<Self> {
        split(text, ',').map(|element| Self::parse(element).unwrap_or_default()).collect()
    }

    /// `None` where a pair is none, or a name is there twice.
    fn parse(text: &str) -> Option<Self> {
        let mut element = Self::default();
        for pair in split(text, ';') {
            if pair.trim().is_empty() {
                continue;
            }
            let (name, value) = pair.trim().split_once('=')?;
            let value = unquoted(value)?;
            let place = match name.to_ascii_lowercase().as_str() {
                "for" => &mut element.client,
                "host" => &mut element.host,
                "proto" => &mut element.scheme,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(element)
    }
}

/// Splits at `separator` outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let ends = c == separator && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        ends
    })
}

/// Reads a token or a quoted string.
fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        // More than tokens hold, because many write hosts with port and IPv6 addresses without quotes.
        return (!text.contains(['"', '\\', ' ', '\t'])).then(|| text.to_owned());
    };
    let (mut value, mut characters) = (String::new(), rest.chars());
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(value),
            '\\' => value.push(characters.next()?),
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(client: &str, host: &str, scheme: &str) -> Element {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Element { client: text(client), host: text(host), scheme: text(scheme) }
    }

    #[test]
    fn lists_row_by_row() {
        let nothing = element("", "", "");
        let rows = [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", vec![element("192.0.2.60", "", "http")]),
            ("For=\"[2001:db8:cafe::17]:4711\"", vec![element("[2001:db8:cafe::17]:4711", "", "")]),
            ("for=a, for=b;host=c", vec![element("a", "", ""), element("b", "c", "")]),
            ("host=\"a,b;c\"; PROTO=https", vec![element("", "a,b;c", "https")]),
            ("host=\"a\\\"b\"", vec![element("", "a\"b", "")]),
            ("host=a:8080", vec![element("", "a:8080", "")]),
            ("host=a;;", vec![element("", "a", "")]),
            ("", vec![nothing.clone()]),
            ("host=a;host=b", vec![nothing.clone()]),
            ("host, for=b", vec![nothing.clone(), element("b", "", "")]),
            ("host=\"a, for=b", vec![nothing.clone()]),
            ("host=\"a\"b", vec![nothing.clone()]),
            ("host=\"a\\", vec![nothing]),
        ];
        for (text, expected) in rows {
            assert_eq!(Element::list(text), expected, "{text}");
        }
    }
}
