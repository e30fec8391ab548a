//! A guard that runs: its configuration, a restart, and sign-in in the app's place.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use nostore_cli::visitor::{Visit, Visitor};
use nostore_test::Nostore;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use url::Url;

use super::app;
use crate::site::{Folder, NOSTORE};

/// Says which fields of the guard's it got, and may be cached.
async fn answer(mut stream: TcpStream) -> Option<()> {
    let mut head = Vec::new();
    loop {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let told: Vec<&str> =
            text.lines().filter(|line| line.starts_with("nostore-") && !line.contains("assertion")).collect();
        let body = format!("<p>{}</p>", told.join("; "));
        let fields = format!("cache-control: s-maxage=60\r\ncontent-length: {}\r\n", body.len());
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}").as_bytes()).await.ok()?;
        head.clear();
    }
}

fn write(path: &Path, text: &str) {
    // At once and whole, as editors do.
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_counts_at_once_and_a_broken_one_never() {
    let (folder, app) = (Folder::new(), app(answer).await);
    let file = folder.0.join("nostore.toml");
    let with = |cookies: &str| format!("app = \"{app}\"\nsession-cookies = [{cookies}]\n");
    write(&file, &with("\"sid\""));
    let mut guard =
        Nostore::start(NOSTORE, &["guard", "--json", "--listen", "127.0.0.1:0"], &folder.0).await.unwrap();
    let site = Url::parse(guard.started("/site")).unwrap();
    assert_eq!(guard.started("/app"), app);

    let asked = async |guard: &mut Nostore, cookie: &str| {
        let mark = guard.mark();
        let mut stream = TcpStream::connect(site.socket_addrs(|| None).unwrap()[0]).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\ncookie: {cookie}=1\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        let event = guard.wait_for(mark, |event| event["event"] == "request").await.unwrap();
        event["change"].as_str().unwrap().to_owned()
    };
    assert_eq!(asked(&mut guard, "sid").await, "protected");
    assert_eq!(asked(&mut guard, "other").await, "none");

    let mark = guard.mark();
    write(&file, &with("\"other\""));
    guard.wait_for(mark, |event| event["event"] == "config-taken").await.expect("the file is taken");
    assert_eq!(asked(&mut guard, "sid").await, "none");
    assert_eq!(asked(&mut guard, "other").await, "protected");

    let elsewhere = with("\"sid\"") + "[guard]\ncontrol = \"127.0.0.1:0\"\n";
    let broken =
        [with("\"sid"), with("") + "public = [\"no path\"]\n", "app = \"ftp://x\"".to_owned(), elsewhere];
    for broken in broken {
        let mark = guard.mark();
        write(&file, &broken);
        let told = guard.wait_for(mark, |event| event["event"] == "config-refused").await.expect("refused");
        assert!(!told["error"].as_str().unwrap().is_empty(), "{told}");
        assert_eq!(asked(&mut guard, "other").await, "protected", "{broken}");
    }
    let mark = guard.mark();
    write(&file, &with("\"sid\", \"other\""));
    guard.wait_for(mark, |event| event["event"] == "config-taken").await.expect("the file is taken");
    assert_eq!(asked(&mut guard, "sid").await, "protected");
    assert_eq!(guard.interrupt().await, Some(0));
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    answered(stream).await
}

async fn answered(mut stream: TcpStream) -> std::io::Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Starts a guard on a socket that is passed on, as service managers do.
fn passed_on(socket: &TcpListener, app: &str, folder: &Path) -> Child {
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 </dev/null";
    Command::new("sh")
        .args(["-c", script, NOSTORE, "guard", "--json", "--origin", app, "--session-cookie", "sid"])
        .current_dir(folder)
        .stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap())))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_on_the_socket_of_a_service_manager_loses_no_request() {
    let (folder, app) = (Folder::new(), app(answer).await);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut guard = passed_on(&socket, &app, &folder.0);
    for restart in 0..3 {
        for _ in 0..20 {
            let answer = ask(address).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "restart {restart}: {answer}");
        }
        // Their requests are on their way, and wait in the socket or in the guard.
        let mut visitors = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(REQUEST).await.unwrap();
            visitors.push(tokio::spawn(answered(stream)));
        }
        let id = guard.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let next = passed_on(&socket, &app, &folder.0);
        assert!(guard.wait().await.unwrap().success());
        guard = next;
        for visitor in visitors {
            let answer = visitor.await.unwrap().unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "restart {restart}: {answer}");
        }
    }
}

