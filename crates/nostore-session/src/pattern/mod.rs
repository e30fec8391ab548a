//! Which URLs belong to an organization or to the personal account: path patterns of
//! organization sync.
//!
//! # Syntax
//!
//! | pattern | matches |
//! |---|---|
//! | `/orgs/:slug` | one segment, captured as `slug` |
//! | `/orgs/:id(org_\w+)` | what the expression in parentheses matches |
//! | `/me/(.*)` | the rest, captured by its number from 0 |
//! | `/orgs/:slug/:page?` | the parameter together with the slash before it, or neither |
//! | `/files/:path*`, `/files/:path+` | segments separated by the slash |
//! | `/{-:id}?`, `/{a-:id-b}?` | a group with text of its own around the parameter |
//! | `\:`, `\(` | the character itself |
//!
//! Matching is case-insensitive (ASCII), spans the whole path, and allows one more slash at the
//! end. Captured text is not percent-decoded. A parameter without an expression of its own takes
//! characters other than `/`, `#` and `?`, as few as possible.
//!
//! Expressions in parentheses know literals, `.`, classes, `\d \w \s` and their opposites, `\b \B`,
//! `^ $`, alternation, `(?:...)`, look-ahead and all quantifiers, greedy and lazy, as ECMAScript
//! does without the flag `u`. They know neither look-behind, nor back references, nor captures of
//! their own: such a pattern is a [`PatternError`]. What an optional part captures that can match
//! nothing, as in `(.*?)?`, may differ from ECMAScript; whether the path matches does not.
//!
//! # Invariants
//!
//! - Total: any path gives an answer, in time proportional to its length times the pattern's size.
//! - A pattern that is accepted compiles to at most 4096 nodes and instructions.
//!
//! # Not covered
//!
//! Options of other users of such patterns: case-sensitivity, other delimiters, open ends.
//!
//! Specifications: the handshake protocol as this project writes it down, "organization sync";
//! ECMAScript 2024 section 22.2 for what stands in parentheses.

mod expression;
mod parse;
mod program;

use program::Program;
use serde_json::{Map, Value};

use crate::claims::{is_blank, organization_names};

/// The most nodes and instructions that one pattern may have.
pub(crate) const MOST_INSTRUCTIONS: usize = 4_096;

/// Why a text is not a pattern. Positions count characters from 0.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The text breaks a rule of the syntax.
    #[error("expected {expected} at position {position} of the pattern {pattern:?}, found {found}")]
    Syntax {
        /// The whole pattern.
        pattern: String,
        /// Where.
        position: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// Repetitions make the pattern too large.
    #[error("expected the pattern {pattern:?} to need at most {most} steps, found more; repeat less in it")]
    TooLarge {
        /// The whole pattern.
        pattern: String,
        /// The limit.
        most: usize,
    },
    /// The text is right elsewhere, but cannot be matched in linear time or is not known here.
    #[error(
        "expected no {found} in the pattern {pattern:?}, found one at position {position}; it is not supported"
    )]
    Unsupported {
        /// The whole pattern.
        pattern: String,
        /// Where.
        position: usize,
        /// What stands there.
        found: &'static str,
    },
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct PathPattern {
    program: Program,
    /// In the order of their captures.
    parameters: Vec<Parameter>,
}

#[derive(Clone, Debug)]
struct Parameter {
    name: String,
    /// An optional parameter without text around it takes part only if it captures something.
    takes_part_if_empty: bool,
}

/// A path that matched, with its parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathMatch<'a> {
    /// Names in the order of the pattern, with what they captured.
    parameters: Vec<(&'a str, Option<&'a str>)>,
}

/// Which organization a URL wants to be active: patterns for organizations and for the personal
/// account.
///
/// ```
/// use nostore_session::{OrganizationSync, SyncTarget};
///
/// let sync = OrganizationSync::new(["/orgs/:slug", "/orgs/:slug/(.*)"], ["/me", "/me/(.*)"])?;
/// assert_eq!(sync.target("/orgs/acme/members"), Some(SyncTarget::OrganizationSlug("acme")));
/// assert_eq!(sync.target("/me"), Some(SyncTarget::PersonalAccount));
/// assert_eq!(sync.target("/about"), None);
/// # Ok::<(), nostore_session::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OrganizationSync {
    organizations: Vec<PathPattern>,
    personal_accounts: Vec<PathPattern>,
}

