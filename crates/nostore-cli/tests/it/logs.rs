//! `nostore logs`: the incident in every format, hostile input, what is said and what is not.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::{Compression, write::GzEncoder};
use nostore_logs::synth::{Scene, Traffic, Written, event_session_text, session_text, write};
use serde_json::Value;

use crate::site::{Folder, NOSTORE};

const SENTENCE: &str = "1 sign-in, 29 uses by 11 clients over 10 h 04 min";
const LINE: &str = r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "GET /me HTTP/1.1" 200 5 "-" "Mozilla/5.0 (X11; Linux x86_64) Firefox/1" "0123456789abcdef0123""#;

fn text(traffic: &Traffic, format: Written) -> String {
    let mut out = format.head().to_owned();
    traffic.hits.iter().for_each(|hit| write(format, hit, &mut out));
    out
}

fn zipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn put(folder: &Folder, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.0.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    told(&Command::new(NOSTORE).arg("logs").args(arguments).current_dir(folder).output().unwrap())
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn piped(input: &[u8], arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(NOSTORE);
    command.arg("logs").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let input = input.to_vec();
    // The command may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap();
    told(&output)
}

#[test]
fn r3_12_the_incident_is_told_in_one_sentence_in_every_format() {
    let traffic = Traffic::post_mortem();
    let label = traffic.labels.iter().find(|label| label.scene == Scene::CachedCookie).unwrap();
    let ids = [session_text(label.session), event_session_text(label.session)];
    let folder = Folder::new();
    for format in Written::ALL {
        let log = text(&traffic, format);
        put(&folder, "plain.log", &log);
        put(&folder, "zipped.log", zipped(log.as_bytes()));
        let (code, out, err) = run(&folder.0, &["plain.log"]);
        assert_eq!((code, err.as_str()), (Some(1), ""), "{format:?}: {out}");
        assert!(out.contains(SENTENCE) && out.contains("confirmed"), "{format:?}: {out}");
        assert!(out.contains("a cache hands sessions out") && out.contains("/tree"), "{format:?}: {out}");
        let (code, machine, _) = run(&folder.0, &["--json", "zipped.log"]);
        let machine: Value = serde_json::from_str(&machine).unwrap();
        assert_eq!((code, &machine["findings"][0]["text"]), (Some(1), &SENTENCE.into()), "{format:?}");
        assert_eq!(machine["verdict"], "handed-out", "{format:?}");
        let (code, input, _) = piped(log.as_bytes(), &[]);
        assert!(code == Some(1) && input.contains(SENTENCE), "{format:?}: {input}");
        for said in [out, machine.to_string(), input] {
            assert!(ids.iter().all(|id| !said.contains(&id[..8])), "{format:?}: a session id is told");
            assert!(!said.contains("@example.com"), "{format:?}: a person is told");
        }
    }
}

#[test]
fn what_is_said_of_the_incident() {
    let folder = Folder::new();
    put(&folder, "access.log", text(&Traffic::post_mortem(), Written::CloudFront));
    let (_, out, _) = run(&folder.0, &["access.log"]);
    let mut redacted = String::new();
    for line in out.lines() {
        let (before, after) =
            line.split_once("session ").filter(|_| line.starts_with("      ")).unwrap_or((line, ""));
        redacted += if after.is_empty() { line } else { before };
        redacted += &after.get(8..).map(|after| format!("session [hash]{after}")).unwrap_or_default();
        redacted.push('\n');
    }
    insta::assert_snapshot!(redacted);
}

#[test]
fn rotated_files_are_read_in_the_order_of_their_times() {
    let log = text(&Traffic::post_mortem(), Written::Combined);
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    let folder = Folder::new();
    let (old, rest) = lines.split_at(lines.len() / 3);
    let (middle, new) = rest.split_at(rest.len() / 2);
    // Two members, as of two days.
    let (one, other) = old.split_at(old.len() / 2);
    put(
        &folder,
        "access.log.2.gz",
        [zipped(one.concat().as_bytes()), zipped(other.concat().as_bytes())].concat(),
    );
    put(&folder, "access.log.1", middle.concat());
    put(&folder, "access.log", new.concat());
    put(&folder, "access.log.0", "");
    put(&folder, "error.log", "not a log of requests\n");
    let (code, out, err) = run(&folder.0, &["access.log*"]);
    assert!(code == Some(1) && out.contains(SENTENCE), "{out}{err}");
    assert!(out.contains("3 files") && out.contains("access.log.2.gz:"), "{out}");
}

#[test]
fn innocent_traffic_is_no_finding() {
    let folder = Folder::new();
    for scene in [Scene::Ordinary, Scene::MobileMove, Scene::OfficeNat, Scene::CachedPage] {
        for format in Written::ALL {
            put(&folder, "log", text(&Traffic::only(scene, 20, 7), format));
            let (code, out, _) = run(&folder.0, &["log"]);
            assert_eq!(code, Some(0), "{scene:?} {format:?}: {out}");
        }
    }
}

#[test]
fn a_log_without_sessions_is_told_so_first_with_the_lines_that_add_them() {
    let log = LINE.replace(" \"0123456789abcdef0123\"", "\n").repeat(3);
    let (code, out, _) = piped(log.as_bytes(), &[]);
    assert_eq!(code, Some(2));
    assert!(out.starts_with("This log names no session"), "{out}");
    for line in ["$cookie_NAME", "%{NAME}C", "IncludeCookies", "--field session=NAME"] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let (code, out, _) = piped(log.as_bytes(), &["--json"]);
    assert!(code == Some(2) && out.contains("no-sessions-in-log"), "{out}");
}

#[test]
fn nothing_that_a_terminal_obeys_comes_out() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{200f}";
    // Short enough to be shown.
    let short = "\u{1b}[2J\u{9b}m\u{202e}";
    let row = |agent: &str, address: &str, minute: u32| {
        format!(
            r#"{address} - - [02/Mar/2026:09:{minute:02}:10 +0000] "GET /me{short}/x HTTP/1.1" 200 5 "https://a.example/tree{short}" "{agent}{evil}" "0123456789abcdef0123""#
        )
    };
    let mut log = String::new();
    for minute in 0..12 {
        let (agent, address) = [
            ("Windows Chrome/1", "192.0.2.1"),
            ("Android Chrome/1", "198.51.100.1"),
            ("Mac OS X Version/1", "203.0.113.1"),
        ][minute as usize % 3];
        log += &(row(agent, address, minute) + "\n");
    }
    let events: String = (0..12)
        .map(|minute| {
            let client = serde_json::to_string(&format!("{}{evil}/{}", minute % 3, minute % 3)).unwrap();
            format!("{{\"time\":\"2026-03-02T09:{minute:02}:10Z\",\"event\":\"use\",\"session\":\"s\",\"client\":{client},\"network\":\"{}\"}}\n", minute % 3)
        })
        .collect();
    let folder = Folder::new();
    put(&folder, "evil\u{1b}[2J.log", &log);
    put(&folder, "events.jsonl", &events);
    for (file, arguments) in
        [("evil*", vec!["--watch"]), ("events.jsonl", vec!["--watch"]), ("evil*", vec!["--json"])]
    {
        let mut command = Command::new(NOSTORE);
        command.arg("logs").args(&arguments).arg(file).current_dir(&folder.0).env("CLICOLOR_FORCE", "1");
        let (code, out, err) = told(&command.output().unwrap());
        // What is no kind of program is one kind, and not shown.
        let is_found = file != "events.jsonl";
        assert_eq!(code, Some(i32::from(is_found)), "{file}: {out}{err}");
        assert_eq!(out.contains("/tree?"), is_found, "{out}");
        assert!(!out.contains("owned"), "{out}");
        for said in [out, err] {
            // Our own styles, and nothing else.
            for after in said.split('\u{1b}').skip(1) {
                let end = after.find('m').unwrap_or(0);
                let is_style = after.starts_with('[')
                    && after[1..end].bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
                assert!(is_style, "{file}: {after:?}");
            }
            let bad = |c: &char| {
                (c.is_control() && !matches!(c, '\n' | '\u{1b}')) || matches!(c, '\u{200f}' | '\u{202e}')
            };
            assert_eq!(said.chars().find(bad), None, "{file}: {said:?}");
        }
    }
}

