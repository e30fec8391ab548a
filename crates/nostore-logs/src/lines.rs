//! Lines out of chunks. A line above [`MOST_LINE`] is passed over without being held.

/// So long may a line be, in octets, without what ends it.
pub const MOST_LINE: usize = 1 << 20;

/// Cuts chunks into lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// Whether the line that has begun is too long.
    skipping: bool,
}

/// What stands between two line ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line<'a> {
    /// A line, without what ends it.
    Whole(&'a [u8]),
    /// One above the bound. Nothing of it is known.
    TooLong,
}

impl Lines {
    /// Starts between two lines.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a chunk and hands on the lines that end in it.
    pub fn feed(&mut self, chunk: &[u8], mut take: impl FnMut(Line<'_>)) {
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let piece = &chunk[from..end];
            from = end + 1;
            if self.begun.is_empty() && !self.skipping {
                take(bounded(piece));
            } else {
                self.begin(piece);
                self.finish(&mut take);
            }
        }
        self.begin(&chunk[from..]);
    }

    /// Hands on a last line that nothing ends.
    pub fn finish(&mut self, mut take: impl FnMut(Line<'_>)) {
        if std::mem::take(&mut self.skipping) {
            take(Line::TooLong);
        } else if !self.begun.is_empty() {
            take(bounded(&self.begun));
        }
        self.begun.clear();
    }

    fn begin(&mut self, piece: &[u8]) {
        // One more for the carriage return that may end it.
        if self.skipping || self.begun.len() + piece.len() > MOST_LINE + 1 {
            self.skipping = true;
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(piece);
        }
    }
}

fn bounded(line: &[u8]) -> Line<'_> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MOST_LINE { Line::TooLong } else { Line::Whole(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], chunk: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new();
        let mut out = Vec::new();
        let mut take = |line: Line<'_>| match line {
            Line::Whole(line) => out.push(Some(line.to_vec())),
            Line::TooLong => out.push(None),
        };
        text.chunks(chunk).for_each(|chunk| lines.feed(chunk, &mut take));
        lines.finish(&mut take);
        out
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let text = b"a\r\n\nbcd\n\r\nlast";
        let expected: Vec<_> = [&b"a"[..], b"", b"bcd", b"", b"last"].map(|line| Some(line.to_vec())).into();
        for chunk in 1..=text.len() {
            assert_eq!(cut(text, chunk), expected, "{chunk}");
        }
    }

    #[test]
    fn lines_before_at_and_after_the_bound() {
        for (length, whole) in [(MOST_LINE - 1, true), (MOST_LINE, true), (MOST_LINE + 1, false)] {
            for end in ["\n", "\r\n", ""] {
                let text = ["x".repeat(length).as_str(), end].concat();
                for chunk in [4_096, text.len()] {
                    let found = cut([text.as_bytes(), b"next\n"].concat().as_slice(), chunk);
                    if end.is_empty() {
                        continue;
                    }
                    assert_eq!(found.len(), 2, "{length} {end:?}");
                    assert_eq!(found[0].is_some(), whole, "{length} {end:?} {chunk}");
                    assert_eq!(found[1].as_deref(), Some(&b"next"[..]));
                }
                assert_eq!(cut(text.as_bytes(), 4_096)[0].is_some(), whole, "{length} {end:?}");
            }
        }
    }

    #[test]
    fn a_line_that_never_ends_is_not_held() {
        let mut lines = Lines::new();
        for _ in 0..100 {
            lines.feed(&[b'x'; MOST_LINE / 2], |_| panic!("no line has ended"));
            assert!(lines.begun.capacity() <= 4 * MOST_LINE);
        }
        let mut found = Vec::new();
        lines.feed(b"\nb\n", |line| found.push(line == Line::TooLong));
        assert_eq!(found, [true, false]);
    }
}
