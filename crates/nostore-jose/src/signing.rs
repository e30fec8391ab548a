//! The issuer's signing key: RSA, RS256, named by its thumbprint.
//!
//! # Caveat
//!
//! [`SigningKey::generate`] draws entropy: the one exemption from this crate's rule, because a
//! private key cannot be an argument before it exists. Signing draws none: RSASSA-PKCS1-v1_5 is
//! deterministic (RFC 8017 section 8.2.1).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Map, Value, json};

use crate::{Algorithm, Jwk, base64url, der};

/// A private RSA key that signs session tokens with RS256.
pub struct SigningKey {
    pair: RsaKeyPair,
    jwk: Jwk,
    kid: String,
}

/// A private key in PKCS#8 (RFC 5208). `Debug` does not show it.
pub struct Pkcs8(Vec<u8>);

/// Why there is no signing key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The system could not make a key.
    #[error("expected a new RSA key, but key generation failed")]
    Generate,
    /// The bytes are not an RSA private key in PKCS#8 of 2048 to 8192 bits.
    #[error("expected an RSA private key in PKCS#8 of 2048 to 8192 bits")]
    Pkcs8,
}

/// Why a token was not signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected a signature, but the cryptographic library failed")]
pub struct SigningError;

impl SigningKey {
    /// Generates an RSA key of 2048 bits. Takes up to about a second.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Generate`] when the system has no entropy.
    pub fn generate() -> Result<Self, SigningKeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningKeyError::Generate)?;
        Self::from_pair(pair).ok_or(SigningKeyError::Generate)
    }

    /// Reads a private key in PKCS#8.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Pkcs8`] when it is none.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = RsaKeyPair::from_pkcs8(bytes).map_err(|_| SigningKeyError::Pkcs8)?;
        Self::from_pair(pair).ok_or(SigningKeyError::Pkcs8)
    }

    /// Writes the private key in PKCS#8.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Pkcs8`] when the cryptographic library fails.
    pub fn to_pkcs8(&self) -> Result<Pkcs8, SigningKeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| SigningKeyError::Pkcs8)?;
        Ok(Pkcs8(der.as_ref().to_vec()))
    }

    /// Returns the key's name: its thumbprint (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the public key, named and bound to RS256.
    #[must_use]
    pub const fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Signs `payload` with RS256. `header` is added to `alg` and `kid`; those two cannot be changed.
    ///
    /// # Errors
    ///
    /// [`SigningError`] when the cryptographic library fails.
    pub fn sign(
        &self,
        header: &Map<String, Value>,
        payload: &Map<String, Value>,
    ) -> Result<String, SigningError> {
        let mut header = header.clone();
        header.insert("alg".to_owned(), json!(Algorithm::Rs256.name()));
        header.insert("kid".to_owned(), json!(self.kid));
        let encode = |part: &Map<String, Value>| {
            serde_json::to_vec(part).map(|bytes| base64url::encode(&bytes)).map_err(|_| SigningError)
        };
        let mut token = format!("{}.{}", encode(&header)?, encode(payload)?);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // The generator is part of the signature function's shape; this padding does not use it.
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_| SigningError)?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        Ok(token)
    }

    fn from_pair(pair: RsaKeyPair) -> Option<Self> {
        let (modulus, exponent) = der::rsa_public_key(pair.public_key().as_ref())?;
        let kid = Jwk::rsa(None, None, modulus, exponent).thumbprint();
        let alg = Algorithm::Rs256.name().to_owned();
        let jwk = Jwk::rsa(Some(kid.clone()), Some(alg), modulus, exponent);
        Some(Self { pair, jwk, kid })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Pkcs8 {
    /// Returns the bytes. The caller keeps them out of logs and readable files.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pkcs8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pkcs8(redacted)")
    }
}
