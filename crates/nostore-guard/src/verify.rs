//! `/auth/verify`: answers other proxies whether a request may pass, and who sent it.
//!
//! | proxy | says which request by | takes |
//! |---|---|---|
//! | nginx (`auth_request`) | `X-Original-URI` | 2xx, 401, 403 |
//! | Traefik (`forwardAuth`), Caddy (`forward_auth`) | `X-Forwarded-Uri`, `X-Forwarded-Method` | any answer, given to the visitor |
//! | Envoy (`ext_authz` over HTTP, `path_prefix: /auth/verify`) | the path behind the prefix | any answer, given to the visitor |
//!
//! # Invariants
//!
//! - Only a trusted proxy is answered: what it says of a request counts.
//! - A request that is named in more than one way, and not the same each time, passes nowhere: a proxy that writes one of the
//!   fields passes a visitor's others on.
//!
//! Sources: nginx `ngx_http_auth_request_module`; Traefik `ForwardAuth`; Caddy `forward_auth`; Envoy `ext_authz`
//! (`HttpService`).

use std::borrow::Cow;

use nostore_message::RequestHead;

/// Where proxies ask.
pub const VERIFY_PATH: &str = "/auth/verify";

/// What a proxy understands as an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Takes {
    /// A whole answer, which it gives to the visitor.
    Answers,
    /// A status: 2xx, 401 or 403. Everything else is an error to it.
    Statuses,
}

/// The request that a proxy asks about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) takes: Takes,
}

/// Why it is not known which request is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum AskedError {
    #[error("expected X-Original-URI, X-Forwarded-Uri or a path behind /auth/verify, found none of them")]
    Missing,
    #[error("expected one request to be asked about, found several: the proxy passes on what a visitor sent")]
    Several,
    #[error("expected a path such as `/page?query` as the request that is asked about, found something else")]
    Target,
}

impl AskedError {
    /// Says how to mend it, as one clause.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::Missing => {
                "let the proxy say which request it asks about; docs/guard.md has the lines for each"
            }
            Self::Several => "let the proxy remove the field that it does not write itself",
            Self::Target => "let the proxy send the path and query as it received them",
        }
    }
}

/// Tells whether a path is asked at.
pub(crate) fn is_asked(path: &str) -> bool {
    path.strip_prefix(VERIFY_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads which request is asked about.
pub(crate) fn asked(head: &RequestHead<'_>) -> Result<Asked, AskedError> {
    let behind = head.target.strip_prefix(VERIFY_PATH).filter(|rest| rest.starts_with('/'));
    let named = |name| head.fields.all(name).map(Cow::Borrowed);
    let urls = head.fields.all("x-original-url").map(|url| Cow::Owned(path_of(url).to_owned()));
    let mut targets = (behind.map(Cow::Borrowed).into_iter())
        .chain(named("x-forwarded-uri"))
        .chain(named("x-original-uri"))
        .chain(urls);
    let first = targets.next().ok_or(AskedError::Missing)?;
    if targets.any(|other| other != first) {
        return Err(AskedError::Several);
    }
    if !first.starts_with('/') || !first.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(AskedError::Target);
    }
    let mut methods = named("x-forwarded-method").chain(named("x-original-method"));
    let method = methods.next();
    if methods.any(|other| Some(other) != method) {
        return Err(AskedError::Several);
    }
    // A proxy that asks with the visitor's own method says no other.
    let method = method.filter(|_| behind.is_none()).unwrap_or(Cow::Borrowed(&head.method)).into_owned();
    let whole = behind.is_some() || head.fields.contains("x-forwarded-uri");
    let takes = if whole { Takes::Answers } else { Takes::Statuses };
    Ok(Asked { method, target: first.into_owned(), takes })
}

/// Returns the path and query of a URL.
fn path_of(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, rest)| rest);
    behind.find('/').map_or("/", |at| &behind[at..])
}
