//! The cookies of a session in a request: the whole one, the chunks, and what is left over.

use nostore_message::Cookies;

use super::SealedCookie;
use super::cookie::Part;

/// How many chunks are read.
pub(super) const MOST_CHUNKS: usize = 8;
/// How many cookies with the whole name are tried: with other paths or domains, a browser sends several.
const MOST_WHOLE: usize = 4;
/// How many characters are read: what so many chunks hold.
const MOST_CHARS: usize = MOST_CHUNKS * 4_096;

/// What a request carries.
#[derive(Debug, Default)]
pub(super) struct Found<'r> {
    whole: [Option<&'r str>; MOST_WHOLE],
    /// The first and the last value of each name.
    chunks: [Option<(&'r str, &'r str)>; MOST_CHUNKS],
    any: bool,
}

/// Which value counts where a browser sends several chunks with one name: it does so for cookies with other paths or
/// domains, and which of them is left over cannot be seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pick {
    First,
    Last,
}

impl<'r> Found<'r> {
    pub(super) fn read(cookies: &Cookies<'r>, cookie: &SealedCookie) -> Self {
        let mut found = Self::default();
        for (name, value) in cookies.iter() {
            let Some(part) = cookie.part(name) else { continue };
            found.any = true;
            match part {
                Part::Whole => {
                    if let Some(free) = found.whole.iter_mut().find(|whole| whole.is_none()) {
                        *free = Some(value);
                    }
                }
                Part::Chunk(at) => {
                    if let Some(chunk) = found.chunks.get_mut(at) {
                        *chunk = Some((chunk.map_or(value, |(first, _)| first), value));
                    }
                }
            }
        }
        found
    }

    /// Tells whether there is any cookie of a session.
    pub(super) const fn any(&self) -> bool {
        self.any
    }

    /// Lists the values of the cookies with the whole name.
    pub(super) fn whole(&self) -> impl Iterator<Item = &'r str> {
        self.whole.into_iter().flatten().filter(|value| value.len() <= MOST_CHARS)
    }

    /// Lists which chunks to pick: where no name is repeated there is one way.
    pub(super) fn picks(&self) -> &'static [Pick] {
        let repeated = self.chunks.iter().flatten().any(|(first, last)| first != last);
        if repeated { &[Pick::First, Pick::Last] } else { &[Pick::First] }
    }

    /// Joins the chunks from the first on, as far as none is missing or empty.
    ///
    /// The last ones may be left over from a longer session: where the token ends, only its opening tells.
    pub(super) fn run(&self, pick: Pick) -> Run {
        let mut run = Run { text: String::new(), ends: Vec::new() };
        let picked = |(first, last)| if pick == Pick::First { first } else { last };
        for chunk in self.chunks.map(|chunk| chunk.map(picked)) {
            match chunk {
                Some(chunk) if !chunk.is_empty() && run.text.len() + chunk.len() <= MOST_CHARS => {
                    run.text.push_str(chunk);
                    run.ends.push(run.text.len());
                }
                _ => break,
            }
        }
        run
    }
}

/// Chunks that follow each other.
#[derive(Debug)]
pub(super) struct Run {
    text: String,
    /// Where each chunk ends.
    ends: Vec<usize>,
}

impl Run {
    /// Lists what may be a token, with the number of its chunks, the longest first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (usize, &str)> {
        let candidate = |(at, end): (usize, &usize)| Some((at + 1, self.text.get(..*end)?));
        self.ends.iter().enumerate().rev().filter_map(candidate)
    }
}
