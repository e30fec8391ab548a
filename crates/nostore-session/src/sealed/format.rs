//! The formats: how a key follows from a secret, what the header says, and which key a token asks for.

use std::fmt;

use nostore_jose::{
    EncryptError, Encryption, EncryptionKey, EncryptionKeyError, Jwe, ProtectedHeader, decrypt_in_place,
    derive_kid, encrypt,
};

use super::{SealError, SealingSecrets};

/// What a token of ours is, in its header (RFC 7516 section 4.1.11).
const TYP: &str = "nostore-session+jwt";

/// How a session is sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SealedFormat {
    /// That of NextAuth 4: A256GCM, one key for all cookies, which no header names. It is read and never written.
    AuthJsV4,
    /// That of Auth.js 5: A256CBC-HS512, a key for each cookie's name, which the header names by its thumbprint.
    /// A256GCM is read as well, as Auth.js does.
    AuthJsV5,
    /// Ours: A256GCM, a key for each cookie's name.
    Nostore,
}

impl SealedFormat {
    /// Returns the stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AuthJsV4 => "authjs-v4",
            Self::AuthJsV5 => "authjs",
            Self::Nostore => "nostore",
        }
    }

    /// Tells whether sessions are sealed in it.
    #[must_use]
    pub const fn seals(self) -> bool {
        !matches!(self, Self::AuthJsV4)
    }
}

impl fmt::Display for SealedFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The keys of one format and one cookie, in the order of their secrets.
#[derive(Debug)]
pub(super) struct Keys {
    format: SealedFormat,
    keys: Vec<Derived>,
}

#[derive(Debug)]
struct Derived {
    /// The secret's place in the list.
    secret: usize,
    key: EncryptionKey,
    /// How tokens name the key; `None` where they do not.
    kid: Option<String>,
    /// The header of tokens that the format's writers make, by which most are known at once.
    header: Option<ProtectedHeader>,
}

/// What was in a token.
pub(super) struct Content {
    pub(super) octets: Vec<u8>,
    pub(super) secret: usize,
}

impl Keys {
    pub(super) fn derive(
        format: SealedFormat,
        name: &str,
        secrets: &SealingSecrets,
    ) -> Result<Self, EncryptionKeyError> {
        let mut keys = Vec::new();
        for (place, secret) in secrets.iter().enumerate() {
            let secret = secret.expose().as_bytes();
            match format {
                SealedFormat::AuthJsV4 => keys.push(Derived::version_4(place, secret)?),
                SealedFormat::AuthJsV5 => {
                    // The first one seals.
                    for encryption in [Encryption::A256CbcHs512, Encryption::A256Gcm] {
                        keys.push(Derived::version_5(place, secret, name, encryption)?);
                    }
                }
                SealedFormat::Nostore => keys.push(Derived::ours(place, secret, name)?),
            }
        }
        Ok(Self { format, keys })
    }

    pub(super) const fn format(&self) -> SealedFormat {
        self.format
    }

    /// Opens a token: with the key that it names, else with every one.
    pub(super) fn open(&self, token: &str) -> Option<Content> {
        for derived in &self.keys {
            let known = derived.header.as_ref().and_then(|header| Jwe::parse_under(token, header));
            if let Some(parsed) = known {
                return derived.open(parsed.ok()?);
            }
        }
        if self.format == SealedFormat::Nostore {
            // Nobody but us writes it, and always with a header that is known.
            return None;
        }
        let jwe = Jwe::parse(token).ok()?;
        let named = jwe.header().parameters().contains_key("kid");
        let fits = |derived: &&Derived| {
            !named || (derived.kid.is_some() && derived.kid.as_deref() == jwe.header().kid())
        };
        self.keys.iter().filter(fits).find_map(|derived| derived.open(jwe.clone()))
    }

    /// Seals content with the first secret.
    pub(super) fn seal(&self, content: &[u8], nonce: &[u8; 16]) -> Result<String, SealError> {
        // A configuration has secrets, and a format that seals: without, nothing is sealed.
        let first = self.keys.first().and_then(|first| Some((first, first.header.as_ref()?)));
        let (first, header) = first.ok_or(EncryptError::Library)?;
        let vector = nonce.get(..header.encryption().vector_octets()).unwrap_or(nonce);
        Ok(encrypt(header, &first.key, vector, content)?)
    }
}

impl Derived {
    fn version_4(place: usize, secret: &[u8]) -> Result<Self, EncryptionKeyError> {
        let key =
            EncryptionKey::derive(Encryption::A256Gcm, secret, b"", b"NextAuth.js Generated Encryption Key")?;
        Ok(Self { secret: place, key, kid: None, header: None })
    }

    fn version_5(
        place: usize,
        secret: &[u8],
        name: &str,
        encryption: Encryption,
    ) -> Result<Self, EncryptionKeyError> {
        let info = format!("Auth.js Generated Encryption Key ({name})");
        let key = EncryptionKey::derive(encryption, secret, name.as_bytes(), info.as_bytes())?;
        let kid = key.thumbprint().to_owned();
        let header = ProtectedHeader::new(encryption, &[("kid", &kid)]);
        Ok(Self { secret: place, key, kid: Some(kid), header: Some(header) })
    }

    /// The name of the key is derived beside it, short and for its own sake: it tells nothing of the key.
    fn ours(place: usize, secret: &[u8], name: &str) -> Result<Self, EncryptionKeyError> {
        let encryption = Encryption::A256Gcm;
        let info = |purpose: &str| format!("nostore sealed session 1, {purpose} {encryption}, cookie {name}");
        let salt = name.as_bytes();
        let key = EncryptionKey::derive(encryption, secret, salt, info("key for").as_bytes())?;
        let kid = derive_kid(secret, salt, info("name of the key for").as_bytes())?;
        let header = ProtectedHeader::new(encryption, &[("kid", &kid), ("typ", TYP)]);
        Ok(Self { secret: place, key, kid: Some(kid), header: Some(header) })
    }

    fn open(&self, jwe: Jwe<'_>) -> Option<Content> {
        decrypt_in_place(jwe, &self.key).ok().map(|octets| Content { octets, secret: self.secret })
    }
}
