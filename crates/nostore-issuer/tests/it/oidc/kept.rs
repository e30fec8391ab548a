//! What outlasts a restart, where it comes from, and what reaches relying parties over HTTP.

use std::sync::{Arc, Mutex};

use nostore_issuer::core::{Mode, RelyingParty};
use nostore_issuer::{Record, Server, ServerConfig};
use nostore_jose::Jws;
use nostore_message::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{AFTER, CALLBACK, SECRET, Stage, USUAL, VERIFIER, basic, encoded, text, with};
use crate::data_dir::{config, fresh};
use crate::world::{NOW, SITE, World, claims, origin, parameter};

const SEED: &str = r#"{
    "users": [{ "email": "alice@example.com", "name": "Alice", "email_verified": false, "groups": ["staff", "admins"] }],
    "relying_parties": [
        { "client_id": "site", "client_secret": "hush:hush&%=+", "name": "The Site",
          "redirect_uris": ["http://localhost:8080/auth/callback"],
          "post_logout_redirect_uris": ["http://localhost:8080/bye?x=1"],
          "backchannel_logout_uri": "http://localhost:8080/auth/logout" },
        { "client_id": "app", "redirect_uris": ["http://localhost:8080/auth/callback"] }
    ]
}"#;

#[test]
fn a_seed_registers_relying_parties_and_says_who_is_in_which_group() {
    let mut world = World::new(Mode::Test);
    world.sow(SEED);
    let again = world.issuer.seed(SEED, NOW, &mut || panic!("no new session")).unwrap();
    assert!(again.is_empty(), "{again:?}");
    let mut stage = Stage { world, cookie: String::new() };
    let tokens = stage.tokens(&[]);
    let said = claims(text(&tokens, "id_token"));
    assert_eq!(said["groups"], serde_json::json!(["staff", "admins"]));
    assert_eq!(said["email_verified"], serde_json::json!(false));
    let (_, user) = stage.world.backend("GET", "/v1/users/user_alice", "");
    assert_eq!(user["email_addresses"][0]["verification"]["status"], "unverified");
}

#[test]
fn a_seed_that_is_none_says_where() {
    let party = |member: &str| format!("{{\"relying_parties\": [{{ \"client_id\": \"x\", {member} }}]}}");
    let rows = [
        "{\"relying_parties\": [{}]}".to_owned(),
        "{\"relying_parties\": [{ \"client_id\": \"a b\" }]}".to_owned(),
        "{\"relying_parties\": [{ \"client_id\": \"a\" }, { \"client_id\": \"a\" }]}".to_owned(),
        party("\"client_secret\": \"short\""),
        party("\"redirect_uris\": [\"http://localhost/#x\"]"),
        party("\"redirect_uris\": \"http://localhost/\""),
        party("\"post_logout_redirect_uris\": [\"/\"]"),
        party("\"backchannel_logout_uri\": \"https://localhost/\""),
        party("\"secret\": \"x\""),
        "{\"users\": [{ \"email\": \"a@b\", \"groups\": [\"\"] }]}".to_owned(),
        "{\"users\": [{ \"email\": \"a@b\", \"email_verified\": \"yes\" }]}".to_owned(),
    ];
    let world = World::new(Mode::Test);
    let refusal = |text: &String| world.issuer.seed(text, NOW, &mut || [7; 32]).unwrap_err().to_string();
    insta::assert_snapshot!(rows.iter().map(refusal).collect::<Vec<_>>().join("\n"));
}

fn parties(notices: &str) -> Vec<RelyingParty> {
    let site = RelyingParty::new("site").with_secret(Secret::new(SECRET)).with_redirect_uri(CALLBACK);
    vec![site.with_post_logout_redirect_uri(AFTER).with_backchannel_logout_uri(notices)]
}

/// One request on a connection of its own; returns the answer.
async fn ask(authority: &str, method: &str, target: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{fields}content-type: \
         application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn field(answer: &str, name: &str) -> String {
    let lines = answer.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value).to_owned()
}

/// Serves from a directory while `visit` runs.
async fn serving<T>(
    path: &std::path::Path,
    notices: String,
    visit: impl AsyncFnOnce(&str) -> T,
) -> (T, Vec<Record>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let own = origin(&format!("http://{authority}"));
    let mut config = ServerConfig::new(Mode::Test, own, vec![origin(SITE)], Arc::new(|| NOW));
    let records = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&records);
    config.data_dir = Some(path.to_owned());
    config.relying_parties = parties(&notices);
    config.records = Some(Arc::new(move |record| sink.lock().unwrap().push(record)));
    let server = tokio::task::spawn_blocking(|| Server::open(config)).await.unwrap().unwrap();
    assert_eq!(server.oidc_issuer(), format!("http://{authority}"));
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = server.serve(listener, async { drop(stopped.await) });
    let run = async {
        let value = visit(&authority).await;
        stop.send(()).unwrap();
        value
    };
    let ((), value) = tokio::join!(serve, run);
    drop(server);
    let records = std::mem::take(&mut *records.lock().unwrap());
    (value, records)
}

