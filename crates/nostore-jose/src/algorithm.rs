//! The signature algorithms that are supported (RFC 7518 section 3.1, RFC 8037 section 3.1).

use std::fmt;

/// An algorithm that signs with a private key and verifies with a public one.
///
/// The variants stand in the order of RFC 7518 section 3.1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// ECDSA over P-256 with SHA-256; the signature is R and S, 32 octets each (RFC 7518 section 3.4).
    Es256,
    /// Ed25519, under its older name `EdDSA` (RFC 8037 section 3.1).
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Rs384, Self::Rs512, Self::Es256, Self::EdDsa];

    /// Finds the algorithm by its registered name, which is case-sensitive (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Returns the registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Returns the `kty` of the keys that the algorithm takes (RFC 7518 section 6.1, RFC 8037
    /// section 2).
    #[must_use]
    pub const fn kty(self) -> &'static str {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 => "RSA",
            Self::Es256 => "EC",
            Self::EdDsa => "OKP",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
