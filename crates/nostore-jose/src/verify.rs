//! Verification (RFC 7515 section 5.2, RFC 7518 sections 3.3 and 3.4, RFC 8037 section 3.1).

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use crate::material::Material;
use crate::{Algorithm, Jwk, Jws};

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The header's algorithm is absent or not one of [`Algorithm`].
    #[error("expected alg RS256, RS384, RS512, ES256 or EdDSA")]
    Algorithm,
    /// The key is for another algorithm (RFC 7517 section 4.4) or of another type.
    #[error("expected the algorithm that the key is for, found {found}")]
    KeyMismatch {
        /// The token's algorithm.
        found: Algorithm,
    },
    /// Signature and key do not fit together, or the key is none: an RSA modulus outside of 2048 to 8192
    /// bits, a point that is not on the curve.
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
    if !key.is_for(algorithm) {
        return Err(VerifyError::KeyMismatch { found: algorithm });
    }
    if key.verifies(algorithm, jws.signing_input().as_bytes(), jws.signature()) {
        Ok(())
    } else {
        Err(VerifyError::Signature)
    }
}

/// A key as the cryptographic library wants it, made when it is first needed. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Parsed(Arc<Slots>);

/// One for each digest, because the library binds a key to one.
#[derive(Default)]
struct Slots {
    sha256: Slot,
    sha384: Slot,
    sha512: Slot,
}

/// Holds nothing if the parameters are no key.
type Slot = OnceLock<Option<ParsedPublicKey>>;

impl Parsed {
    /// Returns `material` as a key for that algorithm; nothing where the two do not go together.
    pub(crate) fn key(&self, material: &Material, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let slots = &*self.0;
        match (material, algorithm) {
            (Material::Rsa { modulus, exponent }, Algorithm::Rs256) => {
                slots.sha256.get_or_init(|| rsa(modulus, exponent, &RSA_PKCS1_2048_8192_SHA256))
            }
            (Material::Rsa { modulus, exponent }, Algorithm::Rs384) => {
                slots.sha384.get_or_init(|| rsa(modulus, exponent, &RSA_PKCS1_2048_8192_SHA384))
            }
            (Material::Rsa { modulus, exponent }, Algorithm::Rs512) => {
                slots.sha512.get_or_init(|| rsa(modulus, exponent, &RSA_PKCS1_2048_8192_SHA512))
            }
            (Material::P256 { x, y }, Algorithm::Es256) => slots.sha256.get_or_init(|| {
                // 4 announces an uncompressed point (SEC 1 section 2.3.3).
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
            }),
            (Material::Ed25519 { x }, Algorithm::EdDsa) => {
                slots.sha512.get_or_init(|| ParsedPublicKey::new(&ED25519, x).ok())
            }
            _ => &None,
        }
        .as_ref()
    }
}

fn rsa(modulus: &[u8], exponent: &[u8], parameters: &'static RsaParameters) -> Option<ParsedPublicKey> {
    RsaPublicKeyComponents { n: modulus, e: exponent }.to_parsed_public_key(parameters).ok()
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Eq for Parsed {}

/// Always: what is here follows from the key's parameters, which are compared themselves.
impl PartialEq for Parsed {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 appendix A.2 and A.4. Here, because its payload is no JSON: no [`Jws`] can hold it.
    #[test]
    fn the_example_of_rfc_8037_appendix_a_4_verifies() {
        let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let key = Jwk::from_json(&serde_json::from_str(key).unwrap()).unwrap();
        let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = crate::base64url::decode(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        )
        .unwrap();
        assert!(key.verifies(Algorithm::EdDsa, input.as_bytes(), &signature));
        assert!(!key.verifies(Algorithm::EdDsa, &input.as_bytes()[1..], &signature));
    }

    #[test]
    fn a_key_is_parsed_once_for_all_its_clones() {
        let parsed = Parsed::default();
        let material = Material::rsa(&[0xff; 256], &[1, 0, 1]);
        let clone = parsed.clone();
        let first = clone.key(&material, Algorithm::Rs256).map(std::ptr::from_ref);
        assert!(first.is_some());
        assert_eq!(parsed.key(&material, Algorithm::Rs256).map(std::ptr::from_ref), first);
    }

    #[test]
    fn no_key_is_made_for_an_algorithm_of_another_type() {
        let parsed = Parsed::default();
        let rsa = Material::rsa(&[0xff; 256], &[1, 0, 1]);
        let others = [Material::P256 { x: [1; 32], y: [1; 32] }, Material::Ed25519 { x: [1; 32] }];
        assert!(parsed.key(&rsa, Algorithm::Es256).is_none());
        assert!(parsed.key(&rsa, Algorithm::EdDsa).is_none());
        // The wrong questions leave nothing behind.
        assert!(parsed.key(&rsa, Algorithm::Rs256).is_some());
        for material in others {
            assert!(Parsed::default().key(&material, Algorithm::Rs256).is_none(), "{material:?}");
        }
    }
}
