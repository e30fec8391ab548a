//! What a page is to its user, as far as it can be told.

use nostore_token::frontend::TabState;

/// A page. What could not be asked (no document, no such function, one that throws) is `None`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// Whether it has the focus.
    pub focused: Option<bool>,
    /// Whether it can be seen.
    pub visible: Option<bool>,
    /// Whether it is in a frame of another site.
    pub framed: bool,
    /// Whether it came over https.
    pub secure: bool,
    /// Whether there is no network.
    pub offline: bool,
}

impl Page {
    /// Returns what the service is told of the tab: nothing where it is not known.
    #[must_use]
    pub const fn tab(self) -> Option<TabState> {
        match (self.focused, self.visible) {
            (Some(true), _) => Some(TabState::Focused),
            (Some(false), Some(true)) => Some(TabState::Visible),
            (Some(false), Some(false)) => Some(TabState::Hidden),
            (None, _) | (Some(false), None) => None,
        }
    }

    /// Tells whether it refreshes tokens first: it is looked at, or nobody can tell.
    #[must_use]
    pub const fn leads(self) -> bool {
        !matches!(self.focused, Some(false))
    }

    /// Tells whether it may write the cookie whoever it belonged to: its user is looking.
    #[must_use]
    pub const fn is_looked_at(self) -> bool {
        matches!((self.focused, self.framed, self.visible), (Some(true), _, _) | (_, true, Some(true)))
    }
}
