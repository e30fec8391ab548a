//! The compact serialisation of a JWE (RFC 7516 section 7.1) with a key that is used as it is (`dir`), parsed
//! strictly and without that key.
//!
//! # Invariants
//!
//! - One way to agree on the key, `dir` (RFC 7518 section 4.5), and two to encrypt the content. What a header says
//!   besides is refused where it would change the meaning: `crit` (RFC 7516 section 4.1.13) and `zip` (section
//!   4.1.3), because the length of compressed text tells of what is in it.
//! - Vector and tag have exactly the length of their algorithm: a tag that is cut short is none.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{Header, base64url};

/// How content is encrypted and authenticated (RFC 7518 section 5.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Encryption {
    /// AES-256 in CBC mode with HMAC-SHA-512 (RFC 7518 section 5.2.5).
    A256CbcHs512,
    /// AES-256 in Galois/Counter mode (RFC 7518 section 5.3).
    A256Gcm,
}

impl Encryption {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A256CbcHs512, Self::A256Gcm];

    /// Finds the algorithm by its registered name, which is case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encryption| encryption.name() == name)
    }

    /// Returns the registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A256CbcHs512 => "A256CBC-HS512",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// Returns how many octets a key has.
    #[must_use]
    pub const fn key_octets(self) -> usize {
        match self {
            Self::A256CbcHs512 => 64,
            Self::A256Gcm => 32,
        }
    }

    /// Returns how many octets an initialization vector has.
    #[must_use]
    pub const fn vector_octets(self) -> usize {
        match self {
            Self::A256CbcHs512 => 16,
            Self::A256Gcm => 12,
        }
    }

    /// Returns how many octets a tag has.
    #[must_use]
    pub const fn tag_octets(self) -> usize {
        match self {
            Self::A256CbcHs512 => 32,
            Self::A256Gcm => 16,
        }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A protected header in its encoded form: what is sealed under it, and how a JWE is recognised without reading
/// its header once more.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtectedHeader {
    encoded: String,
    encryption: Encryption,
    header: Arc<Header>,
}

impl ProtectedHeader {
    /// Makes a header: `alg`, `enc`, then these parameters in this order.
    #[must_use]
    pub fn new(encryption: Encryption, parameters: &[(&str, &str)]) -> Self {
        let mut header = Map::new();
        let mut text = String::new();
        let first = [("alg", "dir"), ("enc", encryption.name())];
        for (name, value) in first.iter().chain(parameters) {
            let (key, quoted) = (Value::from(*name), Value::from(*value));
            let comma = if text.is_empty() { "" } else { "," };
            text += &format!("{comma}{key}:{quoted}");
            header.insert((*name).to_owned(), quoted);
        }
        let encoded = base64url::encode(format!("{{{text}}}").as_bytes());
        Self { encoded, encryption, header: Arc::new(Header::of(header)) }
    }

    /// Returns the text as it stands in a JWE.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// Returns how the content is encrypted.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }
}

/// A parsed JWE. What its header says is unverified until it was decrypted.
#[derive(Clone)]
pub struct Jwe<'a> {
    protected: &'a str,
    header: Arc<Header>,
    encryption: Encryption,
    /// Vector, tag and ciphertext, one behind the other.
    octets: Vec<u8>,
}

/// One of the five parts of the compact serialisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JwePart {
    /// The first part.
    Header,
    /// The second part.
    EncryptedKey,
    /// The third part.
    Vector,
    /// The fourth part.
    Ciphertext,
    /// The fifth part.
    Tag,
}

