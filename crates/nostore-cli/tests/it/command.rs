//! What people type besides `dev` with flags: the demonstration, completions, a folder that speaks for itself.

use std::fmt::Write as _;
use std::process::Command;

use nostore_test::Nostore;

use crate::site::{Folder, NOSTORE};

#[test]
fn r0_1_r0_2_the_demonstration_holds_and_keeps_secrets() {
    for (failure, wrong) in
        [("loop", "never ends"), ("leak", "deletes all cookies, opens it again, and is Alice again")]
    {
        let output = Command::new(NOSTORE).args(["demo", failure]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{failure}: {text}{}", String::from_utf8_lossy(&output.stderr));
        let (unprotected, protected) = text.split_once("2  Protected").unwrap();
        assert!(unprotected.contains(wrong) && !unprotected.contains('✓'), "{unprotected}");
        assert!(protected.contains("she stays out") && !protected.contains('✗'), "{protected}");
        assert!(
            !text.contains("eyJ") && !text.contains('\u{1b}'),
            "no token, and no colour off a terminal: {text}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let script = format!("'{NOSTORE}' demo loop | head -n 1");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = Command::new(NOSTORE).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("issuer-listen"), "{shell}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_edge_is_purged_from_the_command_line() {
    let folder = Folder::new();
    let arguments = [
        "dev",
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--issuer-listen",
        "127.0.0.1:0",
        "--control",
        "127.0.0.1:0",
    ];
    let mut site = Nostore::start(NOSTORE, &arguments, &folder.0).await.unwrap();
    let told = site.wait_for(0, |event| event["event"] == "control").await.unwrap();
    let control = told["control"].as_str().unwrap().to_owned();
    let purge = |arguments: &[&str]| {
        let output =
            Command::new(NOSTORE).args(["edge", "purge", "--control", &control]).args(arguments).output();
        let output = output.unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said.trim().to_owned())
    };
    assert_eq!(purge(&[]), (Some(0), "purged 0".to_owned()), "nobody has asked for anything");
    assert_eq!(purge(&["/a?b=c"]), (Some(0), "purged 0".to_owned()));
    let (code, said) = purge(&["a"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("expected a URL, or a path that begins with /, as url"), "{said}");
    assert_eq!(site.interrupt().await, Some(0));
    let (code, said) = purge(&[]);
    assert!(code == Some(1) && said.contains("found nobody who answers"), "{said}");
    let output = Command::new(NOSTORE).args(["edge", "purge", "--control", "0.0.0.0:8089"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("expected a loopback address"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_cdn_the_folder_is_asked() {
    let mut table = String::new();
    for files in
        [&[][..], &["netlify.toml"], &["customHttp.yml"], &["vercel.json"], &["default.vcl"], &["README.md"]]
    {
        let folder = Folder::new();
        for file in files {
            std::fs::write(folder.0.join(file), "").unwrap();
        }
        let arguments = ["dev", "--json", "--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
        let mut site = Nostore::start(NOSTORE, &arguments, &folder.0).await.unwrap();
        let (profile, reason) = (site.started("/profile"), site.started("/profileReason"));
        writeln!(table, "{files:?}: {profile}, because {reason}").unwrap();
        assert_eq!(site.interrupt().await, Some(0));
    }
    insta::assert_snapshot!(table);
}
