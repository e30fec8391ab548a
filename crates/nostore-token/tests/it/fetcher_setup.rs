//! Where fetchers ask, and what becomes of requests that nobody answers.

use std::time::Duration;

use nostore_message::Secret;
use nostore_token::fetchers::{
    Asker, CONNECT, FrontendFetch, HttpClient, MAX_ANSWER_BYTES, OAuthFetch, SetupError, TOTAL,
};
use nostore_token::oauth::{DEFAULT_LIFETIME_MS, MAX_LIFETIME_MS, OAuthClient};
use nostore_token::{Ask, Failure, Fetch as _, FetchKind, Fetched, TokenKey};
use tokio::net::TcpListener;

use crate::server::{Reply, Server, json};

pub(crate) fn ask(key: TokenKey) -> Ask {
    Ask { key, kind: FetchKind::Blocking, previous: None }
}

pub(crate) fn client() -> OAuthClient {
    OAuthClient::basic("id", Secret::new("hush"))
}

async fn fetch(url: &str) -> Result<Fetched, Failure> {
    let http = HttpClient::new().unwrap().timeout(Duration::from_millis(300));
    let fetch = OAuthFetch::builder(url, client()).http(http).build().unwrap();
    fetch.fetch(ask(TokenKey::default())).await
}

#[test]
fn secrets_go_over_tls_or_stay_on_this_machine() {
    let insecure = |host: &str| Err(SetupError::Insecure { host: host.to_owned() });
    let scheme = |scheme: &str| Err(SetupError::Scheme { scheme: scheme.to_owned() });
    let part = |part| Err(SetupError::Part { part });
    let rows = [
        ("https://auth.example/token", Ok(())),
        ("HTTPS://auth.example/token", Ok(())),
        ("https://auth.example", Ok(())),
        ("https://auth.example:8443/a/b", Ok(())),
        ("http://localhost/token", Ok(())),
        ("http://LocalHost:1/token", Ok(())),
        ("http://127.0.0.1:8081/token", Ok(())),
        ("http://127.255.255.255/token", Ok(())),
        ("http://[::1]:8081/token", Ok(())),
        ("http://[0:0:0:0:0:0:0:1]/token", Ok(())),
        ("http://auth.example/token", insecure("auth.example")),
        ("HTTP://auth.example/token", insecure("auth.example")),
        ("http://126.255.255.255/", insecure("126.255.255.255")),
        ("http://128.0.0.1/", insecure("128.0.0.1")),
        ("http://127.1/", insecure("127.1")),
        ("http://0.0.0.0/", insecure("0.0.0.0")),
        ("http://[::]/", insecure("[::]")),
        ("http://[::2]/", insecure("[::2]")),
        ("http://[::ffff:127.0.0.1]/", insecure("[::ffff:127.0.0.1]")),
        ("http://localhost.evil.example/", insecure("localhost.evil.example")),
        ("http://127.0.0.1.evil.example/", insecure("127.0.0.1.evil.example")),
        ("http://evil.example/localhost", insecure("evil.example")),
        ("http://localhost@evil.example/", part("a user in it")),
        ("https://user:hush@auth.example/", part("a user in it")),
        ("https://auth.example/token#hush", part("a fragment")),
        ("ftp://auth.example/", scheme("ftp")),
        ("file:///etc/hush", Err(SetupError::Url)),
        ("auth.example/token", Err(SetupError::Url)),
        ("auth.example", Err(SetupError::Url)),
        ("/token", Err(SetupError::Url)),
        ("https://", Err(SetupError::Url)),
        ("https:///token", Err(SetupError::Url)),
        ("https://auth example/", Err(SetupError::Url)),
        ("", Err(SetupError::Url)),
    ];
    for (url, expected) in rows {
        let oauth = OAuthFetch::builder(url, client()).build().map(|_| ());
        assert_eq!(oauth, expected, "{url}");
        let asker = Asker::secret_key(&Secret::new("hush")).unwrap();
        let frontend = FrontendFetch::new(url, asker).map(|_| ());
        assert_eq!(frontend, expected, "{url}");
        if let Err(error) = frontend {
            assert!(!format!("{error} {error:?}").contains("hush"), "{url}");
        }
    }
    // A token endpoint may have a query (RFC 6749 section 3.2), a service's address not.
    let url = "https://auth.example/token?tenant=hush";
    assert!(OAuthFetch::builder(url, client()).build().is_ok());
    let asker = Asker::secret_key(&Secret::new("hush")).unwrap();
    assert_eq!(FrontendFetch::new(url, asker).map(|_| ()), part("a query"));
}

#[test]
fn a_secret_that_cannot_stand_in_a_field_is_refused_and_not_shown() {
    for (text, key, cookie) in [
        ("sk_test_hush", true, true),
        ("eyJh.hush-_", true, true),
        ("hush!", true, true),
        ("hush;", true, false),
        ("hush,", true, false),
        ("\"hush\"", true, false),
        ("hush\\", true, false),
        ("hush hush", false, false),
        ("hush\r\nx: y", false, false),
        ("hüsh", false, false),
        ("", false, false),
    ] {
        let secret = Secret::new(text);
        let askers = [Asker::secret_key(&secret), Asker::client(&secret)];
        assert_eq!(askers.each_ref().map(Result::is_ok), [key, cookie], "{text:?}");
        let added = Asker::development(Secret::new("dvb_hush")).unwrap().and_client(&secret);
        assert_eq!(added.is_ok(), cookie, "{text:?}");
        let shown = format!("{askers:?} {added:?}");
        assert!(!shown.contains("hush") && !shown.contains("hüsh"), "{shown}");
    }
    assert!(Asker::development(Secret::new("")).is_err());
}

