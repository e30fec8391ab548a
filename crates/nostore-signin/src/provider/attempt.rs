//! A sign-in that has begun: what is kept in the visitor's browser until the provider sends them back.
//!
//! # Invariants
//!
//! - Everything that must not be guessed is a piece of the caller's entropy; nothing is drawn here.
//! - An attempt's id is the beginning of its `state`, so that the right cookie is found first. It is no secret: the rest
//!   of `state` is, and the whole of it is compared in constant time.
//! - Texts that are secret have no `Display` and a redacted `Debug`.
//!
//! # Not covered
//!
//! The cookie: the caller seals an [`Attempt`] (`serde`) into one of its own per attempt, so that several tabs can sign
//! in at once, and removes it when the attempt is finished, however that went.
//!
//! Specifications: RFC 6749 sections 4.1.1 and 10.12; RFC 7636 sections 4.1, 4.2 and 7.1; OpenID Connect Core 1.0
//! sections 3.1.2.1 and 15.5.2.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nostore_message::{Secret, UnixTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many bytes of entropy a sign-in needs.
pub const ENTROPY_BYTES: usize = 96;

/// For how long an attempt can be finished, in seconds.
pub const ATTEMPT_SECS: i64 = 600;

/// The characters of an id: 12 bytes in base64url.
const ID_CHARS: usize = 16;
/// The characters of `state`: the id and 24 bytes more.
const STATE_CHARS: usize = 48;

/// What a visitor wants who signs in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Begin {
    /// Where the visitor goes afterwards: a path of the site, already checked to be one.
    pub return_path: String,
    /// Whether the provider shall ask which account it is to be (`prompt=select_account`).
    pub select_account: bool,
    /// Whom the site expects: an address, as a rule (`login_hint`).
    pub login_hint: Option<String>,
}

/// A sign-in that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Where the visitor's browser goes now: the provider's authorization endpoint. Never to be stored by any cache.
    pub location: String,
    /// What is needed when they come back.
    pub attempt: Attempt,
}

/// What a site remembers of a sign-in under way. It ends [`ATTEMPT_SECS`] after it began.
///
/// Its serialised form holds secrets in clear: seal it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Attempt {
    id: String,
    #[serde(with = "secret")]
    state: Secret,
    #[serde(with = "secret")]
    nonce: Secret,
    #[serde(with = "secret")]
    verifier: Secret,
    return_path: String,
    issuer: String,
    began_millis: i64,
}

impl Attempt {
    pub(crate) fn new(
        entropy: &[u8; ENTROPY_BYTES],
        return_path: String,
        issuer: String,
        now: UnixTime,
    ) -> Self {
        // Every piece is a multiple of three bytes long, so that the pieces' texts are pieces of the text.
        let text = URL_SAFE_NO_PAD.encode(entropy);
        let (state, rest) = text.split_at(STATE_CHARS);
        let (nonce, verifier) = rest.split_at(32);
        Self {
            id: state.split_at(ID_CHARS).0.to_owned(),
            state: Secret::new(state),
            nonce: Secret::new(nonce),
            verifier: Secret::new(verifier),
            return_path,
            issuer,
            began_millis: now.millis(),
        }
    }

    /// Returns the id of the attempt that a callback's `state` belongs to; nothing where no attempt has such a `state`.
    ///
    /// Nothing is proven by it: it says which attempt to compare with.
    #[must_use]
    pub fn id_of_state(state: &str) -> Option<&str> {
        let well_formed = state.len() == STATE_CHARS && state.bytes().all(is_base64url);
        well_formed.then(|| state.split_at(ID_CHARS).0)
    }

    /// Returns the id: 16 characters of base64url, fit for a cookie's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns where the visitor goes afterwards.
    #[must_use]
    pub fn return_path(&self) -> &str {
        &self.return_path
    }

    /// Returns the identifier of the provider that the visitor was sent to.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns when the attempt began.
    #[must_use]
    pub const fn began(&self) -> UnixTime {
        UnixTime::from_millis(self.began_millis)
    }

    /// Returns from when on the attempt cannot be finished any more.
    #[must_use]
    pub const fn ends(&self) -> UnixTime {
        self.began().plus_secs(ATTEMPT_SECS)
    }

    pub(crate) const fn state(&self) -> &Secret {
        &self.state
    }

    pub(crate) const fn nonce(&self) -> &Secret {
        &self.nonce
    }

    pub(crate) const fn verifier(&self) -> &Secret {
        &self.verifier
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// A secret in what will be sealed.
mod secret {
    use super::{Deserialize as _, Deserializer, Secret, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_found_by_its_state_and_prints_no_secret() {
        let entropy: [u8; ENTROPY_BYTES] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let attempt = Attempt::new(
            &entropy,
            "/a?b".to_owned(),
            "https://issuer.example".to_owned(),
            UnixTime::from_secs(1),
        );
        let state = attempt.state().expose();
        assert_eq!(Attempt::id_of_state(state), Some(attempt.id()));
        assert_eq!((attempt.nonce().expose().len(), attempt.verifier().expose().len()), (32, 48));
        assert_eq!(attempt.ends(), UnixTime::from_secs(601));
        let printed = format!("{attempt:?}");
        for secret in [state, attempt.nonce().expose(), attempt.verifier().expose()] {
            assert!(!printed.contains(secret), "{printed}");
        }
        let kept: Attempt = serde_json::from_str(&serde_json::to_string(&attempt).unwrap()).unwrap();
        assert!(kept.state().matches(state));
        assert_eq!((kept.id(), kept.return_path(), kept.began()), (attempt.id(), "/a?b", attempt.began()));
    }

    #[test]
    fn what_is_no_state_of_ours_has_no_id() {
        let long = "a".repeat(49);
        for state in ["", "abc", &long[1..].replace('a', "."), &long, "ä".repeat(24).as_str()] {
            assert_eq!(Attempt::id_of_state(state), None, "{state}");
        }
        assert_eq!(Attempt::id_of_state(&long[1..]), Some(&long[..16]));
    }
}
