//! Which kinds of tokens are taken (section 4.1 of the protocol).

use crate::TokenType;

/// The tokens that a request may be authenticated by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Accepts {
    /// Every kind.
    Any,
    /// One of these kinds; of none, nothing is ever taken.
    OneOf(Vec<TokenType>),
    /// This kind alone.
    Only(TokenType),
}

impl Accepts {
    /// Tells whether tokens of that kind are taken.
    #[must_use]
    pub fn takes(&self, kind: TokenType) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(kinds) => kinds.contains(&kind),
            Self::Only(only) => *only == kind,
        }
    }
}