#[test]
fn a_fetcher_that_could_never_get_a_token_is_not_made() {
    let url = "https://auth.example/token";
    let public = || OAuthFetch::builder(url, OAuthClient::public("id"));
    assert_eq!(public().build().map(|_| ()), Err(SetupError::PublicClient));
    assert!(public().refresh_token(Secret::new("rt")).build().is_ok());
    let empty = public().refresh_token(Secret::new("")).build().map(|_| ());
    assert_eq!(empty, Err(SetupError::Secret { what: "a refresh token" }));
    let rows = [
        ("https://api.example/v1?x=y", true),
        ("urn:example:api", true),
        ("a:b", true),
        ("https://api.example/#part", false),
        ("/v1", false),
        ("api", false),
        (":x", false),
        ("1a:x", false),
        ("a:", false),
        ("a: b", false),
        ("", false),
    ];
    for (resource, good) in rows {
        let built = OAuthFetch::builder(url, client()).resource("urn:first").resource(resource).build();
        assert_eq!(built.map(|_| ()), if good { Ok(()) } else { Err(SetupError::Resource) }, "{resource}");
    }
}

#[test]
fn nothing_that_is_made_shows_a_secret() {
    let builder = OAuthFetch::builder("https://auth.example/token?hush=hush", client());
    let builder = builder.refresh_token(Secret::new("hush-hush"));
    let shown = format!("{builder:?}") + &format!("{:?}", builder.build().unwrap());
    assert!(shown.contains("auth.example") && !shown.contains("hush"), "{shown}");
    let asker = Asker::client(&Secret::new("hush")).unwrap();
    let shown = format!("{:?}", FrontendFetch::new("https://clerk.example", asker).unwrap());
    assert!(shown.contains("clerk.example") && !shown.contains("hush"), "{shown}");
}

#[tokio::test]
async fn nobody_there_may_pass() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(fetch(&url).await.unwrap_err(), Failure::Transient { what: "no connection" });
}

#[tokio::test]
async fn no_whole_answer_is_a_failure_that_may_pass() {
    let head = "HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n";
    let rows = [
        (Reply::Bytes(String::new()), Failure::Transient { what: "no answer" }),
        (Reply::Bytes("GARBAGE\r\n\r\n".to_owned()), Failure::Transient { what: "no answer" }),
        (Reply::Bytes(format!("{head}{{")), Failure::Transient { what: "an answer that broke off" }),
        (Reply::Silence, Failure::TimedOut { after_ms: 300 }),
    ];
    for (reply, expected) in rows {
        let shown = format!("{reply:?}");
        let server = Server::start(move |_| reply.clone()).await;
        let url = server.url("/token");
        let failure = tokio::time::timeout(Duration::from_secs(10), fetch(&url)).await.unwrap().unwrap_err();
        assert_eq!(failure, expected, "{shown}");
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit() {
    let good = r#"{"access_token":"a","token_type":"Bearer"}"#;
    for (bytes, good_ones) in [(MAX_ANSWER_BYTES - 1, 1), (MAX_ANSWER_BYTES, 1), (MAX_ANSWER_BYTES + 1, 0)] {
        let body = format!("{good}{}", " ".repeat(bytes - good.len()));
        let chunked = format!(
            "HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{bytes:x}\r\n{body}\r\n0\r\n\r\n"
        );
        for reply in [json(200, &body), Reply::Bytes(chunked)] {
            let server = Server::start(move |_| reply.clone()).await;
            match fetch(&server.url("/token")).await {
                Ok(_) => assert_eq!(good_ones, 1, "{bytes}"),
                Err(failure) => {
                    assert_eq!(failure, Failure::Transient { what: "an answer that is too long" });
                    assert_eq!(good_ones, 0, "{bytes}");
                }
            }
        }
    }
}

/// Whoever is sent elsewhere does not go there with its secrets.
#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Server::start(|_| json(200, r#"{"access_token":"a","token_type":"Bearer"}"#)).await;
        let to = elsewhere.url("/token");
        let server =
            Server::start(move |_| Reply::Whole(status, vec![("location", to.clone())], String::new())).await;
        let failure = fetch(&server.url("/token")).await.unwrap_err();
        assert_eq!(failure, Failure::Transient { what: "an unexpected status" });
        assert_eq!((server.asked().len(), elsewhere.asked().len()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn a_request_says_no_more_than_it_must() {
    let server = Server::start(|_| json(200, r#"{"access_token":"a","token_type":"Bearer"}"#)).await;
    fetch(&server.url("/token?tenant=1")).await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.line, "POST /token?tenant=1");
    assert_eq!(asked.field("accept"), Some("application/json"));
    assert_eq!(asked.field("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(asked.field("authorization"), Some("Basic aWQ6aHVzaA=="));
    for name in ["user-agent", "cookie", "origin", "referer"] {
        assert_eq!(asked.field(name), None, "{name}");
    }
}

#[test]
fn the_page_states_the_figures_of_fetchers() {
    let page = include_str!("../../../../docs/token-client.md");
    let flat = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let years = MAX_LIFETIME_MS / 1_000 / 86_400 / 365;
    let stated = [
        format!(
            "read answers up to {} KiB, and take {} s at most",
            MAX_ANSWER_BYTES / 1_024,
            TOTAL.as_secs()
        ),
        format!("it lives {} s, unless set otherwise", DEFAULT_LIFETIME_MS / 1_000),
        format!("more than {} years are", if years == 10 { "ten" } else { "other" }),
    ];
    for text in stated {
        assert!(flat.contains(&text), "expected on the page: {text}");
    }
    let waits = u128::from(nostore_token::Policy::default().fetch_timeout_ms);
    assert!(CONNECT < TOTAL && TOTAL.as_millis() < waits, "whoever waits is told why");
}
