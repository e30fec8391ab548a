//! Which paths need a signed-in visitor, and which are open to all.
//!
//! A pattern is a path (`/dashboard`) or a path and everything beneath it (`/admin/*`, which covers
//! `/admin` too). An exact pattern outranks one with `*`, a longer `*` a shorter one.
//!
//! # Invariants
//!
//! - Protection fails closed: a request is protected when *any* reading of its path is (as received,
//!   percent-decoded, with empty and dot segments resolved, without the closing slash, without the parameters of
//!   segments, in other letter case), because frameworks differ in which of them they route by. A public rule counts for
//!   the path as received.
//! - Every rule remembers the source line that wrote it.
//!
//! # Not covered
//!
//! Other names that a framework gives the same page (`/_next/data/…`, `/admin.json`): they need patterns of their own.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

use nostore_session::Check;

use percent_encoding::percent_decode_str;

/// Route rules, in any order.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    rules: Vec<Rule>,
}

/// What a rule says about its paths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Only signed-in visitors pass.
    Protected,
    /// Everyone passes, and no redirect is ever begun here, `eager` or not.
    Public,
    /// Everyone passes, and no cache stores what they get.
    Uncached,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    access: Access,
    /// What is asked of signed-in visitors besides.
    check: Option<Arc<Check>>,
    /// Whether the site says that any cache may keep what is here.
    cacheable: bool,
    line: &'static Location<'static>,
    pattern: Cow<'static, str>,
}

/// Why route rules were refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The same pattern is said to be both.
    #[error(
        "expected `{pattern}` to be protected or public, but found both (protected at {protected}, public at {public})"
    )]
    Conflict {
        /// The pattern.
        pattern: String,
        /// File and line of the rule that protects it.
        protected: String,
        /// File and line of the rule that opens it.
        public: String,
    },
    /// What is said to be for every cache is protected.
    #[error(
        "expected what caches may keep for everybody to need no sign-in, but `{protected}` (at {protected_at}) lies in \
         `{cacheable}` (at {cacheable_at}): a cache would give to everybody what one visitor was allowed to see. Make the \
         cacheable pattern narrower, or say `public` where a page is the same for all but not for caches to keep"
    )]
    CacheableProtected {
        /// The pattern that caches may keep.
        cacheable: String,
        /// File and line of its rule.
        cacheable_at: String,
        /// The pattern that is protected.
        protected: String,
        /// File and line of its rule.
        protected_at: String,
    },
    /// The pattern is not a path, or holds `*` elsewhere than as its last segment.
    #[error("expected a path such as `/dashboard` or `/admin/*`, but found `{pattern}` at {line}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// File and line of the rule.
        line: String,
    },
    /// Two rules for one pattern ask for different things, and one would be passed over.
    #[error("expected one rule for `{pattern}`, but found two that differ (at {first} and at {second})")]
    Twice {
        /// The pattern.
        pattern: String,
        /// File and line of the first rule.
        first: String,
        /// File and line of the second.
        second: String,
    },
    /// The sign-in page is itself protected, so that nobody could reach it.
    #[error("expected the sign-in page `{path}` to be open, but found it protected by `{pattern}` at {line}")]
    SignInProtected {
        /// The path of the sign-in page.
        path: String,
        /// The pattern that protects it.
        pattern: String,
        /// File and line of the rule.
        line: String,
    },
}

impl RouteError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CacheableProtected { .. } => "route-cacheable-protected",
            Self::Conflict { .. } => "route-conflict",
            Self::Pattern { .. } => "route-pattern",
            Self::SignInProtected { .. } => "route-sign-in-protected",
            Self::Twice { .. } => "route-twice",
        }
    }
}

impl Routes {
    /// Starts without rules: every path is open and lazy.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets only signed-in visitors pass on these paths.
    #[must_use]
    #[track_caller]
    pub fn protected(self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.with(Rule::new(Access::Protected, pattern.into(), Location::caller()))
    }

