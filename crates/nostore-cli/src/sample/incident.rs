//! The same site the way the incidents ran it: a layer *outside* nostore's that undoes the protection.
//!
//! `loop`: the redirects of the sign-in carry no caching field at all. `leak`: redirects say
//! `Cache-Control: no-store` as the reference implementation's do, a framework stamps `s-maxage` on
//! every page, and a middleware writes the session cookie on every page of a signed-in visitor.
//!
//! # Warning
//!
//! Never a model for a site: it exists so that the failures can be seen and the emulation is known to bite.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use nostore_cache::{Lookup, Profile, Storability, lookup, storability};
use nostore_message::{Cookies, RequestHead, ResponseHead, Scheme, UnixTime};

use super::{HOME_CACHE_CONTROL, shared_login};
use crate::args::{Failure, SessionKind};

/// What the framework of the incident stamped on every page it took for static.
pub(crate) const STAMP: &str = "s-maxage=31536000";
/// The caching fields that nostore sends and the incidents lacked.
const CACHING: [&str; 11] = [
    "cache-control",
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "expires",
    "netlify-cdn-cache-control",
    "netlify-vary",
    "pragma",
    "surrogate-control",
    "vary",
    "vercel-cdn-cache-control",
    "x-accel-expires",
];

/// The fields of the reference implementation, without a framework's stamp: for the table of the documentation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Incident {
    /// No caching field on redirects.
    Loop,
    /// `no-store` on redirects, stamps and session cookies on pages.
    Leak,
    /// `no-store` on redirects, and nothing else: pages are silent, cookies come by the handshake alone.
    ReferenceFields,
    /// The site's own sign-in, with a middleware that refreshes the session on a page: see `shared_login`.
    SharedLogin,
}

impl Incident {
    /// The failure as the command line names it. `None`: it needs the redirects of a handshake, and there are none.
    #[must_use]
    pub fn of(failure: Failure, sessions: SessionKind) -> Option<Self> {
        match (failure, sessions) {
            (Failure::Leak, SessionKind::Cookie) => Some(Self::SharedLogin),
            (Failure::Leak, SessionKind::Handshake) => Some(Self::Leak),
            (Failure::Loop, SessionKind::Cookie) => None,
            (Failure::Loop, SessionKind::Handshake) => Some(Self::Loop),
        }
    }
}

impl Incident {
    /// Says why the failure does not show behind a cache, if it does not: asked from the law itself.
    #[must_use]
    pub fn does_not_show(self, profile: &Profile) -> Option<String> {
        let redirect = |cache_control| stores(profile, 307, cache_control);
        let (shows, why) = match self {
            Self::SharedLogin => match stored_page(profile, self.stamp(profile)) {
                None => (false, "it keeps the page neither silent nor with a framework's s-maxage"),
                Some(false) => (false, "it keeps the page, but without its Set-Cookie"),
                Some(true) => {
                    (is_shared(profile), "all cookies are in its key, so nobody else gets Alice's copy")
                }
            },
            Self::Loop if !redirect(None) => {
                (false, "it does not keep a redirect that says nothing about caching")
            }
            Self::Loop => (
                is_shared(profile),
                "all cookies are in its key, so a visitor who signed in gets another copy",
            ),
            Self::Leak | Self::ReferenceFields if redirect(Some("no-store")) => (
                false,
                "it keeps the redirects too, although they say no-store, so that the sign-in loops instead",
            ),
            Self::Leak | Self::ReferenceFields => {
                (is_shared(profile), "all cookies are in its key, so nobody else gets Alice's copy")
            }
        };
        let better = match self {
            Self::Loop => "netlify or cloudfront",
            Self::Leak | Self::ReferenceFields => "cloudfront or amplify",
            Self::SharedLogin => "cloudfront or nginx/ignore-headers",
        };
        (!shows).then(|| {
            format!("behind {} this failure does not show: {why}. Try --cdn {better}.", profile.name())
        })
    }

