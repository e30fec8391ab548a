//! `Cookie` and `Set-Cookie` (RFC 6265bis, and section 3.2 of the handshake protocol for reading).

use std::borrow::Cow;
use std::{fmt, iter};

use memchr::memchr;
use percent_encoding::percent_decode_str;

/// The cookies of one request.
///
/// Split at `;`, then at the first `=`, both sides trimmed; a pair without `=` is ignored; names
/// are case-sensitive and the first of a name wins, because user agents list longer paths first
/// (RFC 6265bis, "Retrieval Algorithm"). Values keep their quotes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cookies<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Cookies<'a> {
    /// Parses the `Cookie` lines of a request. Total: what is not a pair is left out.
    #[must_use]
    pub fn parse(lines: impl IntoIterator<Item = &'a str>) -> Self {
        Self(lines.into_iter().flat_map(Self::pairs).collect())
    }

    /// Lists name and raw value of each pair in one `Cookie` line, and allocates nothing.
    pub fn pairs(line: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = Some(line);
        let pairs = iter::from_fn(move || {
            let text = rest?;
            let (pair, more) = split(text, b';').map_or((text, None), |(pair, more)| (pair, Some(more)));
            rest = more;
            Some(pair)
        });
        pairs.filter_map(|pair| split(pair, b'=')).map(|(name, value)| (trim(name), trim(value)))
    }

    /// Percent-decodes a raw value where it holds a `%` and decodes to UTF-8.
    #[must_use]
    pub fn decode(raw: &'a str) -> Cow<'a, str> {
        match memchr(b'%', raw.as_bytes()) {
            Some(_) => percent_decode_str(raw).decode_utf8().unwrap_or(Cow::Borrowed(raw)),
            None => Cow::Borrowed(raw),
        }
    }

    /// Returns the value as it stands in the field.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    /// Returns the value, percent-decoded where it holds a `%` and decodes to UTF-8.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.raw(name).map(Self::decode)
    }

    /// Tells whether a cookie with that name is there.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Lists name and raw value in the order of the field, repeated names included.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().copied()
    }

    /// Tells whether there is no cookie.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Splits at the first of an ASCII character.
fn split(text: &str, separator: u8) -> Option<(&str, &str)> {
    memchr(separator, text.as_bytes()).map(|at| (&text[..at], &text[at + 1..]))
}

/// Trims. User agents put one space before a name and none elsewhere, which is seen at once.
fn trim(text: &str) -> &str {
    let text = text.strip_prefix(' ').unwrap_or(text);
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// A `Set-Cookie` value: parsed from a line, or built and printed with `Display`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetCookie<'a> {
    /// The cookie's name.
    pub name: Cow<'a, str>,
    /// The cookie's value.
    pub value: Cow<'a, str>,
    /// The attributes in order, with their values where they have one.
    pub attributes: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
}

impl<'a> SetCookie<'a> {
    /// Starts a cookie without attributes.
    #[must_use]
    pub fn new(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self { name: name.into(), value: value.into(), attributes: Vec::new() }
    }

    /// Makes a cookie that deletes the one with that name on `Path=/`.
    #[must_use]
    pub fn deletion(name: impl Into<Cow<'a, str>>) -> Self {
        Self::new(name, "").with("Path", "/").with("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
    }

    /// Adds an attribute with a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'a, str>>) -> Self {
        self.attributes.push((Cow::Borrowed(name), Some(value.into())));
        self
    }

    /// Adds an attribute without a value, such as `HttpOnly`.
    #[must_use]
    pub fn flag(mut self, name: &'static str) -> Self {
        self.attributes.push((Cow::Borrowed(name), None));
        self
    }

    /// Parses a `Set-Cookie` value. A line without `=` before the first `;` has no name.
    #[must_use]
    pub fn parse(line: &'a str) -> Self {
        let mut parts = line.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let attribute = |part: &'a str| match part.split_once('=') {
            Some((name, value)) => (Cow::Borrowed(name.trim()), Some(Cow::Borrowed(value.trim()))),
            None => (Cow::Borrowed(part.trim()), None),
        };
        let attributes = parts.map(attribute).filter(|(name, _)| !name.is_empty()).collect();
        Self { name: Cow::Borrowed(name.trim()), value: Cow::Borrowed(value.trim()), attributes }
    }

    /// Returns the value of the last attribute with that name (RFC 6265bis: the last one counts).
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(found.1.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for SetCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)?;
        for (name, value) in &self.attributes {
            match value {
                Some(value) => write!(f, "; {name}={value}")?,
                None => write!(f, "; {name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_row_by_row() {
        // line, name, expected value
        let rows = [
            ("a=1; b=2", "b", Some("2")),
            ("a=1; a=2", "a", Some("1")),
            ("A=1", "a", None),
            ("novalue; a=1", "novalue", None),
            ("a=", "a", Some("")),
            ("a=x=y", "a", Some("x=y")),
            ("a=\"q\"", "a", Some("\"q\"")),
            ("a=%41%20b", "a", Some("A b")),
            ("a=%3B; b=2", "a", Some(";")),
            ("a=%ff", "a", Some("%ff")),
            ("a=%zz", "a", Some("%zz")),
            ("  a = 1 ;", "a", Some("1")),
            ("\t a\t=\t1x\t;", "a", Some("1x")),
            ("\u{a0}a\u{2003}=\u{a0}1x\u{3000}; b=2", "a", Some("1x")),
            ("a=1x\u{e9}; b=2", "a", Some("1x\u{e9}")),
            (";;a=1;;b=2", "b", Some("2")),
            ("=1; a=2", "", Some("1")),
            ("a; b=1", "a", None),
        ];
        for (line, name, expected) in rows {
            assert_eq!(Cookies::parse([line]).value(name).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn set_cookie_prints_what_it_parsed() {
        let line = "__session=a.b=c; Path=/; HttpOnly; Max-Age=2; max-age=3";
        let cookie = SetCookie::parse(line);
        assert_eq!((&*cookie.name, &*cookie.value), ("__session", "a.b=c"));
        assert_eq!(cookie.attribute("MAX-AGE"), Some("3"));
        assert_eq!(cookie.attribute("httponly"), Some(""));
        assert_eq!(cookie.attribute("domain"), None);
        assert_eq!(cookie.to_string(), line);
    }
}