    /// Lets only visitors pass on these paths who have what is asked, such as `Check::role("admin")`. Signed-in visitors
    /// without it get a 403, never a redirect.
    #[must_use]
    #[track_caller]
    pub fn requires(self, pattern: impl Into<Cow<'static, str>>, check: Check) -> Self {
        let rule = Rule::new(Access::Protected, pattern.into(), Location::caller());
        self.with(Rule { check: Some(Arc::new(check)), ..rule })
    }

    /// Says that what is on these paths is the same for everyone and that any cache may keep it. Where a rule protects
    /// one of them too, the site does not start.
    #[must_use]
    #[track_caller]
    pub fn cacheable(self, pattern: impl Into<Cow<'static, str>>) -> Self {
        let rule = Rule::new(Access::Public, pattern.into(), Location::caller());
        self.with(Rule { cacheable: true, ..rule })
    }

    /// Lets everyone pass on these paths and has no cache store what they get: health checks, a sign-in of another maker.
    #[must_use]
    #[track_caller]
    pub fn uncached(self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.with(Rule::new(Access::Uncached, pattern.into(), Location::caller()))
    }

    /// Lets everyone pass on these paths, also where a wider rule protects or `eager` is on.
    #[must_use]
    #[track_caller]
    pub fn public(self, pattern: impl Into<Cow<'static, str>>) -> Self {
        self.with(Rule::new(Access::Public, pattern.into(), Location::caller()))
    }

    /// Returns the rule that counts for `path` (of a request, without query).
    #[must_use]
    pub fn rule_for(&self, path: &str) -> Option<&Rule> {
        let received = self.most_specific(path);
        if received.is_some_and(Rule::protects) || self.rules.is_empty() {
            return received;
        }
        let hidden = readings(path)
            .iter()
            .find_map(|reading| self.most_specific(reading).filter(|rule| rule.protects()));
        hidden.or(received)
    }

    /// Returns what is asked of signed-in visitors on `path`: by the rule of each of its readings, because a wide
    /// rule may protect the path as received, and the framework route by a reading that a narrower one asks a role for.
    pub(crate) fn checks_for(&self, path: &str) -> Vec<Arc<Check>> {
        if self.rules.iter().all(|rule| rule.check.is_none()) {
            return Vec::new();
        }
        let mut checks: Vec<Arc<Check>> = Vec::new();
        let hidden = readings(path);
        for reading in std::iter::once(path).chain(hidden.iter().map(String::as_str)) {
            let asked = self.most_specific(reading).and_then(|rule| rule.check.as_ref());
            checks.extend(asked.filter(|asked| !checks.contains(asked)).cloned());
        }
        checks
    }

    /// Tells whether every reading of `path` is public, so that `/assets/../orders` is not what `/assets/*` is.
    #[must_use]
    pub fn is_public(&self, path: &str) -> bool {
        let public = |path: &str| self.most_specific(path).is_some_and(|rule| rule.access == Access::Public);
        public(path) && readings(path).iter().all(|reading| public(reading))
    }

    /// Checks the patterns, that no two rules contradict each other, and that the sign-in page is open.
    ///
    /// # Errors
    ///
    /// Returns the first thing that is wrong, with the lines that wrote it.
    pub fn check(&self, sign_in_path: &str) -> Result<(), RouteError> {
        self.check_rules()?;
        match self.rule_for(sign_in_path).filter(|rule| rule.protects()) {
            Some(rule) => Err(RouteError::SignInProtected {
                path: sign_in_path.to_owned(),
                pattern: rule.pattern.to_string(),
                line: rule.line(),
            }),
            None => Ok(()),
        }
    }