/// Runs with so many KiB of memory in all.
fn confined(folder: &Path, kib: u32, file: &str) -> (Option<i32>, String, String) {
    let script = format!("ulimit -v {kib}; exec \"$0\" logs \"$1\"");
    told(&Command::new("sh").args(["-c", &script, NOSTORE, file]).current_dir(folder).output().unwrap())
}

#[test]
fn a_bomb_and_a_line_of_100_mb_take_neither_memory_nor_the_answer() {
    let folder = Folder::new();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(format!("{LINE}\n").repeat(100).as_bytes()).unwrap();
    let zeros = vec![b'\n'; 1 << 20];
    (0..300).for_each(|_| bomb.write_all(&zeros).unwrap());
    put(&folder, "bomb.gz", bomb.finish().unwrap());
    let (code, out, err) = confined(&folder.0, 150_000, "bomb.gz");
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("the rest of bomb.gz was not read: it expands to more than 250 times"), "{out}");
    assert!(out.contains("1 session, "), "{out}");

    let long = format!("{LINE}\n{}\n{LINE}\n", "x".repeat(100_000_000));
    put(&folder, "long.log", &long);
    put(&folder, "long.gz", zipped(long.as_bytes()));
    for file in ["long.log", "long.gz"] {
        let (code, out, err) = confined(&folder.0, 150_000, file);
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(
            out.contains(&format!("1 line not read (1 longer than 1 MiB, the first at {file}:2)")),
            "{out}"
        );
        assert!(out.contains("2 uses"), "{out}");
    }
}

