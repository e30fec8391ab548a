//! The secrets that sessions are sealed with: the first seals, all open.

use nostore_message::Secret;

pub use super::error::SecretsError;

/// A secret that is shorter can be tried out by whoever has a session.
pub(super) const LEAST_OCTETS: usize = 32;

/// As many are tried at most, where a token does not name its key.
const MOST: usize = 16;

/// A list of secrets. Whoever drops one ends the sessions that were sealed with it.
#[derive(Clone, Debug)]
pub struct SealingSecrets(Vec<Secret>);

impl SealingSecrets {
    /// Takes secrets; the first seals, all open.
    ///
    /// # Errors
    ///
    /// When there is none, too many, or one with less than 32 octets.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, SecretsError> {
        let list = Self::danger_of_any_length(secrets)?;
        let short = list.0.iter().position(|secret| secret.expose().len() < LEAST_OCTETS);
        match short.and_then(|at| Some((at, list.0.get(at)?))) {
            Some((at, secret)) => Err(SecretsError::TooShort { place: at + 1, found: secret.expose().len() }),
            None => Ok(list),
        }
    }

    /// Takes secrets that may be short, as Auth.js takes them.
    ///
    /// Whoever holds one of his own cookies can try out short secrets, and become anybody with the right one. This is
    /// for reading what is there already.
    ///
    /// # Errors
    ///
    /// When there is none, too many, or one that is empty.
    pub fn danger_of_any_length(secrets: impl IntoIterator<Item = Secret>) -> Result<Self, SecretsError> {
        let list: Vec<Secret> = secrets.into_iter().collect();
        if list.is_empty() {
            return Err(SecretsError::Missing);
        }
        if list.len() > MOST {
            return Err(SecretsError::TooMany { most: MOST, found: list.len() });
        }
        match list.iter().position(Secret::is_empty) {
            Some(at) => Err(SecretsError::Empty { place: at + 1 }),
            None => Ok(Self(list)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter()
    }
}

/// Puts the secrets of `AUTH_SECRET` and `AUTH_SECRET_1` to `_3` into the order in which Auth.js uses them: each
/// number comes before what was there, so that the highest seals.
pub fn authjs_order(
    unnumbered: Option<Secret>,
    numbered: [Option<Secret>; 3],
) -> impl Iterator<Item = Secret> {
    numbered.into_iter().rev().chain([unnumbered]).flatten().filter(|secret| !secret.is_empty())
}
