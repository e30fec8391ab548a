//! Reads a seed member by member, and knows where it is.

use serde_json::{Map, Value};

use super::SeedError;
use crate::core::body::kind;

/// A value and where it stands, such as `organizations[0].members[1]`.
pub(super) struct Node<'a> {
    value: &'a Value,
    at: String,
}

/// An object and where it stands.
pub(super) struct Members<'a> {
    members: &'a Map<String, Value>,
    at: String,
}

impl<'a> Node<'a> {
    pub(super) const fn root(value: &'a Value) -> Self {
        Self { value, at: String::new() }
    }

    /// Returns the members of an object, which may have `known` names only.
    pub(super) fn members(&self, known: &[&str]) -> Result<Members<'a>, SeedError> {
        let Value::Object(members) = self.value else {
            return Err(unexpected(&self.at, "an object", kind(self.value)));
        };
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            let at = join(&self.at, name);
            return Err(unexpected(&at, &format!("one of {}", known.join(", ")), "an unknown name"));
        }
        Ok(Members { members, at: self.at.clone() })
    }

    fn text(&self) -> Result<&'a str, SeedError> {
        self.value.as_str().ok_or_else(|| unexpected(&self.at, "a string", kind(self.value)))
    }
}

impl<'a> Members<'a> {
    /// Returns where a member stands.
    pub(super) fn at(&self, name: &str) -> String {
        join(&self.at, name)
    }

    /// Says that a member is not what it must be.
    pub(super) fn wrong(&self, name: &str, expected: &str, found: &str) -> SeedError {
        unexpected(&self.at(name), expected, found)
    }

    fn node(&self, name: &str) -> Option<Node<'a>> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        Some(Node { value, at: self.at(name) })
    }

    /// Returns a text that must be there.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, SeedError> {
        self.optional(name)?.ok_or_else(|| self.wrong(name, "a string", "nothing"))
    }

    /// Returns a text that may be absent.
    pub(super) fn optional(&self, name: &str) -> Result<Option<&'a str>, SeedError> {
        self.node(name).map(|node| node.text()).transpose()
    }

    /// Returns a text for which `is` holds, if it is there.
    pub(super) fn checked(
        &self,
        name: &str,
        expected: &str,
        is: impl Fn(&str) -> bool,
    ) -> Result<Option<&'a str>, SeedError> {
        match self.optional(name)? {
            Some(text) if !is(text) => Err(self.wrong(name, expected, &shown(text))),
            found => Ok(found),
        }
    }

    /// Returns the texts of a list, which may be absent; `is` holds for each.
    pub(super) fn texts(
        &self,
        name: &str,
        expected: &str,
        is: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, SeedError> {
        let text = |node: Node<'a>| match node.text()? {
            text if is(text) => Ok(text.to_owned()),
            other => Err(unexpected(&node.at, expected, &shown(other))),
        };
        self.list(name)?.into_iter().map(text).collect()
    }

    /// Returns the values of a list, which may be absent.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Node<'a>>, SeedError> {
        match self.node(name) {
            None => Ok(Vec::new()),
            Some(Node { value: Value::Array(items), at }) => {
                let node = |(index, value)| Node { value, at: format!("{at}[{index}]") };
                Ok(items.iter().enumerate().map(node).collect())
            }
            Some(node) => Err(unexpected(&node.at, "a list", kind(node.value))),
        }
    }

    /// Returns an object of anything, which may be absent.
    pub(super) fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, SeedError> {
        match self.node(name) {
            None => Ok(None),
            Some(Node { value: Value::Object(members), .. }) => Ok(Some(members.clone())),
            Some(node) => Err(unexpected(&node.at, "an object", kind(node.value))),
        }
    }

    /// Returns a number of seconds since 1970, which may be absent.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<i64>, SeedError> {
        self.number(name, "whole seconds since 1970", 0, 253_402_300_799)
    }

    /// Returns a whole number within bounds, which may be absent.
    pub(super) fn number(
        &self,
        name: &str,
        what: &str,
        from: i64,
        to: i64,
    ) -> Result<Option<i64>, SeedError> {
        let Some(node) = self.node(name) else {
            return Ok(None);
        };
        let expected = format!("{what}, from {from} to {to}");
        match node.value.as_i64() {
            Some(number) if (from..=to).contains(&number) => Ok(Some(number)),
            Some(number) => Err(unexpected(&node.at, &expected, &number.to_string())),
            None => Err(unexpected(&node.at, &expected, kind(node.value))),
        }
    }

    /// Returns a truth value; absent is false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, SeedError> {
        self.flag_or(name, false)
    }

    /// Returns a truth value that may be absent.
    pub(super) fn flag_or(&self, name: &str, absent: bool) -> Result<bool, SeedError> {
        let Some(node) = self.node(name) else {
            return Ok(absent);
        };
        node.value.as_bool().ok_or_else(|| unexpected(&node.at, "true or false", kind(node.value)))
    }
}

/// Shows a text that is no secret, shortened.
pub(super) fn shown(text: &str) -> String {
    if text.is_empty() {
        return "an empty string".to_owned();
    }
    let short: String = text.chars().take(64).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

fn unexpected(at: &str, expected: &str, found: &str) -> SeedError {
    let at = if at.is_empty() { "the top".to_owned() } else { format!("`{at}`") };
    SeedError::Unexpected { at, expected: expected.to_owned(), found: found.to_owned() }
}

fn join(at: &str, name: &str) -> String {
    let name = shown(name);
    let name = name.trim_matches('`');
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}
