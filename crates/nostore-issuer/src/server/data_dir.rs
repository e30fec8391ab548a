//! The folder where everything is kept, and the lock on it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Why a data directory is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// The database in it cannot be used.
    #[error("cannot use the database {path}: {found}")]
    Database {
        /// The database.
        path: PathBuf,
        /// What was expected and found, as text.
        found: String,
        /// The stable name of the error.
        code: &'static str,
    },
    /// Another process has it open.
    #[error(
        "the data directory {path} is in use by another nostore process: stop that one, or choose another directory with `--data DIR`"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The path is a file's, or leads through one.
    #[error(
        "cannot use the data directory {path}: expected a folder, but {file} is a file; choose another directory with `--data DIR`"
    )]
    IsAFile {
        /// The directory.
        path: PathBuf,
        /// The file: the path itself, or where it leads through.
        file: PathBuf,
    },
    /// The directory cannot be made, read or written.
    #[error(
        "cannot {what} {path} ({found}): expected a data directory that this user may read and write; mend its permissions, or choose another directory with `--data DIR`"
    )]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        found: io::Error,
    },
}

impl DataDirError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Database { code, .. } => code,
            Self::InUse { .. } => "data-dir-in-use",
            Self::IsAFile { .. } => "data-dir-is-a-file",
            Self::Io { .. } => "data-dir-io",
        }
    }
}

/// The name of the database in it.
pub(super) const DATABASE: &str = "issuer.sqlite3";

/// An open data directory. The lock lasts as long as this value.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, with a `.gitignore` for all of it, and locks it.
    pub(crate) fn open(path: PathBuf) -> Result<Self, DataDirError> {
        let is_file = |path: &&Path| fs::metadata(path).is_ok_and(|found| !found.is_dir());
        if let Some(file) = path.ancestors().find(is_file).map(Path::to_owned) {
            return Err(DataDirError::IsAFile { path, file });
        }
        let fail = |what, path: &Path, found| DataDirError::Io { what, path: path.to_owned(), found };
        if !path.try_exists().map_err(|found| fail("read", &path, found))? {
            make_folder(&path).map_err(|found| fail("make the folder", &path, found))?;
            let ignore = path.join(".gitignore");
            fs::write(&ignore, "*\n").map_err(|found| fail("write", &ignore, found))?;
        }
        let lock_path = path.join("lock");
        let lock = private(&lock_path).map_err(|found| fail("write", &lock_path, found))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse { path }),
            Err(TryLockError::Error(found)) => return Err(fail("lock", &lock_path, found)),
        }
        let dir = Self { path, _lock: lock };
        let database = dir.database();
        drop(private(&database).map_err(|found| fail("write", &database, found))?);
        Ok(dir)
    }

    /// Returns the path of the database.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Says that the database cannot be used.
    #[expect(clippy::needless_pass_by_value, reason = "the end of the error")]
    pub(crate) fn unusable(&self, error: StoreError) -> DataDirError {
        DataDirError::Database { path: self.database(), code: error.code(), found: error.to_string() }
    }
}

/// Makes a folder that only this user may enter: it will hold private keys.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Opens a file for writing; a new one is readable by this user only.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(path)
}
