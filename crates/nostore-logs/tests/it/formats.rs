//! What each format says, line by line, and which format a log has.

use std::fmt::Write as _;

use nostore_logs::{Act, Fields, Format, Parser, Pattern, PatternError, Reader, Record, Role};
use proptest::prelude::*;

fn shown(record: &Record<'_>) -> String {
    let mut out = format!("{}", record.time);
    let fields = [
        ("event", record.event),
        ("session", record.session),
        ("given", record.given),
        ("cookies", record.cookies),
        ("agent", record.agent),
        ("class", record.class),
        ("address", record.address),
        ("method", record.method),
        ("path", record.path),
        ("referer", record.referer),
    ];
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        write!(out, " {name}={}", String::from_utf8_lossy(value).replace('\u{1b}', "<esc>")).unwrap();
    }
    if record.status != 0 {
        write!(out, " status={}", record.status).unwrap();
    }
    out + if record.hit { " hit" } else { "" }
}

fn table(mut parser: Parser, lines: &[&str]) -> String {
    let mut table = String::new();
    for line in lines {
        let told = match parser.parse(line.as_bytes()) {
            Ok(Some(record)) => shown(&record),
            Ok(None) => "nothing".to_owned(),
            Err(broken) => format!("broken: {broken}"),
        };
        writeln!(table, "{line}\n  {told}").unwrap();
    }
    table
}

#[test]
fn common_and_combined() {
    let lines = [
        r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "GET /a?b=c HTTP/1.1" 200 5"#,
        r#"2001:db8::1 - ada [02/Mar/2026:09:22:10 +0000] "GET /a HTTP/1.1" 304 - "-" "UA""#,
        r#"a.example:443 192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "GET /a HTTP/1.1" 200 5 "-" "UA" 0.005 www.example.org "0123456789abcdef0123""#,
        r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "GET /\"a\\" 200 5 "https://a.example/\"x" "an \"agent\" \\" "0123456789abcdef0123""#,
        r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "GET /a HTTP/1.1" 200 5 "-" "UA" "-""#,
        r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "-" 400 0 "-" "-" "-""#,
        r#"192.0.2.1 - - [02/Mar/2026:09:22:10 +0000] "GET /a HTTP/1.1" 200 5 "-" "UA"#,
        r#"192.0.2.1 - - [yesterday] "GET /a HTTP/1.1" 200 5"#,
        "192.0.2.1 - -",
        "",
    ];
    insta::assert_snapshot!(table(Parser::new(Format::Combined, Fields::default()), &lines));
}

#[test]
fn sessions_of_combined_stand_in_many_places() {
    let cookies = r#"192.0.2.1 - ada [02/Mar/2026:09:22:10 +0000] "GET / HTTP/1.1" 200 5 "-" "UA" TLSv1.3 ECDHE-RSA-AES128-GCM-SHA256 "theme=dark; __Host-sid=abc; x=y" sid=def"#;
    let mut out = String::new();
    for name in [None, Some("user"), Some("3"), Some("4"), Some("sid"), Some("theme")] {
        let mut fields = Fields::default();
        name.iter().for_each(|name| fields.name(Role::Session, *name));
        let mut parser = Parser::new(Format::Combined, fields);
        let record = parser.parse(cookies.as_bytes()).unwrap().unwrap();
        let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        writeln!(out, "{name:?}: session={} cookies={}", text(record.session), text(record.cookies)).unwrap();
    }
    insta::assert_snapshot!(out);
}

#[test]
fn json_lines() {
    let lines = [
        r#"{"time":"2026-03-02T09:22:10.5Z","event":"use","session":"s","client":"firefox/linux","network":"n","path":"/"}"#,
        r#"{"ts":1772443330.25,"remote_ip":"192.0.2.1","user_agent":"UA \"x\"","sid":"s","uri":"\/a","status":200,"headers":{"a":["b"]}}"#,
        r#"{"msec":"1772443330.123","request":"GET /a HTTP/2.0","cookie_theme":"dark","cookie_sid":"s","upstream_cookie_sid":"t","status":"302","upstream_cache_status":"HIT"}"#,
        r#"{"time":"2026-03-02T09:22:10Z","session":null,"sid":"","sessionId":"s"}"#,
        r#"{"time":"2026-03-02T09:22:10Z","session":"a\u001b[2J"}"#,
        r#"{"session":"s"}"#,
        r#"{"time":"noon","session":"s"}"#,
        r#"{"time":"2026-03-02T09:22:10Z","session":"s""#,
        r#"{"time":"2026-03-02T09:22:10Z","session":s}"#,
        "[]",
        "{}",
    ];
    insta::assert_snapshot!(table(Parser::new(Format::Jsonl, Fields::default()), &lines));
}

