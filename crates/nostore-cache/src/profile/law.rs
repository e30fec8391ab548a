//! The parameters that the law interprets. Each profile is one value of [`Law`].

use std::collections::BTreeSet;
use std::fmt;

use crate::netlify_vary::Repeats;
use crate::targeted::Syntax;
use crate::verdict::Rule;

/// A choice of names: of cookies, of request headers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Names {
    All,
    Listed(BTreeSet<String>),
    None,
}

impl Names {
    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(names) => names.contains(name),
            Self::None => false,
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Listed(names) => f.write_str(&names.iter().cloned().collect::<Vec<_>>().join(",")),
            Self::None => f.write_str("none"),
        }
    }
}

/// What a response gets whose author said nothing about its lifetime.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Silence {
    /// That many seconds.
    Fixed(i64),
    /// A share of the time since `Last-Modified` (RFC 9111 section 4.2.2).
    Heuristic,
    /// It is not stored.
    Refuse,
}

/// What may become of a response by its status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StatusClass {
    /// Stored for the error lifetime, or the author's where that is longer.
    Error,
    /// Stored only with a lifetime of the author's.
    Explicit,
    /// Never stored.
    Never,
    /// Stored with the author's lifetime, else the default one.
    Page,
    /// Stored with the author's lifetime, else the one for redirects.
    Redirect,
}

/// The class of the statuses from `first` to `last`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct StatusRow {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) class: StatusClass,
}

/// Whether `Vary` selects among stored responses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum VaryRule {
    /// As RFC 9111 section 4.1 has it.
    Honoured,
    /// As RFC 9111 section 4.1 has it, and a response that names `Cookie` is not stored.
    HonouredButCookie,
    /// Only `*` means anything, and keeps a response from being reused.
    OnlyAny,
}

impl VaryRule {
    /// Tells whether the fields that `Vary` names select among stored responses.
    pub(crate) fn selects(self) -> bool {
        self != Self::OnlyAny
    }
}

/// What `Surrogate-Control` does besides naming a lifetime.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SurrogateControl {
    /// Nothing.
    Ignored,
    /// Where it is, `Cache-Control` and `Expires` do not count, whatever it says.
    Silences,
    /// `no-store` in it keeps a response out; where it says anything else, `no-store`, `no-cache` and `private` in
    /// `Cache-Control` do not, and its lifetime still counts.
    Unlocks,
}

/// Whether `Netlify-Vary` selects among stored responses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NetlifyVaryRule {
    Honoured(Repeats),
    Ignored,
}

/// Whether a response to a request with `Authorization` is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Authorization {
    /// As any other.
    Ignored,
    /// No.
    Never,
    /// Only where the response allows it (RFC 9111 section 3.5).
    Rfc9111,
}

/// What happens to `Set-Cookie` on a response that is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SetCookieRule {
    /// Stored and replayed.
    Kept,
    /// Stored and replayed where the cookies of requests go to the origin; else removed, on the miss too.
    KeptIfForwarded,
    /// The response is not stored.
    NotStored,
    /// Removed, on the miss too.
    Removed,
    /// The first visitor gets it, the stored copy does not hold it.
    RemovedFromStored,
    /// Removed where the response is stored, from the first visitor's answer too; what is not stored keeps it.
    RemovedWithStored,
}

/// Which directives of a request count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RequestDirectives {
    /// `no-store`, `no-cache`, `max-age` and `min-fresh`.
    All,
    /// None.
    Ignored,
    /// `no-store` and `no-cache`.
    Strict,
}