/// Why a text is not a JWE that we read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JweError {
    /// `alg` is another than `dir`.
    #[error("expected alg dir in the header")]
    Algorithm,
    /// A part is not strict base64url (RFC 7515 section 2).
    #[error("expected unpadded base64url in the {part}")]
    Base64 {
        /// Where.
        part: JwePart,
    },
    /// The ciphertext is not one or more blocks, as CBC mode makes them.
    #[error("expected whole blocks of 16 octets in the ciphertext, found {found} octets")]
    Blocks {
        /// How many octets there are.
        found: usize,
    },
    /// The content is compressed.
    #[error("expected no compression, found `zip`")]
    Compressed,
    /// The header names critical parameters; none is understood (RFC 7516 section 4.1.13).
    #[error("expected no critical header parameters, found `crit`")]
    Critical,
    /// There is an encrypted key, and with `dir` there is none (RFC 7518 section 4.5).
    #[error("expected an empty encrypted key")]
    EncryptedKey,
    /// `enc` is absent or not one of [`Encryption`].
    #[error("expected enc A256CBC-HS512 or A256GCM in the header")]
    Encryption,
    /// The header is not a JSON object in UTF-8.
    #[error("expected a JSON object in the header")]
    Header,
    /// A part has not as many octets as the algorithm wants.
    #[error("expected {expected} octets in the {part}, found {found}")]
    Octets {
        /// Where.
        part: JwePart,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// There are not exactly five parts.
    #[error("expected five parts separated by dots, found {found}")]
    Parts {
        /// How many parts there are.
        found: usize,
    },
}

impl JweError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Algorithm => "jwe-algorithm",
            Self::Base64 { .. } => "jwe-base64",
            Self::Blocks { .. } => "jwe-blocks",
            Self::Compressed => "jwe-compressed",
            Self::Critical => "jwe-critical",
            Self::EncryptedKey => "jwe-encrypted-key",
            Self::Encryption => "jwe-encryption",
            Self::Header => "jwe-header",
            Self::Octets { .. } => "jwe-octets",
            Self::Parts { .. } => "jwe-parts",
        }
    }
}

/// The five parts as they stand.
struct Texts<'a> {
    header: &'a str,
    key: &'a str,
    vector: &'a str,
    ciphertext: &'a str,
    tag: &'a str,
}

impl<'a> Texts<'a> {
    /// Takes the parts behind a known header by their lengths, which costs no search. A dot that is left in one of them
    /// is not base64url.
    fn under(header: &'a ProtectedHeader, rest: &'a str) -> Option<Self> {
        let encoded = |octets: usize| (octets * 4).div_ceil(3);
        let (vector, rest) =
            rest.strip_prefix('.')?.split_at_checked(encoded(header.encryption.vector_octets()))?;
        let rest = rest.strip_prefix('.')?;
        let tag_at = rest.len().checked_sub(encoded(header.encryption.tag_octets()))?;
        let (ciphertext, tag) = rest.split_at_checked(tag_at)?;
        Some(Self {
            header: &header.encoded,
            key: "",
            vector,
            ciphertext: ciphertext.strip_suffix('.')?,
            tag,
        })
    }

    fn of(text: &'a str) -> Result<Self, JweError> {
        let mut parts = text.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(key), Some(vector), Some(ciphertext), Some(tag), None) => {
                Ok(Self { header, key, vector, ciphertext, tag })
            }
            _ => Err(JweError::Parts { found: text.split('.').count() }),
        }
    }
}

