//! `nostore init`: what it finds in folders of sites, and what it leaves alone.

use std::fmt::Write as _;
use std::process::{Command, Output};

use crate::site::{Folder, NOSTORE};

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(NOSTORE).args(arguments).current_dir(&folder.0).output().unwrap()
}

#[test]
fn what_a_folder_shows_is_written_down() {
    let rows: [(&str, &[(&str, &str)]); 9] = [
        ("nothing", &[]),
        (
            "Next.js on Amplify",
            &[("package.json", r#"{"dependencies":{"next-auth":"5.0.0"}}"#), ("amplify.yml", "")],
        ),
        (
            "NextAuth.js 4",
            &[("package.json", "{\"dependencies\":{\"next-auth\": \"^4.24.0\"}}"), ("vercel.json", "{}")],
        ),
        (
            "Clerk on Netlify",
            &[("package.json", r#"{"dependencies":{"@clerk/astro":"2"}}"#), ("netlify.toml", "")],
        ),
        ("express-session", &[("package.json", r#"{"dependencies":{"express-session":"1"}}"#)]),
        ("Laravel", &[("composer.json", r#"{"require":{"laravel/framework":"11"}}"#)]),
        ("Django", &[("manage.py", "import django")]),
        ("axum-login", &[("Cargo.toml", "[dependencies]\naxum-login = \"1\"\n")]),
        ("no JSON at all", &[("package.json", "\u{0}\u{1}")]),
    ];
    let mut text = String::new();
    for (name, files) in rows {
        let folder = Folder::new();
        for (file, content) in files {
            std::fs::write(folder.0.join(file), content).unwrap();
        }
        let done = run(&folder, &["init"]);
        assert!(done.status.success(), "{name}");
        writeln!(text, "{name}\n{}", String::from_utf8(done.stdout).unwrap()).unwrap();
        // What was written is read by every command; only the rest is missing.
        let tried = run(&folder, &["guard", "--origin", "x:y"]);
        let said = String::from_utf8(tried.stderr).unwrap();
        assert!(!said.contains("nostore.toml is not as expected"), "{name}: {said}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn all_that_can_be_said_is_said_as_it_is_read() {
    let folder = Folder::new();
    let printed = String::from_utf8(run(&folder, &["init", "--print"]).stdout).unwrap();
    let is_setting = |line: &str| {
        line.strip_prefix("# ").is_some_and(|rest| {
            rest.split(" = ").next().is_some_and(|name| !name.contains(' ')) && rest.contains(" = ")
        })
    };
    let all: String = printed
        .lines()
        .map(|line| if is_setting(line) { &line[2..] } else { line })
        .filter(|line| {
            !line.starts_with("report-only") && !line.starts_with("listen") && !line.starts_with("control")
        })
        .fold(String::new(), |all, line| all + line + "\n");
    assert!(all.contains("\nsign-in = \"own\"") && all.contains("\nmax-body = "), "{all}");
    std::fs::write(folder.0.join("nostore.toml"), all).unwrap();
    let tried = run(&folder, &["guard"]);
    let said = String::from_utf8(tried.stderr).unwrap();
    assert!(said.contains("NOSTORE_SECRET"), "expected only secrets to be missing: {said}");
}

#[test]
fn what_is_there_is_never_overwritten() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("nostore.toml"), "# mine\n").unwrap();
    let done = run(&folder, &["init"]);
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(folder.0.join("nostore.toml")).unwrap(), "# mine\n");
    assert!(run(&folder, &["init", "--print"]).status.success());
}
