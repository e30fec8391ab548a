//! `Cache-Control`, parsed once (RFC 9111 section 5.2).
//!
//! Names compare case-insensitively and lines are joined. Of a repeated lifetime the first counts
//! (RFC 9111 section 4.2.1); of a repeated restriction the stricter. A lifetime that is no number
//! counts as 0, as the RFC encourages. A quote that never closes is read as an ordinary character, so
//! that it cannot hide the directives behind it.

use std::collections::BTreeSet;

/// The largest lifetime a cache has to understand (RFC 9111 section 1.2.2).
const LARGEST_DELTA: i64 = 1 << 31;

/// A directive that may name fields: `no-cache` and `private`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Qualified {
    /// The directive is absent.
    #[default]
    Absent,
    /// It concerns these fields only, in lower case.
    Fields(BTreeSet<String>),
    /// It concerns the whole response.
    Whole,
}

impl Qualified {
    /// Tells whether the directive concerns the whole response.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }

    /// Lists the fields that the directive names, none where it concerns the whole response.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        let fields = if let Self::Fields(fields) = self { Some(fields) } else { None };
        fields.into_iter().flatten().map(String::as_str)
    }

    fn join(&mut self, value: Option<&str>) {
        let names: BTreeSet<String> = value
            .unwrap_or_default()
            .split(',')
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        match self {
            Self::Whole => {}
            _ if names.is_empty() => *self = Self::Whole,
            Self::Absent => *self = Self::Fields(names),
            Self::Fields(fields) => fields.extend(names),
        }
    }
}

/// The directives of a `Cache-Control` or targeted field. Lifetimes are seconds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CacheControl {
    /// `immutable` (RFC 8246).
    pub immutable: bool,
    /// `max-age`.
    pub max_age: Option<i64>,
    /// `max-stale` of a request; without a value any staleness will do.
    pub max_stale: Option<i64>,
    /// `min-fresh` of a request.
    pub min_fresh: Option<i64>,
    /// `must-revalidate`.
    pub must_revalidate: bool,
    /// `no-cache`.
    pub no_cache: Qualified,
    /// `no-store`.
    pub no_store: bool,
    /// `no-transform`.
    pub no_transform: bool,
    /// `only-if-cached` of a request.
    pub only_if_cached: bool,
    /// `private`.
    pub private: Qualified,
    /// `proxy-revalidate`.
    pub proxy_revalidate: bool,
    /// `public`.
    pub public: bool,
    /// `s-maxage`.
    pub s_maxage: Option<i64>,
    /// `stale-if-error` (RFC 5861).
    pub stale_if_error: Option<i64>,
    /// `stale-while-revalidate` (RFC 5861).
    pub stale_while_revalidate: Option<i64>,
}

impl CacheControl {
    /// Parses the lines of a field. Total: what is not a known directive is left out.
    #[must_use]
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut control = Self::default();
        for line in lines {
            for member in split_outside_quotes(line, ',') {
                let (name, value) = match member.split_once('=') {
                    Some((name, value)) => (name, Some(unquote(value.trim()))),
                    None => (member, None),
                };
                control.add(&name.trim().to_ascii_lowercase(), value.as_deref());
            }
        }
        control
    }

    /// Returns the lifetime that the directives give a shared cache, if any.
    #[must_use]
    pub fn shared_lifetime_secs(&self) -> Option<i64> {
        self.s_maxage.or(self.max_age)
    }

    /// Tells whether the directives keep the whole response out of a shared cache, or from any
    /// reuse without asking the origin: `no-store`, `private` or `no-cache`.
    #[must_use]
    pub fn forbids_sharing(&self) -> bool {
        self.no_store || self.private.is_whole() || self.no_cache.is_whole()
    }

    /// Takes back `no-store`, `no-cache` and `private`.
    pub(crate) fn unlock(&mut self) {
        self.no_store = false;
        (self.no_cache, self.private) = (Qualified::Absent, Qualified::Absent);
    }

    /// Adds one directive; `name` is in lower case.
    pub(crate) fn add(&mut self, name: &str, value: Option<&str>) {
        let lifetime = |slot: &mut Option<i64>| *slot = slot.or(Some(delta_seconds(value)));
        match name {
            "immutable" => self.immutable = true,
            "max-age" => lifetime(&mut self.max_age),
            "max-stale" => {
                let staleness = value.map_or(LARGEST_DELTA, |value| delta_seconds(Some(value)));
                self.max_stale = self.max_stale.or(Some(staleness));
            }
            "min-fresh" => lifetime(&mut self.min_fresh),
            "must-revalidate" => self.must_revalidate = true,
            "no-cache" => self.no_cache.join(value),
            "no-store" => self.no_store = true,
            "no-transform" => self.no_transform = true,
            "only-if-cached" => self.only_if_cached = true,
            "private" => self.private.join(value),
            "proxy-revalidate" => self.proxy_revalidate = true,
            "public" => self.public = true,
            "s-maxage" => lifetime(&mut self.s_maxage),
            "stale-if-error" => lifetime(&mut self.stale_if_error),
            "stale-while-revalidate" => lifetime(&mut self.stale_while_revalidate),
            _ => {}
        }
    }
}

/// Reads delta-seconds (RFC 9111 section 1.2.2): too large is the largest, no number is 0.
pub(crate) fn delta_seconds(value: Option<&str>) -> i64 {
    let digits = value.unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    digits.parse::<i64>().map_or(LARGEST_DELTA, |secs| secs.min(LARGEST_DELTA))
}

/// Splits at `separator` where it stands outside a quoted string that closes.
pub(crate) fn split_outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    // Where one quote does not close, none behind it does.
    let mut quotes_close = true;
    std::iter::from_fn(move || {
        let text = rest?;
        let mut from = 0;
        loop {
            let tail = text.get(from..).unwrap_or_default();
            let stop = |(_, c): &(usize, char)| *c == separator || (quotes_close && *c == '"');
            let Some((offset, found)) = tail.char_indices().find(stop) else {
                rest = None;
                return Some(text);
            };
            let at = from + offset;
            if found == separator {
                rest = text.get(at + separator.len_utf8()..);
                return text.get(..at);
            }
            let end = closing_quote(text, at);
            quotes_close = end.is_some();
            from = end.unwrap_or(at) + 1;
        }
    })
}

/// Finds the quote that closes the one at byte `open`.
fn closing_quote(text: &str, open: usize) -> Option<usize> {
    let mut escaped = false;
    for (offset, byte) in text.bytes().enumerate().skip(open + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(offset),
            _ => {}
        }
    }
    None
}

/// Takes the quotes and escapes off a quoted string; other text stays as it is.
fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    text
}
