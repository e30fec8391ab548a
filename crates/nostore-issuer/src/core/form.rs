//! URL-encoded pairs of a query or a form.

/// Pairs in order; the first of a name counts.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Parses pairs. Total: what is not UTF-8 becomes U+FFFD.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Returns the first value with that name, even an empty one.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    /// Returns all values with that name, or with that name and `[]`.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let is_named = |key: &str| key.strip_suffix("[]").unwrap_or(key) == name;
        self.0.iter().filter(|pair| is_named(&pair.0)).map(|pair| pair.1.as_str()).collect()
    }

    /// Returns the first value with that name, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.given(name).filter(|value| !value.is_empty())
    }
}
