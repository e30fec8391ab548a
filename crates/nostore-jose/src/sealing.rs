//! Keys that encrypt, and what they do (RFC 7516 sections 5.1 and 5.2, RFC 7518 sections 5.2 and 5.3).
//!
//! # Invariants
//!
//! - The tag is compared in constant time, and before anything is decrypted: nothing can be learnt from padding.
//! - Whatever is wrong with a JWE under a key, the answer is one and the same [`DecryptError`].
//! - Vectors are arguments. Under one key none may come twice; with A256GCM that would give the key away.
//! - A key is never printed and cannot be read back. Octets that pass through here are wiped; what is kept is in
//!   the cryptographic library, which wipes its own.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac::{Context, HMAC_SHA512, Key as MacKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::base64url;
use crate::jwe::{Encryption, Jwe, ProtectedHeader};

/// A key that encrypts and decrypts, ready for use.
pub struct EncryptionKey {
    encryption: Encryption,
    thumbprint: String,
    prepared: Prepared,
}

enum Prepared {
    CbcHmac(Box<CbcHmac>),
    Gcm(Box<LessSafeKey>),
}

/// The two halves of a key for A256CBC-HS512 (RFC 7518 section 5.2.2.1).
struct CbcHmac {
    mac: MacKey,
    encrypting: PaddedBlockEncryptingKey,
    decrypting: PaddedBlockDecryptingKey,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionKeyError {
    /// The cryptographic library refused. This is not expected.
    #[error("the cryptographic library refused the key")]
    Library,
    /// A key of that algorithm has another length.
    #[error("expected a key of {expected} octets, found {found}")]
    Octets {
        /// How many the algorithm wants.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

impl EncryptionKeyError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Library => "encryption-key-library",
            Self::Octets { .. } => "encryption-key-octets",
        }
    }
}

/// The JWE does not open with the key: it was changed, or made with another. More is not told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("does not open")]
pub struct DecryptError;

impl DecryptError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "jwe-does-not-open"
    }
}

/// Why nothing was encrypted. All of it is the caller's doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptError {
    /// Header and key are for different algorithms.
    #[error("expected a key for {expected}, found one for {found}")]
    KeyMismatch {
        /// What the header says.
        expected: Encryption,
        /// What the key is for.
        found: Encryption,
    },
    /// The cryptographic library refused: the content is too long.
    #[error("the cryptographic library refused the content")]
    Library,
    /// The initialization vector has another length.
    #[error("expected an initialization vector of {expected} octets, found {found}")]
    Vector {
        /// How many octets the algorithm wants.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

impl EncryptError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyMismatch { .. } => "encrypt-key-mismatch",
            Self::Library => "encrypt-library",
            Self::Vector { .. } => "encrypt-vector",
        }
    }
}

impl EncryptionKey {
    /// Takes the octets of a key.
    ///
    /// # Errors
    ///
    /// [`EncryptionKeyError::Octets`] when there are not as many as the algorithm wants.
    pub fn from_octets(encryption: Encryption, octets: &[u8]) -> Result<Self, EncryptionKeyError> {
        let (expected, found) = (encryption.key_octets(), octets.len());
        if expected != found {
            return Err(EncryptionKeyError::Octets { expected, found });
        }
        let prepared = match encryption {
            Encryption::A256CbcHs512 => CbcHmac::new(octets).map(|key| Prepared::CbcHmac(Box::new(key))),
            Encryption::A256Gcm => UnboundKey::new(&AES_256_GCM, octets)
                .map(|key| Prepared::Gcm(Box::new(LessSafeKey::new(key)))),
        };
        let prepared = prepared.map_err(|Unspecified| EncryptionKeyError::Library)?;
        Ok(Self { encryption, thumbprint: thumbprint(octets), prepared })
    }

