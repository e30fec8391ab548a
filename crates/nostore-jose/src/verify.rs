//! RSASSA-PKCS1-v1_5 verification (RFC 7518 section 3.3, RFC 8017 section 8.2.2).

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents,
};

use crate::{Algorithm, Jwk, Jws};

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The header's algorithm is absent or not one of [`Algorithm`].
    #[error("expected alg RS256, RS384 or RS512")]
    Algorithm,
    /// The key is for another algorithm (RFC 7517 section 4.4).
    #[error("expected the algorithm that the key is for, found {found}")]
    KeyMismatch {
        /// The token's algorithm.
        found: Algorithm,
    },
    /// Signature and key do not fit together, or the key is shorter than 2048 bits.
    #[error("signature does not match")]
    Signature,
}

impl VerifyError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Algorithm => "verify-algorithm",
            Self::KeyMismatch { .. } => "verify-key-mismatch",
            Self::Signature => "verify-signature",
        }
    }
}

/// Verifies the signature of `jws` with `key`. Claims are not looked at.
///
/// # Errors
///
/// [`VerifyError::Algorithm`] and [`VerifyError::KeyMismatch`] before any cryptography,
/// [`VerifyError::Signature`] after.
pub fn verify(jws: &Jws<'_>, key: &Jwk) -> Result<(), VerifyError> {
    let algorithm = jws.header().algorithm().ok_or(VerifyError::Algorithm)?;
    if key.alg().is_some_and(|alg| alg != algorithm.name()) {
        return Err(VerifyError::KeyMismatch { found: algorithm });
    }
    RsaPublicKeyComponents { n: key.modulus(), e: key.exponent() }
        .verify(parameters(algorithm), jws.signing_input().as_bytes(), jws.signature())
        .map_err(|_| VerifyError::Signature)
}

const fn parameters(algorithm: Algorithm) -> &'static RsaParameters {
    match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
    }
}
