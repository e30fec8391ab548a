//! How one shared cache behaves, as data: parameters for the law, facts with sources for people.

mod cloudflare;
mod data;
mod law;
mod nginx;
mod parameters;
mod varnish;
mod vercel;

use std::fmt;

pub(crate) use law::{
    Authorization, Law, Mark, Names, NetlifyVaryRule, RequestDirectives, SetCookieRule, Silence, StatusClass,
    SurrogateControl, VaryRule,
};

/// The most characters by which a name may be off and still be suggested.
const NEAR: usize = 4;

/// How sure a fact is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Confidence {
    /// The vendor's documentation says so.
    Documented,
    /// Deduced from facts that have a source.
    Inferred,
    /// Observed in a test.
    Measured,
    /// Users or upstream projects say so, the vendor does not.
    Reported,
    /// The specification says so.
    Rfc,
}

impl Confidence {
    /// Returns the word for people.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Inferred => "inferred",
            Self::Measured => "measured",
            Self::Reported => "reported",
            Self::Rfc => "rfc",
        }
    }
}

/// One thing that a profile says about its cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fact {
    /// The fact, in the platform's own words.
    pub text: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where it comes from.
    pub source: &'static str,
}

/// How one shared cache behaves: what it stores, for how long, under which key, what it strips.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Profile {
    name: &'static str,
    stands_for: &'static str,
    facts: &'static [Fact],
    pub(crate) law: Law,
    changed: Vec<&'static str>,
}

impl Profile {
    /// Finds a profile.
    ///
    /// # Errors
    ///
    /// [`UnknownProfile`] with the known names and the nearest one.
    pub fn named(name: &str) -> Result<Self, UnknownProfile> {
        Self::all().into_iter().find(|profile| profile.name == name).ok_or_else(|| {
            let known: Vec<&'static str> = Self::all().iter().map(|profile| profile.name).collect();
            let nearest = nearest(name, known.iter().copied());
            UnknownProfile { name: name.to_owned(), known, nearest }
        })
    }

    /// Lists all profiles.
    #[must_use]
    pub fn all() -> Vec<Self> {
        data::all()
    }

    /// Sets a parameter, such as `min-lifetime` to `60`.
    ///
    /// # Errors
    ///
    /// [`SetError::Parameter`] for a name that is none, with the known ones; [`SetError::Value`] for
    /// a value that the parameter does not take, with what it takes.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SetError> {
        let Some(parameter) = parameters::ALL.iter().find(|parameter| parameter.name == name) else {
            let known: Vec<&'static str> = parameters::ALL.iter().map(|parameter| parameter.name).collect();
            let nearest = nearest(name, known.iter().copied());
            return Err(SetError::Parameter { name: name.to_owned(), known, nearest });
        };
        (parameter.set)(&mut self.law, value.trim()).ok_or_else(|| SetError::Value {
            name: parameter.name,
            expected: parameter.expected,
            found: value.to_owned(),
        })?;
        if !self.changed.contains(&parameter.name) {
            self.changed.push(parameter.name);
        }
        Ok(())
    }

    /// Returns the name, such as `cloudfront/cookies-in-key`.
    #[must_use]
    pub const fn name(&self) -> &str {
        self.name
    }

    /// Returns what the profile stands for, as a sentence.
    #[must_use]
    pub const fn stands_for(&self) -> &str {
        self.stands_for
    }

    /// Returns what the platform calls itself.
    #[must_use]
    pub const fn platform(&self) -> &str {
        self.law.words.platform
    }

    /// Lists environment variables by which an app knows that it runs there; `dev` gives them to the apps it starts.
    #[must_use]
    pub const fn environment(&self) -> &'static [(&'static str, &'static str)] {
        self.law.words.environment
    }

    /// Lists the facts with their sources.
    #[must_use]
    pub const fn facts(&self) -> &[Fact] {
        self.facts
    }

    /// Lists every parameter: name, value, and whether [`Profile::set`] changed it.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String, bool)> {
        let row = |parameter: &parameters::Parameter| {
            (parameter.name, (parameter.show)(&self.law), self.changed.contains(&parameter.name))
        };
        parameters::ALL.iter().map(row).collect()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (name, value, _) in self.parameters().iter().filter(|(_, _, changed)| *changed) {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

/// There is no profile of that name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a profile ({}), found {name:?}{}", .known.join(", "), suggestion(*.nearest))]
#[non_exhaustive]
pub struct UnknownProfile {
    /// What was asked for.
    pub name: String,
    /// The names that there are.
    pub known: Vec<&'static str>,
    /// The name that looks most like it, if any does.
    pub nearest: Option<&'static str>,
}

/// Why a parameter could not be set.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// There is no parameter of that name.
    #[error("expected a parameter ({}), found {name:?}{}", .known.join(", "), suggestion(*.nearest))]
    Parameter {
        /// What was asked for.
        name: String,
        /// The names that there are.
        known: Vec<&'static str>,
        /// The name that looks most like it, if any does.
        nearest: Option<&'static str>,
    },
    /// The parameter does not take that value.
    #[error("{name}: expected {expected}, found {found:?}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        found: String,
    },
}

impl SetError {
    /// Returns the stable kebab-case name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Parameter { .. } => "unknown-parameter",
            Self::Value { .. } => "parameter-value",
        }
    }
}

impl UnknownProfile {
    /// Returns the stable kebab-case name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "unknown-profile"
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    let close = |known: &&'static str| distance(&name, known);
    let best = known.min_by_key(close)?;
    let length = best.chars().count().max(name.chars().count());
    (distance(&name, best) <= NEAR.min(length.saturating_sub(1))).then_some(best)
}

/// Counts the insertions, deletions and replacements between two words (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // Row by row; what is far too long is far away.
    if from.len() > 64 {
        return from.len();
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, left) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        let mut next = vec![before];
        for (right, above) in to.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(left != *right);
            before = replaced.min(before + 1).min(above + 1);
            diagonal = *above;
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
