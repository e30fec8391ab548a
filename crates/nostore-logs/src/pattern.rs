//! Lines of any other shape, described by a regular expression with named groups.

use regex::bytes::{CaptureLocations, Regex};

use crate::record::{Broken, Record, Role};

/// A regular expression whose groups say what stands where.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    groups: Vec<(usize, Role)>,
    found: CaptureLocations,
}

/// Why a pattern is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is no regular expression.
    #[error("expected a regular expression")]
    Regex(#[from] regex::Error),
    /// A group has a name that says nothing.
    #[error("expected groups named {names}; found `{0}`", names = names())]
    Group(String),
    /// What nothing can be found without is missing.
    #[error("expected a group `(?<{0}>…)`, found none")]
    Missing(&'static str),
}

fn names() -> String {
    Role::NAMES.map(|(name, _)| name).join(", ")
}

impl Pattern {
    /// Reads a regular expression.
    ///
    /// # Errors
    ///
    /// When it is none, a group's name is unknown, or there is no group for the time or for the session.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let regex = Regex::new(text)?;
        let mut groups = Vec::new();
        for (at, name) in regex.capture_names().enumerate() {
            let Some(name) = name else { continue };
            groups.push((at, Role::named(name).ok_or_else(|| PatternError::Group(name.to_owned()))?));
        }
        let has = |role| groups.iter().any(|(_, own)| *own == role);
        if !has(Role::Time) {
            return Err(PatternError::Missing("time"));
        }
        if !has(Role::Session) && !has(Role::Cookies) {
            return Err(PatternError::Missing("session"));
        }
        let found = regex.capture_locations();
        Ok(Self { regex, groups, found })
    }

    pub(crate) fn parse<'a>(&mut self, line: &'a [u8]) -> Result<Record<'a>, Broken> {
        self.regex.captures_read(&mut self.found, line).ok_or(Broken::Pattern)?;
        let mut record = Record::default();
        for (group, role) in &self.groups {
            let Some((from, to)) = self.found.get(*group) else { continue };
            if !record.take(*role, &line[from..to]) {
                return Err(Broken::Time);
            }
        }
        if record.time == 0 { Err(Broken::Time) } else { Ok(record) }
    }
}
