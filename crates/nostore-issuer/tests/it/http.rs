//! The server over HTTP: restarts, limits, records.

use std::path::Path;
use std::sync::{Arc, Mutex};

use nostore_issuer::core::Mode;
use nostore_issuer::{Record, Server, ServerConfig};
use nostore_jose::JwkSet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::data_dir::fresh;
use crate::world::{NOW, SITE, origin, parameter};

/// The sign-in page, as the site asks for it.
const SIGN_IN: &str = "/sign-in?redirect_url=http://localhost:8080/";

/// Serves while `visit` runs, then shuts down and closes the database.
async fn serving<F, T>(path: Option<&Path>, visit: F) -> (T, Vec<Record>)
where
    F: AsyncFnOnce(Visitor) -> T,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let mut config = ServerConfig::new(
        Mode::Test,
        origin(&format!("http://{authority}")),
        vec![origin(SITE)],
        Arc::new(|| NOW),
    );
    let records = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&records);
    config.data_dir = path.map(Path::to_owned);
    config.records = Some(Arc::new(move |record| sink.lock().unwrap().push(record)));
    let server = tokio::task::spawn_blocking(|| Server::open(config)).await.unwrap().unwrap();
    let secret = server.secret_key().expose().to_owned();
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = server.serve(listener, async { drop(stopped.await) });
    let run = async {
        let value = visit(Visitor { authority, secret }).await;
        stop.send(()).unwrap();
        value
    };
    let ((), value) = tokio::join!(serve, run);
    drop(server);
    let records = std::mem::take(&mut *records.lock().unwrap());
    (value, records)
}

struct Visitor {
    authority: String,
    secret: String,
}

impl Visitor {
    /// Sends bytes and returns all that comes back.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.authority).await.unwrap();
        // The server may answer and close before it has read everything.
        let _closed = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, target: &str, fields: &str) -> String {
        let host = &self.authority;
        self.raw(
            format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\r\n").as_bytes(),
        )
        .await
    }

    /// Asks the Backend API.
    async fn backend(&self, method: &str, target: &str, body: &str) -> String {
        let Self { authority, secret } = self;
        let length = body.len();
        self.raw(
            format!("{method} /v1/{target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\nauthorization: Bearer {secret}\r\ncontent-length: {length}\r\n\r\n{body}")
                .as_bytes(),
        )
        .await
    }

    async fn post(&self, target: &str, form: &str) -> String {
        let (host, length) = (&self.authority, form.len());
        let kind = "application/x-www-form-urlencoded";
        self.raw(
            format!("POST {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\norigin: http://{host}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{form}")
                .as_bytes(),
        )
        .await
    }

    async fn key_set(&self) -> String {
        let answer = self.get("/.well-known/jwks.json", "").await;
        answer.split("\r\n\r\n").nth(1).unwrap().to_owned()
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}

fn field<'a>(answer: &'a str, name: &str) -> &'a str {
    let lines = answer.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

#[tokio::test]
async fn a_restart_keeps_keys_users_and_sessions() {
    let path = fresh("restart");
    let (before, _) = serving(Some(&path), async |visitor| {
        let form = "email=carol%40example.com&redirect_url=http://localhost:8080/";
        let answer = visitor.post("/sign-in", form).await;
        assert_eq!(status(&answer), "303", "{answer}");
        let browser = parameter(field(&answer, "location"), "__clerk_db_jwt").unwrap();
        (browser, visitor.key_set().await, visitor.secret)
    })
    .await;
    let (browser, keys, secret) = before;
    serving(Some(&path), async |visitor| {
        assert_eq!((visitor.key_set().await, visitor.secret.clone()), (keys, secret));
        let target = format!("/sign-in?redirect_url=http://localhost:8080/&__clerk_db_jwt={browser}");
        let answer = visitor.get(&target, "").await;
        assert_eq!(status(&answer), "307", "{answer}");
        assert!(visitor.get(SIGN_IN, "").await.contains("carol@example.com"));
    })
    .await;
}

