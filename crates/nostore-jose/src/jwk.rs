//! JWKs for RSA and JWK Sets (RFC 7517).
//!
//! A set keeps what it cannot use aside instead of failing, as RFC 7517 section 5 asks for.

use serde_json::{Map, Value, json};

use crate::base64url;

/// A public RSA key (RFC 7518 section 6.3.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jwk {
    kid: Option<String>,
    alg: Option<String>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// Why a JSON value is not a key that we use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// The value is not a JSON object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// The key may not be used to verify (RFC 7517 sections 4.2 and 4.3).
    #[error("expected a key for verifying signatures, found another `use` or `key_ops`")]
    OtherUse,
    /// The key's type is not RSA.
    #[error("expected `kty` RSA, found {found}")]
    KeyType {
        /// The type, or `nothing`.
        found: String,
    },
    /// Modulus or exponent is absent, empty or not base64url.
    #[error("expected base64url without padding in `{parameter}`")]
    Parameter {
        /// `n` or `e`.
        parameter: &'static str,
    },
}

impl JwkError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject => "jwk-not-an-object",
            Self::OtherUse => "jwk-other-use",
            Self::KeyType { .. } => "jwk-key-type",
            Self::Parameter { .. } => "jwk-parameter",
        }
    }
}

impl Jwk {
    /// Makes a key from big-endian bytes; leading zero octets are dropped.
    #[must_use]
    pub fn rsa(kid: Option<String>, alg: Option<String>, modulus: &[u8], exponent: &[u8]) -> Self {
        Self { kid, alg, modulus: without_zeros(modulus), exponent: without_zeros(exponent) }
    }

    /// Reads one key. Private parameters are not kept.
    ///
    /// # Errors
    ///
    /// Says what keeps the key from being used.
    pub fn from_json(value: &Value) -> Result<Self, JwkError> {
        let key = value.as_object().ok_or(JwkError::NotAnObject)?;
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let kty = text("kty").unwrap_or("nothing");
        if kty != "RSA" {
            return Err(JwkError::KeyType { found: kty.to_owned() });
        }
        if !verifies(key) {
            return Err(JwkError::OtherUse);
        }
        let modulus = unsigned(text("n"), "n")?;
        let exponent = unsigned(text("e"), "e")?;
        let own = |name: &str| text(name).map(str::to_owned);
        Ok(Self { kid: own("kid"), alg: own("alg"), modulus, exponent })
    }

    /// Returns the key's name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the only algorithm that the key is for, if it says so (RFC 7517 section 4.4).
    #[must_use]
    pub fn alg(&self) -> Option<&str> {
        self.alg.as_deref()
    }

    /// Returns the modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// Returns the public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// Returns the key as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut key = Map::new();
        for (name, value) in [("kid", &self.kid), ("alg", &self.alg)] {
            if let Some(value) = value {
                key.insert(name.to_owned(), json!(value));
            }
        }
        key.insert("use".to_owned(), json!("sig"));
        key.insert("kty".to_owned(), json!("RSA"));
        key.insert("n".to_owned(), json!(base64url::encode(&self.modulus)));
        key.insert("e".to_owned(), json!(base64url::encode(&self.exponent)));
        Value::Object(key)
    }

    /// Computes the SHA-256 thumbprint in base64url (RFC 7638 section 3).
    #[cfg(feature = "native")]
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let (e, n) = (base64url::encode(&self.exponent), base64url::encode(&self.modulus));
        // The required members of an RSA key in lexicographic order, no white space.
        let text = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        base64url::encode(digest.as_ref())
    }
}

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

fn verifies(key: &Map<String, Value>) -> bool {
    let purpose = key.get("use").is_none_or(|purpose| purpose == "sig");
    let operations = key.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|list| list.iter().any(|one| one == "verify"))
    });
    purpose && operations
}

fn unsigned(text: Option<&str>, parameter: &'static str) -> Result<Vec<u8>, JwkError> {
    let bytes = text.and_then(base64url::decode).map(|bytes| without_zeros(&bytes)).unwrap_or_default();
    if bytes.is_empty() { Err(JwkError::Parameter { parameter }) } else { Ok(bytes) }
}

fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}
