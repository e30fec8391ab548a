//! From what a shell knows about one exchange to the edits that make its response safe.
//!
//! Every adapter's response passes here, with or without handshake sessions; whatever a cache makes
//! of the result is the law's business ([`nostore_cache::protect`]).
//!
//! # Invariants
//!
//! - A level is only ever raised here, never lowered.
//! - Names of cookies may be said, their values never.
//!
//! Specifications: RFC 9110 sections 11.6.1 and 15.5.4; RFC 9651 section 3.3.6 (`Auth-Sensitive`).

use std::borrow::Cow;

use nostore_cache::{Intent, NetlifyVary, Protection, author_intent, protect};
use nostore_message::{FieldEdit, ResponseHead, Sensitivity, SetCookie, apply};

use crate::Why;

/// The response field by which an app in any language marks a response as sensitive.
pub const AUTH_SENSITIVE_FIELD: &str = "Auth-Sensitive";

/// What is known about one exchange when its response head is there.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The names of the cookies that carry a session.
    pub session_cookies: &'a [String],
    /// How sensitive the exchange already is, and why.
    pub level: Option<(Sensitivity, &'a Why)>,
    /// Whether the request carried a session cookie or `Authorization`.
    pub credentials: bool,
    /// What to send where the site stands on Netlify.
    pub netlify_vary: Option<&'a NetlifyVary>,
    /// Whether to say why the response lost its caching.
    pub dev: bool,
}

/// The level that a response ended at, and what to change in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Protected {
    /// How sensitive the response is.
    pub sensitivity: Sensitivity,
    /// Why it is more than public.
    pub why: Option<Why>,
    /// The edits, in order. Applying them twice changes nothing more.
    pub edits: Vec<FieldEdit>,
}

/// Decides how sensitive `response` is and which edits make every cache treat it so.
#[must_use]
pub fn protect_response(circumstances: &Circumstances<'_>, response: &ResponseHead<'_>) -> Protected {
    let mut verdict = Verdict::default();
    if let Some((level, why)) = circumstances.level {
        verdict.raise(level, || why.clone());
    }
    let mut edits = Vec::new();
    if let Some(sensitive) = auth_sensitive(response) {
        edits.push(FieldEdit::remove(AUTH_SENSITIVE_FIELD));
        if sensitive {
            verdict.raise(Sensitivity::AuthFlow, || Why::AuthSensitive);
        }
    }
    if matches!(response.status, 401 | 403) {
        verdict.raise(Sensitivity::AuthFlow, || Why::Status(response.status));
    }
    // What the author meant matters to cookies alone, and to whoever develops.
    let cookies = response.fields.contains("set-cookie");
    let intent = if cookies || circumstances.dev { author_intent(response) } else { Intent::Silent };
    weigh_cookies(circumstances, response, intent, &mut verdict);

    let silent_cookie = cookies && intent == Intent::Silent;
    let changed = changed(response, &edits);
    edits.extend(protect(
        &Protection {
            sensitivity: verdict.level,
            netlify_vary: circumstances.netlify_vary,
            credentials: circumstances.credentials || silent_cookie,
        },
        &changed,
    ));
    if let Some(why) = verdict.why.as_ref().filter(|_| circumstances.dev) {
        // A handler's own answer comes through here twice; what was said first stays.
        if !response.fields.contains(crate::WHY_FIELD) {
            edits.push(why.field(intent));
        }
    }
    Protected { sensitivity: verdict.level, why: verdict.why, edits }
}

/// Returns a response as edits leave it.
pub(crate) fn changed<'r, 'a>(
    response: &'r ResponseHead<'a>,
    edits: &[FieldEdit],
) -> Cow<'r, ResponseHead<'a>> {
    if edits.is_empty() {
        return Cow::Borrowed(response);
    }
    let mut changed = response.clone();
    apply(edits, &mut changed.fields);
    Cow::Owned(changed)
}

/// The highest level so far, with the first reason that reached it.
#[derive(Default)]
struct Verdict {
    level: Sensitivity,
    why: Option<Why>,
}

impl Verdict {
    fn raise(&mut self, level: Sensitivity, why: impl FnOnce() -> Why) {
        if level > self.level {
            self.level = level;
            // What read the session first explains more than what it led to.
            self.why.get_or_insert_with(why);
        }
    }
}

/// Reads `Auth-Sensitive`: `None` when absent. Only `?0` says no; what is not a boolean of RFC 9651
/// section 3.3.6 was meant to say something, so it counts as yes.
fn auth_sensitive(response: &ResponseHead<'_>) -> Option<bool> {
    let mut lines = response.fields.all(AUTH_SENSITIVE_FIELD).peekable();
    lines.peek()?;
    Some(lines.any(|line| line.split(';').next().unwrap_or_default().trim() != "?0"))
}

fn weigh_cookies(
    circumstances: &Circumstances<'_>,
    response: &ResponseHead<'_>,
    intent: Intent,
    verdict: &mut Verdict,
) {
    for line in response.fields.all("set-cookie") {
        let name = SetCookie::parse(line).name;
        if circumstances.session_cookies.iter().any(|own| *own == *name) {
            verdict.raise(Sensitivity::AuthFlow, || Why::SessionCookie(name.into_owned()));
        } else if intent == Intent::Cacheable {
            if circumstances.level.is_none() {
                tracing::warn!(
                    cookie = %name,
                    "a response that its author made cacheable sets a cookie: it is kept from caches, \
                     which would give the cookie to everyone"
                );
            }
            verdict.raise(Sensitivity::AuthFlow, || Why::CookieOnCacheable(name.into_owned()));
        }
    }
}
