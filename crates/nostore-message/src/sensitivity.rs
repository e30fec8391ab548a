//! How much a response depends on who is asking.

/// The sensitivity of a response. Levels only rise.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sensitivity {
    /// Authentication was neither read nor written.
    #[default]
    Public,
    /// The handler looked at who is asking.
    Personalized,
    /// Sets or clears a session cookie, is a step of a sign-in redirect, or is a 401 or 403.
    AuthFlow,
}

impl Sensitivity {
    /// Returns the level's stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Personalized => "personalized",
            Self::AuthFlow => "auth-flow",
        }
    }
}
