//! Strict parsing of the compact serialisation.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_jose::Jws;

fn part(json: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json)
}

#[test]
fn r1_12_forms_row_by_row() {
    let (head, body) = (part(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#), part(r#"{"sub":"u"}"#));
    let rows = [
        ("good", format!("{head}.{body}.AA")),
        ("empty signature", format!("{head}.{body}.")),
        ("empty", String::new()),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{head}.{body}.AA.AA")),
        ("padded header", format!("{}=.{body}.AA", part(r#"{"a":1}"#))),
        ("padded payload", format!("{head}.{body}==.AA")),
        ("padded signature", format!("{head}.{body}.AA==")),
        ("leftover bits", format!("{head}.{body}.AB")),
        ("one character", format!("{head}.{body}.A")),
        ("standard alphabet", format!("{head}.{body}.+/")),
        ("white space", format!("{head}.{body}.A A")),
        ("header null", format!("{}.{body}.AA", part("null"))),
        ("header array", format!("{}.{body}.AA", part("[]"))),
        ("payload null", "e30.bnVsbA.YQ".to_owned()),
        ("payload text", format!("{head}.{}.AA", part("\"x\""))),
        ("payload not JSON", format!("{head}.{}.AA", part("{"))),
        ("payload not UTF-8", format!("{head}.{}.AA", part(b"{\"a\":\"\xff\"}"))),
        ("payload and more", format!("{head}.{}.AA", part("{} {}"))),
        ("payload too deep", format!("{head}.{}.AA", part("[".repeat(100_000)))),
        ("critical", format!("{}.{body}.AA", part(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#))),
        ("the last of two names", format!("{head}.{}.AA", part(r#"{"sub":"a","sub":"b"}"#))),
        ("kid not a text", format!("{}.{body}.AA", part(r#"{"alg":1,"kid":7}"#))),
    ];
    let mut table = String::new();
    for (name, text) in rows {
        let outcome = match Jws::parse(&text) {
            Ok(jws) => format!(
                "alg {:?} kid {:?} sub {:?} signature {:?}",
                jws.header().alg(),
                jws.header().kid(),
                jws.payload().get("sub").and_then(|sub| sub.as_str()),
                jws.signature()
            ),
            Err(error) => format!("{}: {error}", error.code()),
        };
        writeln!(table, "{name:22} {outcome}").unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_signing_input_is_the_text_as_it_stands() {
    let text = format!("{}.{}.AA", part("{ \"alg\" : \"RS256\" }"), part("{ }"));
    let jws = Jws::parse(&text).unwrap();
    assert_eq!(jws.signing_input(), text.strip_suffix(".AA").unwrap());
}

#[test]
fn debug_shows_no_claims() {
    let text = format!("{}.{}.AA", part(r#"{"alg":"RS256"}"#), part(r#"{"sub":"hush"}"#));
    assert!(!format!("{:?}", Jws::parse(&text).unwrap()).contains("hush"));
}
