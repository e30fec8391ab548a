//! Bad input: one clear message each, a fitting exit code, and nothing lost.

use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::sealed::{NAME, SECRET, VECTOR};
use crate::site::{Folder, NOSTORE, Site};

fn nostore(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = Command::new(NOSTORE);
    for variable in crate::sealed::VARIABLES {
        command.env_remove(variable);
    }
    command.args(arguments).current_dir(&folder.0).stdin(Stdio::null()).output().unwrap()
}

/// Shows exit code and standard error, with this run's folder and ports made equal.
fn shown(folder: &Folder, port: u16, arguments: &[&str]) -> String {
    let output = nostore(folder, arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    let port = if port == 0 { "no port".to_owned() } else { port.to_string() };
    let text = text.replace(&folder.0.display().to_string(), "FOLDER").replace(&port, "PORT");
    let command = arguments.join(" ").replace(&folder.0.display().to_string(), "FOLDER");
    let command = command.replace(&port, "PORT");
    assert!(output.stdout.is_empty(), "{command}: {}", String::from_utf8_lossy(&output.stdout));
    format!("$ nostore {command}\n{text}exit code {:?}\n\n", output.status.code())
}

#[tokio::test]
async fn each_gets_one_clear_message() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    std::fs::write(folder.0.join("file"), "I am not a folder").unwrap();
    let seed = r#"{ "organizations": [{ "slug": "acme", "members": [{ "user": "nobody@example.com" }] }] }"#;
    std::fs::write(folder.0.join("bad.json"), seed).unwrap();
    let ports = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
    let dev = |more: &[&'static str]| [["dev"].as_slice(), &ports, more].concat();
    let guard = |more: &[&'static str]| [&["guard", "--listen", "127.0.0.1:0"], more].concat();
    let rows: Vec<Vec<&str>> = vec![
        dev(&["--cdn", "netlfy"]),
        dev(&["--cdn", "squid"]),
        dev(&["--keys", "prod"]),
        dev(&["--app", "localhost:3000"]),
        dev(&["--data", "file/deeper"]),
        vec!["issuer", "--listen", "127.0.0.1:0", "--data", "file"],
        dev(&["--", "false"]),
        dev(&["--", "sh", "-c", "exit 3"]),
        dev(&["--", "no-such-command-anywhere"]),
        vec!["dev", "--listen", &address],
        vec!["dev", "--listen", "127.0.0.1:0", "--issuer-listen", &address],
        vec!["edge", "--listen", "127.0.0.1:0", "--origin", "ftp://example.com"],
        vec!["edge", "--listen", "127.0.0.1:0", "--origin", "http://127.0.0.1:1", "--set", "min-lifetime"],
        vec!["edge", "--listen", "127.0.0.1:0", "--origin", "http://127.0.0.1:1", "--set", "min-liftime=60"],
        vec![
            "edge",
            "--listen",
            "127.0.0.1:0",
            "--origin",
            "http://127.0.0.1:1",
            "--set",
            "min-lifetime=soon",
        ],
        guard(&[]),
        guard(&["--session-cookie", "sid", "--origin", "localhost:3000"]),
        guard(&["--session-cookie", "sid", "--origin", "http://127.0.0.1:1", "--public", "about"]),
        guard(&[
            "--session-cookie",
            "sid",
            "--origin",
            "http://127.0.0.1:1",
            "--trusted-proxy",
            "cdn.example",
        ]),
        vec!["issuer", "--listen", "127.0.0.1:0", "--allow-origin", "example.com"],
        vec!["issuer", "--listen", "127.0.0.1:0", "--token-lifetime", "0"],
        vec!["issuer", "--listen", "127.0.0.1:0", "--seed", "no-such.json"],
        vec!["issuer", "--listen", "127.0.0.1:0", "--seed", "bad.json"],
        dev(&["--seed", "file"]),
        vec!["issuer", "rotate-key", "--data", "nowhere"],
    ];
    let mut table = String::new();
    for arguments in rows {
        write!(table, "{}", shown(&folder, port, &arguments)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_sign_in_of_ones_own_that_is_none_gets_one_clear_message() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("file"), "I am not a folder").unwrap();
    std::fs::create_dir(folder.0.join("broken")).unwrap();
    std::fs::write(folder.0.join("broken/site.env"), "NOSTORE_SECRET=\n").unwrap();
    std::fs::write(folder.0.join("twice"), "NOSTORE_SECRET=a\nNOSTORE_SECRET=b\n").unwrap();
    std::fs::write(folder.0.join("short"), "NOSTORE_SECRET=hush\n").unwrap();
    let ports = ["--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
    let dev = |more: &[&'static str]| [["dev"].as_slice(), &ports, more].concat();
    let rows: Vec<Vec<&str>> = vec![
        dev(&["--sessions", "jwt"]),
        dev(&["--sessions", "cookie", "--unprotected", "loop"]),
        dev(&["--sessions", "cookie", "--module", "."]),
        dev(&["--sessions", "cookie", "--token-lifetime", "5"]),
        dev(&["--sessions", "cookie", "--data", "file/deeper"]),
        dev(&["--sessions", "cookie", "--data", "broken"]),
        vec!["secret", "rotate"],
        vec!["secret", "rotate", "--keep-sessions", "--end-sessions"],
        vec!["secret", "rotate", "--keep-sessions"],
        vec!["secret", "rotate", "--end-sessions", "--file", "no-such"],
        vec!["secret", "rotate", "--end-sessions", "--file", "file"],
        vec!["secret", "rotate", "--end-sessions", "--file", "twice"],
        vec!["secret", "rotate", "--keep-sessions", "--file", "short"],
    ];
    let mut table = String::new();
    for arguments in rows {
        write!(table, "{}", shown(&folder, 0, &arguments)).unwrap();
    }
    assert!(!table.contains("hush"), "{table}");
    insta::assert_snapshot!(table);
}

#[test]
fn a_session_that_is_none_gets_one_clear_message() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("empty"), "\n\n").unwrap();
    let (name, secret) = (["--cookie-name", NAME], ["--secret", SECRET]);
    let open = |more: &[&'static str]| [&["session", "open"], &name[..], more].concat();
    let seal = |more: &[&'static str]| [&["session", "seal"], &name[..], more].concat();
    let rows: Vec<Vec<&str>> = vec![
        vec!["session", "open", VECTOR],
        open(&[VECTOR]),
        open(&["--secret", "", VECTOR]),
        open(&["--secret", "another", VECTOR]),
        open(&["--secret", SECRET, "--format", "nostore", VECTOR]),
        open(&["--secret", SECRET, "--format", "jwt", VECTOR]),
        open(&["--secret", SECRET, "eyJhbGciOiJub25lIn0.e30."]),
        open(&["--secret", SECRET, &VECTOR[..300]]),
        open(&secret),
        open(&["--secret", SECRET, "--at", "4920825615", VECTOR]),
        open(&["--secret", SECRET, "--at", "1767225584", VECTOR]),
        open(&["--secret-file", "no-such", VECTOR]),
        open(&["--secret-file", "empty", VECTOR]),
        vec!["session", "open", "--cookie-name", "a b", "--secret", SECRET, VECTOR],
        vec!["session", "open", "--cookie-name", "authjs.session-token.0", "--secret", SECRET, VECTOR],
        seal(&[]),
        seal(&secret),
        seal(&["--secret", "short"]),
        seal(&["--secret", SECRET, "--format", "authjs-v4"]),
        seal(&["--secret", SECRET, "--max-age", "0"]),
    ];
    let mut table = String::new();
    for arguments in rows {
        let told = shown(&folder, 0, &arguments);
        let (_, message) = told.split_once('\n').unwrap();
        assert!(!message.contains("nostore-test-secret") && !message.contains("SlCla0i08"), "{message}");
        write!(table, "{}", told.replace(VECTOR, "VECTOR").replace(&VECTOR[..300], "HALF")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_damaged_database_is_named_and_left_as_it_is() {
    let folder = Folder::new();
    let data = folder.0.join(".nostore");
    std::fs::create_dir_all(&data).unwrap();
    let start = ["issuer", "--listen", "127.0.0.1:0"];
    let database = data.join("issuer.sqlite3");
    let garbage = b"this is not a database, but it may be somebody's only copy".repeat(100);
    std::fs::write(&database, &garbage).unwrap();
    let output = nostore(&folder, &start);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(database.file_name().unwrap().to_str().unwrap()), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(std::fs::read(&database).unwrap(), garbage, "it is left as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_app_is_a_502_that_says_so() {
    let mut site = Site::start(&["--app", "http://127.0.0.1:1"]).await;
    let said = site.process.wait_for(0, |event| event["event"] == "app-unreachable").await.unwrap();
    assert!(said["text"].as_str().unwrap().contains("http://127.0.0.1:1"), "{said}");
    let page = get(&site.url, "/").await;
    assert!(page.starts_with("HTTP/1.1 502 "), "{page}");
    assert!(page.to_lowercase().contains("cache-control: no-store"), "{page}");
    let seen = site.process.wait_for(0, |event| event["event"] == "request").await.unwrap();
    assert_eq!((&seen["status"], &seen["outcome"]), (&502.into(), &"ERROR".into()), "{seen}");
    assert_eq!(site.process.interrupt().await, Some(0), "Ctrl-C ends it cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_talks_garbage_is_a_502() {
    let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", app.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = app.accept().await {
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await;
        }
    });
    let site = Site::start(&["--app", &url]).await;
    let page = get(&site.url, "/").await;
    assert!(page.starts_with("HTTP/1.1 502 "), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_port_that_is_taken_moves_on() {
    let folder = Folder::new();
    // Whoever holds the default port, this test or another program: it is taken.
    let _taken = TcpListener::bind("127.0.0.1:8080").await;
    let arguments = ["edge", "--json", "--origin", "http://127.0.0.1:1"];
    let edge = nostore_test::Nostore::start(NOSTORE, &arguments, &folder.0).await.unwrap();
    let url = edge.started("/site");
    assert!(url.starts_with("http://127.0.0.1:80") && url != "http://127.0.0.1:8080", "{url}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_signs_nobody_out() {
    let site = Site::start(&["--keys", "live"]).await;
    for (from, expected) in
        [("same-origin", "303"), ("none", "303"), ("same-site", "403"), ("cross-site", "403")]
    {
        let lines = format!("Sec-Fetch-Site: {from}\r\nContent-Length: 0\r\n");
        let answer = send(&site.url, "POST /sign-out", &lines).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{from}: {answer}");
        assert_eq!(answer.to_lowercase().contains("set-cookie:"), expected == "303", "{from}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_does_not_show_is_said_before_it_is_missed() {
    for (profile, failure, expected) in [
        ("amplify", "loop", true),
        ("cloudfront/cookies-in-key", "leak", true),
        ("netlify", "leak", true),
        ("netlify", "loop", false),
        ("cloudfront", "loop", false),
        ("amplify", "leak", false),
    ] {
        let site = Site::start(&["--cdn", profile, "--keys", "live", "--unprotected", failure]).await;
        let started = site.process.since(0).swap_remove(0);
        assert_eq!(started["doesNotShow"].is_string(), expected, "{profile} {failure}: {started}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_of_the_operators_is_named_at_the_start() {
    for (profile, expected) in [
        ("nginx/ignore-headers", "X-Accel-Expires"),
        ("cloudflare/cache-everything", "Edge TTL"),
        ("nginx", ""),
        ("cloudfront", ""),
    ] {
        let site = Site::start(&["--cdn", profile, "--keys", "live"]).await;
        let started = site.process.since(0).swap_remove(0);
        let told = &started["operatorOverride"];
        assert_eq!(told.is_object(), !expected.is_empty(), "{profile}: {started}");
        for member in ["what", "mend"].into_iter().filter(|_| told.is_object()) {
            assert!(told[member].as_str().unwrap().contains(expected), "{profile}: {told}");
        }
    }
}

/// Sends one request by hand and reads until the connection closes.
async fn get(site: &str, path: &str) -> String {
    send(site, &format!("GET {path}"), "").await
}

async fn send(site: &str, line: &str, fields: &str) -> String {
    let authority = site.strip_prefix("http://localhost").unwrap();
    let mut stream = tokio::net::TcpStream::connect(format!("127.0.0.1{authority}")).await.unwrap();
    let head = format!("{line} HTTP/1.1\r\nHost: localhost{authority}\r\n{fields}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}
