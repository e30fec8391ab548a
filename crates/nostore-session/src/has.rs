//! Whether a visitor has what a page asks: roles, permissions, features, plans, and a verification
//! that is fresh enough.
//!
//! # Invariants
//!
//! - Everything asked must be there; a check that asks nothing passes for nobody.
//! - Missing or malformed claims deny.
//!
//! Specifications: the handshake protocol as this project writes it down, "claims and the auth
//! object".

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::claims::{AuthClaims, FactorAges, Organization, organization, scoped};

/// What is asked of a visitor.
///
/// ```
/// use nostore_session::{Check, Reverification};
///
/// let check = Check::permission("org:invoices:pay").and(Check::reverification(Reverification::Strict));
/// # let _ = check;
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Check {
    asked: Vec<Asked>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Asked {
    Feature(Cow<'static, str>),
    Permission(Cow<'static, str>),
    Plan(Cow<'static, str>),
    Reverification(Reverification),
    Role(Cow<'static, str>),
}

/// How recently the visitor must have proven who they are. Ages are in minutes, and an age that
/// equals the limit is too old.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reverification {
    /// A level and a limit of one's own.
    Custom {
        /// Which factors.
        level: FactorLevel,
        /// The limit in minutes; 0 passes for nobody.
        after_minutes: u32,
    },
    /// The second factor within a day.
    Lax,
    /// The second factor within an hour.
    Moderate,
    /// The second factor within ten minutes.
    Strict,
    /// Both factors within ten minutes.
    StrictMfa,
}

/// Which factors must be fresh. Where only one is enrolled see each level.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FactorLevel {
    /// The first.
    First,
    /// Both; the first alone where no second is enrolled, and never the second alone.
    Multi,
    /// The second; the one that is enrolled where there is only one.
    Second,
}

impl Check {
    /// Asks for a role in the active organization; `admin` and `org:admin` are the same.
    #[must_use]
    pub fn role(role: impl Into<Cow<'static, str>>) -> Self {
        Self { asked: vec![Asked::Role(role.into())] }
    }

    /// Asks for a permission in the active organization; the prefix `org:` may be left out.
    #[must_use]
    pub fn permission(permission: impl Into<Cow<'static, str>>) -> Self {
        Self { asked: vec![Asked::Permission(permission.into())] }
    }

    /// Asks for a feature of the organization (`org:name`), of the user (`user:name`), or of
    /// either (`name`).
    #[must_use]
    pub fn feature(feature: impl Into<Cow<'static, str>>) -> Self {
        Self { asked: vec![Asked::Feature(feature.into())] }
    }

    /// Asks for a plan, scoped as in [`Check::feature`].
    #[must_use]
    pub fn plan(plan: impl Into<Cow<'static, str>>) -> Self {
        Self { asked: vec![Asked::Plan(plan.into())] }
    }

    /// Asks for a recent verification.
    #[must_use]
    pub fn reverification(reverification: Reverification) -> Self {
        Self { asked: vec![Asked::Reverification(reverification)] }
    }

    /// Asks for what the other check asks as well.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.asked.extend(other.asked);
        self
    }
}

impl Reverification {
    /// Returns the level, and the limit in minutes.
    const fn terms(self) -> (FactorLevel, u32) {
        match self {
            Self::Custom { level, after_minutes } => (level, after_minutes),
            Self::Lax => (FactorLevel::Second, 1_440),
            Self::Moderate => (FactorLevel::Second, 60),
            Self::Strict => (FactorLevel::Second, 10),
            Self::StrictMfa => (FactorLevel::Multi, 10),
        }
    }

    fn passes(self, ages: FactorAges) -> bool {
        let (level, after_minutes) = self.terms();
        let fresh = |age: Option<f64>| age.is_some_and(|age| f64::from(after_minutes) > age);
        let (first, second) = (fresh(ages.first), fresh(ages.second));
        match level {
            FactorLevel::First => first,
            FactorLevel::Multi => first && (second || ages.second.is_none()),
            FactorLevel::Second if ages.second.is_none() => first,
            FactorLevel::Second => second,
        }
    }
}

/// Tells whether a visitor with these claims has everything that is asked.
pub(crate) fn has(claims: &Map<String, Value>, check: &Check) -> bool {
    let view = AuthClaims::new(claims);
    // Claims that give no organization because they are malformed give nothing else either.
    let Ok(organization) = organization(claims) else { return false };
    let passes = |asked: &Asked| match asked {
        Asked::Feature(wanted) => is_entitled("fea", claims, wanted),
        Asked::Permission(wanted) => {
            let wanted = prefixed(wanted);
            organization
                .as_ref()
                .is_some_and(|own| own.permissions.iter().any(|permission| *permission == wanted))
        }
        Asked::Plan(wanted) => is_entitled("pla", claims, wanted),
        Asked::Reverification(wanted) => view.factor_ages().is_some_and(|ages| wanted.passes(ages)),
        Asked::Role(wanted) => {
            let role = organization.as_ref().and_then(|own: &Organization<'_>| own.role.as_deref());
            role.is_some_and(|role| prefixed(role) == prefixed(wanted))
        }
    };
    view.user_id().is_some() && !check.asked.is_empty() && check.asked.iter().all(passes)
}

/// Puts exactly one `org:` in front.
fn prefixed(name: &str) -> String {
    format!("org:{}", name.trim_start_matches("org:"))
}

/// Looks for `name` or `scope:name` in a list of features or plans. An unknown scope denies, and
/// so does a list with an entry that has none.
fn is_entitled(claim: &'static str, claims: &Map<String, Value>, wanted: &str) -> bool {
    let list = claims.get(claim).and_then(Value::as_str).filter(|list| !list.is_empty());
    let Some(Ok(own)) = list.map(|list| scoped(claim, list)) else { return false };
    let mut parts = wanted.split(':');
    let first = parts.next().unwrap_or_default();
    let Some(second) = parts.next() else {
        return own.organization.contains(&first) || own.user.contains(&first);
    };
    let name = if second.is_empty() { first } else { second };
    match first {
        "o" | "org" | "organization" => own.organization.contains(&name),
        "u" | "user" => own.user.contains(&name),
        _ => false,
    }
}
