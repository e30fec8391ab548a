//! Under which key a request is looked up, and what the cache changes in it towards the origin.

use std::fmt;

use nostore_message::{FieldEdit, Origin, RequestHead, ResponseHead};

use crate::conditional::VALIDATORS;
use crate::marks::Forward;
use crate::profile::{Law, Names, NetlifyVaryRule, Profile};
use crate::verdict::{FIELD_VALUES, PARTIAL, Verdict};

/// Where to look for a stored response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lookup {
    /// Nowhere: the request goes past the cache.
    Bypass(Bypass),
    /// Under this key.
    Key(PrimaryKey),
}

/// Why a request goes past the cache.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bypass {
    /// The reason in the words of `Cache-Status`.
    pub forward: Forward,
    /// The reason in words for people, with its rule.
    pub verdict: Verdict,
}

/// The primary cache key: the URL, and what the profile adds to it.
///
/// Under a profile that honours `Netlify-Vary` the query is not part of it, because an instruction
/// may say which parameters count; [`crate::Variants`] then keeps it apart.
///
/// `Display` and `Debug` show names, never the values of cookies, headers or query parameters.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PrimaryKey {
    place: String,
    query: Option<String>,
    cookies: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl fmt::Display for PrimaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)?;
        if let Some(query) = &self.query {
            let name = |pair: &str| match pair.split_once('=') {
                Some((name, _)) => format!("{name}=*"),
                None => "*".to_owned(),
            };
            write!(f, "?{}", query.split('&').map(name).collect::<Vec<_>>().join("&"))?;
        }
        for (name, _) in &self.headers {
            write!(f, " {name}")?;
        }
        for (name, _) in &self.cookies {
            write!(f, " cookie:{name}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PrimaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrimaryKey({self})")
    }
}

/// A URL whose stored responses somebody means: of one site, or a path of every site. The scheme does not count:
/// whoever stands in front of the cache may have ended TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredUrl {
    authority: Option<String>,
    path: String,
    query: Option<String>,
}

impl StoredUrl {
    /// Reads an absolute URL such as `http://localhost:8080/a?b=c`, or a path such as `/a`. `None` when it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let text = text.split('#').next().unwrap_or_default();
        let after_scheme = text.find("://").filter(|_| !text.starts_with('/')).map(|at| at + 3);
        let (origin, target) = match after_scheme {
            None => (None, text),
            Some(start) => {
                let end = text.get(start..)?.find(['/', '?']).map_or(text.len(), |at| start + at);
                let (origin, target) = text.split_at(end);
                (Some(Origin::parse(origin).ok()?), target)
            }
        };
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() && origin.is_some() { "/" } else { path };
        path.starts_with('/').then(|| Self {
            authority: origin.map(|origin| origin.authority()),
            path: path.to_owned(),
            query: query.map(str::to_owned),
        })
    }
}

impl PrimaryKey {
    /// Tells whether what is stored under this key is stored for `url`, whoever asked. Where the profile does not keep
    /// queries apart by the key, any query is meant.
    #[must_use]
    pub fn is_for(&self, profile: &Profile, url: &StoredUrl) -> bool {
        let place = self.place.split_once("://").map_or(self.place.as_str(), |(_, place)| place);
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let query = !has_query(&profile.law) || self.query == url.query;
        url.authority.as_ref().is_none_or(|asked| asked == authority) && path == url.path && query
    }
}

/// Decides whether a request may be answered from the cache, and under which key.
#[must_use]
pub fn lookup(profile: &Profile, request: &RequestHead<'_>) -> Lookup {
    let law = &profile.law;
    if !law.methods.contains(&&*request.method) {
        let text = format!("{} is not answered from the cache", request.method);
        let verdict = Verdict::new("method", law.sources.methods, text);
        return Lookup::Bypass(Bypass { forward: Forward::Method, verdict });
    }
    if request.fields.contains("range") {
        let verdict = Verdict::new("range", PARTIAL, "a request for a range goes to the origin");
        return Lookup::Bypass(Bypass { forward: Forward::Bypass, verdict });
    }
    if let Some(verdict) = illegible(request).or_else(|| passed(law, request)) {
        return Lookup::Bypass(Bypass { forward: Forward::Bypass, verdict });
    }
    Lookup::Key(primary_key(law, request))
}

/// Refuses a request with bytes that are no text. They all read as U+FFFD, so two requests that differ in them
/// alone would have one key.
pub(crate) fn illegible(request: &RequestHead<'_>) -> Option<Verdict> {
    let found = request.fields.iter().find(|line| line.value.contains(char::REPLACEMENT_CHARACTER))?;
    let text = format!("the request's {} holds bytes that are no text", found.name);
    Some(Verdict::new("not-text", FIELD_VALUES, text))
}

