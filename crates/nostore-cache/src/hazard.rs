//! Whether what is about to be stored is dangerous: three plain lines each, without a secret.

use std::collections::BTreeSet;

use nostore_message::{Intent, Origin, RequestHead, ResponseHead, SetCookie};

use crate::forbidden;
use crate::intent::author_intent;
use crate::key::separates_cookie;
use crate::profile::Profile;
use crate::store::StorePlan;
use crate::verdict::period;

/// A danger in what is about to be stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hazard {
    /// The stable kebab-case name.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// Why it is dangerous on this platform, in its own words.
    pub why: String,
    /// How to mend it.
    pub mend: String,
    /// Whether the one ground is that a redirect leads to another site: no danger where that site is the app itself
    /// under an address of its own.
    pub elsewhere_only: bool,
}

/// Words in the names of session cookies.
const SESSION_WORDS: [&str; 5] = ["session", "sess", "auth", "token", "jwt"];
/// Whole names of session cookies that hold no such word.
const SESSION_NAMES: [&str; 6] = ["id", "sid", "connect.sid", "__client", "__refresh", "remember_me"];
/// Words in the names of cookies that protect a form, and say nothing about who is asking.
const FORM_WORDS: [&str; 2] = ["csrf", "xsrf"];
/// How many cookies a warning names.
const MOST_NAMES: usize = 3;
/// Path segments of sign-in pages.
const SIGN_IN_SEGMENTS: [&str; 14] = [
    "auth",
    "authenticate",
    "authorize",
    "handshake",
    "log-in",
    "log_in",
    "login",
    "oauth",
    "oauth2",
    "oidc",
    "saml",
    "sign-in",
    "sign_in",
    "signin",
];
/// Query parameters that carry a step of a sign-in.
const HANDSHAKE_PARAMETERS: [&str; 4] = ["code_challenge", "id_token_hint", "redirect_uri", "saml_request"];

/// Tells whether a cookie's name looks like that of a session.
#[must_use]
pub fn looks_like_session(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_prefix("__host-").or_else(|| lower.strip_prefix("__secure-")).unwrap_or(&lower);
    if FORM_WORDS.iter().any(|word| bare.contains(word)) {
        return false;
    }
    SESSION_NAMES.contains(&bare)
        || SESSION_WORDS.iter().any(|word| bare.contains(word))
        || bare.ends_with("sid")
        || bare.ends_with("sessid")
        || bare.starts_with("__client")
        || bare.starts_with("__refresh")
        || bare.starts_with("__clerk")
}

/// Tells whether a URL or its path looks like a page or a step of signing in.
#[must_use]
pub fn looks_like_sign_in(url: &str) -> bool {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let segment = |segment: &str| {
        let name = segment.split('.').next().unwrap_or_default().to_ascii_lowercase();
        SIGN_IN_SEGMENTS.contains(&&*name) || name == "sso"
    };
    let parameter = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        name.starts_with("__clerk_") || HANDSHAKE_PARAMETERS.contains(&&*name)
    };
    path_of(path).split('/').any(segment) || query.split(['&', '#']).any(parameter)
}

/// Lists the dangers in storing `response` to `request` as `plan` says.
#[must_use]
pub fn hazards(
    profile: &Profile,
    request: &RequestHead<'_>,
    response: &ResponseHead<'_>,
    plan: &StorePlan,
) -> Vec<Hazard> {
    let case = Case { profile, request, response, plan };
    let visitors = case.forbidden().or_else(|| case.personal());
    [case.set_cookie(), case.redirect(), visitors].into_iter().flatten().collect()
}

/// One response about to be stored.
struct Case<'a> {
    profile: &'a Profile,
    request: &'a RequestHead<'a>,
    response: &'a ResponseHead<'a>,
    plan: &'a StorePlan,
}

