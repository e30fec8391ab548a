//! What is kept: small records with a revision, in any engine.
//!
//! A store knows nothing of sign-ins. It keeps records by kind and name, and changes one where nobody else changed it in
//! the meantime ([`Expected`]). Everything above (the allowlist, sessions, the lock of a refresh) is made of that, so that
//! every engine behaves alike and one change is one step: a process that is killed leaves none half-made.
//!
//! # Invariants
//!
//! - A write that returned [`Written::Done`] is durable, and the next [`Store::read`], of any process, sees it.
//! - Of two writes that expect the same revision, one is done.
//! - A record whose end has come is absent, whether or not the engine has removed it.
//! - Revisions are drawn at random by whoever writes, so that none comes back, also not after a removal.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use nostore_message::UnixTime;

/// What a store does while it waits.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps records.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Returns the records of these keys, in their order, as they are after every write that was done before.
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>>;

    /// Lists the records of a kind whose name begins with `prefix` (`""`: all), by name in the order of its octets.
    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>>;

    /// Makes one change where what is expected holds.
    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written>;

    /// Removes records that have ended, where the engine does not do so by itself. Returns how many.
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
    /// Its name within the kind: at most 512 octets of UTF-8, without control characters.
    pub name: String,
}

impl Key {
    /// Names a record.
    #[must_use]
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
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
            Self::Engine { .. } => "store-engine",
        }
    }
}
