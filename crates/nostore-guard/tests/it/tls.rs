//! TLS towards visitors, and HTTP/2 over it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nostore_guard::GuardConfig;
use nostore_proxy::Tls;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::bench::{SESSION, bench};
use crate::wire::{answering, within};

struct Pair {
    certificate: CertificateDer<'static>,
    chain: String,
    key: String,
}

fn pair() -> Pair {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["site.example".to_owned()]).unwrap();
    Pair { certificate: cert.der().clone(), chain: cert.pem(), key: signing_key.serialize_pem() }
}

impl Pair {
    fn tls(&self) -> Tls {
        Tls::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }

    /// Connects, trusting this certificate alone.
    async fn connect(
        &self,
        address: SocketAddr,
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("site.example").unwrap();
        within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }
}

/// An app that says how it was asked.
async fn app() -> SocketAddr {
    answering(|head| {
        let said = |name: &str| {
            let lines: Vec<_> =
                head.lines().filter(|line| line.to_ascii_lowercase().starts_with(name)).collect();
            lines.join("|")
        };
        let text = [said("host"), said("x-forwarded-proto"), said("cookie")].join("\n");
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: s-maxage=60\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )
    })
    .await
}

fn request(version: Version, cookies: &[&str]) -> Request<Empty<bytes::Bytes>> {
    let uri = if version == Version::HTTP_2 { "https://site.example/" } else { "/" };
    let mut request = Request::get(uri);
    if version != Version::HTTP_2 {
        request = request.header("host", "site.example");
    }
    let request = cookies.iter().fold(request, |request, cookie| request.header("cookie", *cookie));
    request.body(Empty::new()).unwrap()
}

#[tokio::test]
async fn both_protocols_are_spoken_and_cookies_that_http2_splits_are_one_line() {
    let pair = pair();
    let serving = |config: &mut GuardConfig| config.tls = Some(pair.tls());
    let bench = bench(app().await, serving).await;

    let stream = pair.connect(bench.address, &["h2"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut second, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let session = format!("{SESSION}=alice");
    for (cookies, expected, caching) in [
        (vec![], "", "s-maxage=60"),
        (vec!["theme=dark", "lang=en"], "cookie: theme=dark; lang=en", "s-maxage=60"),
        (vec!["theme=dark", &session], "cookie: theme=dark; authjs.session-token=alice", "no-store"),
    ] {
        let answer = within(second.send_request(request(Version::HTTP_2, &cookies))).await.unwrap();
        let told = answer.headers()["cache-control"].to_str().unwrap().to_owned();
        assert!(told.starts_with(caching), "{cookies:?}: {told}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let lines = format!("host: site.example\nx-forwarded-proto: https\n{expected}");
        assert_eq!(String::from_utf8_lossy(&body), lines);
    }

    let stream = pair.connect(bench.address, &["http/1.1"]).await.unwrap();
    let (mut first, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let answer = within(first.send_request(request(Version::HTTP_11, &[]))).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_11));
}

#[tokio::test]
async fn a_certificate_is_exchanged_while_connections_are_open() {
    let (old, new) = (pair(), pair());
    let tls = old.tls();
    let serving = |config: &mut GuardConfig| config.tls = Some(tls.clone());
    let bench = bench(app().await, serving).await;
    let stream = old.connect(bench.address, &["h2"]).await.unwrap();
    let (mut open, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    within(open.send_request(request(Version::HTTP_2, &[]))).await.unwrap();

    tls.replace(&new.tls());
    new.connect(bench.address, &["h2"]).await.unwrap();
    old.connect(bench.address, &["h2"]).await.unwrap_err();
    let answer = within(open.send_request(request(Version::HTTP_2, &[]))).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn who_agrees_on_a_protocol_and_says_nothing_is_not_kept() {
    let pair = pair();
    let serving = |config: &mut GuardConfig| {
        config.tls = Some(pair.tls());
        config.visitors.head = std::time::Duration::from_millis(200);
    };
    let bench = bench(app().await, serving).await;
    for protocol in ["h2", "http/1.1"] {
        let mut stream = pair.connect(bench.address, &[protocol]).await.unwrap();
        // Whatever the server says first, it ends.
        drop(within(stream.read_to_end(&mut Vec::new())).await);
    }
}

#[test]
fn a_certificate_that_cannot_be_used_says_why() {
    let (pair, other) = (pair(), pair());
    let rows = [
        ("no certificate", "", &*pair.key),
        ("a key as the certificate", &*pair.key, &*pair.key),
        ("no key", &*pair.chain, ""),
        ("a certificate as the key", &*pair.chain, &*pair.chain),
        ("another's key", &*pair.chain, &*other.key),
        (
            "a broken certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &*pair.key,
        ),
        ("no base64", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", &*pair.key),
        ("no end", "-----BEGIN CERTIFICATE-----\nAAAA\n", &*pair.key),
    ];
    let text: Vec<String> = rows
        .iter()
        .map(|(name, chain, key)| {
            let error = Tls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err();
            let cause =
                std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
            format!("{name}: {error}{cause}")
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
    assert!(Tls::self_signed(["localhost".to_owned(), "::1".to_owned()]).is_ok());
}