    /// What a framework says of the page of the shared login: nothing, unless a cache keeps it for the stamp alone.
    #[must_use]
    pub fn stamp(self, profile: &Profile) -> Option<&'static str> {
        let needs = self == Self::SharedLogin && stored_page(profile, None).is_none();
        (needs && stored_page(profile, Some(STAMP)).is_some()).then_some(STAMP)
    }
}

/// Tells whether the profile stores a response to a visitor without cookies.
fn stores(profile: &Profile, status: u16, cache_control: Option<&'static str>) -> bool {
    let fields = cache_control.map(|value| ("cache-control", value)).into_iter().collect();
    let (request, response) = (dashboard(""), ResponseHead { status, fields });
    let now = UnixTime::from_secs(0);
    matches!(storability(profile, &request, &response, now, now), Storability::Store(_))
}

/// Tells whether the profile stores the page of the shared login, and if so, whether with its cookie.
fn stored_page(profile: &Profile, cache_control: Option<&'static str>) -> Option<bool> {
    let fields = [("content-type", "text/html"), ("set-cookie", "nostore.session=alice; Path=/")];
    let fields = fields.into_iter().chain(cache_control.map(|value| ("cache-control", value))).collect();
    let response = ResponseHead { status: 200, fields };
    let request = RequestHead { target: shared_login::PAGE.into(), ..dashboard("nostore.session=alice") };
    let now = UnixTime::from_secs(0);
    match storability(profile, &request, &response, now, now) {
        Storability::Store(plan) => Some(plan.keeps_set_cookie()),
        _ => None,
    }
}

/// Tells whether visitors with other cookies find the same copy.
fn is_shared(profile: &Profile) -> bool {
    let key = |cookie| match lookup(profile, &dashboard(cookie)) {
        Lookup::Key(key) => Some(key),
        Lookup::Bypass(_) => None,
    };
    key("") == key("__session=alice")
}

fn dashboard(cookie: &'static str) -> RequestHead<'static> {
    RequestHead {
        method: "GET".into(),
        scheme: Scheme::Http,
        authority: "localhost".into(),
        target: "/dashboard".into(),
        fields: [("cookie", cookie)].into_iter().filter(|(_, value)| !value.is_empty()).collect(),
    }
}

/// Runs the site and undoes its protection.
pub(crate) async fn unprotect(State(incident): State<Incident>, request: Request, next: Next) -> Response {
    let is_home = request.uri().path() == "/";
    let cookies = session_cookies(request.headers());
    let mut response = next.run(request).await;
    let is_redirect = response.status().is_redirection();
    let is_page = response.status().is_success() && is_html(response.headers());
    let fields = response.headers_mut();
    silence(fields);
    let cache_control = match incident {
        Incident::Leak | Incident::ReferenceFields if is_redirect => Some("no-store"),
        Incident::Leak if is_page => Some(STAMP),
        Incident::Loop | Incident::ReferenceFields if is_page && is_home => Some(HOME_CACHE_CONTROL),
        _ => None,
    };
    if let Some(value) = cache_control {
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    }
    if incident == Incident::Leak && is_page {
        for cookie in cookies {
            fields.append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// Takes away every word about caching.
pub(super) fn silence(fields: &mut HeaderMap) {
    for name in CACHING {
        fields.remove(HeaderName::from_static(name));
    }
}

/// Writes a visitor's own session cookies anew, as a middleware does that prolongs sessions.
fn session_cookies(fields: &HeaderMap) -> Vec<HeaderValue> {
    let lines: Vec<&str> =
        fields.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok()).collect();
    let cookies = Cookies::parse(lines);
    let session = |(name, value): &(&str, &str)| {
        let named = name.starts_with("__session") || name.starts_with("__client_uat");
        named && !value.is_empty() && *value != "0"
    };
    let again = |(name, value): (&str, &str)| {
        HeaderValue::from_str(&format!("{name}={value}; Path=/; SameSite=Lax; Max-Age=315360000")).ok()
    };
    let signed_in = cookies.iter().any(|(name, value)| name.starts_with("__session") && !value.is_empty());
    if signed_in { cookies.iter().filter(session).filter_map(again).collect() } else { Vec::new() }
}

fn is_html(fields: &HeaderMap) -> bool {
    let kind = fields.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}