    /// Derives a key from a secret with HKDF-SHA-256 (RFC 5869). Every salt and every info gives another.
    ///
    /// # Errors
    ///
    /// [`EncryptionKeyError::Library`], which is not expected.
    pub fn derive(
        encryption: Encryption,
        secret: &[u8],
        salt: &[u8],
        info: &[u8],
    ) -> Result<Self, EncryptionKeyError> {
        let octets = hkdf(secret, salt, info, encryption.key_octets())?;
        Self::from_octets(encryption, &octets)
    }

    /// Returns what the key is for.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// Returns the thumbprint in base64url (RFC 7638), with SHA-512 for a key of 64 octets and SHA-256 for one of 32.
    ///
    /// Whoever has it can try secrets, as whoever has a JWE can: it is safe for keys that cannot be guessed
    /// (RFC 7638 section 7).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

/// Derives a name for a key: 72 bits that follow from the secret and tell nothing of it.
///
/// # Errors
///
/// [`EncryptionKeyError::Library`], which is not expected.
pub fn derive_kid(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<String, EncryptionKeyError> {
    Ok(base64url::encode(&hkdf(secret, salt, info, 9)?))
}

/// How many octets are derived, for the library.
struct Octets(usize);

impl KeyType for Octets {
    fn len(&self) -> usize {
        self.0
    }
}

fn hkdf(
    secret: &[u8],
    salt: &[u8],
    info: &[u8],
    octets: usize,
) -> Result<Zeroizing<Vec<u8>>, EncryptionKeyError> {
    let mut derived = Zeroizing::new(vec![0; octets]);
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let filled = extracted.expand(&[info], Octets(octets)).and_then(|okm| okm.fill(&mut derived));
    filled.map_err(|Unspecified| EncryptionKeyError::Library)?;
    Ok(derived)
}

/// RFC 7638 section 3.2: a symmetric key is `k` and `kty`.
fn thumbprint(octets: &[u8]) -> String {
    let k = Zeroizing::new(base64url::encode(octets));
    let text = Zeroizing::new(format!(r#"{{"k":"{}","kty":"oct"}}"#, *k));
    let algorithm = if octets.len() == 64 { &SHA512 } else { &SHA256 };
    base64url::encode(digest(algorithm, text.as_bytes()).as_ref())
}

/// Encrypts `content` under `header`, and returns the compact serialisation.
///
/// The vector must be new for this key, and for A256CBC-HS512 one that nobody could foresee.
///
/// # Errors
///
/// Names what does not go together.
pub fn encrypt(
    header: &ProtectedHeader,
    key: &EncryptionKey,
    vector: &[u8],
    content: &[u8],
) -> Result<String, EncryptError> {
    let (expected, found) = (header.encryption(), key.encryption);
    if expected != found {
        return Err(EncryptError::KeyMismatch { expected, found });
    }
    let (expected, found) = (expected.vector_octets(), vector.len());
    if expected != found {
        return Err(EncryptError::Vector { expected, found });
    }
    let sealed = key.prepared.seal(vector, header.encoded().as_bytes(), content);
    let (ciphertext, tag) = sealed.map_err(|Unspecified| EncryptError::Library)?;
    let [vector, ciphertext, tag] = [vector, &ciphertext, &tag].map(base64url::encode);
    Ok(format!("{}..{vector}.{ciphertext}.{tag}", header.encoded()))
}

/// Decrypts the content of a JWE.
///
/// # Errors
///
/// [`DecryptError`], whatever is wrong.
pub fn decrypt(jwe: &Jwe<'_>, key: &EncryptionKey) -> Result<Vec<u8>, DecryptError> {
    if jwe.encryption() != key.encryption {
        return Err(DecryptError);
    }
    let opened = key.prepared.open(jwe.vector(), jwe.protected().as_bytes(), jwe.ciphertext(), jwe.tag());
    opened.map_err(|Unspecified| DecryptError)
}

/// As [`decrypt`], in the memory of the JWE itself.
///
/// # Errors
///
/// [`DecryptError`], whatever is wrong.
pub fn decrypt_in_place(jwe: Jwe<'_>, key: &EncryptionKey) -> Result<Vec<u8>, DecryptError> {
    if jwe.encryption() != key.encryption {
        return Err(DecryptError);
    }
    let aad = jwe.protected().as_bytes();
    key.prepared.open_in_place(aad, jwe.into_octets()).map_err(|Unspecified| DecryptError)
}

impl Prepared {
    /// Returns the ciphertext and the tag.
    fn seal(&self, vector: &[u8], aad: &[u8], content: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Unspecified> {
        match self {
            Self::CbcHmac(key) => {
                let context = EncryptionContext::Iv128(FixedLength::from(cbc_vector(vector)?));
                let mut ciphertext = content.to_vec();
                key.encrypting.less_safe_encrypt(&mut ciphertext, context)?;
                let tag = key.tag(vector, aad, &ciphertext)?;
                Ok((ciphertext, tag.to_vec()))
            }
            Self::Gcm(key) => {
                let mut ciphertext = content.to_vec();
                let nonce = Nonce::try_assume_unique_for_key(vector)?;
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut ciphertext)?;
                Ok((ciphertext, tag.as_ref().to_vec()))
            }
        }
    }

    fn open(&self, vector: &[u8], aad: &[u8], ciphertext: &[u8], tag: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::CbcHmac(key) => {
                // The tag first: of what nobody authenticated, not even the padding is looked at.
                verify_slices_are_equal(&key.tag(vector, aad, ciphertext)?, tag)?;
                let context = DecryptionContext::Iv128(FixedLength::from(cbc_vector(vector)?));
                let mut content = ciphertext.to_vec();
                let length = key.decrypting.decrypt(&mut content, context)?.len();
                content.truncate(length);
                Ok(content)
            }
            Self::Gcm(key) => {
                let mut content = vec![0; ciphertext.len()];
                let nonce = Nonce::try_assume_unique_for_key(vector)?;
                key.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, &mut content)?;
                Ok(content)
            }
        }
    }

    /// Opens vector, tag and ciphertext, one behind the other.
    fn open_in_place(&self, aad: &[u8], mut octets: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
        let (start, length) = match self {
            Self::CbcHmac(key) => {
                let (vector, tag, ciphertext) = parts::<16, 32>(&mut octets).ok_or(Unspecified)?;
                verify_slices_are_equal(&key.tag(&vector, aad, ciphertext)?, &tag)?;
                let context = DecryptionContext::Iv128(FixedLength::from(vector));
                (48, key.decrypting.decrypt(ciphertext, context)?.len())
            }
            Self::Gcm(key) => {
                let (vector, tag, _) = parts::<12, 16>(&mut octets).ok_or(Unspecified)?;
                octets.extend_from_slice(&tag);
                let (_, _, sealed) = parts::<12, 16>(&mut octets).ok_or(Unspecified)?;
                let nonce = Nonce::assume_unique_for_key(vector);
                (28, key.open_in_place(nonce, Aad::from(aad), sealed)?.len())
            }
        };
        octets.copy_within(start..start + length, 0);
        octets.truncate(length);
        Ok(octets)
    }
}

/// Takes a vector of `N` octets, a tag of `T`, and the rest.
fn parts<const N: usize, const T: usize>(octets: &mut [u8]) -> Option<([u8; N], [u8; T], &mut [u8])> {
    let (vector, rest) = octets.split_first_chunk_mut()?;
    let (tag, rest) = rest.split_first_chunk_mut()?;
    Some((*vector, *tag, rest))
}

impl CbcHmac {
    fn new(octets: &[u8]) -> Result<Self, Unspecified> {
        let (mac, cipher) = octets.split_at_checked(32).ok_or(Unspecified)?;
        Ok(Self {
            mac: MacKey::new(HMAC_SHA512, mac),
            encrypting: PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, cipher)?)?,
            decrypting: PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, cipher)?)?,
        })
    }

    /// The first half of the HMAC over header, vector, ciphertext and the header's length in bits (RFC 7518
    /// section 5.2.2.1).
    fn tag(&self, vector: &[u8], aad: &[u8], ciphertext: &[u8]) -> Result<[u8; 32], Unspecified> {
        let bits =
            u64::try_from(aad.len()).ok().and_then(|octets| octets.checked_mul(8)).ok_or(Unspecified)?;
        let mut context = Context::with_key(&self.mac);
        for part in [aad, vector, ciphertext, &bits.to_be_bytes()] {
            context.update(part);
        }
        context.sign().as_ref().first_chunk().copied().ok_or(Unspecified)
    }
}

