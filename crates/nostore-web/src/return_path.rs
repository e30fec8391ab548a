//! Where a sign-in may return to: the visitor's own URL, and nothing on another origin.
//!
//! # Invariants
//!
//! - [`safe_return_path`] yields a path on the site itself, starting with exactly one `/`, whatever it
//!   is given; an open redirect would hand a signed-in visitor to anyone.
//!
//! Specifications: the URL standard, "URL parsing" (what user agents do with `\`, tabs and newlines);
//! RFC 9110 section 17.

use nostore_message::{Origin, RequestHead};
use url::Url;

/// Longest return URL that is followed, in bytes.
const MAX_RETURN_URL: usize = 4_096;

/// Returns path, query and fragment of `candidate` where it lies on the site of `request` (on
/// `public`, where the site has told its origin), else `/`.
///
/// `candidate` is the decoded value of a `redirect_url` parameter: an absolute URL or a path.
#[must_use]
pub fn safe_return_path(request: &RequestHead<'_>, public: Option<&Origin>, candidate: &str) -> String {
    own_path(request, public, candidate).unwrap_or_else(|| "/".to_owned())
}

fn own_path(request: &RequestHead<'_>, public: Option<&Origin>, candidate: &str) -> Option<String> {
    // User agents drop tabs and newlines and read `\` as `/`; an honest URL has none of them.
    if candidate.len() > MAX_RETURN_URL || candidate.contains(|c: char| c == '\\' || c.is_control()) {
        return None;
    }
    let own = match public {
        Some(public) => public.clone(),
        None => request.origin()?,
    };
    let base = Url::parse(&own.to_string()).ok()?;
    let url = base.join(candidate).ok()?;
    if !url.username().is_empty() || url.password().is_some() || !is_own(&url, &own, public.is_some()) {
        return None;
    }
    let path = url.path();
    if !path.starts_with('/') || path.starts_with("//") {
        return None;
    }
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let fragment = url.fragment().map_or_else(String::new, |fragment| format!("#{fragment}"));
    Some(format!("{path}{query}{fragment}"))
}

/// Tells whether `url` is on the site. Where only the `Host` field names the site, TLS may have ended
/// in front of it, so either scheme will do.
fn is_own(url: &Url, own: &Origin, strict: bool) -> bool {
    let Ok(found) = Origin::parse(&url.origin().ascii_serialization()) else { return false };
    let twin = Origin::parse(&format!("{}://{}", found.scheme(), own.authority()));
    if strict { found == *own } else { twin.is_ok_and(|twin| twin == found) }
}
