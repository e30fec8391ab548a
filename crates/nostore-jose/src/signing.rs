//! A signing key: RSA for session tokens, P-256 and Ed25519 besides; named by its thumbprint.
//!
//! # Caveat
//!
//! [`SigningKey::generate`] and [`SigningKey::generate_for`] draw entropy: the exemption from this crate's
//! rule, because a private key cannot be an argument before it exists. A signature with ES256 draws some
//! inside of the cryptographic library (RFC 7518 section 3.4). The others draw none: RSASSA-PKCS1-v1_5 and
//! Ed25519 are deterministic (RFC 8017 section 8.2.1, RFC 8032 section 5.1.6).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use serde_json::{Map, Value, json};
use zeroize::Zeroize as _;

use crate::{Algorithm, Jwk, base64url, der};

/// A private key that signs tokens with one algorithm.
pub struct SigningKey {
    pair: Pair,
    algorithm: Algorithm,
    jwk: Jwk,
    kid: String,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A private key in PKCS#8 (RFC 5208). `Debug` does not show it.
pub struct Pkcs8(Vec<u8>);

/// Why there is no signing key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningKeyError {
    /// The system could not make a key.
    #[error("expected a new key, but key generation failed")]
    Generate,
    /// The bytes are not a private key in PKCS#8 that we use.
    #[error("expected a private key in PKCS#8: RSA of 2048 to 8192 bits, P-256 or Ed25519")]
    Pkcs8,
}

/// Why a token was not signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The algorithm takes another type of key.
    #[error("expected an algorithm for the type of the key, found {found}")]
    Algorithm {
        /// The algorithm that was asked for.
        found: Algorithm,
    },
    /// The cryptographic library failed.
    #[error("expected a signature, but the cryptographic library failed")]
    Library,
}

impl SigningKey {
    /// Generates an RSA key of 2048 bits for RS256. Takes up to about a second.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Generate`] when the system has no entropy.
    pub fn generate() -> Result<Self, SigningKeyError> {
        Self::generate_for(Algorithm::Rs256)
    }

    /// Generates a key for that algorithm; RSA keys have 2048 bits.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Generate`] when the system has no entropy.
    pub fn generate_for(algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let pair = Pair::generate(algorithm).map_err(|Unspecified| SigningKeyError::Generate)?;
        Self::from_pair(pair, algorithm).ok_or(SigningKeyError::Generate)
    }

    /// Derives an Ed25519 key from a secret: the same secret and purpose give the same key, on every machine and after
    /// every start (HKDF with SHA-256, RFC 5869; its 32 octets are the private key of RFC 8032 section 5.1.5). The secret
    /// has to be one that nobody can guess: whoever knows it can sign.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Generate`] when the cryptographic library fails.
    pub fn derive(secret: &[u8], purpose: &str) -> Result<Self, SigningKeyError> {
        let pair = Pair::derive(secret, purpose).map_err(|Unspecified| SigningKeyError::Generate)?;
        Self::from_pair(pair, Algorithm::EdDsa).ok_or(SigningKeyError::Generate)
    }

    /// Reads a private key in PKCS#8. An RSA key is for RS256, a P-256 key for ES256, an Ed25519 key for
    /// `EdDSA`.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Pkcs8`] when it is none.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, SigningKeyError> {
        let (pair, algorithm) = Pair::from_pkcs8(bytes).ok_or(SigningKeyError::Pkcs8)?;
        Self::from_pair(pair, algorithm).ok_or(SigningKeyError::Pkcs8)
    }

    /// Writes the private key in PKCS#8. Which digest an RSA key is for is not in there.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError::Pkcs8`] when the cryptographic library fails.
    pub fn to_pkcs8(&self) -> Result<Pkcs8, SigningKeyError> {
        self.pair.to_pkcs8().map(Pkcs8).map_err(|Unspecified| SigningKeyError::Pkcs8)
    }

    /// Returns the key's name: its thumbprint (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the algorithm that the key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public key, named and bound to the key's algorithm.
    #[must_use]
    pub const fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Signs `payload` with the key's algorithm. `header` is added to `alg` and `kid`; those two cannot be
    /// changed.
    ///
    /// # Errors
    ///
    /// [`SigningError::Library`] when the cryptographic library fails.
    pub fn sign(
        &self,
        header: &Map<String, Value>,
        payload: &Map<String, Value>,
    ) -> Result<String, SigningError> {
        self.sign_as(self.algorithm, header, payload)
    }

    /// Signs like [`SigningKey::sign`], but with an algorithm of choice: an RSA key knows three. The public
    /// key of [`SigningKey::jwk`] does not verify what is signed with another algorithm than the key's own.
    ///
    /// # Errors
    ///
    /// [`SigningError::Algorithm`] when the key is of another type, [`SigningError::Library`] when the
    /// cryptographic library fails.
    pub fn sign_as(
        &self,
        algorithm: Algorithm,
        header: &Map<String, Value>,
        payload: &Map<String, Value>,
    ) -> Result<String, SigningError> {
        let mut header = header.clone();
        header.insert("alg".to_owned(), json!(algorithm.name()));
        header.insert("kid".to_owned(), json!(self.kid));
        let encode = |part: &Map<String, Value>| {
            serde_json::to_vec(part).map(|bytes| base64url::encode(&bytes)).map_err(|_| SigningError::Library)
        };
        let mut token = format!("{}.{}", encode(&header)?, encode(payload)?);
        let signature = self.pair.sign(algorithm, token.as_bytes())?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        Ok(token)
    }

    fn from_pair(pair: Pair, algorithm: Algorithm) -> Option<Self> {
        let kid = pair.public(None, algorithm)?.thumbprint();
        let jwk = pair.public(Some(kid.clone()), algorithm)?;
        Some(Self { pair, algorithm, jwk, kid })
    }
}