#[test]
fn cloudfront_says_its_own_order() {
    let lines = [
        "#Version: 1.0",
        "2026-03-02\t09:22:10\tFRA\t5\t192.0.2.1\tGET\td.cloudfront.net\t/a\t200\t-\tUA%20x\t-\tsid=s\tHit\tid==",
        "2026-03-02\t09:22:10\tFRA\t5\t192.0.2.1\tGET\td.cloudfront.net\t/a\t200",
        "2026-03-02\tnoon\tFRA\t5\t192.0.2.1\tGET\td.cloudfront.net\t/a\t200\t-\tUA\t-\tsid=s\tHit",
        "#Fields: timestamp c-ip cs(Cookie) x-edge-result-type",
        "1772443330\t192.0.2.1\tsid=s\tRefreshHit",
        "1772443330\t192.0.2.1",
    ];
    insta::assert_snapshot!(table(Parser::new(Format::CloudFront, Fields::default()), &lines));
}

#[test]
fn a_pattern_says_what_stands_where() {
    let pattern = Pattern::new(r"^(?<time>\S+) (?<session>\w+)(?: (?<path>/\S*))?").unwrap();
    let lines = ["2026-03-02T09:22:10Z s /a", "2026-03-02T09:22:10Z s", "noon s", "x"];
    insta::assert_snapshot!(table(Parser::pattern(pattern), &lines));
    assert!(matches!(Pattern::new("("), Err(PatternError::Regex(_))));
    assert!(matches!(Pattern::new("(?<session>.)"), Err(PatternError::Missing("time"))));
}

#[test]
fn the_act_follows_from_the_event_or_from_method_path_and_status() {
    let rows = [
        ("sign-in", "", "", 0, Act::SignIn),
        ("refusal", "", "", 0, Act::Other),
        ("", "GET", "/auth/callback?code=x", 302, Act::SignIn),
        ("", "GET", "/auth/callback", 400, Act::Other),
        ("", "GET", "/login", 200, Act::Use),
        ("", "POST", "/login", 303, Act::SignIn),
        ("", "POST", "/login", 401, Act::Other),
        ("", "POST", "/auth/sign-out", 303, Act::SignOut),
        ("", "GET", "/logout", 302, Act::SignOut),
        ("", "GET", "/logout", 200, Act::Use),
        ("", "GET", "/site.css", 200, Act::Held),
        ("", "GET", "/a", 304, Act::Use),
        ("", "GET", "/a", 302, Act::Other),
        ("", "GET", "/a", 403, Act::Other),
        ("", "POST", "/enter", 303, Act::SignIn),
        ("", "POST", "/leave", 303, Act::SignOut),
    ];
    let mut reader = Reader::new(None);
    reader.sign_in_path("/enter");
    reader.sign_out_path("/leave");
    for (event, method, path, status, expected) in rows {
        let [event, method, path] = [event, method, path].map(str::as_bytes);
        let record = Record { time: 1, event, method, path, status, session: b"s", ..Record::default() };
        assert_eq!(reader.entry(&record, 1).act, expected, "{record:?}");
    }
}

#[test]
fn networks_are_three_octets_or_48_bits() {
    let mut reader = Reader::new(None);
    let mut network = |address: &'static str| {
        reader.entry(&Record { time: 1, address: address.as_bytes(), ..Record::default() }, 1).network
    };
    assert_eq!(network("192.0.2.1"), network("192.0.2.254"));
    assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
    assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:ffff:1:2:3:4"));
    assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:2:2::1"));
    assert_ne!(network("8f3a"), network("8f3b"));
}

proptest! {
    #[test]
    fn every_reader_takes_anything(
        line in prop::collection::vec(any::<u8>(), 0..300),
        shape in "[-0-9a-f.: \\[\\]\"/\\\\\t#=;+MarGET]{0,120}",
    ) {
        let pattern = Pattern::new(r"(?<time>\S+) (?<session>\S+)").unwrap();
        let formats = [Format::CloudFront, Format::Combined, Format::Events, Format::Jsonl];
        let parsers = formats.map(|format| Parser::new(format, Fields::default()));
        let mut reader = Reader::new(None);
        for mut parser in parsers.into_iter().chain([Parser::pattern(pattern)]) {
            for line in [&line[..], shape.as_bytes()] {
                if let Ok(Some(record)) = parser.parse(line) {
                    let _ = reader.entry(&record, 1);
                }
                let _ = Format::detect(line, &Fields::default());
            }
        }
    }
}
