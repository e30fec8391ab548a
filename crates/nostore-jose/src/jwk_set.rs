//! JWK Sets: what cannot be used is set aside, as RFC 7517 section 5 asks for.

use serde_json::{Value, json};

use crate::{Jwk, JwkError};

/// A key of a set that is not used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SetAside {
    /// The key's name, if it has one.
    pub kid: Option<String>,
    /// Why it is not used.
    pub why: JwkError,
}

/// A JWK Set (RFC 7517 section 5).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    aside: Vec<SetAside>,
}

/// Why bytes are not a JWK Set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkSetError {
    /// The bytes are not JSON.
    #[error("expected JSON")]
    Json,
    /// There is no array of keys.
    #[error("expected a JSON object with an array `keys`")]
    NoKeys,
}

impl JwkSetError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json => "jwk-set-json",
            Self::NoKeys => "jwk-set-no-keys",
        }
    }
}

impl JwkSet {
    /// Makes a set.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = Jwk>) -> Self {
        Self { keys: keys.into_iter().collect(), aside: Vec::new() }
    }

    /// Parses a set. Keys that cannot be used are set aside.
    ///
    /// # Errors
    ///
    /// [`JwkSetError::Json`] or [`JwkSetError::NoKeys`], when it is no set at all.
    pub fn parse(bytes: &[u8]) -> Result<Self, JwkSetError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|_| JwkSetError::Json)?;
        let members = value.get("keys").and_then(Value::as_array).ok_or(JwkSetError::NoKeys)?;
        let mut set = Self::default();
        for member in members {
            match Jwk::from_json(member) {
                Ok(key) => set.keys.push(key),
                Err(why) => {
                    let kid = member.get("kid").and_then(Value::as_str).map(str::to_owned);
                    set.aside.push(SetAside { kid, why });
                }
            }
        }
        Ok(set)
    }

    /// Finds the first usable key with that name.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|key| key.kid() == Some(kid))
    }

    /// Tells whether no key can be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Lists the names of the usable keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(Jwk::kid)
    }

    /// Lists the usable keys.
    #[must_use]
    pub fn keys(&self) -> &[Jwk] {
        &self.keys
    }

    /// Lists what was set aside.
    #[must_use]
    pub fn aside(&self) -> &[SetAside] {
        &self.aside
    }

    /// Returns the usable keys as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "keys": self.keys.iter().map(Jwk::to_json).collect::<Vec<_>>() })
    }
}
