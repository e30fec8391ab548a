//! Answers that say why, and by which rule.

use std::borrow::Cow;
use std::fmt;

/// The rule that a verdict comes from: a section of a specification or a page of a vendor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rule {
    /// What the rule is called, such as `RFC 9111 section 3`.
    pub name: &'static str,
    /// Where it can be read.
    pub source: &'static str,
}

impl Rule {
    pub(crate) const fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Storing responses.
pub(crate) const STORING: Rule =
    Rule::new("RFC 9111 section 3", "https://www.rfc-editor.org/rfc/rfc9111#section-3");
/// Storing responses to authenticated requests.
pub(crate) const AUTHENTICATED: Rule =
    Rule::new("RFC 9111 section 3.5", "https://www.rfc-editor.org/rfc/rfc9111#section-3.5");
/// Constructing responses from caches.
pub(crate) const REUSE: Rule =
    Rule::new("RFC 9111 section 4", "https://www.rfc-editor.org/rfc/rfc9111#section-4");
/// Keys with the Vary field.
pub(crate) const VARYING: Rule =
    Rule::new("RFC 9111 section 4.1", "https://www.rfc-editor.org/rfc/rfc9111#section-4.1");
/// Freshness.
pub(crate) const FRESHNESS: Rule =
    Rule::new("RFC 9111 section 4.2", "https://www.rfc-editor.org/rfc/rfc9111#section-4.2");
/// Heuristic freshness.
pub(crate) const HEURISTIC: Rule =
    Rule::new("RFC 9111 section 4.2.2", "https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2");
/// Age.
pub(crate) const AGE: Rule =
    Rule::new("RFC 9111 section 4.2.3", "https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3");
/// Serving stale responses.
pub(crate) const STALE: Rule =
    Rule::new("RFC 9111 section 4.2.4", "https://www.rfc-editor.org/rfc/rfc9111#section-4.2.4");
/// Request directives.
pub(crate) const REQUEST: Rule =
    Rule::new("RFC 9111 section 5.2.1", "https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1");
/// Response directives.
pub(crate) const RESPONSE: Rule =
    Rule::new("RFC 9111 section 5.2.2", "https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2");
/// Field values.
pub(crate) const FIELD_VALUES: Rule =
    Rule::new("RFC 9110 section 5.5", "https://www.rfc-editor.org/rfc/rfc9110#section-5.5");
/// Combining partial content.
pub(crate) const PARTIAL: Rule =
    Rule::new("RFC 9111 section 3.3", "https://www.rfc-editor.org/rfc/rfc9111#section-3.3");

/// An answer with its reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    code: &'static str,
    text: Cow<'static, str>,
    rule: Rule,
}

impl Verdict {
    pub(crate) fn new(code: &'static str, rule: Rule, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into(), rule }
    }

    /// Returns the stable kebab-case name, the same in logs, metrics and documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns a plain sentence for people. It never holds a cookie's value.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the rule that decided.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Prints seconds as people say them.
pub(crate) fn period(secs: i64) -> String {
    match secs {
        secs if secs > 86_400 && secs % 86_400 == 0 => format!("{} days", secs / 86_400),
        secs if secs >= 3_600 && secs % 3_600 == 0 => format!("{} h", secs / 3_600),
        secs if secs > 60 && secs % 60 == 0 => format!("{} min", secs / 60),
        secs => format!("{secs} s"),
    }
}