#[tokio::test]
async fn a_restart_keeps_what_sites_have_changed() {
    let path = fresh("changed");
    let list = async |visitor: &Visitor| {
        let mut all = String::new();
        for target in ["sessions", "organizations", "organizations/acme/memberships", "users"] {
            let bearer = format!("authorization: Bearer {}\r\n", visitor.secret);
            let answer = visitor.get(&format!("/v1/{target}"), &bearer).await;
            assert_eq!(status(&answer), "200", "{answer}");
            all.push_str(answer.split("\r\n\r\n").nth(1).unwrap());
        }
        all
    };
    let (before, _) = serving(Some(&path), async |visitor| {
        for (target, body) in [
            ("organizations", r#"{"name":"Acme","created_by":"user_alice"}"#),
            (
                "organizations/acme/memberships",
                r#"{"user_id":"user_bob","role":"org:x","permissions":["org:a:b"]}"#,
            ),
            ("users", r#"{"email_address":["gone@example.com"]}"#),
            ("sessions", r#"{"user_id":"user_alice","active_organization_id":"acme"}"#),
            ("sessions", r#"{"user_id":"user_bob"}"#),
        ] {
            let answer = visitor.backend("POST", target, body).await;
            assert_eq!(status(&answer), "200", "{answer}");
        }
        let sessions = visitor.backend("GET", "sessions?user_id=user_bob", "").await;
        let bobs = sessions.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let answer = visitor.backend("POST", &format!("sessions/{bobs}/revoke"), "").await;
        assert_eq!(status(&answer), "200", "{answer}");
        list(&visitor).await
    })
    .await;
    for expected in ["revoked", "org:a:b", "gone@example.com", "\"last_active_organization_id\":\"org_"] {
        assert!(before.contains(expected), "{expected}: {before}");
    }
    let (after, _) = serving(Some(&path), async |visitor| list(&visitor).await).await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_running_service_rotates_its_key_and_a_restart_keeps_both() {
    let path = fresh("rotating");
    let names = |set: &str| {
        let set = JwkSet::parse(set.as_bytes()).unwrap();
        set.kids().map(str::to_owned).collect::<Vec<_>>()
    };
    let (rotated, _) = serving(Some(&path), async |visitor| {
        let before = names(&visitor.key_set().await);
        let line = format!(
            "POST /v1/instance/rotate_key HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            visitor.secret
        );
        let answer = visitor.raw(line.as_bytes()).await;
        assert_eq!(status(&answer), "200", "{answer}");
        let after = names(&visitor.key_set().await);
        assert_eq!((after.len(), &after[1..]), (2, &before[..]), "the new one first");
        after
    })
    .await;
    serving(Some(&path), async |visitor| {
        assert_eq!(names(&visitor.key_set().await), rotated);
    })
    .await;
}

#[tokio::test]
async fn heads_and_bodies_are_bounded() {
    serving(None, async |visitor| {
        for (padding, expected) in [(65_536 - 26, "200"), (65_536 - 25, "413")] {
            let form = format!("email=alice%40example.com&{}", "x".repeat(padding));
            let answer = visitor.post("/sign-in", &form).await;
            assert_eq!(status(&answer), expected, "{padding}");
        }
        let chunked = format!(
            "POST /sign-in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{}",
            format!("8000\r\n{}\r\n", "x".repeat(0x8000)).repeat(3)
        );
        assert_eq!(status(&visitor.raw(chunked.as_bytes()).await), "413");
        for (length, expected) in [(60_000, "200"), (256 * 1_024, "431")] {
            let answer = visitor.get("/", &format!("x: {}\r\n", "x".repeat(length))).await;
            assert_eq!(status(&answer), expected, "{length}");
        }
    })
    .await;
}

#[tokio::test]
async fn garbage_and_half_requests_do_no_harm() {
    serving(None, async |visitor| {
        assert_eq!(status(&visitor.raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await), "400");
        let mut half = TcpStream::connect(&visitor.authority).await.unwrap();
        half.write_all(b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nab").await.unwrap();
        drop(half);
        let target = "/v1/client/handshake?redirect_url=http://localhost:8080/%0d%0aset-cookie:a=1";
        assert_eq!(status(&visitor.get(target, "").await), "400");
        assert_eq!(status(&visitor.get("/health", "").await), "200");
    })
    .await;
}

#[tokio::test]
async fn records_name_method_path_and_status_and_no_secret() {
    let ((), records) = serving(None, async |visitor| {
        let form = "email=alice%40example.com&redirect_url=http://localhost:8080/";
        let answer = visitor.post("/sign-in", form).await;
        let location = field(&answer, "location").to_owned();
        visitor.get(&location, "").await;
        visitor.get("/v1/jwks?x=1", &format!("authorization: Bearer {}\r\n", visitor.secret)).await;
    })
    .await;
    let lines: Vec<String> = records
        .iter()
        .map(|record| {
            let Record { method, path, status, client, note, .. } = record;
            format!("{method} {path} {status} {client:?} {note}")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    POST /sign-in 303 Some("alice@example.com") signed in
    GET /v1/client/handshake 307 Some("alice@example.com") handshake: signed in
    GET /v1/jwks 200 None key set
    "#);
    assert!(!format!("{records:?}").contains("dvb_") && !format!("{records:?}").contains("sk_"));
}

/// Another writer holds the database: the answer says that nothing was changed, and nothing was.
#[tokio::test]
async fn what_cannot_be_kept_does_not_happen() {
    let path = fresh("refusing");
    serving(Some(&path), async |visitor| {
        let other = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
        other.execute_batch("DROP TABLE users").unwrap();
        let answer = visitor.post("/sign-in", "email=carol%40example.com").await;
        assert_eq!(status(&answer), "500", "{answer}");
        assert!(answer.contains("nothing was changed"), "{answer}");
        assert!(!visitor.get(SIGN_IN, "").await.contains("value=\"carol@example.com\""));
    })
    .await;
}
