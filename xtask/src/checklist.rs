//! Traces each row of a checklist to the tests that carry it.
//!
//! A row is named by its number, `p4_2_n12`. A test carries it in its function's name, which may go on and may
//! hold several (`p4_2_n7_p4_9_session_token_and_uat_missing`), or as a text of a table (`"p4_2_n12"`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{step, tidy};

/// What stands behind a row that no test can carry.
const EXEMPT: &str = "not applicable: ";

/// What stands before a case that holds in the reference's way.
const COMPAT: &str = "compat: ";

/// Where the tests of the token client are, the browser's included.
const TOKENS: [&str; 3] =
    ["crates/nostore-token", "crates/nostore-browser", "crates/nostore-cli/tests/it/browser.rs"];

/// Where tests are.
const FOLDERS: [&str; 2] = ["crates", "conformance"];

/// A line of the page.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    id: &'a str,
    text: &'a str,
    exempt: bool,
}

/// A place that names a row: the test, or the file of the table.
#[derive(Debug, PartialEq)]
struct Mention {
    id: String,
    place: String,
}

/// Where the tests mention rows.
#[derive(Default)]
struct Found {
    /// Rows with the places that carry them.
    carried: BTreeMap<String, BTreeSet<String>>,
    /// What looks like a row and is none, with its place.
    strays: BTreeSet<String>,
}

/// Checks the checklist that the arguments name; `--list` prints each row with its tests.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["protocol"] => protocol(false),
        ["protocol", "--list"] => protocol(true),
        ["tokens"] => tokens(false),
        ["tokens", "--list"] => tokens(true),
        _ => Err("expected `cargo xtask checklist protocol|tokens [--list]`".to_owned()),
    }
}

/// Checks the cases of `docs/token-checklist.md`, which the names of tests carry (`a34_b25_the_timer_fires_once`).
fn tokens(list: bool) -> Result<(), String> {
    const PAGE: &str = "docs/token-checklist.md";
    let page = fs::read_to_string(PAGE).map_err(|error| format!("{PAGE}: {error}"))?;
    let rows: Vec<Row<'_>> = page.lines().filter_map(case).collect();
    let known: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    let mut found = Found::default();
    let mut files = Vec::new();
    for place in TOKENS {
        files.extend(if place.ends_with(".rs") { vec![place.into()] } else { tidy::rust_files(place)? });
    }
    for path in files {
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for name in text.lines().map(str::trim_start).filter_map(function_name) {
            for id in name.split('_').filter(|part| is_case(part)) {
                match known.get(id) {
                    Some(id) => found.carried.entry((*id).to_owned()).or_default().insert(name.to_owned()),
                    None => found.strays.insert(format!("{id} in {name}")),
                };
            }
        }
    }
    if list {
        for row in &rows {
            step::say(&describe(row, found.carried.get(row.id)));
        }
    }
    let carried = |compat: bool| {
        let passed = |row: &&Row<'_>| row.text.starts_with(COMPAT) == compat;
        rows.iter().filter(passed).filter(|row| found.carried.contains_key(row.id)).count()
    };
    let exempt = rows.iter().filter(|row| row.exempt).count();
    step::say(&format!(
        "checklist: {} cases of the token client, {} with tests, {} in compat mode, {exempt} not applicable",
        rows.len(),
        carried(false),
        carried(true)
    ));
    let broken = broken(&rows, &found);
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// Reads ``- `a34` text``.
fn case(line: &str) -> Option<Row<'_>> {
    let (id, text) = line.strip_prefix("- `")?.split_once("` ")?;
    is_case(id).then(|| Row { id, text, exempt: text.starts_with(EXEMPT) })
}

/// Tells whether this is the number of a case: the letter of its list, and digits.
fn is_case(text: &str) -> bool {
    let mut chars = text.chars();
    let list = chars.next().is_some_and(|list| "abcefik".contains(list));
    list && text.len() > 1 && chars.all(|char| char.is_ascii_digit())
}

