//! What the site's secrets are used for besides sessions: sealing what is kept elsewhere, and naming sessions without
//! telling them.
//!
//! # Invariants
//!
//! - Every purpose has keys of its own: what was sealed for one opens for no other.
//! - The first secret seals, all open, as with sessions. The last one names: a session that outlasts a rotation keeps its
//!   name in the records, and processes of before and after the rotation name it alike.
//! - Randomness comes from the system, here and in [`crate::draw`] alone.

use nostore_jose::{
    Encryption, EncryptionKey, EncryptionKeyError, Jwe, ProtectedHeader, decrypt, derive_kid, encrypt,
};
use nostore_message::Secret;

use crate::draw;

/// What something is sealed for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// A sign-in that is under way, in a cookie.
    Attempt,
    /// The provider's tokens, in the store.
    Tokens,
}

impl Purpose {
    const fn code(self) -> &'static str {
        match self {
            Self::Attempt => "attempt",
            Self::Tokens => "tokens",
        }
    }

    const fn typ(self) -> &'static str {
        match self {
            Self::Attempt => "nostore-attempt",
            Self::Tokens => "nostore-tokens",
        }
    }
}

/// Seals and opens, and names.
pub(crate) struct Vault {
    attempts: Vec<(EncryptionKey, ProtectedHeader)>,
    tokens: Vec<(EncryptionKey, ProtectedHeader)>,
    naming: Secret,
}

impl Vault {
    /// Takes secrets; the first seals, the last names.
    pub(crate) fn new(secrets: &[Secret]) -> Result<Self, EncryptionKeyError> {
        let keys = |purpose: Purpose| {
            secrets.iter().map(|secret| key(secret, purpose)).collect::<Result<Vec<_>, _>>()
        };
        let naming = secrets.last().map_or_else(|| Secret::new(""), Clone::clone);
        Ok(Self { attempts: keys(Purpose::Attempt)?, tokens: keys(Purpose::Tokens)?, naming })
    }

    /// Seals a text. `None`: the cryptographic library refused, which is not expected.
    pub(crate) fn seal(&self, purpose: Purpose, text: &str) -> Option<String> {
        let (key, header) = self.keys(purpose).first()?;
        let vector: [u8; 12] = draw::octets();
        encrypt(header, key, &vector, text.as_bytes()).ok()
    }

    /// Opens what was sealed for that purpose.
    pub(crate) fn open(&self, purpose: Purpose, token: &str) -> Option<String> {
        let parsed = |header| Jwe::parse_under(token, header)?.ok();
        let keys = self.keys(purpose).iter();
        let octets = keys.filter_map(|(key, header)| decrypt(&parsed(header)?, key).ok()).next()?;
        String::from_utf8(octets).ok()
    }

    /// Names a session, a person or a network so that records can be told apart and nobody is told. The same for as long
    /// as the last secret is.
    pub(crate) fn name(&self, what: &str, value: &str) -> String {
        let info = format!("nostore name of a {what}: {value}");
        // It cannot fail with lengths as these; a name that says so is still no token.
        derive_kid(self.naming.expose().as_bytes(), b"nostore events 1", info.as_bytes())
            .unwrap_or_else(|_| "unnamed".to_owned())
    }

    fn keys(&self, purpose: Purpose) -> &[(EncryptionKey, ProtectedHeader)] {
        match purpose {
            Purpose::Attempt => &self.attempts,
            Purpose::Tokens => &self.tokens,
        }
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(redacted)")
    }
}

fn key(secret: &Secret, purpose: Purpose) -> Result<(EncryptionKey, ProtectedHeader), EncryptionKeyError> {
    let secret = secret.expose().as_bytes();
    let info = |what: &str| format!("nostore sign-in 1, {what} for {}", purpose.code());
    let key = EncryptionKey::derive(Encryption::A256Gcm, secret, b"", info("key").as_bytes())?;
    let kid = derive_kid(secret, b"", info("name of the key").as_bytes())?;
    Ok((key, ProtectedHeader::new(Encryption::A256Gcm, &[("kid", &kid), ("typ", purpose.typ())])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(secrets: &[&str]) -> Vault {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        Vault::new(&secrets).unwrap()
    }

    const OLD: &str = "the old secret, of more than thirty-two octets";
    const NEW: &str = "the new secret, of more than thirty-two octets";

    #[test]
    fn what_was_sealed_opens_for_its_purpose_alone_and_after_a_rotation() {
        let old = vault(&[OLD]);
        let sealed = old.seal(Purpose::Attempt, "state and nonce").unwrap();
        assert!(!sealed.contains("state"));
        assert_eq!(old.open(Purpose::Attempt, &sealed).as_deref(), Some("state and nonce"));
        assert_eq!(old.open(Purpose::Tokens, &sealed), None);
        assert_eq!(vault(&[NEW, OLD]).open(Purpose::Attempt, &sealed).as_deref(), Some("state and nonce"));
        assert_eq!(vault(&[NEW]).open(Purpose::Attempt, &sealed), None);
        assert_eq!(old.open(Purpose::Attempt, "no.token"), None);
    }

    #[test]
    fn a_name_is_stable_and_tells_nothing() {
        let name = vault(&[OLD]).name("session", "sid_1");
        assert_eq!(name, vault(&[NEW, OLD]).name("session", "sid_1"), "whoever has it goes on under it");
        assert_ne!(name, vault(&[NEW]).name("session", "sid_1"));
        assert_ne!(name, vault(&[OLD]).name("network", "sid_1"));
        assert!(!name.contains("sid"));
    }
}
