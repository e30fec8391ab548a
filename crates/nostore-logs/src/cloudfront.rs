//! CloudFront's standard log: fields between tabs, in the order that `#Fields:` says.

use crate::record::{Broken, Fields, Record, Role, is_hit, said, status};
use crate::time::Days;

/// So many columns are looked at.
const MOST_COLUMNS: usize = 64;
const NOWHERE: usize = usize::MAX;

/// Reads lines of CloudFront's standard log.
#[derive(Debug)]
pub(crate) struct CloudFront {
    columns: [usize; NAMES.len()],
    /// How many columns a line has at least.
    least: usize,
    session: usize,
    session_name: Option<Vec<u8>>,
    /// So many columns are looked at.
    most: usize,
    days: Days,
}

/// What is looked for, and where it stands if no line says so.
const NAMES: [(&str, usize); 11] = [
    ("date", 0),
    ("time", 1),
    ("c-ip", 4),
    ("cs-method", 5),
    ("cs-uri-stem", 7),
    ("sc-status", 8),
    ("cs(Referer)", 9),
    ("cs(User-Agent)", 10),
    ("cs(Cookie)", 12),
    ("x-edge-result-type", 13),
    ("timestamp", NOWHERE),
];

impl CloudFront {
    pub(crate) fn new(fields: &Fields) -> Self {
        let session_name = fields.of(Role::Session).map(|name| name.as_bytes().to_vec());
        let columns = NAMES.map(|(_, at)| at);
        Self { columns, least: 14, session: NOWHERE, session_name, most: 14, days: Days::default() }
    }

    /// Reads a line; one that begins with `#` is about the file.
    pub(crate) fn parse<'a>(&mut self, line: &'a [u8]) -> Result<Option<Record<'a>>, Broken> {
        if let Some(about) = line.strip_prefix(b"#") {
            if let Some(names) = about.strip_prefix(b"Fields:") {
                self.learn(names);
            }
            return Ok(None);
        }
        let mut cells: [&[u8]; MOST_COLUMNS] = [b""; MOST_COLUMNS];
        let (mut from, mut count) = (0, 0);
        for tab in memchr::memchr_iter(b'\t', line).chain([line.len()]).take(self.most) {
            cells[count] = &line[from..tab];
            (from, count) = (tab + 1, count + 1);
        }
        if count < self.least {
            return Err(Broken::Fields);
        }
        let [date, clock, address, method, path, code, referer, agent, cookies, result, stamp] =
            self.columns.map(|at| cells.get(at).copied().unwrap_or_default());
        let time =
            self.days.date_and_clock(date, clock).or_else(|| self.days.any(stamp)).ok_or(Broken::Time)?;
        Ok(Some(Record {
            time,
            session: said(cells.get(self.session).copied().unwrap_or_default()),
            cookies: said(cookies),
            agent: said(agent),
            address,
            method,
            path,
            status: status(code),
            referer: said(referer),
            hit: is_hit(result),
            ..Record::default()
        }))
    }

    fn learn(&mut self, names: &[u8]) {
        let names: Vec<&[u8]> =
            names.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()).take(MOST_COLUMNS).collect();
        let place = |wanted: &[u8]| names.iter().position(|name| *name == wanted).unwrap_or(NOWHERE);
        self.columns = NAMES.map(|(name, _)| place(name.as_bytes()));
        self.least = self.columns.iter().filter(|at| **at != NOWHERE).max().map_or(0, |at| at + 1);
        self.session = self.session_name.as_deref().map_or(NOWHERE, place);
        // What stands behind the last of them is not looked for.
        self.most = if self.session == NOWHERE { self.least } else { self.least.max(self.session + 1) };
    }
}
