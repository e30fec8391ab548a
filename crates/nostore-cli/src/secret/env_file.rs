//! A file of variables, as `NAME=value` lines: read, changed in one place, written in one step.
//!
//! # Invariants
//!
//! - What is not changed stays to the octet: comments, order, quotes, ends of lines.
//! - Written beside the file and put in its place by one rename, with the file's own mode; new ones are for their owner.
//! - Once it is told that the file is written, it is on disk under its name.
//! - Whoever is killed while writing leaves the file as it was, and beside it a piece of a new one, which only its owner can
//!   read and the next one takes away. Who comes while another one writes waits, and changes nothing that has changed.
//!
//! # Not covered
//!
//! Values over several lines, and escapes within quotes: secrets have neither. Folders whose file system has no locks, with two
//! writers at once.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::Failed;

/// The mode of a file that is new.
const OWNERS: u32 = 0o600;

/// A file of variables.
pub(crate) struct EnvFile {
    path: PathBuf,
    /// What was read; nothing where there is no file yet.
    found: Option<String>,
    text: String,
    mode: u32,
}

/// Where a value stands in the text.
struct Place {
    start: usize,
    end: usize,
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not text.
    pub(crate) fn read(path: &Path) -> Result<Self, Failed> {
        let read = || {
            // What a link leads to is written, and the link stays.
            let path = fs::canonicalize(path)?;
            let mode = fs::metadata(&path)?.permissions().mode() & 0o7777;
            let text = fs::read_to_string(&path)?;
            Ok::<_, io::Error>(Self { path, found: Some(text.clone()), text, mode })
        };
        read().map_err(|error| {
            Failed::usage(format!("expected a file of variables at {}", path.display()))
                .because(&error)
                .hint("it is text with a line such as NOSTORE_SECRET=…")
        })
    }

    /// Reads a file, or starts one for its owner alone that holds `text`.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be read.
    pub(crate) fn read_or(
        path: &Path,
        text: impl FnOnce() -> Result<String, Failed>,
    ) -> Result<Self, Failed> {
        if path.exists() {
            return Self::read(path);
        }
        let file = Self { path: path.to_owned(), found: None, text: text()?, mode: OWNERS };
        file.write()?;
        Ok(file)
    }

    /// Returns the value of a variable.
    ///
    /// # Errors
    ///
    /// When the variable is there twice: readers of such files differ in which one counts.
    pub(crate) fn value(&self, name: &str) -> Result<Option<&str>, Failed> {
        Ok(self.place(name)?.and_then(|place| self.text.get(place.start..place.end)))
    }

    /// Gives a variable that is there another value.
    ///
    /// # Errors
    ///
    /// As [`Self::value`].
    pub(crate) fn with(mut self, name: &str, value: &str) -> Result<Self, Failed> {
        if let Some(Place { start, end }) = self.place(name)? {
            self.text.replace_range(start..end, value);
        }
        Ok(self)
    }

    /// Writes the file in one step.
    ///
    /// # Errors
    ///
    /// When the folder or the file cannot be written, or somebody else has written it since it was read. The file is as it
    /// was.
    pub(crate) fn write(&self) -> Result<(), Failed> {
        let not_written = || Failed::new(format!("{} was not written and is as it was", self.path.display()));
        let folder = self.folder().map_err(|error| not_written().because(&error))?;
        if self.is_changed() {
            return Err(
                not_written().hint("somebody else has changed it in this moment: run the command again")
            );
        }
        let beside = self.beside();
        let written = self.write_beside(&beside).and_then(|()| fs::rename(&beside, &self.path));
        written.map_err(|error| {
            // It may not be there.
            drop(fs::remove_file(&beside));
            not_written().because(&error)
        })?;
        folder.sync_all().map_err(|error| {
            Failed::new(format!("{} was written, but may be lost if the power fails", self.path.display()))
                .because(&error)
        })
    }

    /// Opens the folder, for this process alone among those that write here. Where there are no locks nothing is lost but
    /// that.
    fn folder(&self) -> io::Result<File> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = File::open(parent.unwrap_or(Path::new(".")))?;
        drop(folder.lock());
        Ok(folder)
    }

    fn is_changed(&self) -> bool {
        match &self.found {
            Some(found) => !fs::read_to_string(&self.path).is_ok_and(|present| present == *found),
            None => self.path.exists(),
        }
    }

    /// One name for all: what one leaves behind the next one finds.
    fn beside(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.new"))
    }

    fn write_beside(&self, beside: &Path) -> io::Result<()> {
        match fs::remove_file(beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // Left behind by one that was killed: nobody who lives writes here now.
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNERS).open(beside)?;
        file.write_all(self.text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.sync_all()
    }

    fn place(&self, name: &str) -> Result<Option<Place>, Failed> {
        let mut places = Vec::new();
        let mut at = 0;
        for line in self.text.split_inclusive('\n') {
            places.extend(
                value_of(line, name).map(|place| Place { start: at + place.start, end: at + place.end }),
            );
            at += line.len();
        }
        if places.len() > 1 {
            let text =
                format!("expected {name} once in {}, found it {} times", self.path.display(), places.len());
            return Err(
                Failed::usage(text).hint("leave the line that the site reads, and take out the others")
            );
        }
        Ok(places.pop())
    }
}

/// Finds the value in a line `NAME=value`, with or without `export`, quotes and a comment behind it.
fn value_of(line: &str, name: &str) -> Option<Place> {
    let rest = line.trim_start();
    let rest = rest.strip_prefix("export ").map_or(rest, str::trim_start);
    let rest = rest.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim_start_matches([' ', '\t']);
    let (rest, value) = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let rest = rest.get(1..)?;
            (rest, rest.split(quote).next()?)
        }
        _ => (rest, rest.split(|char: char| char.is_whitespace() || char == '#').next()?),
    };
    let start = line.len() - rest.len();
    Some(Place { start, end: start + value.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_as_people_write_it() {
        let rows = [
            ("NOSTORE_SECRET=abc\n", Some("abc")),
            ("export NOSTORE_SECRET=abc", Some("abc")),
            ("  NOSTORE_SECRET = \"a b,c\" # ours\r\n", Some("a b,c")),
            ("NOSTORE_SECRET='abc'\n", Some("abc")),
            ("NOSTORE_SECRET=abc,def # newest first\n", Some("abc,def")),
            ("NOSTORE_SECRET=abc\r\n", Some("abc")),
            ("NOSTORE_SECRET=\n", Some("")),
            ("#NOSTORE_SECRET=abc\n", None),
            ("NOSTORE_SECRET_OLD=abc\n", None),
            ("NOSTORE_SECRET\n", None),
        ];
        for (line, expected) in rows {
            let found = value_of(line, "NOSTORE_SECRET").map(|place| &line[place.start..place.end]);
            assert_eq!(found, expected, "{line:?}");
        }
    }
}
