//! The decision table, with real signed tokens.

use std::fmt::Write as _;

use nostore_session::{Instance, Status};

use crate::kit::{BOTH, Tokens, brief, config, cookies, decide, page, request, whole};

/// Rows that both kinds of key share. A development instance knows the browser in all of them.
const COOKIES: &[(&str, &str)] = &[
    ("7 nothing", "x=1"),
    ("7 uat 0", "uat=0"),
    ("7 uat garbage", "uat=abc"),
    ("7 uat empty", "uat="),
    ("8 session without uat", "session=<GOOD>"),
    ("8 session, uat 0", "session=<GOOD> uat=0"),
    ("8 session, uat garbage", "session=<GOOD> uat=17e8"),
    ("9 uat without session", "uat=1700000000"),
    ("9 uat, session empty", "uat=1700000000 session="),
    ("10 not a token", "uat=1700000000 session=garbage"),
    ("10 three bad parts", "uat=1700000000 session=a.b.c"),
    ("10 payload null", "uat=1700000000 session=e30.bnVsbA.YQ"),
    ("11 machine token", "uat=1700000000 session=<MACHINE>"),
    ("11 token template", "uat=1700000000 session=<TEMPLATE>"),
    ("11 OAuth token", "uat=1700000000 session=<OAUTH>"),
    ("12 iat one second before", "uat=1700000001 session=<GOOD>"),
    ("12 iat at", "uat=1700000000 session=<GOOD>"),
    ("12 iat one second after", "uat=1699999999 session=<GOOD>"),
    ("12 uat beyond all numbers", "uat=99999999999999999999 session=<GOOD>"),
    ("13 expired", "uat=1 session=<EXPIRED>"),
    ("13 expired, refresh cookie", "uat=1 session=<EXPIRED> refresh=r"),
    ("13 not yet valid", "uat=1 session=<EARLY>"),
    ("13 issued in the future", "uat=1 session=<FUTURE>"),
    ("13 wrong signature", "uat=1 session=<MISMATCH>"),
    ("13 truncated signature", "uat=1 session=<CUT>"),
    ("16 good", "uat=1 session=<GOOD>"),
    ("16 pending", "uat=1 session=<PENDING>"),
    ("16 plain family, no issuer", "plain-uat=1 plain-session=<BARE>"),
    ("16 percent-encoded dots", "uat=1 session=<ENCODED>"),
];

fn table(instance: Instance) -> String {
    let (config, mut tokens) = (config(instance), Tokens::new(instance));
    tokens.add("ENCODED", tokens.text("GOOD").replace('.', "%2E"));
    let mut table = String::new();
    for (name, text) in COOKIES {
        let line = tokens.fill(&cookies(&config, &format!("{text} browser=b")));
        let navigation = brief(&decide(&page("/a", &line), &config));
        let fetch = [("sec-fetch-dest", "empty"), ("cookie", line.as_str())];
        let fetch = brief(&decide(&request("GET", "/a", &fetch), &config));
        let also = if fetch == navigation { String::new() } else { format!(" | fetch: {fetch}") };
        writeln!(table, "{name:28} {navigation}{also}").unwrap();
    }
    table
}

#[test]
fn r1_12_the_table_for_test_keys() {
    insta::assert_snapshot!(table(Instance::Development));
}

#[test]
fn r1_12_the_table_for_live_keys() {
    insta::assert_snapshot!(table(Instance::Production));
}

