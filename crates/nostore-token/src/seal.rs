//! Seals what leaves the process, and hides what it is called (section 4.9 of the token client's specification).
//!
//! A sealed text is `version (1 byte) | nonce (12) | AES-256-GCM of the text (as long as it is) | tag (16)`.
//!
//! # Invariants
//!
//! - Whoever has no secret learns how long a text is and when it came, and nothing else: names hold session ids, so
//!   outside they are hidden ([`Seals::hide`]).
//! - What was sealed under one name opens under that name alone: each name has a key of its own. So the nonces, which are
//!   random, have to differ among the texts of one name, and not among all that were ever sealed with a secret.
//! - The first secret seals, all open: one is taken out of use by putting another before it everywhere, and then leaving
//!   it out.
//! - The secret may serve elsewhere: every key is derived from it with a context of our own.
//! - Total: any bytes open or give a fault, after at most one decryption a secret of a bounded text. No fault says
//!   anything of what was found but its length.
//!
//! # Not covered
//!
//! Replay: an old text opens for as long as its secret is among those given. A token says itself when it ends, and one
//! that knows less never takes the place of one that knows more.
//!
//! Specifications: RFC 5869 (HKDF, with SHA-256), RFC 2104 (HMAC), NIST SP 800-38D section 8.2.2 (random nonces).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_message::Secret;
use zeroize::Zeroizing;

use crate::message::MAX_MESSAGE_BYTES;

/// Shortest secret, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// By how many bytes a sealed text is longer than the text.
pub const SEAL_BYTES: usize = 1 + NONCE_LEN + TAG_BYTES;

/// Length of a hidden name, in bytes: 256 bits in base64url.
pub const HIDDEN_BYTES: usize = 43;

const TAG_BYTES: usize = 16;
const VERSION: u8 = 1;
const SEAL_CONTEXT: &[u8] = b"nostore token seal";
const NAME_CONTEXT: &[u8] = b"nostore token name";

/// Why nothing was sealed or opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SealFault {
    /// There is no secret.
    #[error("expected at least one secret to seal with, found none")]
    NoSecret,
    /// A secret is too short to be a secret.
    #[error(
        "expected secrets of at least {MIN_SECRET_BYTES} bytes, found one of {bytes} (number {number}); \
         `openssl rand -base64 32` makes a good one"
    )]
    ShortSecret {
        /// Which one, counted from 1.
        number: usize,
        /// Its length in bytes.
        bytes: usize,
    },
    /// It is longer than any honest message.
    #[error("expected at most {limit} bytes, found {bytes}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The most that would do.
        limit: usize,
    },
    /// It is too short, or of a version that is not known.
    #[error("expected a sealed text of version {VERSION}")]
    Form,
    /// No secret opens it: it was sealed with another one, or under another name, or changed.
    #[error("expected a text sealed under this name with one of the secrets")]
    Sealed,
    /// There is no entropy, or no memory.
    #[error("expected the system to give random bytes")]
    Entropy,
}

impl SealFault {
    /// Returns the stable name of the fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSecret => "seal-no-secret",
            Self::ShortSecret { .. } => "seal-short-secret",
            Self::TooLong { .. } => "seal-too-long",
            Self::Form => "seal-form",
            Self::Sealed => "seal-sealed",
            Self::Entropy => "seal-entropy",
        }
    }
}

/// What seals and opens: one for each secret.
pub struct Seals {
    first: Seal,
    others: Vec<Seal>,
}

struct Seal {
    derived: hkdf::Prk,
    names: hmac::Key,
}

/// A key of 256 bits, as HKDF wants to be asked for one.
struct Bits256;

impl hkdf::KeyType for Bits256 {
    fn len(&self) -> usize {
        32
    }
}