impl<'a> Jwe<'a> {
    /// Parses the compact serialisation.
    ///
    /// # Errors
    ///
    /// Names the first part that is not as RFC 7516 section 5.2 wants it.
    pub fn parse(text: &'a str) -> Result<Self, JweError> {
        let texts = Texts::of(text)?;
        let bytes = decoded(texts.header, JwePart::Header)?;
        let header: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|_| JweError::Header)?;
        let header = Header::of(header);
        if header.parameters().contains_key("crit") {
            return Err(JweError::Critical);
        }
        if header.parameters().contains_key("zip") {
            return Err(JweError::Compressed);
        }
        if header.alg() != Some("dir") {
            return Err(JweError::Algorithm);
        }
        let encryption = header.parameters().get("enc").and_then(Value::as_str);
        let encryption = encryption.and_then(Encryption::from_name).ok_or(JweError::Encryption)?;
        Self::of(&texts, Arc::new(header), encryption)
    }

    /// Parses a JWE that has exactly this header. `None`: it has another, or is none at all.
    pub fn parse_under(text: &'a str, header: &'a ProtectedHeader) -> Option<Result<Self, JweError>> {
        let rest = text.strip_prefix(&header.encoded)?.strip_prefix('.')?;
        let texts = Texts::under(header, rest).map_or_else(|| Texts::of(text), Ok);
        Some(texts.and_then(|texts| Self::of(&texts, Arc::clone(&header.header), header.encryption)))
    }

    /// Decodes the parts behind the header; the longest comes last, so that what does not fit is found before.
    fn of(texts: &Texts<'a>, header: Arc<Header>, encryption: Encryption) -> Result<Self, JweError> {
        if !texts.key.is_empty() {
            return Err(JweError::EncryptedKey);
        }
        let (vector, tag) = (encryption.vector_octets(), encryption.tag_octets());
        // Some more than there are, because decoding asks for whole groups; and a tag behind the ciphertext for opening.
        let mut octets = Vec::with_capacity(vector + 2 * tag + texts.ciphertext.len() / 4 * 3 + 6);
        exactly(texts.vector, &mut octets, JwePart::Vector, vector)?;
        exactly(texts.tag, &mut octets, JwePart::Tag, tag)?;
        let part = JwePart::Ciphertext;
        base64url::decode_behind(texts.ciphertext, &mut octets).ok_or(JweError::Base64 { part })?;
        let found = octets.len() - vector - tag;
        if encryption == Encryption::A256CbcHs512 && (found == 0 || found % BLOCK != 0) {
            return Err(JweError::Blocks { found });
        }
        Ok(Self { protected: texts.header, header, encryption, octets })
    }

    /// Returns the protected header, unverified.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns how the content is encrypted.
    #[must_use]
    pub const fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// Returns the header as it stands: what is authenticated beside the content (RFC 7516 section 5.1).
    #[must_use]
    pub const fn protected(&self) -> &'a str {
        self.protected
    }

    /// Returns the initialization vector.
    #[must_use]
    pub fn vector(&self) -> &[u8] {
        self.split().0
    }

    /// Returns the encrypted content.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        self.split().2
    }

    /// Returns the authentication tag.
    #[must_use]
    pub fn tag(&self) -> &[u8] {
        self.split().1
    }

    /// Takes vector, tag and ciphertext apart. They were there when it was parsed.
    fn split(&self) -> (&[u8], &[u8], &[u8]) {
        let (vector, rest) = self.octets.split_at(self.encryption.vector_octets());
        let (tag, ciphertext) = rest.split_at(self.encryption.tag_octets());
        (vector, tag, ciphertext)
    }

    /// Gives its memory away: vector, tag and ciphertext.
    #[cfg(feature = "native")]
    pub(crate) fn into_octets(self) -> Vec<u8> {
        self.octets
    }
}

/// The block of AES, in octets.
const BLOCK: usize = 16;

fn decoded(text: &str, part: JwePart) -> Result<Vec<u8>, JweError> {
    base64url::decode(text).ok_or(JweError::Base64 { part })
}

fn exactly(text: &str, octets: &mut Vec<u8>, part: JwePart, expected: usize) -> Result<(), JweError> {
    // A text much longer than the part is not decoded to find out.
    let least = text.len() / 4 * 3;
    if least > expected + 3 {
        return Err(JweError::Octets { part, expected, found: least });
    }
    let before = octets.len();
    base64url::decode_behind(text, octets).ok_or(JweError::Base64 { part })?;
    let found = octets.len() - before;
    if found == expected { Ok(()) } else { Err(JweError::Octets { part, expected, found }) }
}

impl fmt::Debug for Jwe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwe").field("header", &self.header).finish_non_exhaustive()
    }
}

impl fmt::Display for JwePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::EncryptedKey => "encrypted key",
            Self::Vector => "initialization vector",
            Self::Ciphertext => "ciphertext",
            Self::Tag => "tag",
        })
    }
}
