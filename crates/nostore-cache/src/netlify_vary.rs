//! `Netlify-Vary`: Netlify's own words for what belongs into the cache key.
//!
//! A comma-separated list of *instructions*: `query` alone, or `name=value|value|...` with the name
//! `query`, `header`, `language`, `country` or `cookie`. Two `cookie=` instructions are read as their
//! union, which is what Netlify's own framework adapter does ([`Repeats`] has the other reading). We
//! always print one.
//!
//! # Not covered
//!
//! Where a visitor comes from: every request is outside the listed countries.
//!
//! Source: <https://docs.netlify.com/build/caching/caching-overview/>.

use std::collections::BTreeSet;
use std::fmt;

use nostore_message::RequestHead;

/// The headers that Netlify refuses to vary on, in lower case; `if-*` is refused as well.
const REFUSED_HEADERS: [&str; 15] = [
    "accept",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-length",
    "cookie",
    "host",
    "range",
    "referer",
    "upgrade",
    "user-agent",
    "",
];

/// What two instructions of the same name mean.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Repeats {
    /// The last one counts.
    LastWins,
    /// All count together.
    #[default]
    Union,
}

/// Which query parameters are in the key.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Query {
    /// No instruction: the whole query as it stands.
    #[default]
    AsIs,
    /// All parameters, whatever their order.
    All,
    /// These alone.
    Named(BTreeSet<String>),
}

/// The instructions of a response. Equal when they mean the same.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NetlifyVary {
    query: Query,
    headers: BTreeSet<String>,
    languages: BTreeSet<Vec<String>>,
    countries: BTreeSet<Vec<String>>,
    cookies: BTreeSet<String>,
    cookies_present: BTreeSet<String>,
}

impl NetlifyVary {
    /// Makes the absence of any instruction.
    pub(crate) const fn none() -> Self {
        Self {
            query: Query::AsIs,
            headers: BTreeSet::new(),
            languages: BTreeSet::new(),
            countries: BTreeSet::new(),
            cookies: BTreeSet::new(),
            cookies_present: BTreeSet::new(),
        }
    }

