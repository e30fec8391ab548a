//! Reading logs: lines that anybody can have written into them.

use nostore_logs::{Fields, Finder, Format, Line, Lines, Parser, Reader, Role};

const FORMATS: [Format; 4] = [Format::Events, Format::Combined, Format::CloudFront, Format::Jsonl];

/// Which name of each format is said to be the session's, beside none: then a reader finds out for itself.
const NAMES: [&str; 4] = ["1", "user", "sid", "a.b"];

/// Reads the bytes as a log: the first says what is known of it, the second how it arrives.
///
/// # Panics
///
/// Where a line is read in another way because of those before it, or because of how the log was cut.
pub fn logs(bytes: &[u8]) {
    let Some(([known, cut], log)) = bytes.split_first_chunk() else { return };
    let format = FORMATS[usize::from(known % 4)];
    let name = NAMES.get(usize::from(known / 4 % 8)).copied();
    let fields = || {
        let mut fields = Fields::default();
        if let Some(name) = name {
            fields.name(Role::Session, name);
        }
        fields
    };
    let whole = lines(log, log.len().max(1));
    assert_eq!(whole, lines(log, usize::from(*cut).max(1)), "lines are the same however they arrive");

    let mut parser = Parser::new(format, fields());
    let (mut reader, mut finder) = (Reader::new(name), Finder::new());
    // A log tells the order of its fields in lines of its own; what else a reader finds out for itself is where ids stand.
    let mut about: Vec<&[u8]> = Vec::new();
    for (place, line) in whole.iter().enumerate() {
        let read = parser.parse(line);
        if name.is_some() || format != Format::Combined {
            let mut fresh = Parser::new(format, fields());
            for line in &about {
                let _ = fresh.parse(line);
            }
            assert_eq!(read, fresh.parse(line), "{}", String::from_utf8_lossy(line));
        }
        if let Ok(Some(record)) = &read {
            finder.take(&reader.entry(record, place as u64));
        }
        if line.starts_with(b"#") {
            about.push(line);
        }
    }
    let _ = Format::detect(log, &fields());
    let report = finder.report(reader.kinds(), format == Format::Events);
    assert!(report.sure() <= whole.len());
}

fn lines(log: &[u8], chunk: usize) -> Vec<Vec<u8>> {
    let (mut lines, mut found) = (Lines::new(), Vec::new());
    let mut take = |line: Line<'_>| {
        if let Line::Whole(line) = line {
            found.push(line.to_vec());
        }
    };
    log.chunks(chunk).for_each(|chunk| lines.feed(chunk, &mut take));
    lines.finish(&mut take);
    found
}
