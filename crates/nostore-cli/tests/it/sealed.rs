//! `nostore session`: what it prints where, and which secrets it takes from where.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::site::{Folder, NOSTORE};

/// Where secrets may come from besides the command line.
pub(crate) const VARIABLES: [&str; 5] =
    ["NOSTORE_SECRET", "AUTH_SECRET", "AUTH_SECRET_1", "AUTH_SECRET_2", "AUTH_SECRET_3"];
/// The secret and the token of a worked vector.
pub(crate) const SECRET: &str = "nostore-test-secret-0123456789abcdef";
pub(crate) const VECTOR: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiLThTdUlfWUx3NDJWUkJIaUw1QUZGNFBMMEoyN3JPaUJtU3R5azFpLU9hOFpwUmJISEVnSHJLaWZjM25fN1I2ajdoelpkQ0xkOVppcjVOWFh2bzlHRFEifQ..AAECAwQFBgcICQoLDA0ODw.SlCla0i08vNkygDCfLyx-G36wod7df_sjBDUSC4cJZGyJvfbeIsf1Pg6j-w38cpy88nCaayFNfMiWwqouFM33blj49upbqwO1sTNhe8L_ld-w87UkZjvDKvjYEBXb2OEVw0g4uv1jeZza2FIYgQaPyIDQNo-HoysB0amnq2f9Fbil5eeiYZqqpXwwXY_RIOenrw1hVTCmFv13Ica6K-Usw.II5MTTe3wEs7srVS_0E1pne29LJOvYWDB11BPznBYsw";
pub(crate) const NAME: &str = "__Secure-authjs.session-token";

fn run(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    let mut command = Command::new(NOSTORE);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command.arg("session").args(arguments).envs(variables.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let warned = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(warned.starts_with("warning: ") && warned.lines().count() == 1, "{warned}");
    let text = String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned();
    // The warning says that something is shown, and nothing of it.
    for word in text.split('"').filter(|word| word.len() > 3) {
        assert!(!warned.contains(word), "{warned}");
    }
    text
}

fn opened(arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Value {
    serde_json::from_str(&printed(&run(&[&["open"], arguments].concat(), variables, input))).unwrap()
}

#[test]
fn the_worked_vector_is_opened_from_wherever_it_and_the_secret_come() {
    let folder = Folder::new();
    let file = folder.0.join("secrets");
    std::fs::write(&file, format!("another secret\n\n  {SECRET}\r\n")).unwrap();
    let file = file.display().to_string();
    let (one, two) = VECTOR.split_at(200);
    let name = ["--cookie-name", NAME];
    for (arguments, variables, input) in [
        (vec!["--secret", SECRET, VECTOR], vec![], ""),
        (vec!["--secret", SECRET, "--format", "authjs", VECTOR], vec![], ""),
        (vec!["--secret", "other", "--secret", SECRET, one, two], vec![], ""),
        (vec!["--secret-file", &file], vec![], VECTOR),
        (vec![VECTOR], vec![("AUTH_SECRET", SECRET)], ""),
        (vec![VECTOR], vec![("AUTH_SECRET", "newer"), ("AUTH_SECRET_2", SECRET)], ""),
        (vec!["--format", "authjs"], vec![("NOSTORE_SECRET", SECRET), ("AUTH_SECRET", "")], VECTOR),
    ] {
        let claims = opened(&[&name, &arguments[..]].concat(), &variables, input);
        assert_eq!(claims["email"], "ada@example.com", "{arguments:?} {variables:?}");
    }
    // What is given counts, and not what is in the environment besides.
    let wrong = [&["open"], &name[..], &["--secret", "other", VECTOR]].concat();
    assert_eq!(run(&wrong, &[("AUTH_SECRET", SECRET)], "").status.code(), Some(1));
}

#[test]
fn what_is_sealed_is_opened_again() {
    for (format, name) in [("authjs", "authjs.session-token"), ("nostore", "__Host-nostore.session")] {
        let common = ["--cookie-name", name, "--secret", SECRET, "--format", format];
        let claims = r#"{"sub":"user_1","sid":"s","nostore_start":1700000000,"exp":1}"#;
        let token = printed(&run(&[&["seal", "--max-age", "60"], &common[..]].concat(), &[], claims));
        let other = printed(&run(&[&["seal", "--max-age", "60"], &common[..]].concat(), &[], claims));
        assert_ne!(token, other, "each has a vector of its own");
        let claims = opened(&common, &[], &token);
        assert_eq!((&claims["sub"], &claims["sid"]), (&"user_1".into(), &"s".into()));
        assert_eq!(claims["nostore_start"], 1_700_000_000);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        // Without a format, whatever opens.
        assert_eq!(opened(&common[..4], &[], &token)["sub"], "user_1");
        let another = if format == "authjs" { "nostore" } else { "authjs" };
        let wrong = [&["open"], &common[..4], &["--format", another, &token]].concat();
        assert_eq!(run(&wrong, &[], "").status.code(), Some(1), "{format}");
    }
}

/// Of Auth.js's secrets the highest number seals; with our format ours does.
#[test]
fn the_order_of_the_environment_is_that_of_the_format() {
    let [zero, two, ours] = ["0", "2", "n"].map(|text| text.repeat(32));
    let variables = [("AUTH_SECRET", &*zero), ("AUTH_SECRET_2", &*two), ("NOSTORE_SECRET", &*ours)];
    for (format, expected) in [("authjs", &two), ("nostore", &ours)] {
        let common = ["--cookie-name", "sid", "--format", format];
        let token = printed(&run(&[&["seal"], &common[..]].concat(), &variables, "{}"));
        for secret in [&zero, &two, &ours] {
            let arguments = [&["open"], &common[..], &["--secret", secret, &token]].concat();
            assert_eq!(run(&arguments, &[], "").status.success(), secret == expected, "{format}");
        }
    }
}

#[test]
fn a_short_secret_seals_where_it_is_asked_for() {
    let common = ["seal", "--cookie-name", "sid", "--secret", "short"];
    let refused = run(&common, &[], "{}");
    assert_eq!(refused.status.code(), Some(2));
    let token = printed(&run(&[&common[..], &["--danger-short-secret"]].concat(), &[], "{}"));
    assert!(opened(&["--cookie-name", "sid", "--secret", "short"], &[], &token)["jti"].is_string());
}
