//! Public keys: JWKs (RFC 7517 section 4) and what stands in a PEM file.

use serde_json::{Map, Value, json};

use crate::material::Material;
#[cfg(feature = "native")]
use crate::verify::Parsed;
use crate::{Algorithm, pem};

/// A public key: RSA, P-256 or Ed25519 (RFC 7518 sections 6.2.1 and 6.3.1, RFC 8037 section 2).
///
/// Two keys are equal when their names, their algorithms and their parameters are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Jwk {
    kid: Option<String>,
    alg: Option<String>,
    material: Material,
    /// The same key as the cryptographic library wants it, made when it is first needed.
    #[cfg(feature = "native")]
    parsed: Parsed,
}

/// Why something is not a key that we use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// The key is of a curve that is not supported (RFC 7518 section 6.2.1.1, RFC 8037 section 2).
    #[error("expected `crv` {expected}, found {found}")]
    Curve {
        /// The one curve that is supported with the key's type.
        expected: &'static str,
        /// The curve, or `nothing`.
        found: String,
    },
    /// The key's type is not supported.
    #[error("expected `kty` EC, OKP or RSA, found {found}")]
    KeyType {
        /// The type, or `nothing`.
        found: String,
    },
    /// The modulus of a key in PEM is too short to be safe or too long to be checked.
    #[error("expected an RSA modulus of 2048 to 8192 bits, found {found_bits} bits")]
    ModulusBits {
        /// The length of the modulus in bits.
        found_bits: usize,
    },
    /// The value is not a JSON object.
    #[error("expected a JSON object")]
    NotAnObject,
    /// A coordinate is longer or shorter than its curve's (RFC 7518 section 6.2.1.2).
    #[error("expected 32 octets in `{parameter}`, found {found}")]
    Octets {
        /// `x` or `y`.
        parameter: &'static str,
        /// How many octets there are.
        found: usize,
    },
    /// The key may not be used to verify (RFC 7517 sections 4.2 and 4.3).
    #[error("expected a key for verifying signatures, found another `use` or `key_ops`")]
    OtherUse,
    /// A parameter is absent, empty or not base64url.
    #[error("expected base64url without padding in `{parameter}`")]
    Parameter {
        /// `n`, `e`, `x` or `y`.
        parameter: &'static str,
    },
    /// The text is neither one PEM block nor base64 (RFC 7468 section 2).
    #[error("expected one PEM block `PUBLIC KEY` or its base64")]
    Pem,
    /// The text is a PEM block of something else (RFC 7468 section 13).
    #[error("expected a PEM block `PUBLIC KEY`, found `{found}`")]
    PemLabel {
        /// The label, if it looks like one.
        found: String,
    },
    /// The bytes in the PEM block are not a key (RFC 5280 section 4.1.2.7).
    #[error("expected a SubjectPublicKeyInfo in DER")]
    Spki,
    /// The bytes in the PEM block are a key that is not supported.
    #[error("expected a key for RSA, P-256 or Ed25519, found another algorithm")]
    SpkiAlgorithm,
}

impl JwkError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Curve { .. } => "jwk-curve",
            Self::KeyType { .. } => "jwk-key-type",
            Self::ModulusBits { .. } => "jwk-modulus-bits",
            Self::NotAnObject => "jwk-not-an-object",
            Self::Octets { .. } => "jwk-octets",
            Self::OtherUse => "jwk-other-use",
            Self::Parameter { .. } => "jwk-parameter",
            Self::Pem => "jwk-pem",
            Self::PemLabel { .. } => "jwk-pem-label",
            Self::Spki => "jwk-spki",
            Self::SpkiAlgorithm => "jwk-spki-algorithm",
        }
    }
}

impl Jwk {
    /// Makes an RSA key from big-endian bytes; leading zero octets are dropped.
    #[must_use]
    pub fn rsa(kid: Option<String>, alg: Option<String>, modulus: &[u8], exponent: &[u8]) -> Self {
        Self::new(kid, alg, Material::rsa(modulus, exponent))
    }

    /// Makes a P-256 key from the coordinates of its point, big-endian.
    #[must_use]
    pub fn p256(kid: Option<String>, alg: Option<String>, x: [u8; 32], y: [u8; 32]) -> Self {
        Self::new(kid, alg, Material::P256 { x, y })
    }

