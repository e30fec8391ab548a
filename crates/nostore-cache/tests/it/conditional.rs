//! Conditional requests, answered from what is stored.

use nostore_cache::{forwarded, not_modified};
use nostore_message::{FieldEdit, Fields, RequestHead, ResponseHead};
use proptest::prelude::*;

use crate::support::{edited, print, print_edits, profile, request, response};

#[test]
fn conditions_row_by_row() {
    const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    let last = format!("200 | last-modified: {AT}");
    let tagged = "200 | etag: \"a\"".to_owned();
    let since = |date: &str| format!("GET / | if-modified-since: {date}");
    let none = |tags: &str| format!("GET / | if-none-match: {tags}");
    let rows = [
        // request, stored, whether a 304 answers
        ("GET /".to_owned(), tagged.clone(), false),
        (none("\"a\""), tagged.clone(), true),
        (none("W/\"a\""), tagged.clone(), true),
        (none("\"a\""), "200 | etag: W/\"a\"".into(), true),
        (none("\"b\", \"a\""), tagged.clone(), true),
        (none("\"b\" | if-none-match: \"a\""), tagged.clone(), true),
        (none("\"x,y\""), "200 | etag: \"x,y\"".into(), true),
        (none("\"x,y\""), "200 | etag: y\"".into(), false),
        (none("\"A\""), tagged.clone(), false),
        (none("a"), tagged.clone(), false),
        (none("\"a\""), "200".into(), false),
        (none("*"), tagged.clone(), true),
        (none("*"), last.clone(), true),
        (none("*"), "404 | etag: \"a\"".into(), false),
        (none(",,"), tagged.clone(), false),
        (none(",,"), "200 | etag: ".into(), false),
        (since(BEFORE), last.clone(), false),
        (since(AT), last.clone(), true),
        (since(AFTER), last.clone(), true),
        (since(AT), format!("200 | date: {AT}"), true),
        (since(AT), "200".into(), false),
        (since("yesterday"), last.clone(), false),
        (since(&format!("{AFTER} | if-modified-since: {AFTER}")), last.clone(), false),
        (
            format!("GET / | if-none-match: \"b\" | if-modified-since: {AT}"),
            format!("{tagged} | last-modified: {AT}"),
            false,
        ),
        ("HEAD / | if-none-match: \"a\"".into(), tagged.clone(), true),
        ("POST / | if-none-match: \"a\"".into(), tagged.clone(), false),
        (none("\"a\""), "404 | etag: \"a\"".into(), false),
    ];
    for (asked, stored, expected) in rows {
        let answered = not_modified(&request(&asked), &response(&stored)).is_some();
        assert_eq!(answered, expected, "{asked} against {stored}");
    }
}

#[test]
fn a_304_describes_no_content_and_keeps_the_rest() {
    let stored = response(
        "200 | etag: \"a\" | content-length: 4 | content-type: text/html | content-encoding: br | content-language: en | \
         trailer: x | set-cookie: a=1 | cache-control: max-age=9 | vary: x",
    );
    let edits = not_modified(&request("GET / | if-none-match: \"a\""), &stored).unwrap();
    let left = print(&edited(stored, &edits));
    assert_eq!(left, "200 | etag: \"a\" | set-cookie: a=1 | cache-control: max-age=9 | vary: x");
}

#[test]
fn conditions_reach_the_origin_only_where_nothing_would_be_stored() {
    let conditions = "if-none-match: \"a\" | if-modified-since: x | if-match: \"b\"";
    let removed = "- If-None-Match\n- If-Modified-Since\n";
    let rows = [
        ("rfc9111", "GET /", removed),
        ("rfc9111", "HEAD /", removed),
        ("netlify", "GET /", removed),
        ("netlify", "HEAD /", ""),
        ("rfc9111", "PUT /", ""),
        ("rfc9111", "GET / | range: bytes=0-1", ""),
    ];
    for (name, asked, expected) in rows {
        let asked = format!("{asked} | {conditions}");
        assert_eq!(print_edits(&forwarded(&profile(name), &request(&asked))), expected, "{name}: {asked}");
    }
}

fn head(lines: &[(&str, &str)]) -> Fields<'static> {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.append((*name).to_owned(), (*value).to_owned());
    }
    fields
}

proptest! {
    /// Total, and a tag that the response does not have never gives a 304.
    #[test]
    fn any_text_gives_an_answer(line in "[ -~]{0,40}", tag in "[a-z]{1,5}") {
        let asked = RequestHead {
            fields: head(&[("If-None-Match", &line), ("If-Modified-Since", &line)]),
            ..request("GET /")
        };
        let tag = format!("\"{tag}\"");
        let stored = ResponseHead { status: 200, fields: head(&[("ETag", &tag)]) };
        let edits: Option<Vec<FieldEdit>> = not_modified(&asked, &stored);
        if edits.is_some() {
            prop_assert!(line.contains(&tag) || line.contains('*'), "{}", line);
        }
    }
}
