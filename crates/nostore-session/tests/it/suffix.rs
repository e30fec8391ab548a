//! Which family of cookies counts, seen in the parameter `suffixed_cookies` of a handshake that
//! an expired token in the header causes whatever the cookies are.

use std::fmt::Write as _;

use nostore_session::Instance;
use serde_json::json;

use crate::kit::{
    BOTH, NOW, SESSION_CATEGORY, Tokens, claims, config, cookies, decide, request, sign, signer, with,
};

fn tokens(instance: Instance) -> Tokens {
    let mut tokens = Tokens::new(instance);
    let a = signer('a');
    let head = || json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    // A development key holds a scheme, so that no issuer equals it but one without schemes.
    let own = match instance {
        Instance::Development => json!({"iss": "http://127.0.0.1:8081"}),
        Instance::Production => json!({"iss": "HTTPS://accounts.nostore.example"}),
    };
    let mut add = |name, changes| {
        tokens.add(name, sign(a, head(), with(with(claims(instance), own.clone()), changes)));
    };
    add("OWN", json!({}));
    add("NEWER", json!({"iat": NOW + 1}));
    add("OLDER", json!({"iat": NOW - 1}));
    add("FOREIGN", json!({"iss": "https://accounts.other.example"}));
    add("SLASH", json!({"iss": "https://accounts.nostore.example/"}));
    add("ISS0", json!({"iss": 0}));
    add("ISS7", json!({"iss": 7}));
    add("ISSLIST", json!({"iss": []}));
    add("ISSEMPTY", json!({"iss": ""}));
    add("GONE", json!({"exp": NOW}));
    add("LASTS", json!({"exp": NOW + 1}));
    add("GONELIST", json!({"exp": []}));
    add("GONEONE", json!({"exp": [[NOW.to_string()]]}));
    add("LASTSTWO", json!({"exp": [NOW, NOW]}));
    add("LASTSTRUE", json!({"exp": [true]}));
    tokens
}

const ROWS: &[(&str, &str)] = &[
    ("3 nothing", "x=1"),
    ("1 plain undecodable", "plain-session=garbage sfx-session=<OWN> sfx-uat=1"),
    ("1 plain payload null", "plain-session=e30.bnVsbA.YQ sfx-session=<OWN> sfx-uat=1"),
    ("1 plain without issuer", "plain-session=<NOISS> sfx-session=<OWN> sfx-uat=1"),
    ("1 plain issuer 0", "plain-session=<ISS0> sfx-session=<OWN> sfx-uat=1"),
    ("1 plain issuer empty", "plain-session=<ISSEMPTY> sfx-session=<OWN> sfx-uat=1"),
    ("2 plain issuer 7", "plain-session=<ISS7>"),
    ("2 plain issuer a list", "plain-session=<ISSLIST>"),
    ("2 plain foreign", "plain-session=<FOREIGN>"),
    ("2 plain issuer with a slash", "plain-session=<SLASH>"),
    ("3 plain only", "plain-session=<OWN> plain-uat=1"),
    ("3 suffixed ones empty", "plain-session=<OWN> sfx-session= sfx-uat="),
    ("4 plain newer", "plain-session=<NEWER> sfx-session=<OWN> uat=1"),
    ("4 plain as old", "plain-session=<OWN> sfx-session=<OWN> uat=1"),
    ("4 plain older", "plain-session=<OLDER> sfx-session=<OWN> uat=1"),
    ("4 plain newer, uat 0", "plain-session=<NEWER> sfx-session=<OWN> plain-uat=0 sfx-uat=1"),
    ("4 plain only, suffixed uat", "plain-session=<OWN> sfx-uat=1"),
    ("5 suffixed signed out", "sfx-uat=0 plain-uat=1"),
    ("5 suffixed signed out, no plain", "sfx-uat=0"),
    ("5 both signed out", "uat=0"),
    ("6 expired, plain signed out", "sfx-uat=1 sfx-session=<GONE> plain-uat=0"),
    ("6 one second left", "sfx-uat=1 sfx-session=<LASTS> plain-uat=0"),
    ("6 expired as of an empty list", "sfx-uat=1 sfx-session=<GONELIST> plain-uat=0"),
    ("6 expired as of a list of one", "sfx-uat=1 sfx-session=<GONEONE> plain-uat=0"),
    ("6 a list of two is no number", "sfx-uat=1 sfx-session=<LASTSTWO> plain-uat=0"),
    ("6 nor is a list of true", "sfx-uat=1 sfx-session=<LASTSTRUE> plain-uat=0"),
    ("6 undecodable", "sfx-uat=1 sfx-session=garbage plain-uat=0"),
    ("6 expired, plain signed in", "sfx-uat=1 sfx-session=<GONE> plain-uat=1"),
    ("7 suffixed session alone", "sfx-session=<OWN>"),
    ("8 suffixed only", "sfx-session=<OWN> sfx-uat=1"),
    ("8 suffixed uat only", "sfx-uat=1"),
];

#[test]
fn r1_12_the_family_row_by_row() {
    let mut table = String::new();
    for (name, text) in ROWS {
        write!(table, "{name:34}").unwrap();
        for instance in BOTH {
            let (config, tokens) = (config(instance), tokens(instance));
            let line = tokens.fill(&cookies(&config, text));
            let bearer = format!("Bearer {}", tokens.text("EXPIRED"));
            let fields = [
                ("sec-fetch-dest", "document"),
                ("cookie", line.as_str()),
                ("authorization", bearer.as_str()),
            ];
            let decision = decide(&request("GET", "/", &fields), &config);
            let location = decision.location().unwrap();
            let suffixed = location.contains("suffixed_cookies=true");
            assert_ne!(suffixed, location.contains("suffixed_cookies=false"));
            write!(table, " {instance}: {:9}", if suffixed { "suffixed" } else { "plain" }).unwrap();
        }
        writeln!(table).unwrap();
    }
    insta::assert_snapshot!(table);
}