    /// Makes an Ed25519 key from its encoding (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn ed25519(kid: Option<String>, alg: Option<String>, x: [u8; 32]) -> Self {
        Self::new(kid, alg, Material::Ed25519 { x })
    }

    /// Reads one key. Private parameters are not kept.
    ///
    /// # Errors
    ///
    /// Says what keeps the key from being used.
    pub fn from_json(value: &Value) -> Result<Self, JwkError> {
        let key = value.as_object().ok_or(JwkError::NotAnObject)?;
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let material = Material::from_json(text("kty").unwrap_or("nothing"), key);
        if !matches!(material, Err(JwkError::KeyType { .. })) && !is_to_verify(key) {
            return Err(JwkError::OtherUse);
        }
        let own = |name: &str| text(name).map(str::to_owned);
        Ok(Self::new(own("kid"), own("alg"), material?))
    }

    /// Reads a `SubjectPublicKeyInfo` in PEM (RFC 7468 section 13). The armour may be missing, and line
    /// breaks may be missing, too many, or written as `\n`.
    ///
    /// The key has no name and is for one algorithm: an RSA key for RS256, a P-256 key for ES256, an
    /// Ed25519 key for `EdDSA`.
    ///
    /// # Errors
    ///
    /// Says what keeps the key from being used; an RSA key has 2048 to 8192 bits. The text is not
    /// repeated: it might be a private key.
    ///
    /// # Example
    ///
    /// ```
    /// let key = nostore_jose::Jwk::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----\n\
    ///      MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    ///      -----END PUBLIC KEY-----\n",
    /// )?;
    /// assert_eq!(key.alg(), Some("EdDSA"));
    /// # Ok::<(), nostore_jose::JwkError>(())
    /// ```
    pub fn from_pem(text: &str) -> Result<Self, JwkError> {
        let (algorithm, material) = Material::from_spki(&pem::decode(text)?)?;
        Ok(Self::new(None, Some(algorithm.name().to_owned()), material))
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

    /// Returns the key's type: `EC`, `OKP` or `RSA` (RFC 7517 section 4.1).
    #[must_use]
    pub const fn kty(&self) -> &'static str {
        self.material.kty()
    }

    /// Tells whether the key may verify signatures of that algorithm: the type must be the algorithm's,
    /// and `alg`, where there is one, must name it (RFC 8725 section 3.1).
    #[must_use]
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        self.kty() == algorithm.kty() && self.alg().is_none_or(|alg| alg == algorithm.name())
    }

    /// Returns the modulus of an RSA key, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Rsa { modulus, .. } => Some(modulus),
            Material::Ed25519 { .. } | Material::P256 { .. } => None,
        }
    }

    /// Returns the public exponent of an RSA key, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Rsa { exponent, .. } => Some(exponent),
            Material::Ed25519 { .. } | Material::P256 { .. } => None,
        }
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
        key.extend(self.material.members().into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
        Value::Object(key)
    }

    /// Computes the SHA-256 thumbprint in base64url (RFC 7638 section 3, RFC 8037 section 2).
    #[cfg(feature = "native")]
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // No value needs to be escaped: they are names of ours and base64url.
        let members: Vec<String> =
            self.material.members().iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
        let text = format!("{{{}}}", members.join(","));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        crate::base64url::encode(digest.as_ref())
    }

    #[cfg(feature = "native")]
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.parsed
            .key(&self.material, algorithm)
            .is_some_and(|key| key.verify_sig(message, signature).is_ok())
    }

    fn new(kid: Option<String>, alg: Option<String>, material: Material) -> Self {
        Self {
            kid,
            alg,
            material,
            #[cfg(feature = "native")]
            parsed: Parsed::default(),
        }
    }
}

/// Tells whether `use` and `key_ops` let the key verify, where they are present.
fn is_to_verify(key: &Map<String, Value>) -> bool {
    let purpose = key.get("use").is_none_or(|purpose| purpose == "sig");
    let operations = key.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|list| list.iter().any(|one| one == "verify"))
    });
    purpose && operations
}
