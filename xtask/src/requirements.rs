//! Traces each line of `docs/requirements.md` to the tests that carry its number, or to a section of the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{step, tidy};

/// Lines that must have a test by now; the others are listed as open.
const DUE: &[&str] = &[
    "0.1", "0.2", "0.3", "0.4", "0.5", "0.8", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9",
    "1.10", "1.11", "1.12", "1.13", "1.14", "1.16", "2.11", "2.12", "2.13", "2.18", "3.1", "3.2", "3.3",
    "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.17",
];

/// Lines that a section of the documentation covers: its page, and its heading.
const DOCUMENTED: &[(&str, &str, &str)] = &[
    ("0.6", "docs/README.md", "## Auth redirects behind any cache"),
    ("1.15", "docs/gen.md", "### `Netlify-Vary`"),
    ("1.15", "docs/gen.md", "### To try it on a real site"),
    ("3.14", "docs/README.md", "## What sets cookies in my app?"),
    ("3.15", "docs/README.md", "## Why \"dynamic\" does not reach the CDN"),
    ("3.15", "docs/sites.md", "## What the symptoms mean"),
    ("3.16", "docs/README.md", "## The minimum, to copy"),
];

/// Checks every due line; with `list`, prints every line with its tests.
pub(crate) fn check(list: bool) -> Result<(), String> {
    let page = fs::read_to_string("docs/requirements.md")
        .map_err(|error| format!("docs/requirements.md: {error}"))?;
    let lines: Vec<(&str, bool)> = page.lines().filter_map(line).collect();
    let mut tests = tests()?;
    for (number, page, heading) in DOCUMENTED {
        let text = fs::read_to_string(page).map_err(|error| format!("{page}: {error}"))?;
        if !text.lines().any(|line| line == *heading) {
            return Err(format!("{page}: expected the section `{heading}` for line {number}, found none"));
        }
        let section = format!("{page}, {}", heading.trim_start_matches(['#', ' ']));
        tests.entry((*number).to_owned()).or_default().insert(section);
    }
    let mut missing = Vec::new();
    let mut open = 0;
    for (number, is_doc) in &lines {
        let found = tests.get(*number).map(|names| names.iter().cloned().collect::<Vec<_>>().join(", "));
        let due = DUE.contains(number);
        if found.is_none() && due {
            missing.push(*number);
        }
        open += usize::from(found.is_none() && !due);
        if list {
            let kind = if *is_doc { "open (documentation)" } else { "open" };
            let state = found.unwrap_or_else(|| if due { "MISSING".into() } else { kind.into() });
            step::say(&format!("{number:>5}  {state}"));
        }
    }
    let known: BTreeSet<&str> = lines.iter().map(|(number, _)| *number).collect();
    let strays: Vec<&str> =
        tests.keys().map(String::as_str).filter(|number| !known.contains(number)).collect();
    step::say(&format!(
        "requirements: {} lines, {} with tests or a section, {open} not yet due",
        lines.len(),
        lines.iter().filter(|(number, _)| tests.contains_key(*number)).count()
    ));
    if !strays.is_empty() {
        return Err(format!(
            "tests name lines that docs/requirements.md does not have: {}",
            strays.join(", ")
        ));
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no test carries the due lines {}", missing.join(", ")))
    }
}

/// Reads `| 1.11 | text |`.
fn line(row: &str) -> Option<(&str, bool)> {
    let mut cells = row.strip_prefix('|')?.split('|');
    let number = cells.next()?.trim();
    let (group, rest) = number.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(group) && digits(rest)).then(|| (number, cells.next().is_some_and(|text| text.contains("*doc*"))))
}

/// Collects test names by the numbers that they carry: `r1_5_r1_6_name` carries 1.5 and 1.6.
fn tests() -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in tidy::rust_files("crates")? {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for name in text.lines().filter_map(function_name) {
            for number in numbers(name) {
                found.entry(number).or_default().insert(name.to_owned());
            }
        }
    }
    Ok(found)
}

fn function_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
    rest.split(['(', '<']).next()
}

fn numbers(name: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    let mut rest = name;
    while let Some((group, line, behind)) = leading_number(rest) {
        numbers.push(format!("{group}.{line}"));
        rest = behind;
    }
    numbers
}

fn leading_number(name: &str) -> Option<(&str, &str, &str)> {
    let (group, rest) = name.strip_prefix('r')?.split_once('_')?;
    let (line, rest) = rest.split_once('_')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(group) && digits(line)).then_some((group, line, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_numbers() {
        assert_eq!(numbers("r1_5_r1_6_header_on_every_redirect"), ["1.5", "1.6"]);
        assert_eq!(numbers("r1_11_idempotent"), ["1.11"]);
        assert!(numbers("reads_a_line").is_empty());
        assert_eq!(line("| 1.15 | *doc* How it is used |"), Some(("1.15", true)));
        assert_eq!(line("|---|---|"), None);
        assert_eq!(line("| no. | requirement |"), None);
    }
}
