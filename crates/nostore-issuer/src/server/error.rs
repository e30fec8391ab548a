//! Why the service does not start.

use std::path::PathBuf;

use nostore_jose::SigningKeyError;
use nostore_message::Origin;

use super::data_dir::DataDirError;
use crate::core::{RelyingPartyError, SeedError};

/// Why the service does not start. Nothing was changed that a second start would trip over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data directory is of no use.
    #[error("{0}")]
    DataDir(#[from] DataDirError),
    /// There is nothing in the data directory.
    #[error(
        "expected the data of an identity service in {path}, found none: start the service first, or name its directory with `--data DIR`"
    )]
    NoData {
        /// The directory.
        path: PathBuf,
    },
    /// The system gave no entropy, or the thread for the database did not start.
    #[error("expected {what} from the system, found none: {found}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        found: String,
    },
    /// The keys could not be made.
    #[error("{0}")]
    Key(#[from] SigningKeyError),
    /// No publishable key can name the origin.
    #[error(
        "no publishable key can name the identity service at {origin} ({found}): expected a host with a dot, such as http://127.0.0.1:8081"
    )]
    Origin {
        /// The configured origin.
        origin: Origin,
        /// What is wrong with the key.
        found: String,
    },
    /// A relying party is not as expected. None was registered.
    #[error("{0}")]
    RelyingParty(#[from] RelyingPartyError),
    /// The seed is not as expected. Nothing of it was applied.
    #[error("cannot use the seed {path}: {found}; nothing of it was applied")]
    Seed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: SeedError,
    },
    /// The seed cannot be read.
    #[error("cannot read the seed {path} ({found}): expected a JSON file that this user may read")]
    SeedFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        found: std::io::Error,
    },
    /// The kept signing key cannot be read.
    #[error(
        "the signing key in {path} cannot be read ({found}): move the file away to start afresh; everybody will be signed out"
    )]
    StoredKey {
        /// The database.
        path: PathBuf,
        /// What is wrong with the key.
        found: SigningKeyError,
    },
}

impl OpenError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DataDir(error) => error.code(),
            Self::Key(_) => "key-generation",
            Self::NoData { .. } => "no-data",
            Self::Origin { .. } => "origin",
            Self::RelyingParty(error) => error.code(),
            Self::Seed { found, .. } => found.code(),
            Self::SeedFile { .. } => "seed-file",
            Self::StoredKey { .. } => "stored-key",
            Self::System { .. } => "system",
        }
    }
}