/// Refuses what the operator's rules send past the cache: by the extension of the path, by a field of the request.
pub(crate) fn passed(law: &Law, request: &RequestHead<'_>) -> Option<Verdict> {
    if !law.extensions.is_empty() && !has_extension(request.path(), law.extensions) {
        let text = "only paths with certain file extensions are kept here, and this one has none of them";
        return Some(Verdict::new("extension", law.sources.methods, text));
    }
    let Names::Listed(names) = &law.passed_with else { return None };
    let name = names.iter().find(|name| request.fields.contains(name))?;
    let text = format!("a request with {name} goes past the cache");
    Some(Verdict::new("passed", law.sources.key, text))
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let found = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extensions.iter().any(|extension| extension.eq_ignore_ascii_case(found))
        || extensions.iter().any(|whole| whole.contains('.') && *whole == name)
}

/// Returns the key whose stored responses `response` makes invalid (RFC 9111 section 4.4): that of
/// an unsafe request that did not fail, where the profile invalidates at all.
#[must_use]
pub fn invalidated(
    profile: &Profile,
    request: &RequestHead<'_>,
    response: &ResponseHead<'_>,
) -> Option<PrimaryKey> {
    let safe = matches!(&*request.method, "GET" | "HEAD" | "OPTIONS" | "TRACE");
    let failed = !(200..400).contains(&response.status);
    (profile.law.invalidates && !safe && !failed).then(|| primary_key(&profile.law, request))
}

/// Lists what the cache changes in a request before it sends it to the origin: what the profile keeps from it, and
/// conditions where the answer could be stored, so that a 304 never takes the place of a stored response.
#[must_use]
pub fn forwarded(profile: &Profile, request: &RequestHead<'_>) -> Vec<FieldEdit> {
    let law = &profile.law;
    let mut edits = Vec::new();
    match &law.cookies_to_origin {
        Names::All => {}
        Names::None => {
            if request.fields.contains("cookie") {
                edits.push(FieldEdit::remove("Cookie"));
            }
        }
        Names::Listed(names) => {
            if request.fields.contains("cookie") {
                edits.push(only_cookies(request, |name| names.contains(name)));
            }
        }
    }
    if let Lookup::Key(_) = lookup(profile, request) {
        let validators = VALIDATORS.into_iter().filter(|name| request.fields.contains(name));
        edits.extend(validators.map(FieldEdit::remove));
    }
    if !law.authorization_to_origin && request.is_get_or_head() && request.fields.contains("authorization") {
        edits.push(FieldEdit::remove("Authorization"));
    }
    edits
}

fn only_cookies(request: &RequestHead<'_>, keep: impl Fn(&str) -> bool) -> FieldEdit {
    let cookies = request.cookies();
    let kept: Vec<String> = cookies
        .iter()
        .filter(|(name, _)| keep(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if kept.is_empty() { FieldEdit::remove("Cookie") } else { FieldEdit::set("Cookie", kept.join("; ")) }
}

fn primary_key(law: &Law, request: &RequestHead<'_>) -> PrimaryKey {
    let authority =
        request.origin().map_or_else(|| request.authority.to_ascii_lowercase(), |origin| origin.authority());
    let query = request.query().filter(|_| has_query(law)).map(str::to_owned);
    let mut cookies: Vec<(String, String)> = request
        .cookies()
        .iter()
        .filter(|(name, _)| law.cookies_in_key.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if law.cookies_in_key == Names::All {
        cookies.extend(nameless_cookies(request));
    }
    // By name; values of a repeated name keep their order, since the first one counts.
    cookies.sort_by(|left, right| left.0.cmp(&right.0));
    let headers = match &law.headers_in_key {
        Names::Listed(names) => names
            .iter()
            .filter_map(|name| Some((name.clone(), request.fields.combined(name)?.into_owned())))
            .collect(),
        Names::All | Names::None => Vec::new(),
    };
    PrimaryKey {
        place: format!("{}://{authority}{}", request.scheme, request.path()),
        query,
        cookies,
        headers,
    }
}

/// Tells whether the query is a part of the key. Where `Netlify-Vary` counts, it says which parameters do.
fn has_query(law: &Law) -> bool {
    law.query_in_key && law.netlify_vary == NetlifyVaryRule::Ignored
}

/// Lists what stands in `Cookie` without `=`: user agents send a cookie without a name like this (RFC 6265bis, "The
/// Cookie Header Field"), and some servers read a name without a value.
fn nameless_cookies(request: &RequestHead<'_>) -> impl Iterator<Item = (String, String)> {
    let pieces = request.fields.all("cookie").flat_map(|line| line.split(';')).map(str::trim);
    pieces
        .filter(|piece| !piece.is_empty() && !piece.contains('='))
        .map(|piece| (String::new(), piece.to_owned()))
}

/// Tells whether the key tells visitors apart by this cookie; `nominated` is what `Vary` and
/// `Netlify-Vary` of the response say.
pub(crate) fn separates_cookie(law: &Law, nominated: bool, name: &str) -> bool {
    nominated || law.cookies_in_key.contains(name)
}