/// Sends the provider's form off.
async fn at_provider(visitor: &mut Visitor, page: &Visit, email: &str) -> Visit {
    let names =
        ["client_id", "redirect_uri", "response_type", "scope", "code_challenge", "code_challenge_method"];
    let names = names.into_iter().chain(["state", "nonce"]);
    let hidden: Vec<(&str, String)> = names.filter_map(|name| Some((name, page.form_value(name)?))).collect();
    let form: Vec<(&str, &str)> =
        hidden.iter().map(|(name, value)| (*name, value.as_str())).chain([("email", email)]).collect();
    let action = page.hops.last().unwrap().url.join("/oauth/sign-in").unwrap();
    visitor.submit(&action, &form).await.unwrap()
}

/// Starts the identity service with the seed of a folder, and returns its address.
async fn issuer(folder: &Path) -> (Child, String) {
    let mut issuer = Command::new(NOSTORE)
        .args(["issuer", "--listen", "127.0.0.1:0", "--seed", "seed.json"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(issuer.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("the identity service says its address");
        if let Some((_, rest)) = line.split_once("http://") {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (issuer, format!("http://{}", rest.split(' ').next().unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r0_5_a_site_in_any_language_gets_sign_in_without_a_line_of_code() {
    let (folder, app) = (Folder::new(), app(answer).await);
    // The guard's address is part of what is registered at the provider, so it is known before either starts.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let site = format!("http://localhost:{port}");
    let seed = json!({
        "users": [{ "email": "alice@example.com", "name": "Alice" }, { "email": "bob@example.com", "name": "Bob" }],
        "relying_parties": [{ "client_id": "site", "client_secret": "0123456789",
                              "redirect_uris": [format!("{site}/auth/callback")] }],
    });
    std::fs::write(folder.0.join("seed.json"), seed.to_string()).unwrap();
    let (_issuer, provider) = issuer(&folder.0).await;
    write(
        &folder.0.join("nostore.toml"),
        &format!(
            "site = \"{site}\"\napp = \"{app}\"\nprotected = [\"/admin/*\"]\n\
             [guard]\nlisten = \"127.0.0.1:{port}\"\nsign-in = \"own\"\n\
             [sign-in]\nissuer = \"{provider}\"\nclient-id = \"site\"\nadmins = [\"alice@example.com\"]\n",
        ),
    );
    let secrets =
        ["NOSTORE_SECRET=a-secret-of-at-least-thirty-two-octets", "NOSTORE_OIDC_CLIENT_SECRET=0123456789"];
    let guard = [&secrets[..], &[NOSTORE, "guard", "--json"]].concat();
    let mut guard = Nostore::start("env", &guard, &folder.0).await.unwrap();
    assert_eq!(guard.started("/signIn"), "own");
    let at = |path: &str| Url::parse(&format!("{site}{path}")).unwrap();

    let mut alice = Visitor::new();
    let refused = alice.open(&at("/admin/x?y=1")).await.unwrap();
    assert_eq!(refused.path(), "/auth/sign-in");
    let form = [("callbackUrl", "/admin/x?y=1")];
    let provider = alice.submit(&at("/auth/sign-in"), &form).await.unwrap();
    let inside = at_provider(&mut alice, &provider, "alice@example.com").await;
    assert_eq!((inside.path(), inside.status().as_u16()), ("/admin/x", 200), "{}", inside.body);
    let told = "nostore-user: alice@example.com; nostore-email: alice@example.com; nostore-role: admin";
    assert_eq!(inside.body, format!("<p>{told}</p>"));
    let open = alice.open(&at("/")).await.unwrap();
    assert_eq!(open.body, format!("<p>{told}</p>"));
    assert!(open.hops[0].fields["cache-control"].to_str().unwrap().starts_with("no-store"));

    let stranger = Visitor::new().open(&at("/")).await.unwrap();
    assert_eq!(
        (&*stranger.body, &stranger.hops[0].fields["cache-control"]),
        ("<p></p>", &"s-maxage=60".parse().unwrap())
    );
    // Bob is known to the provider, and nobody let him in here.
    let mut bob = Visitor::new();
    let provider = bob.submit(&at("/auth/sign-in"), &form).await.unwrap();
    let refused = at_provider(&mut bob, &provider, "bob@example.com").await;
    assert_eq!(refused.status().as_u16(), 403, "{}", refused.body);

    alice.submit(&at("/auth/sign-out"), &[]).await.unwrap();
    assert_eq!(alice.open(&at("/")).await.unwrap().body, "<p></p>");
    assert_eq!(alice.open(&at("/admin/x")).await.unwrap().path(), "/auth/sign-in");
    assert_eq!(guard.interrupt().await, Some(0));
}