impl Seals {
    /// Seals with the first secret, and opens with all.
    ///
    /// # Errors
    ///
    /// [`SealFault::NoSecret`], or [`SealFault::ShortSecret`] for one below [`MIN_SECRET_BYTES`].
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, SealFault> {
        let seals = secrets.into_iter().enumerate().map(|(at, secret)| Seal::new(at + 1, &secret));
        let mut seals = seals.collect::<Result<Vec<_>, _>>()?;
        if seals.is_empty() {
            return Err(SealFault::NoSecret);
        }
        let first = seals.remove(0);
        Ok(Self { first, others: seals })
    }

    /// Seals a text under a name.
    ///
    /// # Errors
    ///
    /// [`SealFault::TooLong`] above [`MAX_MESSAGE_BYTES`], and [`SealFault::Entropy`].
    pub fn seal(&self, name: &str, text: &[u8]) -> Result<Vec<u8>, SealFault> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(SealFault::TooLong { bytes: text.len(), limit: MAX_MESSAGE_BYTES });
        }
        // Made as long as it will be, so that no copy of the text stays behind where it grows.
        let mut sealed = Zeroizing::new(Vec::with_capacity(text.len() + TAG_BYTES));
        sealed.extend_from_slice(text);
        let key = self.first.key(name)?;
        let nonce = key.seal_in_place_append_tag(Aad::from([VERSION]), &mut *sealed);
        let nonce = nonce.map_err(|_| SealFault::Entropy)?;
        Ok([&[VERSION], &nonce.as_ref()[..], &sealed].concat())
    }

    /// Opens what was sealed under a name.
    ///
    /// # Errors
    ///
    /// When it was not, or with none of the secrets.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealFault> {
        let limit = MAX_MESSAGE_BYTES + SEAL_BYTES;
        if sealed.len() > limit {
            return Err(SealFault::TooLong { bytes: sealed.len(), limit });
        }
        let (&[version], rest) = sealed.split_first_chunk().ok_or(SealFault::Form)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealFault::Form)?;
        if version != VERSION || sealed.len() < TAG_BYTES {
            return Err(SealFault::Form);
        }
        self.all().find_map(|seal| seal.open(name, nonce, sealed)).ok_or(SealFault::Sealed)
    }

    /// Hides a name: always the same text for a name and a secret, from which nobody without the secret learns the name.
    #[must_use]
    pub fn hide(&self, name: &str) -> String {
        self.first.hide(name)
    }

    /// Hides a name with each secret, the first one's first: where it may be found that others have hidden.
    pub fn hidden(&self, name: &str) -> impl Iterator<Item = String> {
        self.all().map(|seal| seal.hide(name))
    }

    fn all(&self) -> impl Iterator<Item = &Seal> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Seal {
    fn new(number: usize, secret: &Secret) -> Result<Self, SealFault> {
        let secret = secret.expose().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(SealFault::ShortSecret { number, bytes: secret.len() });
        }
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(secret);
        let names = hmac::Key::new(hmac::HMAC_SHA256, &*expand(&derived, &[NAME_CONTEXT])?);
        Ok(Self { derived, names })
    }

    fn key(&self, name: &str) -> Result<RandomizedNonceKey, SealFault> {
        // The context is of fixed length, so nothing is taken for part of the name.
        let key = expand(&self.derived, &[SEAL_CONTEXT, name.as_bytes()])?;
        RandomizedNonceKey::new(&AES_256_GCM, &*key).map_err(|_| SealFault::Entropy)
    }

    fn open(&self, name: &str, nonce: &[u8; NONCE_LEN], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut text = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key(name).ok()?.open_in_place(nonce, Aad::from([VERSION]), &mut text);
        let length = opened.ok()?.len();
        text.truncate(length);
        Some(text)
    }

    fn hide(&self, name: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.names, name.as_bytes()))
    }
}

fn expand(derived: &hkdf::Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>, SealFault> {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = derived.expand(info, Bits256).and_then(|output| output.fill(&mut *key));
    expanded.map_err(|_| SealFault::Entropy)?;
    Ok(key)
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seals({} secrets, redacted)", self.others.len() + 1)
    }
}
