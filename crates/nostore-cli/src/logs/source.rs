//! Where logs come from: files, plain or compressed, and standard input. Everything streams.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use nostore_logs::{Fields, Format, Parser};

use crate::error::Failed;

/// So many octets at the beginning tell the format.
const SAMPLE: usize = 64 << 10;
/// Until a file has come to so many octets, it may expand as it likes.
const EXPANDS_FREELY: u64 = 256 << 20;
/// Logs become ten to fifty times as long. What becomes longer than so many times is no log.
const MOST_EXPANSION: u64 = 250;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A log that is about to be read.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) format: Format,
    /// The time of its first line that has one.
    pub(super) first: Option<i64>,
    /// Its size as it lies there; 0 where that is not known.
    pub(super) size: u64,
    /// `None`: it is opened anew when its turn comes, since there may be more files than may be open.
    open: Option<Stream>,
    path: PathBuf,
    /// The octets that were read from what lies there.
    taken: Rc<Cell<u64>>,
    given: u64,
    compressed: bool,
}

type Stream = Chain<Cursor<Vec<u8>>, Box<dyn Read>>;

/// Why reading ends early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stopped {
    /// It expands beyond what any log does.
    #[error("it expands to more than {MOST_EXPANSION} times its size, as no log does")]
    Bomb,
    /// It was there, and is no more.
    #[error("it is gone")]
    Gone,
    /// What lies there cannot be read, or is not compressed as it should be.
    #[error("{0}")]
    Read(io::Error),
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

impl Source {
    /// Opens a file and knows what it is; an empty one is nothing.
    pub(super) fn open(path: &Path, named: Option<Format>, fields: &Fields) -> Result<Option<Self>, Failed> {
        let is_input = path == Path::new("-");
        let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
        let taken = Rc::new(Cell::new(0));
        let (size, is_file) = size(path, is_input);
        let opened = stream(path, &taken);
        let unread = |error: &io::Error| {
            Failed::new(format!("expected to read {}", super::text::printable(&name)))
                .because(error)
                .exit_code(2)
        };
        let (compressed, mut stream) = opened.map_err(|error| unread(&error))?;
        let mut sample = vec![0; SAMPLE];
        let mut length = 0;
        while length < SAMPLE {
            match stream.read(&mut sample[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                // What comes before the fault is read.
                Err(_) if length > 0 => break,
                Err(error) => return Err(unread(&error)),
            }
        }
        sample.truncate(length);
        if length == 0 {
            return Ok(None);
        }
        let Some(format) = named.or_else(|| Format::detect(&sample, fields)) else {
            return Err(unknown(&name));
        };
        let first = if format == Format::Pattern { None } else { first_time(&sample, format, fields) };
        let open = (!is_file).then(|| Cursor::new(sample).chain(stream));
        if is_file {
            taken.set(0);
        }
        let given = 0;
        Ok(Some(Self { name, format, first, size, open, path: path.to_owned(), taken, given, compressed }))
    }

    /// How many octets of what lies there were read.
    pub(super) fn taken(&self) -> u64 {
        self.taken.get()
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Stopped> {
        let stream = match &mut self.open {
            Some(stream) => stream,
            None => {
                let (_, stream) = stream(&self.path, &self.taken).map_err(|_| Stopped::Gone)?;
                self.open.insert(Cursor::new(Vec::new()).chain(stream))
            }
        };
        let count = match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return self.read(buffer),
            read => read.map_err(Stopped::Read)?,
        };
        self.given += count as u64;
        let most = EXPANDS_FREELY.max(self.taken.get().saturating_mul(MOST_EXPANSION));
        if self.compressed && self.given > most { Err(Stopped::Bomb) } else { Ok(count) }
    }
}

fn size(path: &Path, is_input: bool) -> (u64, bool) {
    let known = if is_input { None } else { path.metadata().ok().filter(std::fs::Metadata::is_file) };
    known.map_or((0, false), |metadata| (metadata.len(), true))
}

/// What lies there, decompressed if it is compressed.
fn stream(path: &Path, taken: &Rc<Cell<u64>>) -> io::Result<(bool, Box<dyn Read>)> {
    let raw: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
    let mut raw = Counted { inner: raw, count: Rc::clone(taken) };
    let mut magic = [0; 2];
    let mut length = 0;
    while length < 2 {
        match raw.read(&mut magic[length..])? {
            0 => break,
            count => length += count,
        }
    }
    let raw = Cursor::new(magic[..length].to_vec()).chain(raw);
    let compressed = magic == GZIP;
    Ok((compressed, if compressed { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) }))
}

fn first_time(sample: &[u8], format: Format, fields: &Fields) -> Option<i64> {
    let mut parser = Parser::new(format, fields.clone());
    let mut lines = sample.split(|byte| *byte == b'\n');
    lines.find_map(|line| Some(parser.parse(line).ok()??.time))
}

fn unknown(name: &str) -> Failed {
    let what = format!(
        "{}: expected JSON lines, Common or Combined, or CloudFront's standard log; the first lines are none of them",
        super::text::printable(name)
    );
    let hint =
        "describe the lines with --pattern, as `nostore logs --help` shows, or name the format with --format";
    Failed::new(what).hint(hint).exit_code(2)
}

/// The files that a name with `*` and `?` stands for; a file of that very name comes first.
pub(super) fn expanded(pattern: &Path) -> Result<Vec<PathBuf>, Failed> {
    let text = pattern.to_string_lossy();
    if !text.contains(['*', '?']) || pattern.exists() {
        return Ok(vec![pattern.to_owned()]);
    }
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let name = part.as_os_str();
        let wild = name.to_string_lossy();
        if !wild.contains(['*', '?']) {
            found.iter_mut().for_each(|path| path.push(name));
            continue;
        }
        let mut next = Vec::new();
        for folder in &found {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
            let matching = names.filter(|name| matches(wild.as_bytes(), name.to_string_lossy().as_bytes()));
            next.extend(
                matching.map(|name| if folder == Path::new(".") { name.into() } else { folder.join(name) }),
            );
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    found.sort();
    if found.is_empty() {
        let text = super::text::printable(&text);
        return Err(Failed::usage(format!("expected files of the name {text}, found none")));
    }
    Ok(found)
}

/// Tells whether a name is as a pattern says; hidden ones are named in full.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut at, mut in_name) = (0, 0);
    // Where the last star was, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[in_name] => (at, in_name) = (at + 1, in_name + 1),
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                (at, in_name) = (place + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_match_patterns() {
        let rows = [
            ("access.log*", "access.log", true),
            ("access.log*", "access.log.2.gz", true),
            ("access.log*", "error.log", false),
            ("*.gz", "a.gz", true),
            ("*.gz", "a.gz.tmp", false),
            ("*.gz", ".gz", false),
            (".*", ".gz", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*aab", "aaaab", true),
            ("", "", true),
            ("*", "", true),
        ];
        for (pattern, name, expected) in rows {
            assert_eq!(super::matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
