//! What the author of a response said about caching.

/// What the author said about caching. How that is read from a head is the cache law's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Intent {
    /// Some shared cache may keep the response.
    Cacheable,
    /// Nothing that counts.
    Silent,
    /// No shared cache may.
    Uncacheable,
}

impl Intent {
    /// Returns the stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Cacheable => "cacheable",
            Self::Silent => "silent",
            Self::Uncacheable => "uncacheable",
        }
    }
}
