//! Which of two tokens knows more (section 1.7 of the token client's specification).

/// How recent the facts in a token are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rank {
    /// When the facts were last read from where they are kept (`oiat` in the header), in seconds since 1970.
    pub origin: Option<i64>,
    /// When the token was issued (`iat`), in seconds since 1970.
    pub issued: i64,
}

impl Rank {
    /// Tells whether a token of this rank gives way to an incoming one of the other. A full tie does: facts may
    /// differ while a service is rolled out.
    #[must_use]
    pub const fn gives_way_to(self, incoming: Self) -> bool {
        match (self.origin, incoming.origin) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => own < other || own == other && self.issued <= incoming.issued,
        }
    }
}
