//! What is kept: small records with a revision, in any engine.
//!
//! A store knows nothing of sign-ins. It keeps records by kind and name, and changes one where nobody else changed it in
//! the meantime ([`Expected`]). Everything above (the allowlist, sessions, the lock of a refresh) is made of that, so that
//! every engine behaves alike and one change is one step: a process that is killed leaves none half-made.
//!
//! [`MemoryStore`] is for tests, [`SqliteStore`] for one machine; other engines have crates of their own. All of them pass one
//! suite of cases (the module `suite`, behind the feature of that name).
//!
//! # Invariants
//!
//! - A write that returned [`Written::Done`] is durable, and the next [`Store::read`], of any process, sees it.
//! - Of two writes that expect the same revision, one is done.
//! - A record whose end has come is absent, whether or not the engine has removed it.
//! - Revisions are drawn at random by whoever writes, so that none comes back, also not after a removal.
//! - What a store does not keep ([`Change::check`]) no engine gets to see.
//!
//! # Not covered
//!
//! Changes of several records at once; what records say; secrecy of contents (whoever writes seals).

mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "suite")]
pub mod suite;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use nostore_message::UnixTime;

pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;

/// The longest name, in octets of UTF-8.
pub const MAX_NAME_BYTES: usize = 512;
/// The longest content, in octets of UTF-8.
pub const MAX_CONTENT_BYTES: usize = 65_536;

/// What a store does while it waits.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps records.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns the records of these keys, in their order, as they are after every write that was done before.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] for a key that stores do not keep, [`StoreError::Newer`] where a newer release has taken the
    /// store over, [`StoreError::Engine`] where there is no answer.
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>>;

    /// Lists the records of a kind whose name begins with `prefix` (`""`: all), by name in the order of its octets.
    /// What changes meanwhile may be listed as it was or as it is.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>>;

    /// Makes one change where what is expected holds. A future that is dropped may make its change all the same.
    ///
    /// # Errors
    ///
    /// As [`Store::read`], and [`StoreError::Refused`] for a content that stores do not keep. After [`StoreError::Engine`] the
    /// change may have been made or not.
    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written>;

    /// Removes records that have ended, where the engine does not do so by itself. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Newer`] and [`StoreError::Engine`], as [`Store::read`].
    fn sweep(&self, now: UnixTime) -> StoreFuture<'_, u64>;
}

/// What records are about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Kind {
    /// Who may in.
    Allow,
    /// What is kept about the store itself.
    Meta,
    /// What is kept about a person over all sessions.
    Person,
    /// Sessions.
    Session,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Allow, Self::Meta, Self::Person, Self::Session];

    /// Returns the stable name, as engines write it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Meta => "meta",
            Self::Person => "person",
            Self::Session => "session",
        }
    }
}

/// Which record.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its name within the kind: 1 to 512 octets of UTF-8, without control characters.
    pub name: String,
}

impl Key {
    /// Names a record.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// Checks that stores keep such a name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] where they do not.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.name.is_empty() {
            return Err(StoreError::Refused { expected: "a name of a record that is not empty" });
        }
        check_prefix(&self.name)
    }
}

/// Checks that names which stores keep may begin like this.
///
/// # Errors
///
/// [`StoreError::Refused`] where none does.
pub fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    if prefix.len() > MAX_NAME_BYTES {
        return Err(StoreError::Refused { expected: "a name of a record of 512 octets at most" });
    }
    if prefix.chars().any(char::is_control) {
        return Err(StoreError::Refused { expected: "a name of a record without control characters" });
    }
    Ok(())
}

/// A record as it was read.
#[derive(Clone, Eq, PartialEq)]
pub struct Record {
    /// The content, at most 64 KiB: JSON, in all records of this crate.
    pub content: String,
    /// Which revision it is.
    pub revision: Revision,
    /// From when on it is absent. `None`: it stays.
    pub ends: Option<UnixTime>,
}

impl Record {
    /// Tells whether its end has come: it is absent from the millisecond on that [`Record::ends`] names.
    #[must_use]
    pub fn has_ended(&self, now: UnixTime) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

/// Contents hold tokens, if sealed ones, and addresses.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("revision", &self.revision)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// Tells one version of a record from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revision(pub u64);

/// What must hold for a change to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// There is no such record.
    Absent,
    /// Whatever there is.
    Anything,
    /// The record is of that revision.
    Revision(Revision),
}

impl Expected {
    /// Tells whether it holds of what is there. A record that has ended is not there.
    #[must_use]
    pub fn holds(self, there: Option<&Record>) -> bool {
        match self {
            Self::Absent => there.is_none(),
            Self::Anything => true,
            Self::Revision(revision) => there.is_some_and(|record| record.revision == revision),
        }
    }
}

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of which record.
    pub key: Key,
    /// What must hold.
    pub expected: Expected,
    /// What the record becomes. `None`: it is removed.
    pub record: Option<Record>,
}

impl Change {
    /// Checks that stores keep such a record: every engine does so first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] where they do not.
    pub fn check(&self) -> Result<(), StoreError> {
        self.key.check()?;
        match &self.record {
            Some(record) if record.content.len() > MAX_CONTENT_BYTES => {
                Err(StoreError::Refused { expected: "a content of a record of 64 KiB at most" })
            }
            _ => Ok(()),
        }
    }
}

/// What became of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a change that met another one was not made"]
pub enum Written {
    /// It is made, and durable.
    Done,
    /// It is not made: this is there instead.
    Conflict(Option<Record>),
}

/// Why a store could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What is there was written by a newer release.
    #[error(
        "expected a store of version {expected} at most, found version {found}: it was written by a newer release; run that one, or restore a copy from before"
    )]
    Newer {
        /// The newest version that is understood.
        expected: u32,
        /// The version that was found.
        found: u32,
    },
    /// A key or a content is none that stores keep.
    #[error("expected {expected}")]
    Refused {
        /// What was expected.
        expected: &'static str,
    },
    /// The store cannot be used as it is set up.
    #[error("expected {expected} at {place}, found {found}: {mend}")]
    Unusable {
        /// What was expected.
        expected: &'static str,
        /// Where: a path, an address or a table, without user and password.
        place: String,
        /// What was found instead.
        found: String,
        /// How to mend it.
        mend: &'static str,
    },
    /// The engine failed. A change may have been made or not.
    #[error("expected the store to answer ({doing})")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// What the engine says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "store-newer",
            Self::Refused { .. } => "store-refused",
            Self::Unusable { .. } => "store-unusable",
            Self::Engine { .. } => "store-engine",
        }
    }
}
