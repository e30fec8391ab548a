//! Text that must not be seen.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret text: no `Display`, a redacted `Debug`, and no `PartialEq`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text. The caller keeps it out of logs, errors, URLs and metric labels.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in constant time (for texts of equal length).
    #[must_use]
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }

    /// Tells whether the secret is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("sk_test_hush");
        assert!(!format!("{secret:?}").contains("hush"));
        assert!(secret.matches("sk_test_hush"));
        assert!(!secret.matches("sk_test_husk"));
        assert!(!secret.matches("sk_test_hus"));
    }
}