/// Checks the rows of `docs/protocol-checklist.md`.
pub(crate) fn protocol(list: bool) -> Result<(), String> {
    const PAGE: &str = "docs/protocol-checklist.md";
    let page = fs::read_to_string(PAGE).map_err(|error| format!("{PAGE}: {error}"))?;
    let rows: Vec<Row<'_>> = page.lines().filter_map(row).collect();
    let known: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    if known.len() != rows.len() {
        return Err(format!("{PAGE}: {} rows, but {} different numbers", rows.len(), known.len()));
    }
    let found = search(&known)?;
    if list {
        for row in &rows {
            step::say(&describe(row, found.carried.get(row.id)));
        }
    }
    let exempt = rows.iter().filter(|row| row.exempt).count();
    step::say(&format!(
        "checklist: {} rows of the protocol, {} with tests, {exempt} not applicable",
        rows.len(),
        found.carried.len()
    ));
    let broken = broken(&rows, &found);
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

fn describe(row: &Row<'_>, places: Option<&BTreeSet<String>>) -> String {
    let places = places.map(|places| places.iter().cloned().collect::<Vec<_>>().join(", "));
    let state = places.unwrap_or_else(|| if row.exempt { "-".to_owned() } else { "MISSING".to_owned() });
    format!("{:44} {}\n{:44} {state}", row.id, row.text, "")
}

/// Names every row without a test, every test of a row that needs none, and every unknown number.
fn broken(rows: &[Row<'_>], found: &Found) -> Vec<String> {
    let mut broken = Vec::new();
    for row in rows {
        match found.carried.get(row.id) {
            None if !row.exempt => broken.push(format!("no test carries {}: {}", row.id, row.text)),
            Some(places) if row.exempt => {
                let places = places.iter().cloned().collect::<Vec<_>>().join(", ");
                broken.push(format!("{} is not applicable, but carried by {places}", row.id));
            }
            _ => {}
        }
    }
    broken.extend(found.strays.iter().map(|stray| format!("no such row: {stray}")));
    broken
}

fn search(known: &BTreeSet<&str>) -> Result<Found, String> {
    let mut found = Found::default();
    for folder in FOLDERS {
        for path in tidy::rust_files(folder)? {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let file = path.display().to_string();
            for mention in mentions(&text, &file) {
                match known_prefix(&mention.id, known) {
                    Some(id) => {
                        found.carried.entry(id.to_owned()).or_default().insert(mention.place);
                    }
                    None => {
                        let id = mention.id.trim_end_matches('"');
                        found.strays.insert(format!("{id} in {}", mention.place));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// Reads ``- `p4_2_n12` text``.
fn row(line: &str) -> Option<Row<'_>> {
    let (id, text) = line.strip_prefix("- `")?.split_once("` ")?;
    is_number(id).then(|| Row { id, text, exempt: text.starts_with(EXEMPT) })
}

/// Lists what a file names: in functions' names, and in texts that are nothing but a number. Comments do not count.
fn mentions(text: &str, file: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
        if let Some(name) = function_name(line) {
            found.extend(numbers(name).into_iter().map(|id| Mention { id, place: name.to_owned() }));
        }
        let quoted = line.split('"').skip(1).step_by(2).filter(|text| is_number(text));
        found.extend(quoted.map(|id| Mention { id: format!("{id}\""), place: file.to_owned() }));
    }
    found
}

/// Finds the row that a mention begins with; a text (which ends with its quotation mark) is the row and no more.
fn known_prefix<'k>(mention: &str, known: &BTreeSet<&'k str>) -> Option<&'k str> {
    if let Some(text) = mention.strip_suffix('"') {
        return known.get(text).copied();
    }
    let begins =
        |id: &&&str| mention.strip_prefix(**id).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    known.iter().filter(begins).max_by_key(|id| id.len()).copied()
}

fn function_name(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
    rest.split(['(', '<']).next()
}

/// Cuts a name before each number: `p1_6_n1_p1_6_n2_rest` gives `p1_6_n1` and `p1_6_n2_rest`.
fn numbers(name: &str) -> Vec<String> {
    let starts: Vec<usize> = name
        .match_indices('p')
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || name[..*at].ends_with('_'))
        .filter(|at| section(&name[*at..]).is_some())
        .collect();
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([name.len()]);
    starts.iter().zip(ends).map(|(start, end)| name[*start..end].to_owned()).collect()
}

fn is_number(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().all(plain) && section(text).is_some_and(|rest| !rest.is_empty())
}

/// Returns what follows `p4_2_`.
fn section(text: &str) -> Option<&str> {
    let (chapter, rest) = text.strip_prefix('p')?.split_once('_')?;
    let (part, rest) = rest.split_once('_')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(chapter) && digits(part)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_read_from_their_lines_alone() {
        assert_eq!(case("- `a34` x"), Some(Row { id: "a34", text: "x", exempt: false }));
        let text = "not applicable: x";
        assert_eq!(case("- `k1` not applicable: x"), Some(Row { id: "k1", text, exempt: true }));
        for line in ["- `a` x", "- `d1` x", "- `a1b` x", "- `A1` x", "a1 x"] {
            assert_eq!(case(line), None, "{line:?}");
        }
    }

    #[test]
    fn rows_are_read_from_their_lines_alone() {
        let text = "a token older than the client";
        assert_eq!(
            row("- `p4_2_n12` a token older than the client"),
            Some(Row { id: "p4_2_n12", text, exempt: false })
        );
        let text = "not applicable: unused";
        assert_eq!(row("- `p4_9_x` not applicable: unused"), Some(Row { id: "p4_9_x", text, exempt: true }));
        for line in
            ["## 4.2", "number: `p4_2_n12` is row 12", "- `p4_2` x", "- `P4_2_n1` x", "- `p4_2_n1`", ""]
        {
            assert_eq!(row(line), None, "{line:?}");
        }
    }

    #[test]
    fn names_and_texts_carry_numbers_and_comments_do_not() {
        let file = concat!(
            "fn p1_6_n1_p1_6_n2_which_family() {\n",
            "    // (\"p9_9_comment\", 1)\n",
            "    let rows = [(\"p4_2_n7\", \"fn p4_2_n8(\"), (\"x p4_2_n9\", 1)];\n",
            "async fn r1_1_p4_2_n16<T>() {}\n",
            "fn plain_p4() {}\n",
        );
        let found: Vec<_> =
            mentions(file, "f").into_iter().map(|mention| (mention.id, mention.place)).collect();
        let expected = [
            ("p1_6_n1", "p1_6_n1_p1_6_n2_which_family"),
            ("p1_6_n2_which_family", "p1_6_n1_p1_6_n2_which_family"),
            ("p4_2_n7\"", "f"),
            ("p4_2_n16", "r1_1_p4_2_n16"),
        ];
        assert_eq!(found, expected.map(|(id, place)| (id.to_owned(), place.to_owned())));
    }

    #[test]
    fn the_longest_row_counts_and_only_whole_words() {
        let known = BTreeSet::from(["p4_2_n1", "p4_2_n12", "p4_9_token_expired", "p4_9_token_expired_x"]);
        let rows = [
            ("p4_2_n1", Some("p4_2_n1")),
            ("p4_2_n12_before_at_and_after", Some("p4_2_n12")),
            ("p4_2_n13", None),
            ("p4_2_n1b", None),
            ("p4_9_token_expired_x_y", Some("p4_9_token_expired_x")),
            ("p4_2_n1\"", Some("p4_2_n1")),
            ("p4_2_n1_more\"", None),
        ];
        for (mention, expected) in rows {
            assert_eq!(known_prefix(mention, &known), expected, "{mention}");
        }
    }

    #[test]
    fn a_missing_row_a_stray_and_a_needless_test_are_named() {
        let rows = [
            Row { id: "p1_6_n1", text: "one", exempt: false },
            Row { id: "p1_6_n2", text: "two", exempt: false },
            Row { id: "p1_6_n3", text: "not applicable: x", exempt: true },
            Row { id: "p1_6_n4", text: "not applicable: x", exempt: true },
        ];
        let place = || BTreeSet::from(["t".to_owned()]);
        let carried = BTreeMap::from([("p1_6_n1".to_owned(), place()), ("p1_6_n4".to_owned(), place())]);
        let found = Found { carried, strays: BTreeSet::from(["p9_9_x in t".to_owned()]) };
        let expected = [
            "no test carries p1_6_n2: two",
            "p1_6_n4 is not applicable, but carried by t",
            "no such row: p9_9_x in t",
        ];
        assert_eq!(broken(&rows, &found), expected);
    }
}