#[tokio::test]
async fn a_restart_keeps_grants_and_the_end_of_a_session_is_told_over_http() {
    let path = fresh("provider");
    let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let notices = format!("http://{}/auth/logout?a=b", site.local_addr().unwrap());
    let authorization = format!("authorization: {}\r\n", basic("site", SECRET));
    let redeem = |code: &str| {
        let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
        format!("{}&code_verifier={VERIFIER}", encoded(&pairs))
    };
    let ((code, cookie), _) = serving(&path, notices.clone(), async |authority| {
        let form = with(&USUAL, &[("email", "alice@example.com")]);
        let answer = ask(authority, "POST", "/oauth/sign-in", "", &form).await;
        let cookie = field(&answer, "set-cookie").split(';').next().unwrap().to_owned();
        (parameter(&field(&answer, "location"), "code").unwrap(), cookie)
    })
    .await;
    let ((refresh, id_token), _) = serving(&path, notices.clone(), async |authority| {
        let answer = ask(authority, "POST", "/oauth/token", &authorization, &redeem(&code)).await;
        let tokens: serde_json::Value =
            serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        (text(&tokens, "refresh_token").to_owned(), text(&tokens, "id_token").to_owned())
    })
    .await;
    let (notice, _) = serving(&path, notices.clone(), async |authority| {
        let form = encoded(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
        let answer = ask(authority, "POST", "/oauth/token", &authorization, &form).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let cookie = format!("cookie: {cookie}\r\n");
        let answer = ask(authority, "POST", "/oauth/sign-out", &cookie, "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (mut stream, _) = site.accept().await.unwrap();
        let mut got = String::new();
        let is_whole = |got: &str| {
            let body = got.split_once("\r\n\r\n").map(|(_, body)| body.len().to_string());
            body.is_some_and(|length| field(got, "content-length") == length)
        };
        while !is_whole(&got) {
            let mut bytes = [0; 4_096];
            let count = stream.read(&mut bytes).await.unwrap();
            assert_ne!(count, 0, "a whole request");
            got.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        got
    })
    .await;
    assert!(notice.starts_with("POST /auth/logout?a=b HTTP/1.1\r\n"), "{notice}");
    let token = notice.split("logout_token=").nth(1).unwrap();
    let said = Jws::parse(token).unwrap().into_payload();
    assert_eq!(said["sid"], claims(&id_token)["sid"]);
    // Another start: the refresh token that was used is known as used, and ends the grant.
    let ((), records) = serving(&path, notices, async |authority| {
        let form = encoded(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
        let answer = ask(authority, "POST", "/oauth/token", &authorization, &form).await;
        assert!(answer.contains("invalid_grant"), "{answer}");
    })
    .await;
    assert_eq!(records[0].note, "tokens: a credential was used again");
}

#[test]
fn a_database_of_version_2_gets_relying_parties() {
    let path = fresh("version_2");
    drop(Server::open(config(&path, Mode::Test)).unwrap());
    let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
    let back = "ALTER TABLE users DROP COLUMN email_verified; ALTER TABLE users DROP COLUMN in_groups;
        ALTER TABLE sessions DROP COLUMN authenticated_ms; DROP TABLE grants; DROP TABLE relying_parties;
        INSERT INTO sessions VALUES ('sess_a', 'client_a', 'user_alice', 'active', NULL, 'rt_a', 1000, 2000);
        PRAGMA user_version = 2;";
    database.execute_batch(back).unwrap();
    drop(database);
    let mut config = config(&path, Mode::Test);
    config.relying_parties = parties("http://localhost/");
    drop(Server::open(config).unwrap());
    let database = rusqlite::Connection::open(path.join("issuer.sqlite3")).unwrap();
    let row = |sql: &str| database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(row("SELECT cast(user_version AS TEXT) FROM pragma_user_version"), "3");
    assert_eq!(row("SELECT cast(authenticated_ms AS TEXT) FROM sessions"), "1000");
    assert_eq!(row("SELECT email_verified || in_groups FROM users WHERE id = 'user_alice'"), "1[]");
    assert_eq!(row("SELECT client_id FROM relying_parties"), "site");
}

#[test]
fn a_relying_party_that_is_none_stops_the_start() {
    let path = fresh("no_party");
    let mut config = config(&path, Mode::Test);
    config.relying_parties = vec![RelyingParty::new("site").with_redirect_uri("/callback")];
    let error = Server::open(config).unwrap_err();
    assert_eq!(error.code(), "relying-party");
    let expected = "relying party `site`, `redirect_uris`: expected an absolute address such as \
        https://site.example/callback, without a fragment, found something else";
    assert_eq!(error.to_string(), expected);
}