fn cbc_vector(vector: &[u8]) -> Result<[u8; 16], Unspecified> {
    vector.try_into().map_err(|_| Unspecified)
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey").field("encryption", &self.encryption).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(octet).collect()
    }

    fn prepared(encryption: Encryption, octets: &[u8]) -> Prepared {
        EncryptionKey::from_octets(encryption, octets).unwrap().prepared
    }

    /// Here, because the additional data is no header: no [`Jwe`] can hold it.
    #[test]
    fn the_example_of_rfc_7518_appendix_b_3() {
        let octets: Vec<u8> = (0..64).collect();
        let content = b"A cipher system must not be required to be secret, and it must be able to fall into the hands of \
            the enemy without inconvenience";
        let vector = hex("1af38c2dc2b96ffdd86694092341bc04");
        let aad = b"The second principle of Auguste Kerckhoffs";
        let ciphertext = hex(
            "4affaaadb78c31c5da4b1b590d10ffbd 3dd8d5d302423526912da037ecbcc7bd 822c301dd67c373bccb584ad3e9279c2
             e6d12a1374b77f077553df829410446b 36ebd97066296ae6427ea75c2e0846a1 1a09ccf5370dc80bfecbad28c73f09b3
             a3b75e662a2594410ae496b2e2e6609e 31e6e02cc837f053d21f37ff4f51950b be2638d09dd7a4930930806d0703b1f6",
        );
        let tag = hex("4dd3b4c088a7f45c216839645b2012bf 2e6269a8c56a816dbc1b267761955bc5");
        let key = prepared(Encryption::A256CbcHs512, &octets);
        assert_eq!(key.seal(&vector, aad, content).unwrap(), (ciphertext.clone(), tag.clone()));
        assert_eq!(key.open(&vector, aad, &ciphertext, &tag).unwrap(), content);
        assert!(key.open(&vector, &aad[1..], &ciphertext, &tag).is_err());
    }

    /// The content of RFC 7516 appendix A.1. Here, because its key was agreed on in a way that no [`Jwe`] knows.
    #[test]
    fn the_content_of_rfc_7516_appendix_a_1() {
        let octets = hex("b1a1f480548fe1733fb403ff6b9ad4f6 8a076e5b702e22692f82cb2e7aea40fc");
        let vector = hex("e3c575fc02dbe944b4e14ddb");
        let aad = b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
        let content = b"The true sign of intelligence is not knowledge but imagination.";
        let ciphertext = base64url::decode(
            "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A",
        )
        .unwrap();
        let tag = base64url::decode("XFBoMYUZodetZdvTiFvSkQ").unwrap();
        let key = prepared(Encryption::A256Gcm, &octets);
        assert_eq!(key.seal(&vector, aad, content).unwrap(), (ciphertext.clone(), tag.clone()));
        assert_eq!(key.open(&vector, aad, &ciphertext, &tag).unwrap(), content);
    }

    /// RFC 5869 appendix A.1.
    #[test]
    fn the_first_example_of_rfc_5869() {
        let derived = hkdf(&[0x0b; 22], &hex("000102030405060708090a0b0c"), &hex("f0f1f2f3f4f5f6f7f8f9"), 42);
        let expected =
            hex("3cb25f25faacd57a90434f64d0362f2a 2d2d0a90cf1a5a4c5db02d56ecc4c5bf 34007208d5b887185865");
        assert_eq!(*derived.unwrap(), expected);
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = EncryptionKey::from_octets(Encryption::A256Gcm, &[7; 32]).unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains('7') && !shown.contains(key.thumbprint()), "{shown}");
    }
}