/// What a URL wants to be active. The text is as it stands in the path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SyncTarget<'a> {
    /// The organization with this id.
    OrganizationId(&'a str),
    /// The organization with this slug.
    OrganizationSlug(&'a str),
    /// No organization.
    PersonalAccount,
}

impl PatternError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "pattern-syntax",
            Self::TooLarge { .. } => "pattern-too-large",
            Self::Unsupported { .. } => "pattern-unsupported",
        }
    }
}

impl PathPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError::Syntax`] where the text is no pattern, [`PatternError::Unsupported`] where an
    /// expression in parentheses uses what is not known here, [`PatternError::TooLarge`] where
    /// its repetitions make it too large.
    pub fn parse(pattern: &str) -> Result<Self, PatternError> {
        parse::pattern(pattern).map_err(|fault| fault.naming(pattern))
    }

    /// Matches a path, which starts with a slash and has no query.
    #[must_use]
    pub fn find<'a>(&'a self, path: &'a str) -> Option<PathMatch<'a>> {
        let captures = self.program.run(path)?;
        let captured = |(own, text): (&'a Parameter, Option<&'a str>)| {
            (&*own.name, text.filter(|text| own.takes_part_if_empty || !text.is_empty()))
        };
        Some(PathMatch { parameters: self.parameters.iter().zip(captures).map(captured).collect() })
    }
}

impl<'a> PathMatch<'a> {
    /// Returns what a parameter captured; unnamed ones have their number from 0 as a name. Of
    /// several with one name the last that took part counts. A repeated parameter gives all its
    /// segments in one text.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().rev().filter(|(own, _)| *own == name).find_map(|(_, text)| *text)
    }
}

impl OrganizationSync {
    /// Compiles the patterns. An empty list matches nothing.
    ///
    /// # Errors
    ///
    /// As [`PathPattern::parse`], for the first pattern that is none.
    pub fn new<'p>(
        organization_patterns: impl IntoIterator<Item = &'p str>,
        personal_account_patterns: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, PatternError> {
        Ok(Self {
            organizations: organization_patterns
                .into_iter()
                .map(PathPattern::parse)
                .collect::<Result<_, _>>()?,
            personal_accounts: personal_account_patterns
                .into_iter()
                .map(PathPattern::parse)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Tells what a path wants to be active. Patterns for organizations come first, and of them the
    /// first that matches; the parameter `id` wins over `slug`. A match with neither says nothing.
    #[must_use]
    pub fn target<'a>(&'a self, path: &'a str) -> Option<SyncTarget<'a>> {
        let first = self.organizations.iter().find_map(|pattern| pattern.find(path));
        let organization = first.and_then(|found| {
            let parameter = |name| found.parameter(name).filter(|text| !text.is_empty());
            parameter("id")
                .map(SyncTarget::OrganizationId)
                .or_else(|| parameter("slug").map(SyncTarget::OrganizationSlug))
        });
        organization.or_else(|| {
            let personal = self.personal_accounts.iter().any(|pattern| pattern.find(path).is_some());
            personal.then_some(SyncTarget::PersonalAccount)
        })
    }
}

impl<'a> SyncTarget<'a> {
    /// Tells whether a session with these claims is where the URL wants it. If not, the identity
    /// service has to be asked to activate the target.
    #[must_use]
    pub fn is_active(self, claims: &Map<String, Value>) -> bool {
        let (id, slug) = organization_names(claims);
        let is = |own: Option<&Value>, wanted: &str| own.and_then(Value::as_str) == Some(wanted);
        match self {
            Self::OrganizationId(wanted) => is(id, wanted),
            Self::OrganizationSlug(wanted) => is(slug, wanted),
            Self::PersonalAccount => id.is_none_or(is_blank),
        }
    }

    /// Returns the value of the handshake parameter `organization_id`: empty for the personal
    /// account.
    #[must_use]
    pub const fn parameter(self) -> &'a str {
        match self {
            Self::OrganizationId(text) | Self::OrganizationSlug(text) => text,
            Self::PersonalAccount => "",
        }
    }
}
