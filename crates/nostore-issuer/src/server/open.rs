//! From a configuration to an issuer: keys, state and seed, kept or new.

use std::path::PathBuf;
use std::sync::Arc;

use nostore_jose::{SigningKey, SigningKeyError};
use nostore_message::{Secret, UnixTime};

use super::data_dir::DataDir;
use super::error::OpenError;
use crate::core::{Change, HeldKey, Issuer, KeyRing, Settings, State, secret_body};
use crate::store::{KeptKey, Store};

/// Reads a seed; returns what it changes.
pub(super) fn sow(issuer: &Issuer, path: PathBuf, now: UnixTime) -> Result<Vec<Change>, OpenError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(found) => return Err(OpenError::SeedFile { path, found }),
    };
    let mut starved = None;
    let mut entropy = || {
        let mut bytes = [0; 32];
        starved = getrandom::fill(&mut bytes).err().or(starved);
        bytes
    };
    let changes = issuer.seed(&text, now, &mut entropy);
    if let Some(error) = starved {
        return Err(OpenError::System { what: "entropy", found: error.to_string() });
    }
    changes.map_err(|found| OpenError::Seed { path, found })
}

/// Starts afresh: new keys, Alice and Bob.
pub(super) fn first(settings: Settings, now: UnixTime) -> Result<Issuer, OpenError> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)
        .map_err(|error| OpenError::System { what: "entropy", found: error.to_string() })?;
    let secret = Secret::new(secret_body(&entropy));
    let key = HeldKey::current(Arc::new(SigningKey::generate()?), now, settings.token_secs);
    restore(settings, KeyRing::new(key), &secret, State::first(now))
}

/// Opens a data directory, filling a new one.
pub(super) fn open_dir(
    settings: Settings,
    path: PathBuf,
    now: UnixTime,
) -> Result<(Issuer, Store, DataDir), OpenError> {
    let dir = DataDir::open(path)?;
    let mut store = Store::open(&dir.database()).map_err(|error| dir.unusable(error))?;
    let loaded = store.load().map_err(|error| dir.unusable(error))?;
    let issuer = if let Some(kept) = loaded {
        let keys = read_keys(kept.keys, &dir)?;
        let mut issuer = restore(settings, keys, &kept.secret, kept.state)?;
        let upkeep = issuer.upkeep(now);
        store.keep(&upkeep).map_err(|error| dir.unusable(error))?;
        issuer.apply(&upkeep);
        issuer
    } else {
        let issuer = first(settings, now)?;
        let mut changes = issuer.state().to_changes();
        changes.push(Change::PutKey(issuer.keys().current().clone()));
        store.create(issuer.secret_body(), &changes).map_err(|error| dir.unusable(error))?;
        issuer
    };
    Ok((issuer, store, dir))
}

pub(super) fn read_keys(kept: Vec<KeptKey>, dir: &DataDir) -> Result<KeyRing, OpenError> {
    let read = |kept: KeptKey| {
        let key = SigningKey::from_pkcs8(&kept.pkcs8.0)
            .map_err(|found| OpenError::StoredKey { path: dir.database(), found })?;
        let KeptKey { created_at, dropped_at, longest_secs, .. } = kept;
        Ok(HeldKey { key: Arc::new(key), created_at, dropped_at, longest_secs })
    };
    let keys = kept.into_iter().map(read).collect::<Result<Vec<_>, OpenError>>()?;
    let none = || OpenError::StoredKey { path: dir.database(), found: SigningKeyError::Pkcs8 };
    KeyRing::from_keys(keys).ok_or_else(none)
}

fn restore(settings: Settings, keys: KeyRing, secret: &Secret, state: State) -> Result<Issuer, OpenError> {
    let origin = settings.origin.clone();
    Issuer::restore(settings, keys, secret, state)
        .map_err(|error| OpenError::Origin { origin, found: error.to_string() })
}
