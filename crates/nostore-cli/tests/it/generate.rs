//! `nostore gen` as people use it: printed, written, refused.

use std::fmt::Write as _;
use std::process::{Command, Output};

use serde_json::Value;

use crate::site::{Folder, NOSTORE};

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(NOSTORE).arg("gen").args(arguments).current_dir(&folder.0).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn r3_7_a_file_is_on_standard_output_alone() {
    let folder = Folder::new();
    let output = run(&folder, &["amplify"]);
    assert!(output.status.success());
    let (printed, told) = (text(&output.stdout), text(&output.stderr));
    assert!(
        printed.starts_with("# Made by `nostore gen amplify`") && printed.contains("'/api/auth/**/*'"),
        "{printed}"
    );
    assert!(told.starts_with("note: no --session-cookie: those of authjs.session-token, "), "{told}");
    for word in ["do: ", "protects: ", "does not protect: "] {
        assert!(told.lines().any(|line| line.starts_with(word)), "{word}{told}");
    }
    let output = run(&folder, &["nginx", "--session-cookie", "sid"]);
    let printed = text(&output.stdout);
    assert!(
        printed.contains("# ==> nostore-http.conf\n") && printed.contains("# ==> nostore-location.conf\n"),
        "{printed}"
    );
    assert!(!text(&output.stderr).contains("note: "));
}

#[test]
fn one_json_object_says_everything() {
    let folder = Folder::new();
    let output = run(&folder, &["varnish", "--session-cookie", "sid", "--json", "--write", "vcl"]);
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&object["target"], &object["files"][0]["path"]), (&"varnish".into(), &"nostore.vcl".into()));
    assert_eq!(object["written"][0]["what"], "written");
    assert!(!object["protects"].as_array().unwrap().is_empty() && output.stderr.is_empty());
}

#[test]
fn a_file_that_says_something_else_is_left_alone() {
    let folder = Folder::new();
    let write = ["nginx", "--session-cookie", "sid", "--write", "conf"];
    let place = folder.0.join("conf");
    let outcome = |arguments: &[&str]| {
        let output = run(&folder, arguments);
        let lines = if output.status.success() { output.stdout } else { output.stderr };
        format!("{:?}\n{}", output.status.code(), text(&lines).replace('\\', "/"))
    };
    let mut table = String::new();
    writeln!(table, "first: {}", outcome(&write)).unwrap();
    writeln!(table, "again: {}", outcome(&write)).unwrap();
    std::fs::write(place.join("nostore-location.conf"), "mine").unwrap();
    std::fs::remove_file(place.join("nostore-http.conf")).unwrap();
    writeln!(table, "another: {}", outcome(&write)).unwrap();
    assert_eq!(std::fs::read(place.join("nostore-location.conf")).unwrap(), b"mine");
    assert!(!place.join("nostore-http.conf").exists(), "nothing is written where something is refused");
    writeln!(table, "forced: {}", outcome(&[&write[..], &["--force"]].concat())).unwrap();
    assert_ne!(std::fs::read(place.join("nostore-location.conf")).unwrap(), b"mine");
    insta::assert_snapshot!(table);
}

#[test]
fn mistakes_are_explained() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("file"), "").unwrap();
    let mut table = String::new();
    for arguments in [
        &["ngnix"][..],
        &["nginx", "--session-cookie", "a b"],
        &["nginx", "--auth-path", "login"],
        &["nginx", "--public", "/a*"],
        &["nginx", "--force"],
        &["nginx", "--write", "file"],
    ] {
        let output = run(&folder, arguments);
        writeln!(
            table,
            "$ nostore gen {}\n{}{:?}\n",
            arguments.join(" "),
            text(&output.stderr),
            output.status.code()
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}
