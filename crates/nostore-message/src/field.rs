//! Field lines in the order they came (RFC 9110 section 5).

use std::borrow::Cow;

/// One field line. The name compares case-insensitively; the value is trimmed text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldLine<'a> {
    /// The field name as received.
    pub name: Cow<'a, str>,
    /// The field value; bytes that are not UTF-8 became U+FFFD.
    pub value: Cow<'a, str>,
}

/// The field lines of one head, in order, repeated names included.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields<'a>(Vec<FieldLine<'a>>);

impl<'a> Fields<'a> {
    /// Makes an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends one line.
    pub fn append(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        self.0.push(FieldLine { name: name.into(), value: value.into() });
    }

    /// Removes every line with that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|line| !line.name.eq_ignore_ascii_case(name));
    }

    /// Returns the value of the first line with that name.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Lists the values of all lines with that name, in order.
    pub fn all<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s str> {
        self.0.iter().filter(move |line| is_name(&line.name, name)).map(|line| &*line.value)
    }

    /// Returns the combined field value: all lines joined by `, ` (RFC 9110 section 5.3).
    #[must_use]
    pub fn combined(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut lines = self.all(name);
        let first = lines.next()?;
        let mut combined = Cow::Borrowed(first);
        for line in lines {
            let text = combined.to_mut();
            text.push_str(", ");
            text.push_str(line);
        }
        Some(combined)
    }

    /// Tells whether any line has that name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Lists the lines in order.
    pub fn iter(&self) -> std::slice::Iter<'_, FieldLine<'a>> {
        self.0.iter()
    }

    /// Copies whatever was borrowed.
    #[must_use]
    pub fn into_owned(self) -> Fields<'static> {
        let own = |line: FieldLine<'_>| FieldLine {
            name: Cow::Owned(line.name.into_owned()),
            value: Cow::Owned(line.value.into_owned()),
        };
        Fields(self.0.into_iter().map(own).collect())
    }
}

impl<'s, 'a> IntoIterator for &'s Fields<'a> {
    type Item = &'s FieldLine<'a>;
    type IntoIter = std::slice::Iter<'s, FieldLine<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Fields<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(lines: T) -> Self {
        let line = |(name, value): (&'a str, &'a str)| FieldLine {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value.trim_matches([' ', '\t'])),
        };
        Self(lines.into_iter().map(line).collect())
    }
}

impl<'a> FromIterator<(&'a str, &'a [u8])> for Fields<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a [u8])>>(lines: T) -> Self {
        let line = |(name, value): (&'a str, &'a [u8])| FieldLine {
            name: Cow::Borrowed(name),
            value: String::from_utf8_lossy(value.trim_ascii()),
        };
        Self(lines.into_iter().map(line).collect())
    }
}

/// Compares names without case. Most are written alike, which is seen faster.
fn is_name(found: &str, name: &str) -> bool {
    found == name || found.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_lines_keep_their_order() {
        let fields: Fields<'_> = [("Vary", "a"), ("x", "1"), ("vary", " b\t")].into_iter().collect();
        assert_eq!(fields.first("VARY"), Some("a"));
        assert_eq!(fields.combined("vary").as_deref(), Some("a, b"));
        assert_eq!(fields.combined("absent"), None);
    }

    #[test]
    fn bytes_that_are_not_text_are_kept_readable() {
        let fields: Fields<'_> = [("cookie", b"a=\xe9; b=2".as_slice())].into_iter().collect();
        assert_eq!(fields.first("cookie"), Some("a=\u{fffd}; b=2"));
    }
}
