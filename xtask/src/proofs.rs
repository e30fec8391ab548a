//! The long proofs, and the tables of `docs/proofs.md`, which they write themselves.
//!
//! Each proof has a section with a table. A row says what was run, how often, and what was found; a second run on
//! one day with the same seed takes the place of the first.

use std::process::Command;

use crate::{differential, fuzz, signin, step, stores, tokens};

const FILE: &str = "docs/proofs.md";

/// How many seeds the histories of one kind take.
const HISTORIES: u64 = 500;

/// What a proof came to.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The heading of its section.
    pub(crate) section: &'static str,
    /// What was run, within the section.
    pub(crate) what: String,
    pub(crate) seed: String,
    /// How many cases.
    pub(crate) cases: String,
    pub(crate) seconds: f64,
    /// `None`: nothing.
    pub(crate) found: Option<String>,
}

/// Proves something from a seed.
type Proof = fn(&str) -> Result<Vec<Row>, String>;

/// What is proven, by name.
const PROOFS: [(&str, Proof); 7] = [
    ("decisions", differential::prove),
    ("navigations", histories),
    ("tokens", tokens::prove),
    ("tabs", tokens::prove_tabs),
    ("outages", stores::prove),
    ("kills", signin::prove),
    ("fuzzing", fuzz::prove),
];

/// Runs what takes too long for every change, each day from another seed, and writes down what was found. Names pick some.
pub(crate) fn run(names: &[String]) -> Result<(), String> {
    let known = PROOFS.map(|(name, _)| name);
    if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("expected names of proofs ({}), found `{name}`", known.join(", ")));
    }
    let today = step::output("date", &["-u", "+%F"])?;
    let today = today.trim();
    let seed = today.replace('-', "");
    let mut failed = Vec::new();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    for (_, prove) in PROOFS.into_iter().filter(|(name, _)| wanted(name)) {
        match prove(&seed) {
            Ok(rows) => {
                write(today, &rows)?;
                let found = |row: &Row| row.found.as_ref().map(|found| format!("{}: {found}", row.what));
                failed.extend(rows.iter().filter_map(found));
            }
            Err(error) => failed.push(error),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Navigations from many more cookie states than a test run has time for.
fn histories(seed: &str) -> Result<Vec<Row>, String> {
    let first: u64 = seed.parse().map_err(|error| format!("{seed}: {error}"))?;
    let mut command = Command::new("cargo");
    command
        .args([
            "test",
            "--quiet",
            "--package",
            "nostore-web",
            "--profile",
            "ci",
            "--test",
            "it",
            "--",
            "ending::",
        ])
        .env("NOSTORE_PROVE_SEEDS", format!("{first}..{}", first + HISTORIES));
    let done = step::watch("histories", command, |_| true)?;
    if !done.text.contains("test result: ") {
        return Err("histories: no test was run".to_owned());
    }
    let first = || done.text.split_once("left: \"").and_then(|(_, left)| left.split("\\n").next());
    let found = || first().unwrap_or("see the output").to_owned();
    Ok(vec![Row {
        section: "Navigations end",
        what: "histories".to_owned(),
        seed: seed.to_owned(),
        cases: grouped(HISTORIES),
        seconds: done.seconds,
        found: (!done.succeeded).then(found),
    }])
}

/// Writes rows into their tables.
fn write(date: &str, rows: &[Row]) -> Result<(), String> {
    let mut text = std::fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    for row in rows {
        text = placed(&text, date, row)
            .ok_or_else(|| format!("{FILE}: expected a table in the section `{}`", row.section))?;
    }
    std::fs::write(FILE, text).map_err(|error| format!("{FILE}: {error}"))
}

/// Puts a row in the place of the same day's run of the same seed, or at the end of the table; `None`: no table.
fn placed(text: &str, date: &str, row: &Row) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let heading = format!("## {}", row.section);
    let section = lines.iter().position(|line| *line == heading)? + 1;
    let start = section + lines[section..].iter().take_while(|line| !is_heading(line)).position(is_row)?;
    let end = start + lines[start..].iter().take_while(|line| is_row(line)).count();
    let run = format!("| {date} | {} | {} | ", row.what, row.seed);
    let found = row.found.as_deref().unwrap_or("nothing").replace('|', "\\|");
    let new = format!("{run}{} | {:.0} s | {found} |", row.cases, row.seconds);
    match lines[start..end].iter().position(|line| line.starts_with(&run)) {
        Some(old) => lines[start + old] = &new,
        None => lines.insert(end, &new),
    }
    Some(lines.join("\n") + "\n")
}

fn is_row(line: &&str) -> bool {
    line.starts_with('|')
}

fn is_heading(line: &str) -> bool {
    line.starts_with("## ")
}

/// Writes a number with a comma before every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Proofs\n\n## One\n\n| date | what | seed | cases | time | found |\n|---|---|---|---|---|---|\n\
        | 2026-01-01 | a | 1 | 5 | 2 s | nothing |\n\nMore.\n\n## Two\n\nNo table.\n";

    fn row(what: &str) -> Row {
        let (what, seed, cases) = (what.to_owned(), "1".to_owned(), grouped(1_234_567));
        Row { section: "One", what, seed, cases, seconds: 1.6, found: Some("x|y".to_owned()) }
    }

    #[test]
    fn a_row_goes_to_the_end_of_its_table() {
        let expected = TEXT.replace("\n\nMore", "\n| 2026-01-02 | a | 1 | 1,234,567 | 2 s | x\\|y |\n\nMore");
        assert_eq!(placed(TEXT, "2026-01-02", &row("a")), Some(expected));
    }

    #[test]
    fn the_same_run_on_one_day_is_one_row() {
        let once = placed(TEXT, "2026-01-01", &row("a"));
        let expected = TEXT.replace("| 5 | 2 s | nothing |", "| 1,234,567 | 2 s | x\\|y |");
        assert_eq!(once.as_deref(), Some(&*expected));
        assert_eq!(placed(&expected, "2026-01-01", &row("a")), once);
    }

    #[test]
    fn other_sections_tables_are_left_alone() {
        assert_eq!(placed(TEXT, "2026-01-01", &Row { section: "Two", ..row("a") }), None);
        assert_eq!(placed(TEXT, "2026-01-01", &Row { section: "Three", ..row("a") }), None);
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!([1, 999, 1_000, 100_000].map(grouped), ["1", "999", "1,000", "100,000"]);
    }
}
