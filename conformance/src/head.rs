//! From a request as the Fetch Standard has it to the head that the law reads.
//!
//! Forwarded fields are trusted here, as the protocol does (its section 3.1); path and origin are joined as text, so
//! that a path which starts with `//` stays on its own origin. A scheme other than http and https is not
//! forwarded, and neither is port 0.
//!
//! Specifications: Fetch Standard, "Request class" and "Headers class".

use nostore_message::{Fields, RequestHead, Scheme};
use url::{Position, Url};

use crate::case::Request;

/// Why a request cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A field line that no message can hold.
    #[error("expected field lines of visible Latin-1 text, found the field {name:?}")]
    Field {
        /// The name of the field.
        name: String,
    },
    /// A method that is none, or is forbidden.
    #[error("expected a method such as GET, found {found:?}")]
    Method {
        /// What was found.
        found: String,
    },
    /// The URL is not absolute, not http(s), or holds credentials.
    #[error("expected an absolute http or https URL without credentials, found {found:?}")]
    Url {
        /// What was found.
        found: String,
    },
}

/// Reads the head of a request.
///
/// # Errors
///
/// See [`RequestError`].
pub fn request_head(request: &Request) -> Result<RequestHead<'static>, RequestError> {
    let bad_url = || RequestError::Url { found: request.url.clone() };
    let initial = Url::parse(&request.url).map_err(|_| bad_url())?;
    if !initial.username().is_empty() || initial.password().is_some() {
        return Err(bad_url());
    }
    let fields = fields(&request.headers)?;
    let first = |name| fields.first(name).map(|value| value.split(',').next().unwrap_or_default().to_owned());
    let host =
        first("x-forwarded-host").or_else(|| fields.first("host").map(str::to_owned)).unwrap_or_default();
    let proto = first("x-forwarded-proto").unwrap_or_else(|| initial.scheme().to_owned());
    let target = initial[Position::BeforePath..Position::AfterQuery].to_owned();
    let forwarded = Some(format!("{proto}://{host}")).filter(|_| !host.is_empty() && !proto.is_empty());
    let public = match forwarded {
        Some(origin) if origin != initial.origin().ascii_serialization() => {
            Url::parse(&origin).ok().filter(is_web)
        }
        _ => None,
    };
    let fragment = initial.fragment().filter(|_| public.is_none()).map(|text| format!("#{text}"));
    let url = public.as_ref().unwrap_or(&initial);
    Ok(RequestHead {
        method: method(&request.method)?.into(),
        scheme: scheme(url).ok_or_else(bad_url)?,
        authority: url[Position::BeforeHost..Position::AfterPort].to_owned().into(),
        target: format!("{target}{}", fragment.unwrap_or_default()).into(),
        fields,
    })
}

/// Port 0 is no port.
fn is_web(url: &Url) -> bool {
    scheme(url).is_some() && url.port() != Some(0)
}

fn scheme(url: &Url) -> Option<Scheme> {
    match url.scheme() {
        "http" => Some(Scheme::Http),
        "https" => Some(Scheme::Https),
        _ => None,
    }
}

/// Joins repeated lines, as the Fetch Standard's list of headers is read.
fn fields(lines: &[(String, String)]) -> Result<Fields<'static>, RequestError> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in lines {
        let value = value.trim_matches(['\t', '\n', '\r', ' ']);
        let text = value.chars().all(|letter| letter <= '\u{ff}' && !matches!(letter, '\0' | '\n' | '\r'));
        if !text || !is_token(name) {
            return Err(RequestError::Field { name: name.clone() });
        }
        let name = name.to_ascii_lowercase();
        let separator = if name == "cookie" { "; " } else { ", " };
        match joined.iter_mut().find(|(key, _)| *key == name) {
            Some((_, before)) => *before = format!("{before}{separator}{value}"),
            None => joined.push((name, value.to_owned())),
        }
    }
    let mut fields = Fields::new();
    for (name, value) in joined {
        fields.append(name, value);
    }
    Ok(fields)
}

fn method(text: &str) -> Result<String, RequestError> {
    let upper = text.to_ascii_uppercase();
    let found = || RequestError::Method { found: text.to_owned() };
    match upper.as_str() {
        "CONNECT" | "TRACE" | "TRACK" => Err(found()),
        "DELETE" | "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" => Ok(upper),
        _ if is_token(text) => Ok(text.to_owned()),
        _ => Err(found()),
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}