#[test]
fn r1_12_browser_names_count_with_test_keys_only() {
    let rows = [
        ("5 name in the URL", "/a?__clerk_db_jwt=b", "uat=1 session=<GOOD> browser=b"),
        ("5 empty name in the URL", "/a?__clerk_db_jwt", "uat=1 session=<GOOD> browser=b"),
        ("6 no name", "/a", "uat=1 session=<GOOD>"),
        ("6 empty name", "/a", "uat=1 session=<GOOD> browser="),
        ("6 no cookie at all", "/a", "x=1"),
        ("6 name in the other family", "/a", "plain-browser=b sfx-uat=1 sfx-session=<GOOD>"),
        ("known", "/a", "uat=1 session=<GOOD> browser=b"),
    ];
    let mut table = String::new();
    for (name, target, text) in rows {
        writeln!(table, "{name}").unwrap();
        for instance in BOTH {
            let (config, tokens) = (config(instance), Tokens::new(instance));
            let line = tokens.fill(&cookies(&config, text));
            writeln!(table, "  {instance:12} {}", brief(&decide(&page(target, &line), &config))).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_header_tokens_row_by_row() {
    let rows = [
        ("good", "GET", "Bearer <GOOD>"),
        ("a bare token", "GET", "<GOOD>"),
        ("without issuer", "GET", "Bearer <BARE>"),
        ("other scheme: cookies count", "GET", "Basic YTpi"),
        ("lower case: cookies count", "GET", "bearer <GOOD>"),
        ("machine token", "GET", "Bearer <MACHINE>"),
        ("token template", "GET", "Bearer <TEMPLATE>"),
        ("OAuth token", "GET", "Bearer <OAUTH>"),
        ("opaque machine token", "GET", "Bearer ak_1"),
        ("expired", "GET", "Bearer <EXPIRED>"),
        ("expired, POST", "POST", "Bearer <EXPIRED>"),
        ("not yet valid", "GET", "Bearer <EARLY>"),
        ("wrong signature", "GET", "Bearer <MISMATCH>"),
        ("two spaces", "GET", "Bearer  <GOOD>"),
    ];
    let mut table = String::new();
    for (name, method, field) in rows {
        writeln!(table, "{name}").unwrap();
        for instance in BOTH {
            let (config, tokens) = (config(instance), Tokens::new(instance));
            let fields = [("sec-fetch-dest", "document"), ("authorization", &*tokens.fill(field))];
            let decision = decide(&request(method, "/a", &fields), &config);
            writeln!(table, "  {instance:12} {}", brief(&decision)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_only_navigations_are_redirected() {
    let config = config(Instance::Production);
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let rows: &[(&str, &str, Fields<'_>)] = &[
        ("document", "GET", &[("sec-fetch-dest", "document")]),
        ("frame", "GET", &[("sec-fetch-dest", "iframe")]),
        ("other frame", "GET", &[("sec-fetch-dest", "frame")]),
        ("fetch", "GET", &[("sec-fetch-dest", "empty")]),
        ("fetch that wants HTML", "GET", &[("sec-fetch-dest", "empty"), ("accept", "text/html")]),
        ("image", "GET", &[("sec-fetch-dest", "image")]),
        ("upper case", "GET", &[("sec-fetch-dest", "Document")]),
        ("no metadata, HTML", "GET", &[("accept", "text/html,*/*;q=0.8")]),
        ("empty metadata, HTML", "GET", &[("sec-fetch-dest", ""), ("accept", "text/html")]),
        ("no metadata, HTML second", "GET", &[("accept", "*/*,text/html")]),
        ("no metadata, JSON", "GET", &[("accept", "application/json")]),
        ("nothing", "GET", &[]),
        ("HEAD", "HEAD", &[("sec-fetch-dest", "document")]),
        ("POST", "POST", &[("sec-fetch-dest", "document")]),
        ("get", "get", &[("sec-fetch-dest", "document")]),
    ];
    let mut table = String::new();
    for (name, method, fields) in rows {
        let fields = [fields, [("cookie", "__client_uat=1")].as_slice()].concat();
        let decision = decide(&request(method, "/a", &fields), &config);
        writeln!(table, "{name:26} {}", brief(&decision)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn r1_12_r1_14_the_third_redirect_is_the_last() {
    let mut table = String::new();
    for instance in BOTH {
        let (config, tokens) = (config(instance), Tokens::new(instance));
        for count in ["", "0", "1", "2", "3", "4", "17", "-1", "3.0", "abc", "\"3\"", "03"] {
            let line = cookies(&config, &format!("uat=1 browser=b count={count}"));
            let decision = decide(&page("/a", &line), &config);
            let next = decision.edits.iter().find_map(|edit| match edit {
                nostore_message::FieldEdit::Append { value, .. } => Some(value.clone()),
                _ => None,
            });
            let next = next.unwrap_or_else(|| "no cookie".into());
            writeln!(table, "{instance:12} {count:4} {}: {next}", brief(&decision)).unwrap();
            assert_eq!(decision.loop_stopped, decision.location().is_none(), "{}", whole(&decision, &tokens));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_session_tells_its_claims_and_hides_its_token() {
    let instance = Instance::Production;
    let (config, tokens) = (config(instance), Tokens::new(instance));
    let line = tokens.fill(&cookies(&config, "uat=1 session=<GOOD>"));
    let decision = decide(&page("/a", &line), &config);
    let Status::SignedIn(session) = &decision.status else { panic!("{}", brief(&decision)) };
    assert_eq!(session.user_id(), "user_1");
    assert_eq!(session.session_id(), Some("sess_1"));
    assert_eq!(session.email(), Some("alice@example.com"));
    assert_eq!(session.claim("azp").and_then(|azp| azp.as_str()), session.claims().azp());
    assert_eq!(session.claims().iss(), Some("https://accounts.nostore.example"));
    assert_eq!(session.claims().exp(), Some(1_700_000_060.0));
    assert_eq!(session.claims().iat(), Some(1_700_000_000.0));
    assert_eq!(session.claims().nbf(), Some(1_699_999_990.0));
    assert!(session.token().matches(tokens.text("GOOD")));
    assert!(!session.is_pending());
    assert!(decision.edits.is_empty());
    assert!(!format!("{decision:?}").contains(tokens.text("GOOD")));
}

#[test]
fn what_a_signed_out_and_a_handshake_response_carry() {
    let mut table = String::new();
    for instance in BOTH {
        let (config, tokens) = (config(instance), Tokens::new(instance));
        for text in ["uat=0 browser=b", "uat=1 browser=b", "uat=1 session=<EXPIRED> browser=b"] {
            let line = tokens.fill(&cookies(&config, text));
            let decision = decide(&page("/a?b=c", &line), &config);
            writeln!(table, "{instance} {text}\n{}\n", whole(&decision, &tokens)).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
