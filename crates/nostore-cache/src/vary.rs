//! `Vary` (RFC 9110 section 12.5.5, RFC 9111 section 4.1).

use std::collections::BTreeSet;

use nostore_message::RequestHead;

/// The request fields that a response nominates.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Vary {
    any: bool,
    names: BTreeSet<String>,
}

impl Vary {
    /// Parses the lines of a field. Total; names are put into lower case.
    #[must_use]
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut vary = Self::default();
        for name in lines.into_iter().flat_map(|line| line.split(',')).map(str::trim) {
            match name {
                "" => {}
                "*" => vary.any = true,
                _ => drop(vary.names.insert(name.to_ascii_lowercase())),
            }
        }
        vary
    }

    /// Tells whether the field holds `*`: no other request can be matched.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.any
    }

    /// Lists the nominated fields in lower case, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Tells whether a field is nominated; `name` is in lower case.
    #[must_use]
    pub fn nominates(&self, name: &str) -> bool {
        self.any || self.names.contains(name)
    }

    /// Returns what `request` holds in the nominated fields, lines joined.
    pub(crate) fn values(&self, request: &RequestHead<'_>) -> Vec<(String, Option<String>)> {
        let value = |name: &String| request.fields.combined(name).map(std::borrow::Cow::into_owned);
        self.names.iter().map(|name| (name.clone(), value(name))).collect()
    }
}
