//! Rotates the signing key of a service that does not run.

use std::path::PathBuf;
use std::sync::Arc;

use nostore_jose::SigningKey;
use nostore_message::UnixTime;

use super::data_dir::DataDir;
use super::error::OpenError;
use super::open::read_keys;
use crate::core::HeldKey;
use crate::store::Store;

/// What a rotation did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rotated {
    /// The name of the key that signs from now on.
    pub kid: String,
    /// The name of the one before.
    pub previous: String,
    /// Until when the one before stays in the JWK Set.
    pub published_until: UnixTime,
}

/// Makes a new signing key in a data directory that no service has open. The one before stays in the JWK Set
/// until its last token has run out and for [`crate::core::MARGIN_SECS`] more, or for `keep_secs` from now. Blocks for about a second.
///
/// # Errors
///
/// [`OpenError::NoData`] when there is no database, [`OpenError::DataDir`] when a service has it open (a running one
/// rotates with `POST /v1/instance/rotate_key`), or another [`OpenError`].
pub fn rotate_key(data_dir: PathBuf, now: UnixTime, keep_secs: Option<i64>) -> Result<Rotated, OpenError> {
    if !data_dir.join(super::data_dir::DATABASE).is_file() {
        return Err(OpenError::NoData { path: data_dir });
    }
    let dir = DataDir::open(data_dir)?;
    let mut store = Store::open(&dir.database()).map_err(|error| dir.unusable(error))?;
    let kept = store.load().map_err(|error| dir.unusable(error))?;
    let kept = kept.ok_or_else(|| OpenError::NoData { path: dir.database() })?;
    let keys = read_keys(kept.keys, &dir)?;
    // The next start says for how long it signs.
    let next = HeldKey::current(Arc::new(SigningKey::generate()?), now, 1);
    let kid = next.key.kid().to_owned();
    let before = keys.current().clone().retired(now, keep_secs);
    store.keep(&keys.rotation(next, now, keep_secs)).map_err(|error| dir.unusable(error))?;
    let published_until = before.dropped_at.unwrap_or(now);
    Ok(Rotated { kid, previous: before.key.kid().to_owned(), published_until })
}