/// A field that the platform adds to what it delivers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mark {
    /// Adds a line as it stands.
    Append(&'static str, &'static str),
    /// `Cache-Status` under this member name (RFC 9211).
    CacheStatus(&'static str),
    /// Replaces a field as it stands.
    Set(&'static str, &'static str),
    /// Replaces a field by the platform's word for what happened.
    Word {
        field: &'static str,
        hit: &'static str,
        stored: &'static str,
        refused: &'static str,
        passed: &'static str,
    },
    /// `X-Cache: Hit from cloudfront` and its like, with this suffix.
    XCache(&'static str),
}

/// The platform's own words, for warnings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Words {
    /// What the platform calls itself.
    pub(crate) platform: &'static str,
    /// Why its key does not separate visitors.
    pub(crate) key: &'static str,
    /// What it does with a stored `Set-Cookie`.
    pub(crate) set_cookie: &'static str,
    /// Why a silent response or redirect is stored at all.
    pub(crate) silence: &'static str,
    /// What the platform calls a lifetime that beats the origin's.
    pub(crate) minimum: &'static str,
    /// How that lifetime is taken away.
    pub(crate) minimum_mend: &'static str,
    /// The field that lets a response be kept.
    pub(crate) allow_with: &'static str,
    /// The field that keeps a response out.
    pub(crate) refuse_with: &'static str,
    /// Environment variables that its apps find.
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

/// The rules that verdicts name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Sources {
    pub(crate) key: Rule,
    pub(crate) lifetime: Rule,
    pub(crate) methods: Rule,
    pub(crate) set_cookie: Rule,
    pub(crate) statuses: Rule,
}

/// Every parameter of one cache.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Law {
    /// Whether nginx's `X-Accel-Expires` is obeyed, before every other field.
    pub(crate) accel_expires: bool,
    pub(crate) authorization: Authorization,
    pub(crate) authorization_to_origin: bool,
    pub(crate) cache_control: bool,
    /// Fields that the platform reads and removes before the visitor.
    pub(crate) consumed: &'static [&'static str],
    pub(crate) cookies_in_key: Names,
    pub(crate) cookies_to_origin: Names,
    pub(crate) default_lifetime: Silence,
    /// Whether the error lifetime beats `no-store`, `private` and `no-cache`.
    pub(crate) error_beats_directives: bool,
    pub(crate) error_lifetime_secs: i64,
    /// File extensions without which a path goes past the cache; where there are none, every path may be kept.
    pub(crate) extensions: &'static [&'static str],
    pub(crate) headers_in_key: Names,
    pub(crate) heuristic_max_secs: i64,
    pub(crate) heuristic_percent: i64,
    /// Whether an unsafe request removes what is stored for its URL (RFC 9111 section 4.4).
    pub(crate) invalidates: bool,
    pub(crate) marks: &'static [Mark],
    pub(crate) max_lifetime_secs: i64,
    pub(crate) methods: &'static [&'static str],
    pub(crate) min_lifetime_secs: i64,
    pub(crate) netlify_vary: NetlifyVaryRule,
    /// Request fields that make a request go past the cache.
    pub(crate) passed_with: Names,
    pub(crate) query_in_key: bool,
    pub(crate) redirect_lifetime: Silence,
    pub(crate) request_directives: RequestDirectives,
    pub(crate) set_cookie: SetCookieRule,
    pub(crate) sources: Sources,
    pub(crate) statuses: &'static [StatusRow],
    pub(crate) surrogate_control: SurrogateControl,
    /// Targeted fields, strongest first.
    pub(crate) targeted: &'static [&'static str],
    pub(crate) targeted_syntax: Syntax,
    pub(crate) vary: VaryRule,
    pub(crate) words: Words,
}

impl Law {
    /// Returns the class of a status: the first row that holds it.
    pub(crate) fn status_class(&self, status: u16) -> StatusClass {
        let row = self.statuses.iter().find(|row| (row.first..=row.last).contains(&status));
        row.map_or(StatusClass::Never, |row| row.class)
    }

    /// Tells whether no field of the origin's counts.
    pub(crate) const fn is_deaf(&self) -> bool {
        !self.cache_control && !self.accel_expires && self.targeted.is_empty()
    }

    /// Tells whether `Set-Cookie` is taken off every response.
    pub(crate) fn removes_set_cookie(&self) -> bool {
        match self.set_cookie {
            SetCookieRule::KeptIfForwarded => self.cookies_to_origin == Names::None,
            SetCookieRule::Removed => true,
            SetCookieRule::Kept
            | SetCookieRule::NotStored
            | SetCookieRule::RemovedFromStored
            | SetCookieRule::RemovedWithStored => false,
        }
    }
}
