//! URL-encoded pairs of a query or a form.

/// Pairs in order; the first of a name counts, and an empty value counts as absent.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Parses pairs. Total: what is not UTF-8 becomes U+FFFD.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// Returns the first value with that name, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|pair| pair.0 == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }
}