    /// Makes the one instruction `cookie=…`. A name that the grammar cannot carry (anything but
    /// letters, digits and ``!#$%&'*+-.^_`~``) is left out.
    #[must_use]
    pub fn cookies(names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let sayable = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`~".contains(c))
        };
        let cookies = names.into_iter().map(|name| name.as_ref().to_owned()).filter(|name| sayable(name));
        Self { cookies: cookies.collect(), ..Self::default() }
    }

    /// Parses the lines of a field; repeated instructions are joined. Total: what is no instruction is
    /// left out.
    #[must_use]
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        Self::parse_with(lines, Repeats::Union)
    }

    /// Parses like [`NetlifyVary::parse`], with a say in what repeated instructions mean.
    #[must_use]
    pub fn parse_with<'a>(lines: impl IntoIterator<Item = &'a str>, repeats: Repeats) -> Self {
        let mut vary = Self::default();
        for instruction in lines.into_iter().flat_map(|line| line.split(',')).map(str::trim) {
            let (name, list) = match instruction.split_once('=') {
                Some((name, list)) => (name.trim(), Some(list)),
                None => (instruction, None),
            };
            let values =
                || list.unwrap_or_default().split('|').map(str::trim).filter(|value| !value.is_empty());
            if repeats == Repeats::LastWins {
                vary.forget(name);
            }
            match (name, list) {
                ("query", None) => vary.query = Query::All,
                ("query", Some(_)) => vary.add_query(values().map(str::to_owned).collect()),
                ("header", _) => {
                    vary.headers
                        .extend(values().map(str::to_ascii_lowercase).filter(|name| is_allowed(name)));
                }
                ("language", _) => vary.languages.extend(values().filter_map(group)),
                ("country", _) => vary.countries.extend(values().filter_map(group)),
                ("cookie", _) => values().for_each(|name| vary.add_cookie(name)),
                _ => {}
            }
        }
        vary
    }

    /// Tells whether there is no instruction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Lists the cookies whose whole value is in the key, sorted.
    pub fn cookie_names(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(String::as_str)
    }

    /// Tells whether the key separates requests by this cookie, by value or by presence.
    #[must_use]
    pub fn separates_cookie(&self, name: &str) -> bool {
        self.cookies.contains(name) || self.cookies_present.contains(name)
    }

    /// Returns what `request` holds in everything that the instructions name.
    /// The query counts without an instruction too, where `query_in_key` says so.
    pub(crate) fn values(
        &self,
        request: &RequestHead<'_>,
        query_in_key: bool,
    ) -> Vec<(String, Option<String>)> {
        let query = self.query_of(request).filter(|_| query_in_key || self.query != Query::AsIs);
        let mut values = vec![("query".to_owned(), query)];
        for name in &self.headers {
            let value = request.fields.combined(name).map(std::borrow::Cow::into_owned);
            values.push((format!("header {name}"), value));
        }
        if !self.languages.is_empty() {
            let accepted = request.fields.combined("accept-language").unwrap_or_default();
            values.push(("language".to_owned(), self.language_of(&accepted)));
        }
        let cookies = request.cookies();
        for name in &self.cookies {
            values.push((format!("cookie {name}"), cookies.raw(name).map(str::to_owned)));
        }
        for name in &self.cookies_present {
            values.push((format!("cookie {name} presence"), cookies.raw(name).map(|_| String::new())));
        }
        values
    }

    fn query_of(&self, request: &RequestHead<'_>) -> Option<String> {
        let query = request.query()?;
        let named = match &self.query {
            Query::AsIs => return Some(query.to_owned()),
            Query::All => None,
            Query::Named(names) => Some(names),
        };
        let name = |pair: &str| pair.split_once('=').map_or(pair, |(name, _)| name).to_owned();
        let mut pairs: Vec<&str> = query
            .split('&')
            .filter(|pair| !pair.is_empty() && named.is_none_or(|names| names.contains(&name(pair))))
            .collect();
        pairs.sort_unstable();
        (!pairs.is_empty()).then(|| pairs.join("&"))
    }

    /// Returns the group that the visitor's languages fall into, best liked first.
    fn language_of(&self, accepted: &str) -> Option<String> {
        let mut ranges: Vec<(i32, String)> = accepted
            .split(',')
            .map(|range| {
                let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
                (quality(parameters), tag.trim().to_ascii_lowercase())
            })
            .filter(|(quality, tag)| *quality > 0 && !tag.is_empty())
            .collect();
        ranges.sort_by_key(|(quality, _)| std::cmp::Reverse(*quality));
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_owned();
        let exact = |tag: &str, group: &[String]| group.iter().any(|language| language == tag);
        ranges.iter().find_map(|(_, tag)| {
            let found = self.languages.iter().find(|group| exact(tag, group));
            let found = found.or_else(|| self.languages.iter().find(|group| exact(&primary(tag), group)));
            found.map(|group| group.join("+"))
        })
    }

    fn add_query(&mut self, names: BTreeSet<String>) {
        match &mut self.query {
            Query::All => {}
            Query::AsIs => self.query = Query::Named(names),
            Query::Named(known) => known.extend(names),
        }
    }

    fn add_cookie(&mut self, name: &str) {
        match name.strip_suffix(":presence") {
            Some(name) => self.cookies_present.insert(name.to_owned()),
            None => self.cookies.insert(name.to_owned()),
        };
    }

    fn forget(&mut self, name: &str) {
        match name {
            "query" => self.query = Query::AsIs,
            "header" => self.headers.clear(),
            "language" => self.languages.clear(),
            "country" => self.countries.clear(),
            "cookie" => {
                self.cookies.clear();
                self.cookies_present.clear();
            }
            _ => {}
        }
    }
}

/// Prints at most one instruction of each name, in a fixed order, values sorted.
impl fmt::Display for NetlifyVary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut instructions = Vec::new();
        match &self.query {
            Query::AsIs => {}
            Query::All => instructions.push("query".to_owned()),
            Query::Named(names) => {
                instructions.push(format!("query={}", names.iter().cloned().collect::<Vec<_>>().join("|")));
            }
        }
        let groups = |groups: &BTreeSet<Vec<String>>| groups.iter().map(|group| group.join("+")).collect();
        let presence = self.cookies_present.iter().map(|name| format!("{name}:presence"));
        let lists: [(&str, Vec<String>); 4] = [
            ("header", self.headers.iter().cloned().collect()),
            ("language", groups(&self.languages)),
            ("country", groups(&self.countries)),
            ("cookie", self.cookies.iter().cloned().chain(presence).collect()),
        ];
        for (name, values) in lists.iter().filter(|(_, values)| !values.is_empty()) {
            instructions.push(format!("{name}={}", values.join("|")));
        }
        f.write_str(&instructions.join(","))
    }
}

fn is_allowed(header: &str) -> bool {
    !REFUSED_HEADERS.contains(&header) && !header.starts_with("if-")
}

/// Reads a group such as `es+pt`, in lower case and sorted.
fn group(text: &str) -> Option<Vec<String>> {
    let mut members: Vec<String> =
        text.split('+').map(|member| member.trim().to_ascii_lowercase()).filter(|m| !m.is_empty()).collect();
    members.sort_unstable();
    members.dedup();
    (!members.is_empty()).then_some(members)
}

/// Reads a weight as thousandths (RFC 9110 section 12.4.2); what is no weight counts as absent.
fn quality(parameters: &str) -> i32 {
    let weight = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    let weight = weight.and_then(|weight| weight.trim().parse::<f32>().ok());
    weight.map_or(1_000, |weight| (weight.clamp(0.0, 1.0) * 1_000.0) as i32)
}
