//! Text that fits where it is shown: cut in tables, wrapped in messages, whole everywhere but on a terminal.

use std::io::{IsTerminal as _, Write as _};

use textwrap::{Options, WordSplitter};

/// Columns of a table row besides path and verdict, with the spaces between.
const FIXED_COLUMNS: usize = 44;
/// Columns that the verdict should have before the path gets more than its least.
const WANTED_FOR_VERDICT: usize = 44;
const LEAST_FOR_PATH: usize = 14;
const MOST_FOR_PATH: usize = 32;

/// Prints a line.
pub(crate) fn say(line: &str) {
    // A reader that went away (`| head`) has seen enough.
    let _ = writeln!(anstream::stdout().lock(), "{line}");
}

/// Tells people something on standard error, behind a word.
pub(crate) fn tell(word: &str, text: &str) {
    let cyan = anstyle::AnsiColor::Cyan.on_default().bold();
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{cyan}{word}:{cyan:#} {text}");
}

/// Warns on standard error.
pub(crate) fn warn(text: &str) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(anstream::stderr().lock(), "{yellow}warning:{yellow:#} {text}");
}

/// How wide the output is; `usize::MAX` where it is no terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Width(usize);

impl Width {
    /// Takes what `COLUMNS` says, else what the terminal says.
    #[expect(clippy::disallowed_methods, reason = "the program's output starts here, and asks once")]
    pub(crate) fn of_output() -> Self {
        let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let asked = || {
            let size = if std::io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
            size.map_or(usize::MAX, |(terminal_size::Width(columns), _)| usize::from(columns))
        };
        Self(told.unwrap_or_else(asked))
    }

    /// Returns the columns for the path in a table of requests.
    pub(crate) fn path(self) -> usize {
        self.0.saturating_sub(FIXED_COLUMNS + WANTED_FOR_VERDICT).clamp(LEAST_FOR_PATH, MOST_FOR_PATH)
    }

    /// Returns the columns that are left for the verdict.
    pub(crate) fn verdict(self) -> usize {
        self.0.saturating_sub(FIXED_COLUMNS + self.path())
    }

    /// Wraps a text, styled or not, behind `lead`; further lines start with `indent` spaces.
    pub(crate) fn wrapped(self, lead: &str, text: &str, indent: usize) -> String {
        if self.0 == usize::MAX {
            return format!("{lead}{text}");
        }
        let indent = " ".repeat(indent);
        let options = Options::new(self.0.max(40))
            .initial_indent(lead)
            .subsequent_indent(&indent)
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::fill(text, options)
    }
}

/// Cuts a text to so many characters, the last of which then is an ellipsis.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns == 0 { kept } else { format!("{kept}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_by_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("ä", 0), "");
    }

    #[test]
    fn rows_fit_every_terminal_that_is_wide_enough() {
        for columns in FIXED_COLUMNS + LEAST_FOR_PATH..300 {
            let width = Width(columns);
            assert!(FIXED_COLUMNS + width.path() + width.verdict() <= columns, "{columns}");
        }
        assert_eq!(Width(120).path(), MOST_FOR_PATH);
        assert_eq!((Width(80).path(), Width(80).verdict()), (LEAST_FOR_PATH, 22));
        assert!(Width(usize::MAX).verdict() > 1_000);
    }

    #[test]
    fn styles_take_no_columns() {
        let text =
            Width(40).wrapped("\u{1b}[1mwhy\u{1b}[0m  ", "one two three four five six seven eight nine", 5);
        assert_eq!(text, "\u{1b}[1mwhy\u{1b}[0m  one two three four five six seven\n     eight nine");
    }
}