    /// Checks the patterns, and that no two rules contradict each other.
    pub(crate) fn check_rules(&self) -> Result<(), RouteError> {
        for (index, rule) in self.rules.iter().enumerate() {
            if !is_pattern(&rule.pattern) {
                return Err(RouteError::Pattern { pattern: rule.pattern.to_string(), line: rule.line() });
            }
            let inside =
                self.rules.iter().find(|other| rule.cacheable && other.protects() && rule.contains(other));
            if let Some(other) = inside {
                return Err(RouteError::CacheableProtected {
                    cacheable: rule.pattern.to_string(),
                    cacheable_at: rule.line(),
                    protected: other.pattern.to_string(),
                    protected_at: other.line(),
                });
            }
            let earlier = self.rules.iter().take(index);
            if let Some(other) = earlier.rev().find(|other| other.contradicts(rule)) {
                let (protected, public) = if rule.protects() { (rule, other) } else { (other, rule) };
                return Err(RouteError::Conflict {
                    pattern: rule.pattern.to_string(),
                    protected: protected.line(),
                    public: public.line(),
                });
            }
            let earlier = self.rules.iter().take(index);
            if let Some(other) = earlier.rev().find(|other| other.asks_otherwise(rule)) {
                return Err(RouteError::Twice {
                    pattern: rule.pattern.to_string(),
                    first: other.line(),
                    second: rule.line(),
                });
            }
        }
        Ok(())
    }

    fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    fn most_specific(&self, path: &str) -> Option<&Rule> {
        self.rules.iter().filter(|rule| rule.covers(path)).max_by_key(|rule| rule.rank())
    }
}

impl Rule {
    const fn new(access: Access, pattern: Cow<'static, str>, line: &'static Location<'static>) -> Self {
        Self { access, check: None, cacheable: false, line, pattern }
    }

    /// Tells whether every path of the other rule is one of this.
    fn contains(&self, other: &Self) -> bool {
        let base = other.pattern.strip_suffix("/*").unwrap_or(&other.pattern);
        self.covers(base) && (self.pattern.ends_with("/*") || !other.pattern.ends_with("/*"))
    }

    /// Returns what the rule says.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns file and line of the source that wrote the rule.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}:{}", self.line.file(), self.line.line())
    }

    fn protects(&self) -> bool {
        self.access == Access::Protected
    }

    fn contradicts(&self, other: &Self) -> bool {
        self.pattern == other.pattern && self.access != other.access && (self.protects() || other.protects())
    }

    fn asks_otherwise(&self, other: &Self) -> bool {
        self.pattern == other.pattern && (self.access != other.access || self.check != other.check)
    }

    fn covers(&self, path: &str) -> bool {
        let is_same =
            |own: &str, other: &str| own == other || (self.protects() && own.eq_ignore_ascii_case(other));
        let Some(prefix) = self.pattern.strip_suffix("/*") else { return is_same(&self.pattern, path) };
        let parts = path.split_at_checked(prefix.len());
        parts.is_some_and(|(own, rest)| is_same(prefix, own) && (rest.is_empty() || rest.starts_with('/')))
    }

    /// Exact before `*`, then by length.
    fn rank(&self) -> (bool, usize) {
        (!self.pattern.ends_with("/*"), self.pattern.len())
    }
}

fn is_pattern(pattern: &str) -> bool {
    let path = pattern.strip_suffix("/*").unwrap_or(pattern);
    let rooted = pattern.starts_with('/') && !pattern.starts_with("//");
    rooted && !path.contains(['*', '?', '#', '\\']) && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Lists the ways in which frameworks may read a path, besides as it was received.
fn readings(path: &str) -> Vec<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut readings = vec![canonical(path), canonical(&decoded)];
    if decoded.contains(';') {
        readings.extend([canonical(&without_parameters(path)), canonical(&without_parameters(&decoded))]);
    }
    readings
}

/// Drops the parameters of segments (`/admin;v=1/users`), as servlet containers do before they resolve dots.
fn without_parameters(path: &str) -> String {
    let segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    segments.collect::<Vec<_>>().join("/")
}

/// Resolves empty and dot segments, takes `\` for `/`, and drops the closing slash.
fn canonical(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}
