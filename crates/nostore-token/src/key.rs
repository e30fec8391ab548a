//! Which entry a token belongs to (section 1.2 of the token client's specification).
//!
//! Bus, lock and cache take their names from the one function here, so that they never mean different things.

use std::fmt;

/// What a name starts with unless told otherwise.
pub const DEFAULT_PREFIX: &str = "nostore";

/// Session, template, organization and audience: each combination is an entry of its own. An empty part is none.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenKey {
    session: String,
    template: String,
    organization: String,
    audience: String,
}

impl TokenKey {
    /// The key of a session's own token.
    #[must_use]
    pub fn of_session(session: impl Into<String>) -> Self {
        Self { session: session.into(), ..Self::default() }
    }

    /// With a template for the claims.
    #[must_use]
    pub fn template(self, template: impl Into<String>) -> Self {
        Self { template: template.into(), ..self }
    }

    /// For that organization; empty: the personal workspace.
    #[must_use]
    pub fn organization(self, organization: impl Into<String>) -> Self {
        Self { organization: organization.into(), ..self }
    }

    /// For that audience.
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), ..self }
    }

    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Returns the template, where there is one.
    #[must_use]
    pub fn template_name(&self) -> Option<&str> {
        Some(&*self.template).filter(|part| !part.is_empty())
    }

    /// Returns the organization, where there is one.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        Some(&*self.organization).filter(|part| !part.is_empty())
    }

    /// Returns the audience, where there is one.
    #[must_use]
    pub fn audience_name(&self) -> Option<&str> {
        Some(&*self.audience).filter(|part| !part.is_empty())
    }

    /// Returns the parts that are not empty, joined by `-`: session, template, organization.
    #[must_use]
    pub fn token_id(&self) -> String {
        let parts = [&*self.session, &*self.template, &*self.organization];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// Reads a token id, where session and organization are known: the template between them may have any name.
    /// `None`: it belongs to other ones.
    #[must_use]
    pub fn from_token_id(id: &str, session: &str, organization: Option<&str>) -> Option<Self> {
        let organization = organization.unwrap_or_default();
        let key = Self::of_session(session).organization(organization);
        if id == key.token_id() {
            return Some(key);
        }
        let rest = match session {
            "" => id,
            session => id.strip_prefix(session)?.strip_prefix('-')?,
        };
        let template = match organization {
            "" => rest,
            organization => rest.strip_suffix(organization)?.strip_suffix('-')?,
        };
        (!template.is_empty()).then(|| key.template(template))
    }

    /// Returns the name under which the entry is known to others: `<prefix>::<token id>::<audience>`.
    #[must_use]
    pub fn name(&self, prefix: &str) -> String {
        format!("{prefix}::{}::{}", self.token_id(), self.audience)
    }
}

impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name(DEFAULT_PREFIX))
    }
}