#[test]
fn broken_lines_are_counted_and_named_and_end_nothing() {
    let incident = text(&Traffic::post_mortem(), Written::Events);
    let mut lines: Vec<&str> = incident.lines().collect();
    lines.insert(3, "{\"time\":");
    lines.insert(9, "{\"time\":\"yesterday\",\"event\":\"use\"}");
    lines.insert(12, "");
    lines.insert(15, "[1]");
    let folder = Folder::new();
    put(&folder, "events.jsonl", lines.join("\n"));
    let (code, out, _) = run(&folder.0, &["events.jsonl"]);
    assert!(code == Some(1) && out.contains(SENTENCE), "{out}");
    let told = "3 lines not read (2 no JSON object, the first at events.jsonl:4; 1 no time, the first at events.jsonl:10)";
    assert!(out.contains(told), "{out}");

    let whole = zipped(incident.as_bytes());
    put(&folder, "cut.gz", &whole[..whole.len() - 200]);
    let (code, out, _) = run(&folder.0, &["cut.gz"]);
    assert!(code.is_some_and(|code| code < 2) && out.contains("the rest of cut.gz was not read"), "{out}");
}

#[test]
fn wrong_use_is_told_with_what_was_expected() {
    let folder = Folder::new();
    put(&folder, "prose.txt", "It was a dark and stormy night.\nNothing happened.\n");
    put(&folder, "empty.log", "");
    let rows: [(&[&str], &str); 9] = [
        (&["missing.log"], "expected to read missing.log"),
        (&["missing*.log"], "expected files of the name missing*.log, found none"),
        (&["prose.txt"], "the first lines are none of them"),
        (&["empty.log"], "expected lines of a log, found none that can be read"),
        (&["prose.txt", "--format", "combined"], "2 lines not read (2 fewer fields than expected"),
        (&["prose.txt", "--format", "klingon"], "expected one of events, jsonl"),
        (&["prose.txt", "--field", "session"], "expected WHAT=NAME"),
        (&["prose.txt", "--pattern", "(?<time>.*) (?<hour>.*)"], "expected groups named address"),
        (&["prose.txt", "--pattern", "(?<time>.*)"], "expected a group `(?<session>"),
    ];
    for (arguments, expected) in rows {
        let (code, out, err) = run(&folder.0, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}

#[test]
fn names_and_patterns_say_where_things_stand() {
    let traffic = Traffic::post_mortem();
    let combined = text(&traffic, Written::Combined);
    let nginx = text(&traffic, Written::NginxJson);
    let folder = Folder::new();
    let with_cookies = |line: &str| {
        let (front, id) = line.rsplit_once(" \"").unwrap();
        if id == "-\"" { format!("{line}\n") } else { format!("{front} \"theme=dark; sid={id}\n") }
    };
    put(&folder, "cookie.log", combined.lines().map(with_cookies).collect::<String>());
    put(&folder, "third.log", &combined);
    put(&folder, "nested.jsonl", nginx.replace("\"cookie_sid\":", "\"ctx\":{\"x\":1},\"who\":"));
    let pattern = r#"^(?<address>\S+) \S+ \S+ \[(?<time>[^]]+)\] "(?<request>[^"]*)" (?<status>\d+) \d+ "(?<referer>[^"]*)" "(?<agent>[^"]*)" "(?<session>[^"]*)"$"#;
    let rows: [&[&str]; 6] = [
        &["cookie.log"],
        &["cookie.log", "--field", "session=sid"],
        &["third.log", "--field", "session=1"],
        &["third.log", "--pattern", pattern],
        &["nested.jsonl", "--field", "session=who"],
        &["nested.jsonl", "--field", "session=who", "--format", "jsonl", "--sign-in-path", "/elsewhere"],
    ];
    for arguments in rows {
        let (code, out, err) = run(&folder.0, arguments);
        assert!(code == Some(1) && out.contains(SENTENCE), "{arguments:?}: {out}{err}");
    }
}