impl Pair {
    fn generate(algorithm: Algorithm) -> Result<Self, Unspecified> {
        match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::generate().map(Self::Ed25519),
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::P256),
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rsa)
            }
        }
    }

    fn derive(secret: &[u8], purpose: &str) -> Result<Self, Unspecified> {
        let prk = Salt::new(HKDF_SHA256, &[]).extract(secret);
        let mut seed = [0; 32];
        prk.expand(&[purpose.as_bytes()], HKDF_SHA256)?.fill(&mut seed)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Unspecified);
        seed.zeroize();
        pair.map(Self::Ed25519)
    }

    /// Reads whichever key it is.
    fn from_pkcs8(bytes: &[u8]) -> Option<(Self, Algorithm)> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(bytes) {
            return Some((Self::Rsa(pair), Algorithm::Rs256));
        }
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes) {
            return Some((Self::P256(pair), Algorithm::Es256));
        }
        Ed25519KeyPair::from_pkcs8(bytes).ok().map(|pair| (Self::Ed25519(pair), Algorithm::EdDsa))
    }

    fn to_pkcs8(&self) -> Result<Vec<u8>, Unspecified> {
        Ok(match self {
            Self::Ed25519(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair)?.as_ref().to_vec(),
            Self::P256(pair) => pair.to_pkcs8v1()?.as_ref().to_vec(),
            Self::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair)?.as_ref().to_vec(),
        })
    }

    fn public(&self, kid: Option<String>, algorithm: Algorithm) -> Option<Jwk> {
        let alg = Some(algorithm.name().to_owned());
        match self {
            Self::Ed25519(pair) => Some(Jwk::ed25519(kid, alg, pair.public_key().as_ref().try_into().ok()?)),
            Self::P256(pair) => {
                let (x, y) = pair.public_key().as_ref().strip_prefix(&[4])?.split_at_checked(32)?;
                Some(Jwk::p256(kid, alg, x.try_into().ok()?, y.try_into().ok()?))
            }
            Self::Rsa(pair) => {
                let (modulus, exponent) = der::rsa_public_key(pair.public_key().as_ref())?;
                Some(Jwk::rsa(kid, alg, modulus, exponent))
            }
        }
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let rsa = |pair: &RsaKeyPair, encoding: &'static RsaSignatureEncoding| {
            let mut signature = vec![0; pair.public_modulus_len()];
            // The generator is part of the signature function's shape; this padding does not use it.
            pair.sign(encoding, &SystemRandom::new(), message, &mut signature).map(|()| signature)
        };
        match (self, algorithm) {
            (Self::Ed25519(pair), Algorithm::EdDsa) => pair.try_sign(message).map(|it| it.as_ref().to_vec()),
            (Self::P256(pair), Algorithm::Es256) => {
                pair.sign(&SystemRandom::new(), message).map(|it| it.as_ref().to_vec())
            }
            (Self::Rsa(pair), Algorithm::Rs256) => rsa(pair, &RSA_PKCS1_SHA256),
            (Self::Rsa(pair), Algorithm::Rs384) => rsa(pair, &RSA_PKCS1_SHA384),
            (Self::Rsa(pair), Algorithm::Rs512) => rsa(pair, &RSA_PKCS1_SHA512),
            _ => return Err(SigningError::Algorithm { found: algorithm }),
        }
        .map_err(|Unspecified| SigningError::Library)
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