impl Case<'_> {
    fn set_cookie(&self) -> Option<Hazard> {
        let names = self.set_cookie_names();
        if names.is_empty() || !self.plan.keeps_set_cookie() {
            return None;
        }
        let words = &self.profile.law.words;
        let (sessions, others): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| looks_like_session(name));
        let list = match (listed(&sessions), listed(&others)) {
            (None, others) => others.unwrap_or_default(),
            (Some(sessions), None) => format!("{sessions}, by its name a session"),
            (Some(sessions), Some(others)) => format!("{sessions}, by its name a session, and {others}"),
        };
        Some(Hazard {
            code: "stored-set-cookie",
            what: format!("{} was stored with Set-Cookie for {list}", self.subject()),
            why: format!("{}; {}", words.set_cookie, self.key_words()),
            mend: format!(
                "set the cookie on a response that is not cached, or send {} with this one",
                words.refuse_with
            ),
            elsewhere_only: false,
        })
    }

    fn redirect(&self) -> Option<Hazard> {
        if !self.response.is_redirect() {
            return None;
        }
        let location = self.response.fields.first("location").unwrap_or_default();
        // An author who makes a redirect to another site cacheable means it; one who is silent may not.
        let elsewhere = self.leads_elsewhere(location) && author_intent(self.response) != Intent::Cacheable;
        let sign_in = looks_like_sign_in(location);
        let sets_cookie = !self.set_cookie_names().is_empty() && self.plan.keeps_set_cookie();
        if !(elsewhere || sign_in || sets_cookie) {
            return None;
        }
        // A redirect to the same site that every cookie keeps apart is not replayed after the sign-in.
        if sign_in && !elsewhere && !sets_cookie && self.all_cookies_separate() {
            return None;
        }
        let target = without_query(location);
        let kind = match (sign_in, elsewhere) {
            (true, _) => format!("a redirect to sign-in ({target})"),
            (false, true) => format!("a redirect to another site ({target})"),
            (false, false) => "a redirect that sets a cookie".to_owned(),
        };
        let words = &self.profile.law.words;
        Some(Hazard {
            code: "stored-sign-in-redirect",
            what: format!("{} was stored, and it is {kind}", self.subject()),
            why: format!("{}; it is replayed after the sign-in too, which makes a loop", self.reason()),
            mend: format!("send {} with every step of the sign-in", words.refuse_with),
            elsewhere_only: elsewhere && !sign_in && !sets_cookie,
        })
    }

    fn forbidden(&self) -> Option<Hazard> {
        let found = forbidden::found(self.profile, self.response, &self.plan.verdict)?;
        Some(Hazard {
            code: "stored-although-forbidden",
            what: format!("{} was stored although it says {}", self.subject(), found.said),
            why: found.why,
            mend: found.mend,
            elsewhere_only: false,
        })
    }

    fn personal(&self) -> Option<Hazard> {
        if author_intent(self.response) != Intent::Silent || self.response.is_redirect() {
            return None;
        }
        let cookies = self.request.cookies();
        let mut credentials: Vec<String> = cookies
            .iter()
            // A session cookie that is empty or 0 says that there is no session.
            .filter(|(name, value)| looks_like_session(name) && !matches!(*value, "" | "0"))
            .filter(|(name, _)| !self.separated(name))
            .map(|(name, _)| name.to_owned())
            .collect();
        let law = &self.profile.law;
        let authorization = self.request.fields.contains("authorization")
            && law.authorization_to_origin
            && !law.headers_in_key.contains("authorization")
            && !self.plan.vary.nominates("authorization");
        credentials.extend(authorization.then(|| "Authorization".to_owned()));
        let mut known = BTreeSet::new();
        credentials.retain(|name| known.insert(name.clone()));
        let list = listed(&credentials)?;
        let words = &law.words;
        Some(Hazard {
            code: "stored-personal",
            what: format!("{} was stored, and it was asked for with {list}", self.subject()),
            why: format!("{}; {}", self.reason(), words.key),
            mend: format!(
                "say who may see it: {} if it depends on the visitor, {} if not",
                words.refuse_with, words.allow_with
            ),
            elsewhere_only: false,
        })
    }

    fn subject(&self) -> String {
        let status = self.response.status;
        let lifetime = period(self.plan.lifetime_secs);
        format!("{} {} ({status}, {lifetime})", self.request.method, self.request.path())
    }

    /// Says why it is stored at all: the author's own words, or the platform's rule for silence.
    fn reason(&self) -> String {
        match self.plan.verdict.code() {
            "explicit-lifetime" => self.plan.verdict.text().to_owned(),
            "default-lifetime" | "heuristic-lifetime" => self.profile.law.words.silence.to_owned(),
            _ => format!("{}: {}", self.profile.law.words.platform, self.plan.verdict.text()),
        }
    }

    fn key_words(&self) -> &'static str {
        self.profile.law.words.key
    }

    /// Lists the cookies that are set, those with a value before those that are deleted.
    fn set_cookie_names(&self) -> Vec<String> {
        let cookies = self.response.fields.all("set-cookie").map(SetCookie::parse);
        let mut cookies: Vec<(bool, String)> =
            cookies.map(|cookie| (cookie.value.is_empty(), cookie.name.into_owned())).collect();
        cookies.sort_unstable();
        let mut names: Vec<String> = Vec::new();
        for (_, name) in cookies {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Tells whether the key keeps requests with other values of this cookie away.
    fn separated(&self, name: &str) -> bool {
        let named = self.plan.netlify_vary.as_ref().is_some_and(|vary| vary.separates_cookie(name));
        separates_cookie(&self.profile.law, named || self.plan.vary.nominates("cookie"), name)
    }

    /// Tells whether requests with any other cookies have another key.
    fn all_cookies_separate(&self) -> bool {
        // A name that no profile lists: only a key with all cookies holds it.
        self.separated("")
    }

    fn leads_elsewhere(&self, location: &str) -> bool {
        let absolute = location.contains("://") || location.starts_with("//");
        let whole = match location.strip_prefix("//") {
            Some(rest) => format!("{}://{rest}", self.request.scheme),
            None => location.to_owned(),
        };
        let here = self.request.origin();
        let end = whole.find("://").and_then(|at| Some(at + 3 + whole.get(at + 3..)?.find(['/', '?', '#'])?));
        let there = whole.get(..end.unwrap_or(whole.len())).and_then(|text| Origin::parse(text).ok());
        absolute && (there.is_none() || there != here)
    }
}

/// Names the first few cookies, and counts the rest.
fn listed(names: &[String]) -> Option<String> {
    let (first, rest) = names.split_at(names.len().min(MOST_NAMES));
    let first = quoted(first);
    match (names.len(), rest.len()) {
        (0, _) => None,
        (_, 0) => Some(first),
        (_, more) => Some(format!("{first} and {more} more")),
    }
}

/// Returns the path of a URL, or of what is a path already.
fn path_of(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else { return url };
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
}

fn without_query(location: &str) -> &str {
    location.split(['?', '#']).next().unwrap_or_default()
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
